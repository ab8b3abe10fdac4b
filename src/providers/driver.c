/*
 * The few helpers that the built-in drivers share.
 *
 * The memory of a call is an arena: an allocation never fails, and an arena that passed its
 * cap is noticed by the server before it uses what the driver built.
 */
#include "base/wall.h"
#include "providers/driver.h"

enum { RETRY_AFTER_MAX_S = 86400 };

void outcome_init(struct imago_outcome *out, enum imago_outcome_kind kind)
{
	*out = (struct imago_outcome){ .kind = kind, .progress = -1, .queue_position = -1, .cost_micros = -1 };
}

void outcome_fail(struct imago_outcome *out, enum imago_failure failure, struct str message)
{
	outcome_init(out, IMAGO_FAILED);
	out->failure = failure;
	out->message = message;
}

bool outcome_refuse(struct imago_outcome *out, enum imago_failure failure, const char *message)
{
	outcome_fail(out, failure, str_from(message));
	return false;
}

struct str driver_copy(struct imago_memory *memory, struct str s)
{
	char *p = imago_alloc(memory, s.n + 1);

	if (s.n > 0)
		memcpy(p, s.p, s.n);
	return (struct str){ p, s.n };
}

struct str driver_copy_text(struct imago_memory *memory, struct str s, size_t max)
{
	return driver_copy(memory, str_clip(s, max));
}

static unsigned capped_seconds(int64_t s)
{
	if (s <= 0)
		return 0;
	return s > RETRY_AFTER_MAX_S ? RETRY_AFTER_MAX_S : (unsigned)s;
}

unsigned reply_retry_after(const struct imago_reply *reply)
{
	struct str text = str_trim(imago_reply_header(reply, "Retry-After"));
	int64_t until_us, now_us, seconds;

	if (str_to_i64(text, &seconds))
		return capped_seconds(seconds);
	if (!wall_parse_http_date(text, &until_us) ||
	    !wall_parse_http_date(str_trim(imago_reply_header(reply, "Date")), &now_us))
		return 0;
	return capped_seconds((until_us - now_us) / 1000000);
}

struct str driver_take(struct imago_memory *memory, struct buf *b)
{
	struct str s = { NULL, 0 };

	if (!b->overflowed)
		s = driver_copy(memory, buf_view(b));
	buf_clear(b);
	return s;
}
