/*
 * What an answer that is not a success means.
 *
 * The same bytes mean different things at different stages. At submit the question is "did fal
 * take the task?"; later it was taken for certain, and the question is "is this how the task
 * ended, or did only this call fail?".
 *
 *   submit   a known type            the table's second column
 *            401, 402, 403, 429      refused at the door: not taken
 *            404, 410                the model is gone
 *            other 4xx               our request was wrong; but 408, 409, 425, 499 say nothing about whether it was taken
 *            503                     not taken where the sender itself said so: with Retry-After, or a
 *                                    page of the nginx in front of fal (which passes on what fal answers)
 *            other 5xx               unknown: a gateway also says 502 and 504 after it passed a request on
 *   later    408, 425, 429, 5xx      this call failed, the task goes on: RUNNING, ask again.
 *                                    But on the result a 500, or any with fal's own marks, is the task's own end
 *            401, 402, 403           the key was changed meanwhile: of the account, not of the task
 *            404                     with fal's marks: forgotten or expired. Without: somebody else's answer, unknown
 *            4xx on the result       how the task ended
 *
 * What none of this covers is UNKNOWN: never a success, never a "no".
 */
#include "base/json.h"
#include "providers/driver.h"
#include "providers/fal.h"

enum { MESSAGE_MAX = 600 };

struct fal_error {
	int status;
	struct str type; /* a model error's or a platform error's; empty: not said */
	struct str message;
	bool is_fals_own; /* the body or a header has the form of fal's errors */
};

static const struct error_row {
	const char *type;
	enum imago_failure at_end, at_submit;
} error_rows[] = {
#define FAL_ERROR(type, at_end, at_submit) { type, IMAGO_##at_end, IMAGO_##at_submit },
#include "providers/fal_errors.def"
#undef FAL_ERROR
};

static const struct error_row *find_row(struct str type)
{
	for (size_t i = 0; i < COUNT_OF(error_rows); i++) {
		if (str_is(type, error_rows[i].type))
			return &error_rows[i];
	}
	return NULL;
}

static bool contains(struct str text, const char *word)
{
	struct str w = str_from(word);

	for (size_t i = 0; i + w.n <= text.n; i++) {
		if (str_eq_nocase(str_sub(text, i, w.n), w))
			return true;
	}
	return false;
}

/* ---- reading ---- */

/* detail: a string, or an array whose first element has type and msg. */
static void read_detail(const struct json *root, struct imago_memory *memory, struct fal_error *e)
{
	const struct json *detail = json_get(root, "detail");
	const struct json *first = json_at(detail, 0);
	struct str message = json_str(detail);

	e->is_fals_own |= json_type(detail) == JSON_STRING || json_type(detail) == JSON_ARRAY;
	if (e->type.n == 0)
		e->type = driver_copy_text(memory, json_str(json_get(root, "error_type")), MESSAGE_MAX);
	if (e->type.n == 0)
		e->type = driver_copy_text(memory, json_str(json_get(first, "type")), MESSAGE_MAX);
	if (message.n == 0)
		message = json_str(json_get(first, "msg"));
	if (message.n == 0)
		message = json_str(json_get(root, "error"));
	if (message.n == 0)
		message = json_str(json_get(root, "message"));
	e->message = driver_copy_text(memory, message, MESSAGE_MAX);
}

static struct fal_error read_error(const struct imago_reply *reply, struct imago_memory *memory)
{
	struct fal_error e = { .status = reply->status };
	struct json_error error;
	struct json *root = json_parse(reply->body, &error);

	e.type = driver_copy_text(memory, str_trim(imago_reply_header(reply, "X-Fal-Error-Type")), MESSAGE_MAX);
	e.is_fals_own = e.type.n > 0;
	if (root) {
		read_detail(root, memory, &e);
		e.is_fals_own |= str_is(json_str(json_get(root, "status")), "NOT_FOUND");
	}
	json_free(&root);
	if (e.message.n == 0)
		e.message = imago_printf(memory, "HTTP %d", e.status);
	return e;
}

/* ---- judging ---- */

static bool is_refused_at_the_door(int status, const struct fal_error *e, enum imago_failure *failure)
{
	switch (status) {
	case 401: *failure = IMAGO_CREDENTIALS; return true;
	case 402: *failure = IMAGO_NO_CREDITS; return true;
	case 403: *failure = contains(e->message, "balance") ? IMAGO_NO_CREDITS : IMAGO_CREDENTIALS; return true;
	default: return false;
	}
}

static bool was_said_by_the_gateway_itself(const struct fal_error *e, const struct imago_reply *reply)
{
	if (imago_reply_header(reply, "Retry-After").n > 0)
		return true;
	return !e->is_fals_own && contains(str_sub(reply->body, 0, 1024), "<center>nginx");
}

static enum imago_failure at_submit(const struct fal_error *e, const struct imago_reply *reply)
{
	const struct error_row *row = find_row(e->type);
	enum imago_failure failure;

	if (is_refused_at_the_door(e->status, e, &failure))
		return failure;
	if (e->status == 429)
		return IMAGO_RATE_LIMITED;
	if (row && e->status >= 400)
		return row->at_submit;
	switch (e->status) {
	case 404:
	case 410: return IMAGO_GONE;
	case 408:
	case 409:
	case 425:
	case 499: return IMAGO_UNKNOWN;
	case 503: return was_said_by_the_gateway_itself(e, reply) ? IMAGO_OVERLOADED : IMAGO_UNKNOWN;
	default: return e->status >= 400 && e->status < 500 ? IMAGO_BAD_INPUT : IMAGO_UNKNOWN;
	}
}

static bool means_ask_again(enum fal_stage stage, const struct fal_error *e)
{
	if (stage != FAL_POLL && stage != FAL_RESULT)
		return false;
	if (e->status == 408 || e->status == 425 || e->status == 429)
		return true;
	if (stage == FAL_RESULT && (e->status == 500 || e->is_fals_own))
		return false;
	return e->status >= 500 && e->status < 600;
}

static enum imago_failure at_result(const struct fal_error *e)
{
	const struct error_row *row = find_row(e->type);

	if (row)
		return row->at_end;
	if (e->status == 404 || e->status == 410 || e->status == 499 || e->status >= 500)
		return IMAGO_TASK_FAILED;
	return e->status >= 400 ? IMAGO_BAD_INPUT : IMAGO_UNKNOWN;
}

static enum imago_failure judge(enum fal_stage stage, const struct fal_error *e, const struct imago_reply *reply)
{
	enum imago_failure failure;

	if (stage == FAL_SUBMIT)
		return at_submit(e, reply);
	if (is_refused_at_the_door(e->status, e, &failure))
		return failure;
	if (stage == FAL_RESULT)
		return at_result(e);
	if (e->status == 429)
		return IMAGO_RATE_LIMITED;
	return e->status == 404 && e->is_fals_own ? IMAGO_TASK_FAILED : IMAGO_UNKNOWN;
}

void fal_read_error(enum fal_stage stage, const struct imago_reply *reply, struct imago_memory *memory,
                    struct imago_outcome *out)
{
	struct fal_error e = read_error(reply, memory);

	if (means_ask_again(stage, &e)) {
		outcome_init(out, IMAGO_RUNNING);
		out->message = e.message;
	} else {
		outcome_fail(out, judge(stage, &e, reply), e.message);
	}
	out->retry_after_s = reply_retry_after(reply);
}
