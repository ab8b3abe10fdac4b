/*
 * fal - any model of fal.ai by its queue.
 *
 *   POST {queue}/{owner}/{alias}/{sub…}                     submit: the whole model id
 *   GET  {queue}/{owner}/{alias}/requests/{id}/status       from here on without the sub-path
 *   GET  {queue}/{owner}/{alias}/requests/{id}              the result: the model's own status code
 *   PUT  {queue}/{owner}/{alias}/requests/{id}/cancel
 *
 * Invariants
 *  1. The key goes to base[0] only. The addresses that fal's answers name are not followed: all
 *     are rebuilt from the handle.
 *  2. What becomes part of a URL was checked for its alphabet first: model, app, request id.
 *  3. The handle carries the app, so that a catalog that changes meanwhile cannot lose a task.
 *  4. There is no FAILED status: COMPLETED means READY, and the result's HTTP code decides.
 */
#include "base/url.h"
#include "providers/driver.h"
#include "providers/fal.h"
#include "providers/registry.h"

enum { MODEL_MAX = 200, REQUEST_ID_MAX = 200, URL_CAP = 8192 };

/* Well-formed and belongs to nobody: who asks for it learns only whether the key is accepted. */
#define NOBODYS_REQUEST "fal-ai/flux/requests/00000000-0000-4000-8000-000000000000/status?logs=0"

static const char *const media_hosts[] = { "fal.media", "*.fal.media", "*.fal.ai", "*.fal.run", NULL };

/* ---- paths ---- */

static bool is_digit(char c)
{
	return c >= '0' && c <= '9';
}

static bool is_name_char(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || is_digit(c) || c == '.' || c == '_' || c == '-';
}

/* One path segment that can stand in a URL as it is and does not climb. */
static bool is_segment(struct str s)
{
	for (size_t i = 0; i < s.n; i++) {
		if (!is_name_char(s.p[i]))
			return false;
	}
	return s.n > 0 && !str_is(s, ".") && !str_is(s, "..");
}

bool fal_request_id_is_valid(struct str id)
{
	return id.n <= REQUEST_ID_MAX && is_segment(id);
}

/* "12345-name", the old spelling of "12345/name". */
static bool is_legacy_id(struct str model, size_t *dash)
{
	size_t i = 0;

	while (i < model.n && is_digit(model.p[i]))
		i++;
	*dash = i;
	return i > 0 && i + 1 < model.n && model.p[i] == '-';
}

/* Length of the first `segments` segments; 0 when there are fewer. */
static size_t prefix_length(struct str path, unsigned segments)
{
	for (size_t i = 0; i < path.n; i++) {
		if (path.p[i] == '/' && --segments == 0)
			return i;
	}
	return segments == 1 ? path.n : 0;
}

bool fal_paths(struct str model, struct imago_memory *memory, struct str *submit, struct str *app)
{
	struct str rest = model;
	size_t dash, n;
	bool has_namespace;

	if (model.n == 0 || model.n > MODEL_MAX)
		return false;
	while (rest.p) {
		if (!is_segment(str_cut(&rest, '/')))
			return false;
	}
	if (str_find_byte(model, '/') == SIZE_MAX) {
		if (!is_legacy_id(model, &dash))
			return false;
		model = imago_printf(memory, "%.*s/%.*s", (int)dash, model.p, STRF(str_skip(model, dash + 1)));
	}
	has_namespace = str_starts(model, STR("workflows/")) || str_starts(model, STR("comfy/"));
	n = prefix_length(model, has_namespace ? 3 : 2);
	*submit = model;
	*app = str_sub(model, 0, n);
	return n > 0;
}

bool fal_handle_read(struct str text, struct fal_handle *out)
{
	struct str rest = text, path;

	out->app = path = str_cut(&rest, ' ');
	out->request_id = rest;
	if (out->app.n == 0 || out->app.n > MODEL_MAX || !fal_request_id_is_valid(out->request_id))
		return false;
	while (path.p) {
		if (!is_segment(str_cut(&path, '/')))
			return false;
	}
	return true;
}

/* ---- requests ---- */

static void call_init(struct imago_call *call, const char *method, struct str url, const struct imago_account *account,
                      struct imago_memory *memory)
{
	*call = (struct imago_call){ .method = method, .url = url };
	imago_call_secret(memory, call, "Authorization", "Key ", account->credential);
	imago_call_header(call, "Accept", STR("application/json"));
}

static bool call_request(struct imago_call *call, const char *method, const char *suffix, struct str handle,
                         const struct imago_account *account, struct imago_memory *memory, struct imago_outcome *out)
{
	struct fal_handle h;

	if (!fal_handle_read(handle, &h))
		return outcome_refuse(out, IMAGO_UNKNOWN, "the saved handle of the request cannot be read");
	call_init(call, method,
	          imago_printf(memory, "%.*s/%.*s/requests/%.*s%s", STRF(account->bases[0]), STRF(h.app),
	                       STRF(h.request_id), suffix),
	          account, memory);
	return true;
}

static struct str submit_url(const struct imago_task *task, const struct imago_account *account, struct str path,
                             int64_t max_queue_length, struct imago_memory *memory)
{
	char separator = '?';
	struct buf url;

	buf_init(&url, URL_CAP);
	buf_str(&url, account->bases[0]);
	buf_byte(&url, '/');
	buf_str(&url, path);
	if (task->webhook_url.n > 0) {
		buf_cstr(&url, "?fal_webhook=");
		url_encode(&url, task->webhook_url, "");
		separator = '&';
	}
	if (max_queue_length >= 0) {
		buf_byte(&url, separator);
		buf_cstr(&url, "fal_max_queue_length=");
		buf_i64(&url, max_queue_length);
	}
	return driver_take(memory, &url);
}

/* Pictures are put into the JSON text where their data URIs have been left open. */
static void call_body(struct imago_call *call, const struct fal_input *input)
{
	size_t from = 0;

	if (input->place_count == 0) {
		call->body = input->body;
		return;
	}
	for (unsigned i = 0; i < input->place_count; i++) {
		const struct fal_place *place = &input->places[i];

		imago_call_text(call, str_sub(input->body, from, place->at - from));
		imago_call_input(call, place->input, true);
		from = place->at;
	}
	imago_call_text(call, str_skip(input->body, from));
}

static bool build_submit(const struct imago_task *task, const struct imago_account *account,
                         struct imago_memory *memory, struct imago_call *call, struct imago_outcome *out)
{
	struct str path, app, url;
	struct fal_input input;

	if (!fal_paths(task->model, memory, &path, &app))
		return outcome_refuse(out, IMAGO_BAD_INPUT, "the model's name is not a fal model id");
	if (!fal_input_build(task, memory, &input, out))
		return false;
	url = submit_url(task, account, path, input.max_queue_length, memory);
	if (!url.p)
		return outcome_refuse(out, IMAGO_BAD_INPUT, "the webhook's address is too long");
	call_init(call, "POST", url, account, memory);
	imago_call_header(call, "Content-Type", STR("application/json"));
	call_body(call, &input);
	return true;
}

static bool build_poll(const struct imago_task *task, const struct imago_account *account, struct str handle,
                       struct imago_memory *memory, struct imago_call *call, struct imago_outcome *out)
{
	(void)task;
	return call_request(call, "GET", "/status?logs=0", handle, account, memory, out);
}

static bool build_result(const struct imago_task *task, const struct imago_account *account, struct str handle,
                         struct imago_memory *memory, struct imago_call *call, struct imago_outcome *out)
{
	(void)task;
	return call_request(call, "GET", "", handle, account, memory, out);
}

static bool build_cancel(const struct imago_task *task, const struct imago_account *account, struct str handle,
                         struct imago_memory *memory, struct imago_call *call, struct imago_outcome *out)
{
	(void)task;
	return call_request(call, "PUT", "/cancel", handle, account, memory, out);
}

/* fal has no free "who am I" for ordinary keys; a request that cannot exist answers 404 to a
 * good key and 401 to a bad one, and is never queued. */
static bool build_check(const struct imago_account *account, struct imago_memory *memory, struct imago_call *call)
{
	call_init(call, "GET", imago_printf(memory, "%.*s/" NOBODYS_REQUEST, STRF(account->bases[0])), account, memory);
	return true;
}

/* "id:secret": one colon, no blank and no control byte, as fal's own clients send it unchanged. */
static bool credential_is_valid(struct str credential)
{
	size_t colon = str_find_byte(credential, ':');

	if (colon == SIZE_MAX || colon == 0 || colon + 1 == credential.n)
		return false;
	if (str_find_byte(str_skip(credential, colon + 1), ':') != SIZE_MAX)
		return false;
	for (size_t i = 0; i < credential.n; i++) {
		if ((unsigned char)credential.p[i] <= ' ' || (unsigned char)credential.p[i] >= 0x7F)
			return false;
	}
	return true;
}

const struct imago_driver fal_driver = {
	.abi = IMAGO_DRIVER_ABI,
	.type = "fal",
	.name = "fal.ai",
	.capabilities = IMAGO_CAN_POLL | IMAGO_CAN_CANCEL | IMAGO_CAN_WEBHOOK,
	.operations = 1u << IMAGO_TEXT_TO_IMAGE | 1u << IMAGO_IMAGE_TO_IMAGE | 1u << IMAGO_INPAINT |
	              1u << IMAGO_UPSCALE | 1u << IMAGO_FACE_FIX | 1u << IMAGO_REMOVE_BACKGROUND | 1u << IMAGO_VIDEO,
	.poll_first_ms = 500,
	.poll_longest_ms = 5000,
	.media_hosts = media_hosts,
	.credential_is_valid = credential_is_valid,
	.mask_style = IMAGO_MASK_WHITE,
	.build_submit = build_submit,
	.parse_submit = fal_parse_submit,
	.build_poll = build_poll,
	.parse_poll = fal_parse_poll,
	.build_result = build_result,
	.parse_result = fal_parse_result,
	.build_cancel = build_cancel,
	.parse_cancel = fal_parse_cancel,
	.build_check = build_check,
	.parse_check = fal_parse_check,
};
