#pragma once
/*
 * log - one line for each event: JSON, or text when a person looks.
 *
 *     LOG_INFO(&job->log, "job.step", KV_STR("to", name), KV_INT("ms", ms));
 *
 * The event name is a constant; values are typed fields. A context adds its own fields
 * and then those of its parent (app > connection > request > job). Lines go to standard error,
 * are at most 8 KiB, never block for long and never fail: what cannot be written is
 * counted in imago_log_dropped_total. There is no field type for a secret.
 */
#include <stdbool.h>
#include <stdint.h>

#include "base/str.h"

enum log_level { LOG_LEVEL_DEBUG, LOG_LEVEL_INFO, LOG_LEVEL_WARN, LOG_LEVEL_ERROR };

struct kv {
	const char *key;
	enum { KV_IS_STR, KV_IS_INT, KV_IS_BOOL } type;
	struct str s;
	int64_t i;
};
#define KV_STR(k, v) ((struct kv){ .key = (k), .type = KV_IS_STR, .s = (v) })
#define KV_CSTR(k, v) ((struct kv){ .key = (k), .type = KV_IS_STR, .s = str_from(v) })
#define KV_INT(k, v) ((struct kv){ .key = (k), .type = KV_IS_INT, .i = (int64_t)(v) })
#define KV_BOOL(k, v) ((struct kv){ .key = (k), .type = KV_IS_BOOL, .i = (v) })

struct log {
	const struct log *parent; /* borrowed; NULL at the top */
	struct kv fields[3];
	unsigned count;
};

/* Once at start, before the first line. The only state of this module: where lines go. */
void log_configure(enum log_level least, bool json);
bool log_level_from(struct str name, enum log_level *out);
uint64_t log_dropped(void);
/* Write what is buffered; called once a turn and before an abort. */
void log_flush(void);

void log_write(const struct log *context, enum log_level level, const char *event, const struct kv *fields,
               unsigned count);

#define LOG_AT_(level, context, event, ...) \
	log_write((context), (level), (event), (const struct kv[]){ { 0 }, ##__VA_ARGS__ } + 1, \
	          (unsigned)(sizeof((const struct kv[]){ { 0 }, ##__VA_ARGS__ }) / sizeof(struct kv)) - 1)
#define LOG_DEBUG(context, event, ...) LOG_AT_(LOG_LEVEL_DEBUG, context, event, ##__VA_ARGS__)
#define LOG_INFO(context, event, ...) LOG_AT_(LOG_LEVEL_INFO, context, event, ##__VA_ARGS__)
#define LOG_WARN(context, event, ...) LOG_AT_(LOG_LEVEL_WARN, context, event, ##__VA_ARGS__)
#define LOG_ERROR(context, event, ...) LOG_AT_(LOG_LEVEL_ERROR, context, event, ##__VA_ARGS__)
