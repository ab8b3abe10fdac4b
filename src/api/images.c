/*
 * images - seed 003: generate, status, result; its fields, its words, French by default.
 */
#include "api/fields.h"
#include "api/images.h"
#include "api/render.h"
#include "api/texts.h"
#include "base/mem.h"
#include "providers/catalog.h"

enum { LEGACY_IMAGES_MAX = 4 };

static const char *const known_fields[] = { "prompt", "input_image_url", "num_images",   "size",
	                                    "format", "style",           "quality",      "model",
	                                    "seed",   "negative_prompt", "aspect_ratio", NULL };
static const char *const sizes[] = { "512x512", "1024x1024", "1792x1024", NULL };
static const char *const formats[] = { "PNG", "JPEG", "WEBP", NULL };
static const char *const styles[] = { "photorealistic", "artistic", "illustration", "3d-render", NULL };
static const char *const qualities[] = { "standard", "high", "ultra", NULL };
static const char *const ratios[] = { "1:1", "16:9", "9:16", "3:4", "4:3", NULL };

/* ---- what is asked ---- */

static struct str spec_prompt(struct fields *f)
{
	const struct json *v = json_get(f->object, "prompt");
	struct str prompt = json_str(v);
	enum language l = f->r->language;

	if (json_type(v) != JSON_STRING || str_is_blank(prompt))
		field_refuse(f, "prompt", str_from(text_get(l, TEXT_PROMPT_REQUIRED)));
	else if (str_code_points(prompt) > IMAGES_PROMPT_MAX)
		field_refuse(f, "prompt", str_from(text_get(l, TEXT_PROMPT_TOO_LONG)));
	return prompt;
}

static unsigned spec_count(struct fields *f, unsigned most)
{
	bool given;
	int64_t n = field_int(f, "num_images", 1, &given);

	if (n < 1 || n > most) {
		field_refuse(f, "num_images", TEXT_FILL(f->r, NUM_IMAGES, text_number(f->r, most)));
		return 1;
	}
	return (unsigned)n;
}

/* Pixels for a ratio: about one megapixel, sides in multiples of 32. */
static void ratio_pixels(struct str ratio, unsigned *width, unsigned *height)
{
	static const struct {
		const char *ratio;
		unsigned width, height;
	} known[] = { { "1:1", 1024, 1024 },
		      { "16:9", 1344, 768 },
		      { "9:16", 768, 1344 },
		      { "3:4", 896, 1184 },
		      { "4:3", 1184, 896 } };

	for (size_t i = 0; i < COUNT_OF(known); i++)
		if (str_is(ratio, known[i].ratio)) {
			*width = known[i].width;
			*height = known[i].height;
		}
}

static void spec_size(struct fields *f, struct job_params *p)
{
	struct str ratio = field_choice(f, "aspect_ratio", ratios, "");
	struct str size = field_choice(f, "size", sizes, ratio.n ? "" : "1024x1024");
	struct str rest = size;
	uint64_t width = 1024, height = 1024;

	if (size.n && str_to_u64(str_cut(&rest, 'x'), &width) && str_to_u64(rest, &height)) {
		p->width = (unsigned)width;
		p->height = (unsigned)height;
	}
	if (ratio.n && !size.n)
		ratio_pixels(ratio, &p->width, &p->height);
	p->aspect_ratio = ratio;
	p->size = size.n ? size : arena_printf(&f->r->http->arena, "%ux%u", p->width, p->height);
}

static void spec_seed(struct fields *f, struct job_params *p)
{
	p->seed = field_int(f, "seed", 0, &p->has_seed);
	if (p->has_seed && (p->seed < 0 || p->seed > UINT32_MAX))
		field_refuse(f, "seed", str_from(text_get(f->r->language, TEXT_SEED)));
}

bool images_read_spec(struct api_req *r, const struct json *body, unsigned most, struct job_spec *spec)
{
	struct fields f;

	fields_init(&f, r, body, known_fields);
	*spec = (struct job_spec){ .user_id = str_from(r->who.user_id), .operation = IMAGO_TEXT_TO_IMAGE };
	if (!f.failed)
		spec->prompt = spec_prompt(&f);
	spec->num_images = f.failed ? 1 : spec_count(&f, most);
	spec_size(&f, &spec->params);
	spec_seed(&f, &spec->params);
	if (!format_from(field_choice(&f, "format", formats, "PNG"), &spec->params.format))
		spec->params.format = IMAGO_PNG;
	spec->params.style = field_choice(&f, "style", styles, "photorealistic");
	spec->params.quality = field_choice(&f, "quality", qualities, "high");
	spec->params.negative_prompt = field_text(&f, "negative_prompt");
	spec->model = field_text(&f, "model");
	if (!f.failed && field_text(&f, "input_image_url").n)
		field_refuse(&f, "input_image_url", str_from(text_get(r->language, TEXT_INPUT_IMAGE)));
	return !f.failed;
}

/* ---- accept: outlives the request, because the job does ---- */

struct creation {
	struct jobs_accept accept;
	struct api_req *r; /* NULL: the client has gone */
	struct json *body;
	void (*answer)(struct api_req *r, const struct jobs_accept *accept);
};

static void creation_drop(struct api_req *r)
{
	((struct creation *)r->state)->r = NULL;
}

static void creation_done(struct op *op)
{
	struct jobs_accept *accept = CONTAINER_OF(op, struct jobs_accept, op);
	struct creation *c = CONTAINER_OF(accept, struct creation, accept);

	if (c->r) {
		c->r->drop = NULL;
		c->answer(c->r, accept);
	}
	jobs_accept_clear(accept);
	json_free(&c->body);
	mem_release(c);
}

void images_create(struct api_req *r, struct json *body, const struct job_spec *spec,
                   void (*answer)(struct api_req *r, const struct jobs_accept *accept))
{
	struct creation *c = mem_new(struct creation);

	c->r = r;
	c->body = body;
	c->answer = answer;
	r->state = c;
	r->drop = creation_drop;
	jobs_accept_init(&c->accept, r->api->core, creation_done);
	jobs_accept(r->api->core, &c->accept, spec);
}

void images_fail(struct api_req *r, const struct jobs_accept *accept)
{
	struct fault fault = accept->op.fault;
	struct arena *a = &r->http->arena;
	const char *extra = NULL;

	if (fault.code == FAULT_INSUFFICIENT) {
		fault.detail = TEXT_FILL(r, CREDITS_SHORT, TEXT_COUNTED(r, CREDITS, accept->price),
		                         TEXT_COUNTED(r, CREDITS, accept->credits));
		extra = arena_printf(a, "\"balance\":%lld,\"price\":%lld", (long long)accept->credits,
		                     (long long)accept->price)
		                .p;
	} else if (fault.code == FAULT_NOT_CONFIGURED) {
		fault.detail = str_from(text_get(r->language, TEXT_PROVIDER_MISSING));
		fault.retry_after_s = 60;
	} else if (fault.code == FAULT_BAD_FIELD) {
		api_fail_field(r, "model",
		               accept->nearest.n ? TEXT_FILL(r, MODEL_NEAREST, accept->nearest)
		                                 : str_from(text_get(r->language, TEXT_MODEL_UNKNOWN)));
		return;
	}
	api_fail_with(r, &fault, extra);
}

static void generate_answer(struct api_req *r, const struct jobs_accept *accept)
{
	struct json_writer w;
	struct buf body;

	if (accept->op.fault.code != FAULT_NONE) {
		images_fail(r, accept);
		return;
	}
	buf_init(&body, 4096);
	w = json_writer(&body);
	jw_object(&w);
	jw_kv_str(&w, "job_id", accept->record->id);
	jw_kv_cstr(&w, "status", job_status_name(JOB_PENDING));
	jw_kv_cstr(&w, "message", text_get(r->language, TEXT_JOB_CREATED));
	jw_end_object(&w);
	resp_start(r->http, 202);
	api_common_headers(r);
	resp_header(r->http, "Cache-Control", STR("no-store"));
	resp_header(r->http, "Location",
	            arena_printf(&r->http->arena, "/api/images/status/%.*s", STRF(accept->record->id)));
	resp_send(r->http, "application/json; charset=utf-8", buf_view(&body));
	buf_clear(&body);
}

void images_generate(struct http_req *http)
{
	struct api_req *r = api_of(http);
	struct json *body = api_body_json(r);
	struct job_spec spec;

	if (!body)
		return;
	if (!images_read_spec(r, body, LEGACY_IMAGES_MAX, &spec)) {
		json_free(&body);
		return;
	}
	images_create(r, body, &spec, generate_answer);
}

/* ---- status, result ---- */

static void send_status(struct api_req *r, const struct job_record *record)
{
	struct buf body;

	buf_init(&body, 16 * 1024);
	render_legacy_status(r, record, &body);
	api_send_json(r, 200, &body);
	buf_clear(&body);
}

static void send_result(struct api_req *r, const struct job_record *record)
{
	bool final = job_status_is_final(record->status);
	struct buf body;

	if (!final) {
		const char *extra = arena_printf(&r->http->arena, "\"job_id\":\"%.*s\",\"status\":\"%s\"",
		                                 STRF(record->id), job_status_name(record->status))
		                            .p;

		api_fail_with(r,
		              &(struct fault){ .code = FAULT_NOT_FINISHED,
		                               .detail = str_from(text_get(r->language, TEXT_JOB_NOT_FINISHED)) },
		              extra);
		return;
	}
	buf_init(&body, 256 * 1024);
	render_legacy_result(r, record, &body);
	api_send_json(r, 200, &body);
	buf_clear(&body);
}

void images_status(struct http_req *http)
{
	lookup_job(api_of(http), false, send_status);
}

void images_result(struct http_req *http)
{
	lookup_job(api_of(http), false, send_result);
}
