/*
 * What an error means. Most come with HTTP 200, so the words decide (modelslab_errors.def), and where the code
 * says more than 200 or 500, the code.
 *
 *   submit   401, 402, 429           refused at the door: not taken
 *            their own words         the table; a list of fields is a request that was wrong
 *            no such words           "failed": it was tried. Below 300 with "error", and 4xx: our request was wrong;
 *                                    but 408, 409, 425, 499 say nothing about whether it was taken
 *            404, 410                the address or the model is gone
 *            5xx                     with words that blame our request: unknown. 503 in their form, or with
 *                                    Retry-After: not taken. Else unknown: a gateway says 502 and 504 after it passed a
 *                                    request on
 *   later    408, 425, 429, 5xx, and words for "later": this call failed, the task goes on: ask again
 *            other words             how the task ended
 *            404 in their form       forgotten; else somebody else's answer: unknown
 *
 * What none of this covers is UNKNOWN.
 */
#include "providers/driver.h"
#include "providers/modelslab.h"

enum { MESSAGE_MAX = 600, WAIT_MAX_S = 600 };

struct modelslab_error {
	int status;
	struct str message;
	bool is_theirs;  /* JSON with "status": "error" or "failed" */
	bool has_failed; /* "failed": it was begun */
	bool is_about_fields, is_about_key;
	unsigned retry_after_s;
};

static const struct error_row {
	const char *words;
	enum imago_failure at_submit, later;
} error_rows[] = {
#define MODELSLAB_ERROR(words, at_submit, later) { words, IMAGO_##at_submit, IMAGO_##later },
#include "providers/modelslab_errors.def"
#undef MODELSLAB_ERROR
};

static bool contains(struct str text, const char *word)
{
	struct str w = str_from(word);

	for (size_t i = 0; i + w.n <= text.n; i++) {
		if (str_eq_nocase(str_sub(text, i, w.n), w))
			return true;
	}
	return false;
}

static const struct error_row *find_row(struct str message)
{
	for (size_t i = 0; i < COUNT_OF(error_rows); i++) {
		if (contains(message, error_rows[i].words))
			return &error_rows[i];
	}
	return NULL;
}

/* ---- reading ---- */

/* {"prompt": ["The prompt field is required."]}: the first field with its first text. */
static struct str read_fields(const struct json *fields, struct imago_memory *memory, struct modelslab_error *e)
{
	const struct json *value = NULL;
	struct str field = { NULL, 0 }, text;

	e->is_about_fields = true;
	if (!json_member(fields, 0, &field, &value))
		return field;
	e->is_about_key = str_is(field, "key");
	text = json_type(value) == JSON_ARRAY ? json_str(json_at(value, 0)) : json_str(value);
	return imago_printf(memory, "%.*s: %.*s", STRF(str_clip(field, 100)), STRF(str_clip(text, MESSAGE_MAX - 110)));
}

static struct str read_message(const struct json *root, struct imago_memory *memory, struct modelslab_error *e)
{
	static const char *const names[] = { "message", "messege", "error", "tip" };

	for (size_t i = 0; i < COUNT_OF(names); i++) {
		const struct json *m = json_get(root, names[i]);

		if (json_type(m) == JSON_OBJECT && json_count(m) > 0)
			return read_fields(m, memory, e);
		if (json_str(m).n > 0)
			return driver_copy_text(memory, json_str(m), MESSAGE_MAX);
	}
	return (struct str){ NULL, 0 };
}

static struct modelslab_error read_error(const struct imago_reply *reply, const struct json *root,
                                         struct imago_memory *memory)
{
	struct modelslab_error e = { .status = reply->status, .retry_after_s = reply_retry_after(reply) };
	struct str status = json_str(json_get(root, "status"));
	int64_t wait = json_int(json_get(root, "retry_after"), 0);

	e.has_failed = str_is(status, "failed");
	e.is_theirs = e.has_failed || str_is(status, "error");
	e.message = read_message(root, memory, &e);
	if (e.message.n == 0)
		e.message = imago_printf(memory, "ModelsLab answered with status %d and no reason", reply->status);
	if (e.retry_after_s == 0 && wait > 0)
		e.retry_after_s = wait < WAIT_MAX_S ? (unsigned)wait : WAIT_MAX_S;
	return e;
}

/* ---- judging ---- */

static bool is_refused_at_the_door(const struct modelslab_error *e, enum imago_failure *failure)
{
	switch (e->status) {
	case 401: *failure = IMAGO_CREDENTIALS; return true;
	case 402: *failure = IMAGO_NO_CREDITS; return true;
	default: return false;
	}
}

static enum imago_failure by_code_at_submit(const struct modelslab_error *e)
{
	switch (e->status) {
	case 403: return IMAGO_CREDENTIALS;
	case 404:
	case 410: return IMAGO_GONE;
	case 408:
	case 409:
	case 425:
	case 499: return IMAGO_UNKNOWN;
	case 503: return e->is_theirs || e->retry_after_s > 0 ? IMAGO_OVERLOADED : IMAGO_UNKNOWN;
	default: break;
	}
	if (e->status >= 400 && e->status < 500)
		return IMAGO_BAD_INPUT;
	if (e->status < 200 || e->status >= 300 || !e->is_theirs)
		return IMAGO_UNKNOWN;
	return e->has_failed ? IMAGO_TASK_FAILED : IMAGO_BAD_INPUT;
}

static enum imago_failure at_submit(const struct modelslab_error *e)
{
	const struct error_row *row = e->is_theirs ? find_row(e->message) : NULL;
	enum imago_failure failure;

	if (is_refused_at_the_door(e, &failure))
		return failure;
	if (e->status == 429)
		return IMAGO_RATE_LIMITED;
	if (row && e->status >= 500 && row->at_submit != IMAGO_OVERLOADED && row->at_submit != IMAGO_RATE_LIMITED)
		return IMAGO_UNKNOWN;
	if (e->is_about_fields && e->is_theirs && e->status < 500)
		return e->is_about_key ? IMAGO_CREDENTIALS : IMAGO_BAD_INPUT;
	return row ? row->at_submit : by_code_at_submit(e);
}

static bool means_ask_again(const struct modelslab_error *e)
{
	const struct error_row *row = e->is_theirs ? find_row(e->message) : NULL;

	if (e->status == 408 || e->status == 425 || e->status == 429 || e->status >= 500)
		return true;
	return row && (row->later == IMAGO_RATE_LIMITED || row->later == IMAGO_OVERLOADED);
}

static enum imago_failure later(const struct modelslab_error *e)
{
	const struct error_row *row = e->is_theirs ? find_row(e->message) : NULL;
	enum imago_failure failure;

	if (is_refused_at_the_door(e, &failure))
		return failure;
	if (!e->is_theirs)
		return e->status == 403 ? IMAGO_CREDENTIALS : IMAGO_UNKNOWN;
	if (e->is_about_fields)
		return e->is_about_key ? IMAGO_CREDENTIALS : IMAGO_TASK_FAILED;
	return row ? row->later : IMAGO_TASK_FAILED;
}

void modelslab_read_error(enum modelslab_stage stage, const struct imago_reply *reply, const struct json *root,
                          struct imago_memory *memory, struct imago_outcome *out)
{
	struct modelslab_error e = read_error(reply, root, memory);

	if (stage == MODELSLAB_POLL && means_ask_again(&e)) {
		outcome_init(out, IMAGO_RUNNING);
		out->message = e.message;
	} else {
		outcome_fail(out, stage == MODELSLAB_POLL ? later(&e) : at_submit(&e), e.message);
	}
	out->retry_after_s = e.retry_after_s;
}
