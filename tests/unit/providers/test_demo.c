/*
 * The demo driver: the order for the pixel worker, and what is made of its answer.
 */
#include "driver_test.h"

#include "providers/registry.h"

static struct arena arena;

static int setup(void **state)
{
	(void)state;
	arena_init(&arena, 4 << 20);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	arena_clear(&arena);
	return 0;
}

static struct imago_task demo_task(void)
{
	return (struct imago_task){
		.job_id = STR("img_1"),
		.part = 2,
		.model = STR("demo"),
		.params = STR("{}"),
		.prompt = STR("Закат"),
		.negative_prompt = STR("no"),
		.style = STR("artistic"),
		.width = 512,
		.height = 768,
		.num_images = 1,
		.format = IMAGO_WEBP,
		.has_seed = true,
		.seed = 99,
	};
}

static void order(void **state)
{
	struct imago_task task = demo_task();
	struct imago_account account = { .id = STR("demo") };
	struct imago_outcome out = outcome_of_noise();
	struct imago_call call;

	(void)state;
	assert_true(demo_driver.build_submit(&task, &account, memory_of(&arena), &call, &out));
	assert_str(call.body, "{\"op\":\"draw\",\"prompt\":\"Закат\",\"negative_prompt\":\"no\",\"style\":\"artistic\","
	                      "\"width\":512,\"height\":768,\"format\":\"webp\",\"seed\":99,\"number\":2}");
	assert_int_equal(call.header_count, 0);
}

static struct imago_outcome parse(const struct imago_task *task, const char *body)
{
	struct imago_outcome out = outcome_of_noise();
	struct imago_reply reply = { .status = 200, .body = str_from(body) };

	demo_driver.parse_submit(task, &reply, memory_of(&arena), &out);
	return out;
}

static void drawn(void **state)
{
	struct imago_task task = demo_task();
	struct imago_outcome out = parse(
		&task, "{\"ok\":true,\"width\":512,\"height\":768,\"bytes\":4000,\"content_type\":\"image/webp\"}");

	(void)state;
	assert_int_equal(out.kind, IMAGO_DONE);
	assert_int_equal(out.image_count, 1);
	assert_int_equal(out.images[0].width, 512);
	assert_int_equal(out.images[0].height, 768);
	assert_str(out.images[0].content_type, "image/webp");
	assert_int_equal(out.images[0].url.n, 0);
	assert_true(out.has_seed);
	assert_int_equal(out.seed, 99);
	assert_int_equal(out.cost_micros, 0);
}

static void not_drawn(void **state)
{
	static const char *const bodies[] = {
		"",
		"{",
		"null",
		"{}",
		"{\"ok\":false}",
		"{\"ok\":true}",
		"{\"ok\":true,\"bytes\":0}",
		"{\"ok\":1,\"bytes\":5}",
		"{\"ok\":false,\"error\":\"no room\"}",
	};
	struct imago_task task = demo_task();

	(void)state;
	for (size_t i = 0; i < COUNT_OF(bodies); i++) {
		struct imago_outcome out = parse(&task, bodies[i]);

		assert_int_equal(out.kind, IMAGO_FAILED);
		assert_int_equal(out.failure, IMAGO_TASK_FAILED);
		assert_true(out.message.n > 0);
	}
	assert_str(parse(&task, bodies[8]).message, "no room");
}

/* Without a seed: the same part gives the same picture, another part another one. */
static void own_seed(void **state)
{
	const char *answer = "{\"ok\":true,\"width\":1,\"height\":1,\"bytes\":1,\"content_type\":\"image/png\"}";
	struct imago_task task = demo_task();
	int64_t first;

	(void)state;
	task.has_seed = false;
	first = parse(&task, answer).seed;
	assert_true(first >= 0 && first <= INT32_MAX);
	assert_int_equal(parse(&task, answer).seed, first);
	task.part = 3;
	assert_int_not_equal(parse(&task, answer).seed, first);
	task.part = 2;
	task.job_id = STR("img_2");
	assert_int_not_equal(parse(&task, answer).seed, first);
}

static void refused(void **state)
{
	struct imago_account account = { .id = STR("demo") };
	struct imago_task tasks[5];
	struct imago_outcome out;
	struct imago_call call;

	(void)state;
	for (size_t i = 0; i < COUNT_OF(tasks); i++)
		tasks[i] = demo_task();
	tasks[0].operation = IMAGO_VIDEO;
	tasks[1].num_images = 2;
	tasks[2].width = 0;
	tasks[3].height = 100000;
	tasks[4].format = IMAGO_FORMATS;
	for (size_t i = 0; i < COUNT_OF(tasks); i++) {
		assert_false(demo_driver.build_submit(&tasks[i], &account, memory_of(&arena), &call, &out));
		assert_int_equal(out.failure, IMAGO_BAD_INPUT);
	}
}

#define WITH_ARENA(test) cmocka_unit_test_setup_teardown(test, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		WITH_ARENA(order), WITH_ARENA(drawn), WITH_ARENA(not_drawn), WITH_ARENA(own_seed), WITH_ARENA(refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
