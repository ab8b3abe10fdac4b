/*
 * ModelsLab's answers, taken apart.
 *
 * Any bytes may arrive here. `status` decides, not the code. An id is a number or a text; `output` is a list, or
 * "" while there is none; `eta` may have a fraction. A submit that was taken without an id and without a
 * picture is UNKNOWN.
 */
#include "base/url.h"
#include "providers/driver.h"
#include "providers/modelslab.h"

enum { PIXELS_MAX = 100000, WAIT_MAX_S = 60 };

static struct json *read_body(const struct imago_reply *reply)
{
	struct json_error error;

	return json_parse(reply->body, &error);
}

static bool is_success(const struct imago_reply *reply)
{
	return reply->status >= 200 && reply->status < 300;
}

/* Whole seconds until it is worth asking, at most a minute: what they promise is a guess. */
static unsigned wait_of(const struct json *root)
{
	const struct json *eta = json_get(root, "eta");
	double seconds = json_real(eta, 0);
	unsigned whole;

	if (json_type(eta) == JSON_STRING && !str_to_double(json_str(eta), &seconds))
		seconds = 0;
	if (!(seconds > 0))
		return 0;
	if (seconds >= WAIT_MAX_S)
		return WAIT_MAX_S;
	whole = (unsigned)seconds;
	return whole < seconds ? whole + 1 : whole;
}

/* ---- the id ---- */

static struct str last_segment(struct str url)
{
	struct str rest = url, segment = { NULL, 0 };

	while (rest.p)
		segment = str_cut(&rest, '/');
	return segment;
}

/* Of the address for fetching only its end is of use, and only where nothing else says the id. */
static struct str id_of(const struct json *root, struct imago_memory *memory)
{
	const struct json *id = json_get(root, "id");
	struct str text = json_str(id);

	if (json_type(id) == JSON_INT && json_int(id, -1) >= 0)
		text = imago_printf(memory, "%lld", (long long)json_int(id, 0));
	if (!modelslab_id_is_valid(text))
		text = last_segment(json_str(json_get(root, "fetch_result")));
	return modelslab_id_is_valid(text) ? driver_copy(memory, text) : (struct str){ NULL, 0 };
}

/* ---- pictures ---- */

static unsigned side_of(const struct json *meta, const char *key)
{
	int64_t n = json_int(json_get(meta, key), 0);

	return n > 0 && n <= PIXELS_MAX ? (unsigned)n : 0;
}

static void add_picture(struct str url, bool withheld, struct imago_memory *memory, struct imago_outcome *out)
{
	struct url parts;

	if (out->image_count == IMAGO_IMAGES_MAX || !url_parse(url, &parts))
		return;
	out->images[out->image_count++] = (struct imago_image){
		.url = driver_copy(memory, url),
		.withheld = withheld,
	};
}

static void add_pictures(const struct json *list, bool withheld, struct imago_memory *memory, struct imago_outcome *out)
{
	add_picture(json_str(list), withheld, memory, out);
	for (size_t i = 0; json_type(list) == JSON_ARRAY && i < json_count(list); i++)
		add_picture(json_str(json_at(list, i)), withheld, memory, out);
}

/* Their filter puts a notice in the place of a picture and does not say of which: none of them is believed. */
static void read_pictures(const struct imago_task *task, const struct json *root, struct imago_memory *memory,
                          struct imago_outcome *out)
{
	bool withheld = json_bool(json_get(root, "nsfw_content_detected"), false);
	const struct json *meta = json_get(root, "meta"), *seed = json_get(meta, "seed");

	add_pictures(json_get(root, "output"), withheld, memory, out);
	if (out->image_count == 0)
		add_pictures(json_get(root, "proxy_links"), withheld, memory, out);
	for (unsigned i = 0; task->operation == IMAGO_TEXT_TO_IMAGE && i < out->image_count; i++) {
		out->images[i].width = side_of(meta, "W");
		out->images[i].height = side_of(meta, "H");
	}
	out->has_seed = json_type(seed) == JSON_INT;
	out->seed = json_int(seed, 0);
}

static void read_done(const struct imago_task *task, const struct json *root, struct imago_memory *memory,
                      struct imago_outcome *out)
{
	outcome_init(out, IMAGO_DONE);
	read_pictures(task, root, memory, out);
	out->provider_request_id = id_of(root, memory);
}

/* ---- submit ---- */

static void read_taken(const struct imago_task *task, const struct json *root, struct imago_memory *memory,
                       struct imago_outcome *out)
{
	struct str id = id_of(root, memory);

	if (id.n > 0) {
		outcome_init(out, IMAGO_QUEUED);
		out->handle = imago_printf(memory, "%s %.*s", modelslab_family(task->operation), STRF(id));
		out->provider_request_id = id;
		out->retry_after_s = wait_of(root);
		return;
	}
	read_done(task, root, memory, out);
	if (out->image_count == 0)
		outcome_fail(out, IMAGO_UNKNOWN, STR("ModelsLab accepted the request without a usable id"));
}

void modelslab_parse_submit(const struct imago_task *task, const struct imago_reply *reply, struct imago_memory *memory,
                            struct imago_outcome *out)
{
	struct json *root = read_body(reply);
	struct str status = json_str(json_get(root, "status"));

	if (is_success(reply) && (str_is(status, "success") || str_is(status, "processing")))
		read_taken(task, root, memory, out);
	else
		modelslab_read_error(MODELSLAB_SUBMIT, reply, root, memory, out);
	json_free(&root);
}

/* ---- poll ---- */

static void read_success(const struct imago_task *task, const struct json *root, struct imago_memory *memory,
                         struct imago_outcome *out)
{
	read_done(task, root, memory, out);
	if (out->image_count == 0)
		outcome_fail(out, IMAGO_TASK_FAILED, STR("ModelsLab's result holds no picture"));
}

void modelslab_parse_poll(const struct imago_task *task, const struct imago_reply *reply, struct imago_memory *memory,
                          struct imago_outcome *out)
{
	struct json *root = read_body(reply);
	struct str status = json_str(json_get(root, "status"));

	if (is_success(reply) && str_is(status, "success")) {
		read_success(task, root, memory, out);
	} else if (is_success(reply) && str_is(status, "processing")) {
		outcome_init(out, IMAGO_RUNNING);
		out->retry_after_s = wait_of(root);
	} else {
		modelslab_read_error(MODELSLAB_POLL, reply, root, memory, out);
	}
	json_free(&root);
}

/* ---- check ---- */

void modelslab_parse_check(const struct imago_reply *reply, struct imago_memory *memory, struct imago_outcome *out)
{
	struct json *root = read_body(reply);

	if (is_success(reply) && str_is(json_str(json_get(root, "status")), "success"))
		outcome_init(out, IMAGO_DONE);
	else
		modelslab_read_error(MODELSLAB_CHECK, reply, root, memory, out);
	json_free(&root);
}
