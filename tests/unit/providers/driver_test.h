#pragma once
/*
 * What the driver tests share: an arena as memory, a task, an account, answers from text.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include "base/arena.h"
#include "base/str.h"
#include "imago/provider.h"

#define REQUEST_ID "764cabcf-b745-4b3e-ae38-1200304cf45b"
#define HANDLE "fal-ai/imagen4 " REQUEST_ID

/* Nothing is said before the driver says it: what it leaves out shows. */
static inline struct imago_outcome outcome_of_noise(void)
{
	struct imago_outcome out;

	memset(&out, 0xA5, sizeof(out));
	return out;
}

static inline struct imago_memory *memory_of(struct arena *a)
{
	return (struct imago_memory *)(void *)a;
}

static inline struct imago_task imagen4_task(void)
{
	return (struct imago_task){
		.job_id = STR("img_1"),
		.part = 1,
		.operation = IMAGO_TEXT_TO_IMAGE,
		.model = STR("fal-ai/imagen4/preview"),
		.params = STR("{\"max_images\":4,\"aspect_ratios\":[\"1:1\",\"16:9\"],\"formats\":[\"png\",\"jpeg\"],"
		              "\"size\":\"aspect_ratio\",\"unit_micros\":40000}"),
		.prompt = STR("caf\xc3\xa9 au soleil"),
		.width = 1792,
		.height = 1024,
		.aspect_ratio = STR("16:9"),
		.num_images = 2,
		.format = IMAGO_PNG,
		.quality = STR("high"),
	};
}

static inline struct imago_account fal_account(void)
{
	return (struct imago_account){
		.id = STR("fal_default"),
		.bases = { STR("https://queue.fal.run"), STR("https://fal.run"), STR("https://rest.fal.ai") },
		.credential = { STR("id-1:secret-1") },
	};
}

/* `headers`: "Name: value\n…", at most 8. */
static inline struct imago_reply reply_of(int status, const char *headers, const char *body, struct imago_header out[8])
{
	struct imago_reply reply = { .status = status, .body = str_from(body), .headers = out };
	struct str rest = str_from(headers ? headers : ""), line;

	while (rest.p && reply.header_count < 8) {
		line = str_cut(&rest, '\n');
		if (line.n == 0)
			continue;
		out[reply.header_count].name = str_cut(&line, ':');
		out[reply.header_count].is_secret = false;
		out[reply.header_count++].value = str_trim(line);
	}
	return reply;
}

static inline void assert_str(struct str s, const char *expected)
{
	if (!str_is(s, expected))
		fail_msg("\n  got      %.*s\n  expected %s", STRF(s), expected);
}
