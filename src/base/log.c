/*
 * log - lines are built in one buf, gathered in another, and written once a turn.
 *
 * 1. A line is either whole or absent: when a field does not fit any more, the line ends
 *    before it with truncated=true.
 * 2. Standard error is never waited for: what it does not take at once stays for the
 *    next flush, and when 64 KiB wait, new lines are dropped and counted.
 * 3. The descriptor may be shared with a shell, so O_NONBLOCK is not set on it. Instead
 *    it is asked by poll before each piece, and a piece is so small that a pipe which has
 *    any room takes all of it.
 */
#include "base/log.h"

#include <errno.h>
#include <limits.h>
#include <poll.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/json.h"
#include "base/metric.h"
#include "base/wall.h"

enum {
	LINE_LONGEST = 8 * 1024,
	LINE_END = 32, /* kept free for the mark of a cut line */
	VALUE_LONGEST = 2 * 1024,
	WAITING_MOST = 64 * 1024,
	CONTEXT_DEEPEST = 8
};

static struct {
	enum log_level least;
	bool json;
	bool at_exit; /* registered */
	bool is_file; /* takes any amount without waiting */
	bool torn;    /* the last line was cut by an error in the middle */
	struct buf line, waiting;
	uint64_t dropped;
} sink = {
	.least = LOG_LEVEL_INFO,
	.line = { .cap = LINE_LONGEST },
	.waiting = { .cap = WAITING_MOST },
};

static const char *const lower_names[] = { "debug", "info", "warn", "error" };
static const char *const upper_names[] = { "DEBUG", "INFO", "WARN", "ERROR" };

void log_configure(enum log_level least, bool json)
{
	struct stat st;

	sink.least = least;
	sink.json = json;
	sink.is_file = fstat(STDERR_FILENO, &st) == 0 && S_ISREG(st.st_mode);
	if (!sink.at_exit)
		sink.at_exit = atexit(log_flush) == 0;
}

bool log_level_from(struct str name, enum log_level *out)
{
	for (unsigned i = 0; i < COUNT_OF(lower_names); i++) {
		if (str_eq_nocase(name, str_from(lower_names[i]))) {
			*out = (enum log_level)i;
			return true;
		}
	}
	return false;
}

uint64_t log_dropped(void)
{
	return sink.dropped;
}

static void count_dropped(uint64_t lines)
{
	sink.dropped += lines;
	metric_add(METRIC_ID_log_dropped_total, NULL, NULL, (int64_t)lines);
}

/* The other side is gone or full for good. */
static void drop_waiting(bool in_the_middle)
{
	struct str rest = buf_view(&sink.waiting);
	uint64_t lines = 0;

	for (size_t i = 0; i < rest.n; i++)
		lines += rest.p[i] == '\n';
	count_dropped(lines);
	sink.torn = sink.torn || in_the_middle;
	buf_reset(&sink.waiting);
}

/* How much may be written without waiting: 0 for nothing now. */
static size_t ready_for(size_t n)
{
	struct pollfd p = { .fd = STDERR_FILENO, .events = POLLOUT };

	if (sink.is_file)
		return n;
	if (poll(&p, 1, 0) < 1 || !(p.revents & (POLLOUT | POLLERR | POLLNVAL | POLLHUP)))
		return 0;
	return n < PIPE_BUF ? n : PIPE_BUF;
}

void log_flush(void)
{
	bool in_the_middle = false;

	while (buf_len(&sink.waiting)) {
		struct str rest = buf_view(&sink.waiting);
		size_t n = ready_for(rest.n);
		ssize_t wrote = n ? write(STDERR_FILENO, rest.p, n) : -1;

		if (!n || (wrote < 0 && errno == EAGAIN))
			return;
		if (wrote < 0 && errno == EINTR)
			continue;
		if (wrote <= 0) {
			drop_waiting(in_the_middle);
			return;
		}
		in_the_middle = rest.p[wrote - 1] != '\n';
		buf_consume(&sink.waiting, (size_t)wrote);
	}
}

/* A value that a person reads without quotes. */
static bool is_bare(struct str s)
{
	for (size_t i = 0; i < s.n; i++) {
		char c = s.p[i];

		if (c <= ' ' || c > '~' || c == '"' || c == '=' || c == '\\')
			return false;
	}
	return s.n > 0;
}

static struct str shortened(struct str s)
{
	if (s.n <= VALUE_LONGEST)
		return s;
	s.n = VALUE_LONGEST;
	while (s.n && ((unsigned char)s.p[s.n] & 0xc0) == 0x80)
		s.n--;
	return s;
}

static void put_value(struct json_writer *w, const struct kv *f)
{
	switch (f->type) {
	case KV_IS_STR: jw_str(w, shortened(f->s)); return;
	case KV_IS_INT: jw_int(w, f->i); return;
	case KV_IS_BOOL: jw_bool(w, f->i != 0); return;
	}
}

static void put_field(struct json_writer *w, const struct kv *f)
{
	struct json_writer value = json_writer(w->out);

	if (sink.json) {
		jw_key(w, f->key);
		put_value(w, f);
		return;
	}
	buf_byte(w->out, ' ');
	buf_cstr(w->out, f->key);
	buf_byte(w->out, '=');
	if (f->type == KV_IS_STR && is_bare(shortened(f->s)))
		buf_str(w->out, shortened(f->s));
	else
		put_value(&value, f);
}

static void put_fields(struct json_writer *w, const struct kv *fields, unsigned count)
{
	struct buf *line = w->out;

	for (unsigned i = 0; i < count && !line->overflowed; i++) {
		struct json_writer before = *w;
		size_t n = line->n;

		put_field(w, &fields[i]);
		if (!line->overflowed && line->n <= LINE_LONGEST - LINE_END)
			continue;
		line->n = n;
		*w = before;
		line->overflowed = true; /* no later field either */
	}
}

static void put_head(struct json_writer *w, enum log_level level, const char *event)
{
	char text[WALL_TEXT];
	struct str now = wall_rfc3339(wall_us(), sink.json, text);

	if (!sink.json) {
		buf_str(w->out, str_sub(now, 11, 8));
		buf_byte(w->out, ' ');
		buf_cstr(w->out, upper_names[level]);
		buf_byte(w->out, ' ');
		buf_cstr(w->out, event);
		return;
	}
	jw_object(w);
	jw_kv_str(w, "ts", now);
	jw_kv_cstr(w, "level", lower_names[level]);
	jw_kv_cstr(w, "event", event);
}

static void put_tail(struct json_writer *w)
{
	struct kv cut = KV_BOOL("truncated", true);

	if (w->out->overflowed) {
		w->out->overflowed = false;
		put_field(w, &cut);
	}
	if (sink.json)
		jw_end_object(w);
	buf_byte(w->out, '\n');
}

static void queue_line(void)
{
	struct str line = buf_view(&sink.line);

	if (line.n + sink.torn > WAITING_MOST - buf_len(&sink.waiting))
		log_flush();
	if (line.n + sink.torn > WAITING_MOST - buf_len(&sink.waiting)) {
		count_dropped(1);
		return;
	}
	if (sink.torn)
		buf_byte(&sink.waiting, '\n');
	sink.torn = false;
	buf_str(&sink.waiting, line);
}

void log_write(const struct log *context, enum log_level level, const char *event, const struct kv *fields,
               unsigned count)
{
	struct json_writer w = json_writer(&sink.line);
	unsigned depth = 0;

	if (level < sink.least)
		return;
	buf_reset(&sink.line);
	put_head(&w, level, event);
	for (const struct log *c = context; c && depth < CONTEXT_DEEPEST; c = c->parent, depth++)
		put_fields(&w, c->fields, c->count);
	put_fields(&w, fields, count);
	put_tail(&w);
	queue_line();
	/* what comes after an error may be the end of the process */
	if (level == LOG_LEVEL_ERROR)
		log_flush();
}
