/*
 * task - style is added to the prompt here, from a table, because no provider of the catalog has a field for it.
 */
#include "core/task.h"

#include "core/engine.h"
#include "providers/catalog.h"

static const struct {
	const char *style, *suffix;
} styles[] = {
	{ "photorealistic", "photorealistic, natural light, fine detail" },
	{ "artistic", "artistic, painterly, expressive brushwork" },
	{ "illustration", "illustration, clean lines, flat colours" },
	{ "3d-render", "3D render, soft studio light, physically based materials" },
};

static struct str prompt_in_style(struct arena *a, struct str prompt, struct str style)
{
	for (size_t i = 0; i < COUNT_OF(styles); i++)
		if (str_is(style, styles[i].style))
			return arena_printf(a, "%.*s, %s", STRF(prompt), styles[i].suffix);
	return prompt;
}

void task_fill(struct imago_task *task, const struct part *p, struct arena *a)
{
	const struct job *j = p->run.job;
	const struct job_record *r = j->record;
	const struct job_params *params = &r->params;
	const struct catalog_ratio *ratio = j->row ? catalog_nearest_ratio(j->row, params->width, params->height)
	                                           : NULL;
	bool in_house = p->account && (p->account->driver->capabilities & IMAGO_IN_HOUSE);

	*task = (struct imago_task){
		.job_id = r->id,
		.part = p->number,
		.operation = IMAGO_TEXT_TO_IMAGE,
		.model = j->row ? j->row->upstream : r->source_model,
		.params = j->row ? j->row->params : STR("{}"),
		.prompt = in_house ? r->prompt : prompt_in_style(a, r->prompt, params->style),
		.negative_prompt = params->negative_prompt,
		.width = params->width,
		.height = params->height,
		.aspect_ratio = params->aspect_ratio.n ? params->aspect_ratio
		                : ratio                ? ratio->text
		                                       : STR("1:1"),
		.num_images = p->images,
		.format = j->row ? catalog_format(j->row, params->format) : params->format,
		.quality = params->quality,
		.style = params->style,
		.has_seed = params->has_seed,
		.seed = params->seed,
	};
	CHECK(operation_from(r->operation, &task->operation));
}

enum job_step part_take_sources(struct part *p, const struct imago_outcome *outcome)
{
	unsigned kept = 0, withheld = 0;

	p->sources = arena_array(&p->arena, struct imago_image, outcome->image_count + 1);
	for (unsigned i = 0; i < outcome->image_count && kept < p->images; i++) {
		if (outcome->images[i].withheld) {
			withheld++;
			continue;
		}
		p->sources[kept] = outcome->images[i];
		p->sources[kept].url = arena_copy(&p->arena, outcome->images[i].url);
		p->sources[kept].content_type = (struct str){ NULL, 0 };
		kept++;
	}
	p->source_count = kept;
	p->has_seed = outcome->has_seed;
	p->seed = outcome->seed;
	if (outcome->cost_micros >= 0)
		p->attempt.reported_micros = outcome->cost_micros;
	if (kept > 0)
		return STEP_STORE;
	part_fail(p, &(struct fault){ withheld ? FAULT_REFUSED : FAULT_TASK_FAILED,
	                              .detail = withheld ? STR("the provider's content filter held the picture back")
	                                                 : STR("the provider's answer holds no picture") });
	return STEP_OVER;
}
