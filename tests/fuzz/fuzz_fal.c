/*
 * fal's answers as arbitrary bytes: status, headers and body, at every stage.
 *
 * Input: stage (1 byte), status (2 bytes), header lines, an empty line, the body. The oracle is
 * the promise of imago/provider.h: a kind that belongs to the stage, a failure exactly where
 * something failed, no success without what it needs, a handle that the driver can read again.
 */
#include "base/arena.h"
#include "base/check.h"
#include "base/str.h"
#include "imago/provider.h"
#include "providers/registry.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n);

enum { STAGES = 5, HEADERS = 8 };

static const unsigned kinds_of[STAGES] = {
	1u << IMAGO_QUEUED | 1u << IMAGO_FAILED,
	1u << IMAGO_RUNNING | 1u << IMAGO_READY | 1u << IMAGO_FAILED,
	1u << IMAGO_RUNNING | 1u << IMAGO_DONE | 1u << IMAGO_FAILED,
	1u << IMAGO_CANCEL_ACCEPTED | 1u << IMAGO_CANCEL_TOO_LATE | 1u << IMAGO_FAILED,
	1u << IMAGO_DONE | 1u << IMAGO_FAILED,
};

static void read_headers(struct str text, struct imago_header *headers, struct imago_reply *reply)
{
	while (text.p && reply->header_count < HEADERS) {
		struct str line = str_cut(&text, '\n');

		headers[reply->header_count].name = str_cut(&line, ':');
		headers[reply->header_count].value = str_trim(line);
		headers[reply->header_count++].is_secret = false;
	}
}

static struct imago_outcome parse(unsigned stage, const struct imago_task *task, const struct imago_reply *reply,
                                  struct imago_memory *memory)
{
	struct imago_outcome out;

	memset(&out, 0xA5, sizeof(out));
	switch (stage) {
	case 0: fal_driver.parse_submit(task, reply, memory, &out); break;
	case 1: fal_driver.parse_poll(task, reply, memory, &out); break;
	case 2: fal_driver.parse_result(task, reply, memory, &out); break;
	case 3: fal_driver.parse_cancel(task, reply, memory, &out); break;
	default: fal_driver.parse_check(reply, memory, &out); break;
	}
	return out;
}

/* Every byte is looked at, so that a view that points nowhere is found. */
static void touch(struct str s)
{
	for (size_t i = 0; i < s.n; i++)
		(void)*(const volatile char *)(s.p + i);
}

static void judge(unsigned stage, const struct imago_task *task, const struct imago_reply *reply,
                  const struct imago_outcome *out, struct imago_memory *memory)
{
	const struct imago_account account = { .bases = { STR("https://q.example") }, .credential = { STR("a:b") } };
	struct imago_outcome second;
	struct imago_call call;

	CHECK(out->kind <= IMAGO_FAILED && (kinds_of[stage] & (1u << out->kind)));
	CHECK((out->kind == IMAGO_FAILED) == (out->failure != IMAGO_NO_FAILURE));
	CHECK(out->kind != IMAGO_FAILED || out->message.n > 0);
	CHECK(out->failure <= IMAGO_UNKNOWN);
	CHECK(out->progress == -1 && out->queue_position >= -1 && out->cost_micros >= -1);
	CHECK(out->image_count <= IMAGO_IMAGES_MAX && out->handle.n <= IMAGO_HANDLE_MAX);
	CHECK(str_is_utf8(out->message));
	touch(out->message);
	touch(out->provider_request_id);
	for (unsigned i = 0; i < out->image_count; i++) {
		CHECK(out->images[i].url.n > 0);
		touch(out->images[i].url);
		touch(out->images[i].content_type);
	}
	if (stage == 2 && out->kind == IMAGO_DONE)
		CHECK(out->image_count > 0 && reply->status >= 200 && reply->status < 300);
	if (out->kind != IMAGO_QUEUED)
		return;
	CHECK(reply->status >= 200 && reply->status < 300);
	CHECK(fal_driver.build_poll(task, &account, out->handle, memory, &call, &second));
	CHECK(str_starts(call.url, STR("https://q.example/fal-ai/imagen4/requests/")));
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n)
{
	const struct imago_task task = {
		.operation = IMAGO_TEXT_TO_IMAGE,
		.model = STR("fal-ai/imagen4/preview"),
		.params = STR("{\"unit_micros\":40000}"),
	};
	struct imago_header headers[HEADERS];
	struct imago_reply reply = { .headers = headers };
	struct imago_outcome out;
	struct str text;
	struct arena arena;
	unsigned stage;
	size_t end;

	if (n < 3)
		return 0;
	stage = bytes[0] % STAGES;
	reply.status = (bytes[1] << 8 | bytes[2]) % 1000;
	text = (struct str){ (const char *)bytes + 3, n - 3 };
	end = str_find(text, STR("\n\n"));
	if (end != SIZE_MAX) {
		read_headers(str_sub(text, 0, end), headers, &reply);
		reply.body = str_skip(text, end + 2);
	} else {
		reply.body = text;
	}
	arena_init(&arena, 16 << 20);
	out = parse(stage, &task, &reply, (struct imago_memory *)(void *)&arena);
	judge(stage, &task, &reply, &out, (struct imago_memory *)(void *)&arena);
	CHECK(!arena.overflowed);
	arena_clear(&arena);
	return 0;
}
