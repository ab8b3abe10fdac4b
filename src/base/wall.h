#pragma once
/*
 * wall - calendar time, for people and signatures only; timers use the loop's clock.
 */
#include <stddef.h>
#include <stdint.h>

#include "base/check.h"
#include "base/str.h"

enum { WALL_TEXT = 32 };

int64_t wall_us(void); /* microseconds since 1970, UTC */
/* "2026-11-20T10:30:00Z", or with ".123456" when micros is asked for. */
struct str wall_rfc3339(int64_t us, bool micros, char out[WALL_TEXT]);
/* "Fri, 20 Nov 2026 10:30:00 GMT" */
struct str wall_http_date(int64_t us, char out[WALL_TEXT]);
MUST_CHECK bool wall_parse_rfc3339(struct str s, int64_t *us);
MUST_CHECK bool wall_parse_http_date(struct str s, int64_t *us);
