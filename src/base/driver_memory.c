/*
 * driver_memory - the helpers that provider.h promises to drivers.
 *
 * struct imago_memory is never defined: it is the arena of the job, seen through a
 * pointer type that drivers can name without knowing arenas.
 */
#include "base/arena.h"
#include "base/check.h"
#include "imago/provider.h"

static struct arena *arena_of(struct imago_memory *memory)
{
	return (struct arena *)(void *)memory;
}

void *imago_alloc(struct imago_memory *memory, size_t size)
{
	return arena_alloc(arena_of(memory), size, _Alignof(max_align_t));
}

struct str imago_printf(struct imago_memory *memory, const char *format, ...)
{
	va_list ap;
	struct str s;

	va_start(ap, format);
	s = arena_vprintf(arena_of(memory), format, ap);
	va_end(ap);
	return s;
}

static struct imago_header *next_header(struct imago_call *call)
{
	CHECK(call->header_count < IMAGO_HEADERS_MAX);
	return &call->headers[call->header_count++];
}

void imago_call_header(struct imago_call *call, const char *name, struct str value)
{
	*next_header(call) = (struct imago_header){ .name = str_from(name), .value = value };
}

void imago_call_secret(struct imago_memory *memory, struct imago_call *call, const char *name, const char *prefix,
                       struct imago_secret secret)
{
	size_t n = strlen(prefix);
	char *value = imago_alloc(memory, n + secret.value.n + 1);

	memcpy(value, prefix, n);
	if (secret.value.n)
		memcpy(value + n, secret.value.p, secret.value.n);
	*next_header(call) = (struct imago_header){
		.name = str_from(name),
		.value = { value, n + secret.value.n },
		.is_secret = true,
	};
}

struct str imago_reply_header(const struct imago_reply *reply, const char *name)
{
	for (unsigned i = 0; i < reply->header_count; i++)
		if (str_eq_nocase(reply->headers[i].name, str_from(name)))
			return reply->headers[i].value;
	return (struct str){ 0 };
}
