/*
 * The errors that fal's pages list, each with the status code and the shape of body that they give.
 */
#include "base/json.h"
#include "fal_sim.h"

/* clang-format off */
static const struct sim_fault faults[] = {
	{ "content_policy_violation",      422, false, "The content could not be processed because it contained material flagged by a content checker." },
	{ "no_media_generated",            422, false, "No media was generated." },
	{ "internal_server_error",         500, false, "Internal server error" },
	{ "generation_timeout",            504, false, "The generation took too long" },
	{ "downstream_service_error",      400, false, "A downstream service failed" },
	{ "downstream_service_unavailable", 500, false, "A downstream service is unavailable" },
	{ "image_too_small",               422, false, "The image is too small" },
	{ "image_too_large",               422, false, "The image is too large" },
	{ "image_load_error",              422, false, "The image could not be loaded" },
	{ "file_download_error",           422, false, "The file could not be downloaded" },
	{ "face_detection_error",          422, false, "No face was found" },
	{ "file_too_large",                422, false, "The file is too large" },
	{ "greater_than",                  422, false, "Input should be greater than 0" },
	{ "greater_than_equal",            422, false, "Input should be greater than or equal to 1" },
	{ "less_than",                     422, false, "Input should be less than 5" },
	{ "less_than_equal",               422, false, "Input should be less than or equal to 4" },
	{ "multiple_of",                   422, false, "Input should be a multiple of 8" },
	{ "sequence_too_short",            422, false, "Too few items" },
	{ "sequence_too_long",             422, false, "Too many items" },
	{ "one_of",                        422, false, "Input should be one of the allowed values" },
	{ "feature_not_supported",         422, false, "This feature is not supported" },
	{ "unsupported_image_format",      422, false, "The image format is not supported" },
	{ "unsupported_audio_format",      422, false, "The audio format is not supported" },
	{ "unsupported_video_format",      422, false, "The video format is not supported" },
	{ "missing",                       422, false, "Field required" },
	{ "value_error.missing",           422, false, "field required" },
	{ "request_timeout",               504, true,  "Request timed out" },
	{ "startup_timeout",               504, true,  "Runner did not start in time" },
	{ "runner_scheduling_failure",     503, true,  "No runner could be scheduled" },
	{ "runner_connection_timeout",     503, true,  "Connection to the runner timed out" },
	{ "runner_disconnected",           503, true,  "The runner disconnected" },
	{ "runner_connection_refused",     503, true,  "The runner refused the connection" },
	{ "runner_connection_error",       503, true,  "The connection to the runner failed" },
	{ "runner_incomplete_response",    502, true,  "The runner's response was incomplete" },
	{ "runner_server_error",           500, true,  "The runner failed" },
	{ "internal_error",                500, true,  "Internal error" },
	{ "client_disconnected",           499, true,  "The client disconnected" },
	{ "client_cancelled",              499, true,  "The request was cancelled by the client" },
	{ "bad_request",                   400, true,  "Bad request" },
	{ "concurrent_requests_limit",     429, false, "Too many concurrent requests" },
};
/* clang-format on */

const struct sim_fault *sim_fault_find(struct str type)
{
	if (str_is(type, "content_policy"))
		return &faults[0];
	for (size_t i = 0; i < COUNT_OF(faults); i++) {
		if (str_is(type, faults[i].type))
			return &faults[i];
	}
	return NULL;
}

static void write_model_error(struct json_writer *w, const struct sim_fault *fault, struct str prompt)
{
	struct buf url;

	buf_init(&url, 300);
	buf_cstr(&url, "https://docs.fal.ai/errors/#");
	buf_cstr(&url, fault->type);
	jw_key(w, "detail");
	jw_array(w);
	jw_object(w);
	jw_key(w, "loc");
	jw_array(w);
	jw_cstr(w, "body");
	jw_cstr(w, "prompt");
	jw_end_array(w);
	jw_kv_cstr(w, "msg", fault->message);
	jw_kv_cstr(w, "type", fault->type);
	jw_kv_str(w, "url", buf_view(&url));
	jw_kv_str(w, "input", prompt);
	jw_end_object(w);
	jw_end_array(w);
	buf_clear(&url);
}

void sim_fault_body(const struct sim_fault *fault, struct str prompt, struct buf *out)
{
	struct json_writer w = json_writer(out);

	jw_object(&w);
	if (fault->is_platform) {
		jw_kv_cstr(&w, "detail", fault->message);
		jw_kv_cstr(&w, "error_type", fault->type);
	} else {
		write_model_error(&w, fault, prompt);
	}
	jw_end_object(&w);
}
