#pragma once
/*
 * texts - what people read, in their language; codes and field names are never translated.
 *
 * texts.def has a row for each text and a column for each language; fault titles are rows too, by their slug.
 */
#include "api/api.h"

enum text_id {
#define TEXT(id, en, fr) TEXT_##id,
#include "api/texts.def"
#undef TEXT
	TEXT_COUNT
};

const char *text_get(enum language l, enum text_id id);
/* The text with each {} replaced by the next value; in the request's arena. */
struct str text_fill(struct api_req *r, enum text_id id, const struct str *values, unsigned count);
#define TEXT_FILL(r, id, ...) \
	text_fill((r), TEXT_##id, (const struct str[]){ __VA_ARGS__ }, \
	          (unsigned)COUNT_OF(((const struct str[]){ __VA_ARGS__ })))
struct str text_number(struct api_req *r, int64_t n);
/* A number for people with the noun it counts, in the form that goes with it: "1 credit", "1,000 credits". */
struct str text_count(struct api_req *r, enum text_id one, enum text_id many, int64_t n);
#define TEXT_COUNTED(r, id, n) text_count((r), TEXT_##id##_ONE, TEXT_##id, (n))
/* The title of a fault. */
struct str text_fault(enum language l, enum fault_code code);
/* The same for a code that was saved with a job; the code itself when it is not known any more. */
struct str text_fault_slug(enum language l, struct str slug);
/* First language of an Accept-Language that is known here; `otherwise` for none, for "*" and for unknown ones. */
enum language language_from(struct str accept_language, enum language otherwise);
const char *language_code(enum language l);
