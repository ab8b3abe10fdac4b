/*
 * fal's answers, taken apart.
 *
 * Any bytes may arrive here. Success is believed only when everything that is needed is
 * there: a submit without a usable request id is UNKNOWN (the task was probably taken), a
 * result without a picture is a task that failed.
 */
#include "base/json.h"
#include "base/url.h"
#include "providers/driver.h"
#include "providers/fal.h"

enum { MESSAGE_MAX = 600, PIXELS_MAX = 100000, QUEUE_MAX = 1000000, DIGITS_MAX = 18 };

static bool is_success(const struct imago_reply *reply)
{
	return reply->status >= 200 && reply->status < 300;
}

/*
 * Seeds of unsigned 64 bits do occur, and the reader refuses a text with a number that it cannot
 * hold; a picture that was paid for must not be lost to that. Such numbers become null.
 */
static struct str without_huge_numbers(struct str text, struct imago_memory *memory)
{
	struct str copy = driver_copy(memory, text);
	char *p = imago_alloc(memory, text.n + 1);
	bool quoted = false;
	size_t digits = 0;

	memcpy(p, copy.p, text.n);
	for (size_t i = 0; i <= text.n; i++) {
		char c = i < text.n ? p[i] : ' ';

		if (!quoted && c >= '0' && c <= '9') {
			digits++;
			continue;
		}
		if (digits > DIGITS_MAX && c != '.' && c != 'e' && c != 'E') {
			size_t from = i - digits;
			char before = from > 0 ? p[from - 1] : ' ';

			from -= before == '-';
			if (before != '.') {
				memset(p + from, ' ', i - from);
				memcpy(p + from, "null", 4);
			}
		}
		digits = 0;
		if (quoted && c == '\\')
			i++;
		else if (c == '"')
			quoted = !quoted;
	}
	return (struct str){ p, text.n };
}

static struct json *read_body(const struct imago_reply *reply, struct imago_memory *memory)
{
	struct json_error error;
	struct json *root = json_parse(reply->body, &error);

	if (!root && reply->body.n > 0)
		root = json_parse(without_huge_numbers(reply->body, memory), &error);
	return root;
}

/* ---- submit ---- */

static int position_of(const struct json *root)
{
	int64_t n = json_int(json_get(root, "queue_position"), -1);

	return n >= 0 && n <= QUEUE_MAX ? (int)n : -1;
}

static void read_queued(const struct imago_task *task, const struct json *root, struct imago_memory *memory,
                        struct imago_outcome *out)
{
	struct str id = json_str(json_get(root, "request_id"));
	struct str submit, app;

	if (!fal_request_id_is_valid(id) || !fal_paths(task->model, memory, &submit, &app)) {
		outcome_fail(out, IMAGO_UNKNOWN, STR("fal accepted the request without a usable request id"));
		return;
	}
	outcome_init(out, IMAGO_QUEUED);
	out->handle = imago_printf(memory, "%.*s %.*s", STRF(app), STRF(id));
	out->provider_request_id = driver_copy(memory, id);
	out->queue_position = position_of(root);
}

void fal_parse_submit(const struct imago_task *task, const struct imago_reply *reply, struct imago_memory *memory,
                      struct imago_outcome *out)
{
	struct json *root;

	if (!is_success(reply)) {
		fal_read_error(FAL_SUBMIT, reply, memory, out);
		return;
	}
	root = read_body(reply, memory);
	read_queued(task, root, memory, out);
	json_free(&root);
}

/* ---- poll ---- */

static void read_status(const struct json *root, struct imago_memory *memory, struct imago_outcome *out)
{
	struct str status = json_str(json_get(root, "status"));

	if (str_is(status, "IN_QUEUE")) {
		outcome_init(out, IMAGO_RUNNING);
		out->queue_position = position_of(root);
	} else if (str_is(status, "IN_PROGRESS")) {
		outcome_init(out, IMAGO_RUNNING);
	} else if (str_is(status, "COMPLETED")) {
		outcome_init(out, IMAGO_READY);
		out->message = driver_copy_text(memory, json_str(json_get(root, "error")), MESSAGE_MAX);
	} else {
		outcome_fail(out, IMAGO_UNKNOWN, STR("fal answered with a status that is not known"));
	}
}

void fal_parse_poll(const struct imago_task *task, const struct imago_reply *reply, struct imago_memory *memory,
                    struct imago_outcome *out)
{
	struct json *root;

	(void)task;
	if (!is_success(reply)) {
		fal_read_error(FAL_POLL, reply, memory, out);
		return;
	}
	root = read_body(reply, memory);
	read_status(root, memory, out);
	json_free(&root);
}

/* ---- result ---- */

static unsigned side_of(const struct json *file, const char *key)
{
	int64_t n = json_int(json_get(file, key), 0);

	return n > 0 && n <= PIXELS_MAX ? (unsigned)n : 0;
}

static bool is_usable(struct str url)
{
	struct url parts;

	return str_starts(url, STR("data:image/")) || str_starts(url, STR("data:video/")) || url_parse(url, &parts);
}

static void add_file(const struct json *file, bool withheld, struct imago_memory *memory, struct imago_outcome *out)
{
	struct str url = json_str(json_get(file, "url"));

	if (out->image_count == IMAGO_IMAGES_MAX || !is_usable(url))
		return;
	out->images[out->image_count++] = (struct imago_image){
		.url = driver_copy(memory, url),
		.content_type = driver_copy_text(memory, json_str(json_get(file, "content_type")), 100),
		.width = side_of(file, "width"),
		.height = side_of(file, "height"),
		.withheld = withheld,
	};
}

/* Models of all kinds: the first of these that is there. */
static void read_files(const struct json *root, struct imago_memory *memory, struct imago_outcome *out)
{
	const struct json *blank = json_get(root, "has_nsfw_concepts");
	const struct json *list = json_get(root, "images");

	for (size_t i = 0; i < json_count(list); i++)
		add_file(json_at(list, i), json_bool(json_at(blank, i), false), memory, out);
	if (out->image_count == 0)
		add_file(json_get(root, "image"), json_bool(json_at(blank, 0), false), memory, out);
	if (out->image_count == 0)
		add_file(json_get(root, "video"), false, memory, out);
	list = json_get(root, "videos");
	for (size_t i = 0; out->image_count == 0 && i < json_count(list); i++)
		add_file(json_at(list, i), false, memory, out);
}

/* fal bills in units of its own; the catalog row may say what one costs. */
static int64_t cost_of(const struct imago_task *task, const struct imago_reply *reply)
{
	struct str text = str_trim(imago_reply_header(reply, "X-Fal-Billable-Units"));
	struct json_error error;
	struct json *params;
	int64_t unit;
	double units;

	if (!str_to_double(text, &units) || !(units >= 0 && units <= 1e6))
		return -1;
	params = json_parse(task->params, &error);
	unit = json_int(json_get(params, "unit_micros"), -1);
	json_free(&params);
	if (unit < 0 || unit > 1000000000)
		return -1;
	return (int64_t)(units * (double)unit + 0.5);
}

static void read_result(const struct imago_task *task, const struct imago_reply *reply, const struct json *root,
                        struct imago_memory *memory, struct imago_outcome *out)
{
	const struct json *seed = json_get(root, "seed");
	struct str id = imago_reply_header(reply, "x-fal-request-id");

	outcome_init(out, IMAGO_DONE);
	read_files(root, memory, out);
	if (out->image_count == 0) {
		outcome_fail(out, IMAGO_TASK_FAILED, STR("fal's result holds no picture"));
		return;
	}
	out->has_seed = json_type(seed) == JSON_INT;
	out->seed = json_int(seed, 0);
	out->cost_micros = cost_of(task, reply);
	if (fal_request_id_is_valid(id))
		out->provider_request_id = driver_copy(memory, id);
}

/* A 400 whose body says why: {"detail": "Request is still in progress"} */
static bool is_refused_with(const struct imago_reply *reply, const char *member, const char *words)
{
	struct json_error error;
	struct json *root;
	bool yes;

	if (reply->status != 400)
		return false;
	root = json_parse(reply->body, &error);
	yes = str_is(json_str(json_get(root, member)), words);
	json_free(&root);
	return yes;
}

void fal_parse_result(const struct imago_task *task, const struct imago_reply *reply, struct imago_memory *memory,
                      struct imago_outcome *out)
{
	struct json *root;

	if (is_refused_with(reply, "detail", "Request is still in progress")) {
		outcome_init(out, IMAGO_RUNNING);
		return;
	}
	if (!is_success(reply)) {
		fal_read_error(FAL_RESULT, reply, memory, out);
		return;
	}
	root = read_body(reply, memory);
	if (json_type(root) == JSON_OBJECT)
		read_result(task, reply, root, memory, out);
	else
		outcome_fail(out, IMAGO_UNKNOWN, STR("fal's result cannot be read"));
	json_free(&root);
}

/* ---- cancel, check ---- */

/* The body of a success is documented in three ways, so only the code counts. */
void fal_parse_cancel(const struct imago_task *task, const struct imago_reply *reply, struct imago_memory *memory,
                      struct imago_outcome *out)
{
	(void)task;
	if (is_success(reply))
		outcome_init(out, IMAGO_CANCEL_ACCEPTED);
	else if (is_refused_with(reply, "status", "ALREADY_COMPLETED"))
		outcome_init(out, IMAGO_CANCEL_TOO_LATE);
	else
		fal_read_error(FAL_CANCEL, reply, memory, out);
}

void fal_parse_check(const struct imago_reply *reply, struct imago_memory *memory, struct imago_outcome *out)
{
	struct imago_outcome refused;

	outcome_init(out, IMAGO_DONE);
	if (is_success(reply))
		return;
	fal_read_error(FAL_CHECK, reply, memory, &refused);
	/* "No such request" was said to a key that is accepted. */
	if (refused.failure == IMAGO_TASK_FAILED)
		return;
	*out = refused;
}
