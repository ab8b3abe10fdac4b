/*
 * record - names, reference count, and the three forms of a record: memory, a row, a JSON text.
 */
#include "core/record.h"

#include <stdio.h>

#include "base/buf.h"
#include "base/json.h"
#include "base/mem.h"
#include "io/pg.h"

enum { RECORD_BYTES = 256 * 1024 };

/* ---- names ---- */

static const char *const status_names[JOB_STATUSES] = {
	[JOB_PENDING] = "PENDING",     [JOB_INITIALIZING] = "INITIALIZING", [JOB_GENERATING] = "GENERATING",
	[JOB_SAVING] = "SAVING",       [JOB_COMPLETED] = "COMPLETED",       [JOB_FAILED] = "FAILED",
	[JOB_CANCELLED] = "CANCELLED",
};

static const char *const operation_names[IMAGO_OPERATIONS] = {
	[IMAGO_TEXT_TO_IMAGE] = "text_to_image",
	[IMAGO_IMAGE_TO_IMAGE] = "image_to_image",
	[IMAGO_INPAINT] = "inpaint",
	[IMAGO_CONTROLNET] = "controlnet",
	[IMAGO_UPSCALE] = "upscale",
	[IMAGO_FACE_FIX] = "face_fix",
	[IMAGO_FACE_SWAP] = "face_swap",
	[IMAGO_REMOVE_BACKGROUND] = "remove_background",
	[IMAGO_ANALYZE] = "analyze",
	[IMAGO_ANALYZE_GENERATE] = "analyze_generate",
	[IMAGO_VIDEO] = "video",
};

static const struct {
	const char *name, *type, *extension;
} formats[IMAGO_FORMATS] = {
	[IMAGO_PNG] = { "PNG", "image/png", "png" },
	[IMAGO_JPEG] = { "JPEG", "image/jpeg", "jpg" },
	[IMAGO_WEBP] = { "WEBP", "image/webp", "webp" },
};

/* Index of a name in a table; count when it is not there. */
static size_t name_index(const char *const *names, size_t count, struct str name)
{
	size_t i = 0;

	while (i < count && !str_is(name, names[i]))
		i++;
	return i;
}

const char *job_status_name(enum job_status s)
{
	return status_names[s];
}

bool job_status_from(struct str name, enum job_status *out)
{
	size_t i = name_index(status_names, JOB_STATUSES, name);

	*out = (enum job_status)(i % JOB_STATUSES);
	return i < JOB_STATUSES;
}

const char *operation_name(enum imago_operation op)
{
	return operation_names[op];
}

bool operation_from(struct str name, enum imago_operation *out)
{
	size_t i = name_index(operation_names, IMAGO_OPERATIONS, name);

	*out = (enum imago_operation)(i % IMAGO_OPERATIONS);
	return i < IMAGO_OPERATIONS;
}

const char *format_name(enum imago_format f)
{
	return formats[f].name;
}

const char *format_type(enum imago_format f)
{
	return formats[f].type;
}

const char *format_extension(enum imago_format f)
{
	return formats[f].extension;
}

bool format_from(struct str name, enum imago_format *out)
{
	if (str_eq_nocase(name, STR("JPG")))
		name = STR("JPEG");
	for (int i = 0; i < IMAGO_FORMATS; i++) {
		*out = (enum imago_format)i;
		if (str_eq_nocase(name, str_from(formats[i].name)))
			return true;
	}
	return false;
}

/* ---- memory ---- */

struct job_record *record_new(void)
{
	struct job_record *r = mem_new(struct job_record);

	arena_init(&r->arena, RECORD_BYTES);
	r->refs = 1;
	r->charged = r->generation_us = r->queue_position = -1;
	return r;
}

struct job_record *record_ref(struct job_record *r)
{
	r->refs++;
	return r;
}

void record_unref(struct job_record **rp)
{
	struct job_record *r = *rp;

	*rp = NULL;
	if (!r || --r->refs > 0)
		return;
	arena_clear(&r->arena);
	mem_release(r);
}

/* ---- params ---- */

static void params_write(const struct job_params *p, struct json_writer *w)
{
	jw_object(w);
	jw_kv_str(w, "size", p->size);
	jw_kv_int(w, "width", p->width);
	jw_kv_int(w, "height", p->height);
	if (p->aspect_ratio.n)
		jw_kv_str(w, "aspect_ratio", p->aspect_ratio);
	jw_kv_cstr(w, "format", format_name(p->format));
	if (p->style.n)
		jw_kv_str(w, "style", p->style);
	if (p->quality.n)
		jw_kv_str(w, "quality", p->quality);
	if (p->negative_prompt.n)
		jw_kv_str(w, "negative_prompt", p->negative_prompt);
	if (p->has_seed)
		jw_kv_int(w, "seed", p->seed);
	jw_end_object(w);
}

void job_params_write(const struct job_params *p, struct buf *out)
{
	struct json_writer w = json_writer(out);

	params_write(p, &w);
}

static void params_read(struct arena *a, const struct json *v, struct job_params *p)
{
	p->size = arena_copy(a, json_str(json_get(v, "size")));
	p->width = (unsigned)json_int(json_get(v, "width"), 1024);
	p->height = (unsigned)json_int(json_get(v, "height"), 1024);
	p->aspect_ratio = arena_copy(a, json_str(json_get(v, "aspect_ratio")));
	if (!format_from(json_str(json_get(v, "format")), &p->format))
		p->format = IMAGO_PNG;
	p->style = arena_copy(a, json_str(json_get(v, "style")));
	p->quality = arena_copy(a, json_str(json_get(v, "quality")));
	p->negative_prompt = arena_copy(a, json_str(json_get(v, "negative_prompt")));
	p->has_seed = json_type(json_get(v, "seed")) == JSON_INT;
	p->seed = json_int(json_get(v, "seed"), 0);
}

void job_params_read(struct arena *a, struct str json, struct job_params *out)
{
	struct json_error error;
	struct json *v = json_parse(json, &error);

	*out = (struct job_params){ 0 };
	params_read(a, v, out);
	json_free(&v);
}

/* ---- pictures ---- */

static void pictures_read(struct job_record *r, const struct json *list)
{
	size_t n = json_count(list);

	r->pictures = arena_array(&r->arena, struct job_picture, n + 1);
	r->images_stored = (unsigned)n;
	for (size_t i = 0; i < n; i++) {
		const struct json *v = json_at(list, i);

		r->pictures[i] = (struct job_picture){
			.n = (unsigned)json_int(json_get(v, "n"), 0),
			.id = arena_copy(&r->arena, json_str(json_get(v, "id"))),
			.key = arena_copy(&r->arena, json_str(json_get(v, "key"))),
			.content_type = arena_copy(&r->arena, json_str(json_get(v, "content_type"))),
			.sha256 = arena_copy(&r->arena, json_str(json_get(v, "sha256"))),
			.bytes = (uint64_t)json_int(json_get(v, "bytes"), 0),
			.width = (unsigned)json_int(json_get(v, "width"), 0),
			.height = (unsigned)json_int(json_get(v, "height"), 0),
			.has_seed = json_type(json_get(v, "seed")) == JSON_INT,
			.seed = json_int(json_get(v, "seed"), 0),
		};
	}
}

static void pictures_write(const struct job_record *r, struct json_writer *w)
{
	jw_array(w);
	for (unsigned i = 0; i < r->images_stored; i++) {
		const struct job_picture *p = &r->pictures[i];

		jw_object(w);
		jw_kv_int(w, "n", p->n);
		jw_kv_str(w, "id", p->id);
		jw_kv_str(w, "key", p->key);
		jw_kv_str(w, "content_type", p->content_type);
		jw_kv_str(w, "sha256", p->sha256);
		jw_kv_int(w, "bytes", (int64_t)p->bytes);
		jw_kv_int(w, "width", p->width);
		jw_kv_int(w, "height", p->height);
		if (p->has_seed)
			jw_kv_int(w, "seed", p->seed);
		jw_end_object(w);
	}
	jw_end_array(w);
}

/* Seeds have no column; they are in the job's metadata, by number of the picture. */
static void seeds_read(struct job_record *r, struct str metadata)
{
	struct json_error error;
	struct json *v = json_parse(metadata, &error);
	char n[16];

	for (unsigned i = 0; i < r->images_stored; i++) {
		const struct json *seed;

		snprintf(n, sizeof n, "%u", r->pictures[i].n);
		seed = json_get(json_get(v, "seeds"), n);
		r->pictures[i].has_seed = json_type(seed) == JSON_INT;
		r->pictures[i].seed = json_int(seed, 0);
	}
	json_free(&v);
}

/* ---- rows ---- */

/* Columns of job_get.sql and jobs_page.sql. */
enum {
	ID,
	STATUS,
	OPERATION,
	PROMPT,
	PARAMS,
	MODEL,
	SOURCE_MODEL,
	PROVIDER_ID,
	GENERATION_TYPE,
	NUM_IMAGES,
	IMAGES_STORED,
	PRICE,
	CHARGED,
	COST_MICROS,
	GENERATION_TIME,
	ERROR_CODE,
	ERROR_MESSAGE,
	METADATA,
	CREATED_US,
	UPDATED_US,
	COMPLETED_US,
	OWNER,
	CANCEL_REQUESTED,
	IMAGES,
	ATTEMPTS,
};

static int progress_of(enum job_status s)
{
	static const int percent[JOB_STATUSES] = {
		[JOB_INITIALIZING] = 10,
		[JOB_GENERATING] = 50,
		[JOB_SAVING] = 90,
		[JOB_COMPLETED] = 100,
	};

	return percent[s];
}

struct job_record *record_from_row(const struct pg_call *call, unsigned row, struct str user_id, bool with_attempts)
{
	struct job_record *r = record_new();
	struct arena *a = &r->arena;
	struct json_error error;
	struct json *images;
	double seconds;

	if (!job_status_from(pg_text(call, row, STATUS), &r->status)) {
		record_unref(&r);
		return NULL;
	}
	r->id = arena_copy(a, pg_text(call, row, ID));
	r->user_id = arena_copy(a, user_id);
	r->operation = arena_copy(a, pg_text(call, row, OPERATION));
	r->prompt = arena_copy(a, pg_text(call, row, PROMPT));
	job_params_read(a, pg_text(call, row, PARAMS), &r->params);
	r->model = arena_copy(a, pg_text(call, row, MODEL));
	r->source_model = arena_copy(a, pg_text(call, row, SOURCE_MODEL));
	r->provider_id = arena_copy(a, pg_text(call, row, PROVIDER_ID));
	r->generation_type = arena_copy(a, pg_text(call, row, GENERATION_TYPE));
	r->num_images = (unsigned)pg_int(call, row, NUM_IMAGES);
	r->price = pg_int(call, row, PRICE);
	r->charged = pg_is_null(call, row, CHARGED) ? -1 : pg_int(call, row, CHARGED);
	r->cost_micros = pg_int(call, row, COST_MICROS);
	if (str_to_double(pg_text(call, row, GENERATION_TIME), &seconds))
		r->generation_us = (int64_t)(seconds * 1e6);
	r->error_code = arena_copy(a, pg_text(call, row, ERROR_CODE));
	r->error_message = arena_copy(a, pg_text(call, row, ERROR_MESSAGE));
	r->created_us = pg_int(call, row, CREATED_US);
	r->updated_us = pg_int(call, row, UPDATED_US);
	r->completed_us = pg_int(call, row, COMPLETED_US);
	r->cancel_requested = pg_bool(call, row, CANCEL_REQUESTED);
	r->progress = progress_of(r->status);
	images = json_parse(pg_text(call, row, IMAGES), &error);
	pictures_read(r, images);
	json_free(&images);
	seeds_read(r, pg_text(call, row, METADATA));
	if (with_attempts)
		r->attempts = arena_copy(a, pg_text(call, row, ATTEMPTS));
	return r;
}

/* ---- the status cache ---- */

void record_write(const struct job_record *r, struct buf *out)
{
	struct json_writer w = json_writer(out);

	jw_object(&w);
	jw_kv_str(&w, "id", r->id);
	jw_kv_str(&w, "user", r->user_id);
	jw_kv_cstr(&w, "status", job_status_name(r->status));
	jw_kv_str(&w, "operation", r->operation);
	jw_kv_str(&w, "prompt", r->prompt);
	jw_key(&w, "params");
	params_write(&r->params, &w);
	jw_kv_str(&w, "model", r->model);
	jw_kv_str(&w, "source_model", r->source_model);
	jw_kv_str(&w, "provider_id", r->provider_id);
	jw_kv_str(&w, "type", r->generation_type);
	jw_kv_int(&w, "num_images", r->num_images);
	jw_kv_int(&w, "price", r->price);
	jw_kv_int(&w, "charged", r->charged);
	jw_kv_int(&w, "cost_micros", r->cost_micros);
	jw_kv_int(&w, "generation_us", r->generation_us);
	jw_kv_int(&w, "created_us", r->created_us);
	jw_kv_int(&w, "updated_us", r->updated_us);
	jw_kv_int(&w, "completed_us", r->completed_us);
	jw_kv_int(&w, "progress", r->progress);
	jw_kv_int(&w, "queue_position", r->queue_position);
	jw_kv_str(&w, "error_code", r->error_code);
	jw_kv_str(&w, "error_message", r->error_message);
	jw_key(&w, "pictures");
	pictures_write(r, &w);
	jw_end_object(&w);
}

static void record_fill(struct job_record *r, const struct json *v)
{
	struct arena *a = &r->arena;

	r->id = arena_copy(a, json_str(json_get(v, "id")));
	r->user_id = arena_copy(a, json_str(json_get(v, "user")));
	r->operation = arena_copy(a, json_str(json_get(v, "operation")));
	r->prompt = arena_copy(a, json_str(json_get(v, "prompt")));
	params_read(a, json_get(v, "params"), &r->params);
	r->model = arena_copy(a, json_str(json_get(v, "model")));
	r->source_model = arena_copy(a, json_str(json_get(v, "source_model")));
	r->provider_id = arena_copy(a, json_str(json_get(v, "provider_id")));
	r->generation_type = arena_copy(a, json_str(json_get(v, "type")));
	r->num_images = (unsigned)json_int(json_get(v, "num_images"), 1);
	r->price = json_int(json_get(v, "price"), 0);
	r->charged = json_int(json_get(v, "charged"), -1);
	r->cost_micros = json_int(json_get(v, "cost_micros"), 0);
	r->generation_us = json_int(json_get(v, "generation_us"), -1);
	r->created_us = json_int(json_get(v, "created_us"), 0);
	r->updated_us = json_int(json_get(v, "updated_us"), 0);
	r->completed_us = json_int(json_get(v, "completed_us"), 0);
	r->progress = (int)json_int(json_get(v, "progress"), 0);
	r->queue_position = (int)json_int(json_get(v, "queue_position"), -1);
	r->error_code = arena_copy(a, json_str(json_get(v, "error_code")));
	r->error_message = arena_copy(a, json_str(json_get(v, "error_message")));
	pictures_read(r, json_get(v, "pictures"));
}

struct job_record *record_read(struct str text)
{
	struct json_error error;
	struct json *v = json_parse(text, &error);
	struct job_record *r = v ? record_new() : NULL;

	if (r && job_status_from(json_str(json_get(v, "status")), &r->status))
		record_fill(r, v);
	else if (r)
		record_unref(&r);
	json_free(&v);
	return r;
}
