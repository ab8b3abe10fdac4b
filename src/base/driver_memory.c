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

static struct imago_segment *next_segment(struct imago_call *call)
{
	CHECK(call->segment_count < IMAGO_SEGMENTS_MAX);
	return &call->segments[call->segment_count++];
}

void imago_call_text(struct imago_call *call, struct str text)
{
	*next_segment(call) = (struct imago_segment){ .text = text };
}

void imago_call_input(struct imago_call *call, unsigned input, bool as_base64)
{
	*next_segment(call) = (struct imago_segment){ .is_input = true, .as_base64 = as_base64, .input = input };
}

int imago_task_input(const struct imago_task *task, enum imago_role role)
{
	for (unsigned i = 0; i < task->input_count; i++)
		if (task->inputs[i].role == role)
			return (int)i;
	return -1;
}

struct str imago_reply_header(const struct imago_reply *reply, const char *name)
{
	for (unsigned i = 0; i < reply->header_count; i++)
		if (str_eq_nocase(reply->headers[i].name, str_from(name)))
			return reply->headers[i].value;
	return (struct str){ 0 };
}
