/*
 * demo - pictures drawn by ourselves, so that imago can be tried without any key.
 *
 * The request does not leave the machine: the body is an order for the pixel worker, which
 * draws a landscape or pattern from the seed, writes the prompt on it and labels it as a demo. One
 * picture a call. It costs nothing, so it may be drawn again after a crash; drawn again it
 * is the same picture, because without a seed one is made of the job's id and the part's number.
 *
 * params: nothing of its own beside the catalog's members.
 */
#include "providers/driver.h"
#include "providers/registry.h"

enum { ORDER_CAP = 256 << 10, SIDE_MAX = 8192, MESSAGE_MAX = 600 };

static const char *const format_names[IMAGO_FORMATS] = {
	[IMAGO_PNG] = "png",
	[IMAGO_JPEG] = "jpeg",
	[IMAGO_WEBP] = "webp",
};

/* FNV-1a; 31 bits, so that the number survives every client's number type. */
static int64_t seed_of(const struct imago_task *task)
{
	uint32_t hash = 2166136261u;

	if (task->has_seed)
		return task->seed;
	for (size_t i = 0; i < task->job_id.n; i++)
		hash = (hash ^ (unsigned char)task->job_id.p[i]) * 16777619u;
	hash = (hash ^ task->part) * 16777619u;
	return (int64_t)(hash >> 1);
}

static void write_order(const struct imago_task *task, struct buf *out)
{
	struct json_writer w = json_writer(out);

	jw_object(&w);
	jw_kv_cstr(&w, "op", "draw");
	jw_kv_str(&w, "prompt", task->prompt);
	jw_kv_str(&w, "negative_prompt", task->negative_prompt);
	jw_kv_str(&w, "style", task->style);
	jw_kv_int(&w, "width", task->width);
	jw_kv_int(&w, "height", task->height);
	jw_kv_cstr(&w, "format", format_names[task->format]);
	jw_kv_int(&w, "seed", seed_of(task));
	jw_kv_int(&w, "number", task->part);
	jw_end_object(&w);
}

static bool build_submit(const struct imago_task *task, const struct imago_account *account,
                         struct imago_memory *memory, struct imago_call *call, struct imago_outcome *out)
{
	struct buf order;

	(void)account;
	if (task->operation != IMAGO_TEXT_TO_IMAGE)
		return outcome_refuse(out, IMAGO_BAD_INPUT, "the demo draws pictures from text only");
	if (task->num_images != 1)
		return outcome_refuse(out, IMAGO_BAD_INPUT, "the demo draws one picture a call");
	if (task->width == 0 || task->height == 0 || task->width > SIDE_MAX || task->height > SIDE_MAX)
		return outcome_refuse(out, IMAGO_BAD_INPUT, "the demo cannot draw a picture of this size");
	if (task->format >= IMAGO_FORMATS)
		return outcome_refuse(out, IMAGO_BAD_INPUT, "there is no such picture format");
	buf_init(&order, ORDER_CAP);
	write_order(task, &order);
	*call = (struct imago_call){ .method = "POST", .url = STR("in-house:pixels") };
	call->body = driver_take(memory, &order);
	if (!call->body.p)
		return outcome_refuse(out, IMAGO_BAD_INPUT, "the prompt is too long");
	return true;
}

static unsigned side_of(const struct json *answer, const char *key)
{
	int64_t n = json_int(json_get(answer, key), 0);

	return n > 0 && n <= SIDE_MAX ? (unsigned)n : 0;
}

static void read_drawn(const struct imago_task *task, const struct json *answer, struct imago_memory *memory,
                       struct imago_outcome *out)
{
	outcome_init(out, IMAGO_DONE);
	out->images[0] = (struct imago_image){
		.content_type = driver_copy_text(memory, json_str(json_get(answer, "content_type")), 100),
		.width = side_of(answer, "width"),
		.height = side_of(answer, "height"),
	};
	out->image_count = 1;
	out->has_seed = true;
	out->seed = seed_of(task);
	out->cost_micros = 0;
}

static void parse_submit(const struct imago_task *task, const struct imago_reply *reply, struct imago_memory *memory,
                         struct imago_outcome *out)
{
	struct json_error error;
	struct json *answer = json_parse(reply->body, &error);
	struct str message = json_str(json_get(answer, "error"));

	if (json_bool(json_get(answer, "ok"), false) && json_int(json_get(answer, "bytes"), 0) > 0)
		read_drawn(task, answer, memory, out);
	else if (message.n > 0)
		outcome_fail(out, IMAGO_TASK_FAILED, driver_copy_text(memory, message, MESSAGE_MAX));
	else
		outcome_fail(out, IMAGO_TASK_FAILED, STR("the pixel worker drew no picture"));
	json_free(&answer);
}

const struct imago_driver demo_driver = {
	.abi = IMAGO_DRIVER_ABI,
	.type = "demo",
	.name = "Demo",
	.capabilities = IMAGO_IN_HOUSE | IMAGO_REPEATABLE,
	.operations = 1u << IMAGO_TEXT_TO_IMAGE,
	.build_submit = build_submit,
	.parse_submit = parse_submit,
};
