/*
 * ModelsLab's answers as arbitrary bytes: status, headers and body, at every stage.
 *
 * Input: stage (1 byte), status (2 bytes), header lines, an empty line, the body. The oracle is the promise of
 * imago/provider.h, and the driver's own: wherever an answer points, the next request goes to our base and
 * to no other address.
 */
#include "base/arena.h"
#include "base/check.h"
#include "base/str.h"
#include "base/url.h"
#include "imago/provider.h"
#include "providers/registry.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n);

enum { STAGES = 4, HEADERS = 8, WAIT_MAX_S = 86400 };

static const unsigned kinds_of[STAGES] = {
	1u << IMAGO_QUEUED | 1u << IMAGO_DONE | 1u << IMAGO_FAILED,
	1u << IMAGO_QUEUED | 1u << IMAGO_DONE | 1u << IMAGO_FAILED, /* an enlargement */
	1u << IMAGO_RUNNING | 1u << IMAGO_DONE | 1u << IMAGO_FAILED,
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
	case 0:
	case 1: modelslab_driver.parse_submit(task, reply, memory, &out); break;
	case 2: modelslab_driver.parse_poll(task, reply, memory, &out); break;
	default: modelslab_driver.parse_check(reply, memory, &out); break;
	}
	return out;
}

/* Every byte is looked at, so that a view that points nowhere is found. */
static void touch(struct str s)
{
	for (size_t i = 0; i < s.n; i++)
		(void)*(const volatile char *)(s.p + i);
}

static void judge_handle(const struct imago_task *task, struct str handle, struct imago_memory *memory)
{
	const struct imago_account account = { .bases = { STR("https://m.example/api") }, .credential = { STR("k") } };
	struct imago_outcome second;
	struct imago_call call;
	struct url url;

	CHECK(handle.n > 0 && handle.n <= IMAGO_HANDLE_MAX);
	CHECK(modelslab_driver.build_poll(task, &account, handle, memory, &call, &second));
	CHECK(url_parse(call.url, &url) && str_is(url.host, "m.example") && url.https);
	CHECK(str_starts(url.target, STR("/api/v6/image")) && str_find(url.target, STR("/fetch/")) != SIZE_MAX);
	CHECK(str_is(call.body, "{\"key\":\"k\"}"));
}

static void judge(unsigned stage, const struct imago_task *task, const struct imago_reply *reply,
                  const struct imago_outcome *out, struct imago_memory *memory)
{
	struct url url;

	CHECK(out->kind <= IMAGO_FAILED && (kinds_of[stage] & (1u << out->kind)));
	CHECK((out->kind == IMAGO_FAILED) == (out->failure != IMAGO_NO_FAILURE));
	CHECK(out->kind != IMAGO_FAILED || out->message.n > 0);
	CHECK(out->failure <= IMAGO_UNKNOWN && out->retry_after_s <= WAIT_MAX_S);
	CHECK(out->progress == -1 && out->queue_position == -1 && out->cost_micros == -1);
	CHECK(out->image_count <= IMAGO_IMAGES_MAX);
	CHECK(str_is_utf8(out->message));
	touch(out->message);
	touch(out->provider_request_id);
	for (unsigned i = 0; i < out->image_count; i++)
		CHECK(url_parse(out->images[i].url, &url));
	if (out->kind == IMAGO_DONE || out->kind == IMAGO_QUEUED)
		CHECK(reply->status >= 200 && reply->status < 300);
	if (out->kind == IMAGO_DONE && stage < 3)
		CHECK(out->image_count > 0);
	if (out->kind == IMAGO_QUEUED)
		judge_handle(task, out->handle, memory);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n)
{
	struct imago_task task = { .model = STR("sd-1.5"), .params = STR("{}"), .extra = STR("{}") };
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
	task.operation = stage == 1 ? IMAGO_UPSCALE : IMAGO_TEXT_TO_IMAGE;
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
