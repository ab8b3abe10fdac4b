/*
 * render - nothing here looks anything up; links are signed as they are written.
 */
#include "api/render.h"

#include "api/texts.h"
#include "base/wall.h"

void render_time(struct json_writer *w, const char *key, int64_t us)
{
	char text[WALL_TEXT];

	jw_key(w, key);
	if (us > 0)
		jw_str(w, wall_rfc3339(us, false, text));
	else
		jw_null(w);
}

struct str render_status_text(struct api_req *r, const struct job_record *job)
{
	static const enum text_id ids[JOB_STATUSES] = {
		[JOB_PENDING] = TEXT_JOB_PENDING,       [JOB_INITIALIZING] = TEXT_JOB_INITIALIZING,
		[JOB_GENERATING] = TEXT_JOB_GENERATING, [JOB_SAVING] = TEXT_JOB_SAVING,
		[JOB_COMPLETED] = TEXT_JOB_COMPLETED,   [JOB_FAILED] = TEXT_JOB_FAILED,
		[JOB_CANCELLED] = TEXT_JOB_CANCELLED,
	};
	struct str stored = text_number(r, job->images_stored);

	return text_fill(r, ids[job->status], &stored, 1);
}

/* "the code's title: the provider's words" */
static struct str error_text(struct api_req *r, const struct job_record *job)
{
	struct str title = text_fault_slug(r->language, job->error_code);

	if (job->error_message.n == 0)
		return title;
	return arena_printf(&r->http->arena, "%.*s: %.*s", STRF(title), STRF(job->error_message));
}

static void kv_link(struct api_req *r, struct json_writer *w, const char *key, struct str picture_key)
{
	struct buf link;

	buf_init(&link, 8192);
	api_link(r, &link, arena_printf(&r->http->arena, "/%.*s", STRF(picture_key)));
	jw_kv_str(w, key, buf_view(&link));
	buf_clear(&link);
}

static struct str picture_format(const struct job_picture *p)
{
	return str_is(p->content_type, "image/jpeg")   ? STR("JPEG")
	       : str_is(p->content_type, "image/webp") ? STR("WEBP")
	       : str_is(p->content_type, "image/gif")  ? STR("GIF")
	                                               : STR("PNG");
}

/* ---- seed 003 ---- */

void render_legacy_status(struct api_req *r, const struct job_record *job, struct buf *out)
{
	struct json_writer w = json_writer(out);

	jw_object(&w);
	jw_kv_str(&w, "job_id", job->id);
	jw_kv_cstr(&w, "status", job_status_name(job->status));
	jw_kv_str(&w, "message", render_status_text(r, job));
	jw_kv_int(&w, "progress", job->progress);
	render_time(&w, "created_at", job->created_us);
	render_time(&w, "updated_at", job->updated_us);
	if (!job_status_is_final(job->status) && job->queue_position >= 0)
		jw_kv_int(&w, "queue_position", job->queue_position + 1);
	jw_end_object(&w);
}

static void legacy_picture(struct api_req *r, const struct job_record *job, const struct job_picture *p,
                           struct json_writer *w)
{
	struct arena *a = &r->http->arena;

	jw_object(w);
	jw_kv_str(w, "file_path", arena_printf(a, "./%.*s", STRF(p->key)));
	kv_link(r, w, "url", p->key);
	jw_kv_str(w, "description", job->prompt);
	jw_kv_str(w, "format", picture_format(p));
	jw_kv_int(w, "size_bytes", (int64_t)p->bytes);
	jw_kv_str(w, "dimensions", arena_printf(a, "%ux%u", p->width, p->height));
	jw_end_object(w);
}

/* Tokens are the provider's to count; where it does not, four characters are taken for one, as its own guides do. */
static int64_t estimated_tokens(struct str prompt)
{
	return (int64_t)(str_code_points(prompt) + 3) / 4;
}

static void legacy_metadata(const struct job_record *job, struct json_writer *w)
{
	int64_t bytes = 0;

	for (unsigned i = 0; i < job->images_stored; i++)
		bytes += (int64_t)job->pictures[i].bytes;
	jw_key(w, "metadata");
	jw_object(w);
	jw_kv_str(w, "model_name", job->source_model);
	jw_kv_cstr(w, "version", "latest");
	jw_key(w, "generation_time_seconds");
	jw_fixed(w, job->generation_us / 1000, 3);
	jw_kv_int(w, "input_tokens", estimated_tokens(job->prompt));
	jw_kv_int(w, "output_size_bytes", bytes);
	render_time(w, "timestamp", job->completed_us);
	jw_end_object(w);
}

void render_legacy_result(struct api_req *r, const struct job_record *job, struct buf *out)
{
	struct json_writer w = json_writer(out);

	jw_object(&w);
	jw_kv_str(&w, "job_id", job->id);
	jw_kv_cstr(&w, "status", job_status_name(job->status));
	jw_kv_str(&w, "message", render_status_text(r, job));
	if (job->status == JOB_COMPLETED) {
		jw_key(&w, "images");
		jw_array(&w);
		for (unsigned i = 0; i < job->images_stored; i++)
			legacy_picture(r, job, &job->pictures[i], &w);
		jw_end_array(&w);
		legacy_metadata(job, &w);
	} else {
		jw_key(&w, "errors");
		jw_array(&w);
		jw_str(&w, error_text(r, job));
		jw_end_array(&w);
	}
	jw_end_object(&w);
}

/* ---- /api/v1 ---- */

static void v1_picture(struct api_req *r, const struct job_picture *p, struct json_writer *w)
{
	jw_object(w);
	jw_kv_str(w, "id", p->id);
	jw_kv_int(w, "n", p->n);
	kv_link(r, w, "url", p->key);
	jw_kv_str(w, "content_type", p->content_type);
	jw_kv_int(w, "bytes", (int64_t)p->bytes);
	jw_kv_int(w, "width", p->width);
	jw_kv_int(w, "height", p->height);
	if (p->has_seed)
		jw_kv_int(w, "seed", p->seed);
	jw_end_object(w);
}

static void v1_error(struct api_req *r, const struct job_record *job, struct json_writer *w)
{
	jw_key(w, "error");
	jw_object(w);
	jw_kv_str(w, "code", job->error_code);
	jw_kv_str(w, "message", error_text(r, job));
	jw_kv_str(w, "provider", job->provider_id);
	jw_end_object(w);
}

/* From the row's JSON: provider_id, model, outcome, started_at, ended_at, cost. */
static void v1_attempts(const struct job_record *job, struct json_writer *w)
{
	struct json_error error;
	struct json *list = json_parse(job->attempts, &error);

	jw_key(w, "attempts");
	jw_array(w);
	for (size_t i = 0; i < json_count(list); i++) {
		const struct json *v = json_at(list, i);
		struct str outcome = json_str(json_get(v, "outcome"));

		jw_object(w);
		jw_kv_int(w, "part", json_int(json_get(v, "part"), 1));
		jw_kv_str(w, "provider_id", json_str(json_get(v, "provider_id")));
		jw_kv_str(w, "model", json_str(json_get(v, "model")));
		jw_key(w, "outcome");
		if (outcome.n)
			jw_str(w, outcome);
		else
			jw_null(w);
		render_time(w, "started_at", json_int(json_get(v, "started_us"), 0));
		render_time(w, "ended_at", json_int(json_get(v, "ended_us"), 0));
		jw_key(w, "cost");
		jw_fixed(w, json_int(json_get(v, "cost_micros"), 0), 6);
		jw_end_object(w);
	}
	jw_end_array(w);
	json_free(&list);
}

void render_job(struct api_req *r, const struct job_record *job, struct json_writer *w)
{
	jw_object(w);
	jw_kv_str(w, "job_id", job->id);
	jw_kv_cstr(w, "status", job_status_name(job->status));
	jw_kv_int(w, "progress", job->progress);
	jw_kv_str(w, "prompt", job->prompt);
	jw_kv_int(w, "num_images", job->num_images);
	jw_kv_str(w, "provider_id", job->provider_id);
	jw_kv_str(w, "model", job->model);
	jw_kv_str(w, "source_model", job->source_model);
	jw_kv_str(w, "generation_type", job->generation_type);
	jw_kv_str(w, "operation", job->operation);
	jw_kv_str(w, "size", job->params.size);
	jw_kv_cstr(w, "format", format_name(job->params.format));
	jw_key(w, "images");
	jw_array(w);
	for (unsigned i = 0; i < job->images_stored; i++)
		v1_picture(r, &job->pictures[i], w);
	jw_end_array(w);
	jw_key(w, "cost");
	jw_fixed(w, job->cost_micros, 6);
	jw_kv_int(w, "credits", job->charged >= 0 ? job->charged : job->price);
	render_time(w, "created_at", job->created_us);
	render_time(w, "completed_at", job->completed_us);
	if (!job_status_is_final(job->status) && job->queue_position >= 0)
		jw_kv_int(w, "queue_position", job->queue_position + 1);
	if (job->attempts.n)
		v1_attempts(job, w);
	if (job->error_code.n)
		v1_error(r, job, w);
	jw_end_object(w);
}
