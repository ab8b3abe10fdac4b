/* record: names, params and the cached form there and back, what is made of texts that are not ours. */
#include "unit.h"

#include "base/buf.h"
#include "core/record.h"

/* ---- names ---- */

static void names_go_there_and_back(void **state)
{
	enum imago_operation operation;
	enum job_status status;
	enum imago_format format;

	(void)state;
	for (unsigned i = 0; i < JOB_STATUSES; i++) {
		assert_true(job_status_from(str_from(job_status_name((enum job_status)i)), &status));
		assert_int_equal(status, i);
		assert_int_equal(job_status_is_final(status), i >= JOB_COMPLETED);
	}
	for (unsigned i = 0; i < IMAGO_OPERATIONS; i++) {
		assert_true(operation_from(str_from(operation_name((enum imago_operation)i)), &operation));
		assert_int_equal(operation, i);
	}
	for (unsigned i = 0; i < IMAGO_FORMATS; i++) {
		assert_true(format_from(str_from(format_name((enum imago_format)i)), &format));
		assert_int_equal(format, i);
	}
	assert_true(format_from(STR("jpg"), &format));
	assert_int_equal(format, IMAGO_JPEG);
	assert_false(format_from(STR("gif"), &format));
	assert_false(job_status_from(STR("completed"), &status));
	assert_false(job_status_from(STR(""), &status));
	assert_false(operation_from(STR("text_to_imag"), &operation));
}

/* ---- params ---- */

static void assert_params(const struct job_params *got, const struct job_params *want)
{
	assert_int_equal(got->width, want->width);
	assert_int_equal(got->height, want->height);
	assert_true(str_eq(got->size, want->size));
	assert_true(str_eq(got->aspect_ratio, want->aspect_ratio));
	assert_int_equal(got->format, want->format);
	assert_true(str_eq(got->style, want->style));
	assert_true(str_eq(got->quality, want->quality));
	assert_true(str_eq(got->negative_prompt, want->negative_prompt));
	assert_int_equal(got->has_seed, want->has_seed);
	assert_true(got->seed == want->seed);
}

static const struct job_params params_rows[] = {
	{ .width = 1024, .height = 1024, .size = { "1024x1024", 9 } },
	{ .width = 1, .height = 65535, .size = { "1x65535", 7 }, .format = IMAGO_WEBP, .has_seed = true },
	{ .width = 768,
	  .height = 1344,
	  .size = { "768x1344", 8 },
	  .aspect_ratio = { "9:16", 4 },
	  .format = IMAGO_JPEG,
	  .style = { "3d-render", 9 },
	  .quality = { "ultra", 5 },
	  .negative_prompt = { "\"quotes\", \\ and \n\t\x01 \xc3\xa9 \xf0\x9f\x90\x88", 27 },
	  .has_seed = true,
	  .seed = INT64_MIN },
	{ .width = 512, .height = 512, .size = { "512x512", 7 }, .has_seed = true, .seed = INT64_MAX },
};

static void params_go_there_and_back(void **state)
{
	(void)state;
	for (unsigned i = 0; i < COUNT_OF(params_rows); i++) {
		struct job_params read;
		struct arena a;
		struct buf b;

		arena_init(&a, 64 * 1024);
		buf_init(&b, 64 * 1024);
		job_params_write(&params_rows[i], &b);
		assert_false(b.overflowed);
		job_params_read(&a, buf_view(&b), &read);
		assert_params(&read, &params_rows[i]);
		buf_clear(&b);
		arena_clear(&a);
	}
}

static void params_of_others_have_defaults(void **state)
{
	static const char *const texts[] = {
		"",   "{}",       "null",
		"[]", "not json", "{\"width\":null,\"format\":7,\"seed\":\"12\",\"style\":{},\"new\":[1]}",
	};

	(void)state;
	for (unsigned i = 0; i < COUNT_OF(texts); i++) {
		struct job_params p;
		struct arena a;

		arena_init(&a, 64 * 1024);
		job_params_read(&a, str_from(texts[i]), &p);
		ROW(p.width == 1024 && p.height == 1024 && p.format == IMAGO_PNG && !p.has_seed && p.style.n == 0, "%s",
		    texts[i]);
		arena_clear(&a);
	}
}

/* ---- the cached form ---- */

static struct job_record *sample(enum job_status status)
{
	struct job_record *r = record_new();

	r->id = STR("img_1");
	r->user_id = STR("usr_1");
	r->status = status;
	r->operation = STR("text_to_image");
	r->prompt = STR("a \"cat\"\n\xf0\x9f\x90\x88");
	r->params = params_rows[2];
	r->model = STR("imagen4");
	r->source_model = STR("fal-ai/imagen4/preview");
	r->provider_id = STR("fal_default");
	r->generation_type = STR("imagen4");
	r->num_images = 3;
	r->price = 15;
	r->cost_micros = 80000;
	r->created_us = 1700000000000001;
	r->updated_us = 1700000000000002;
	r->progress = 50;
	r->queue_position = 4;
	return r;
}

static void with_pictures(struct job_record *r)
{
	r->charged = 10;
	r->generation_us = 1234567;
	r->completed_us = 1700000000000003;
	r->images_stored = 2;
	r->pictures = arena_array(&r->arena, struct job_picture, 2);
	for (unsigned i = 0; i < 2; i++)
		r->pictures[i] = (struct job_picture){
			.n = i * 2 + 1,
			.id = STR("pic_1"),
			.key = STR("generated_images/img_1/image_1.png"),
			.content_type = STR("image/png"),
			.sha256 = STR("00ff"),
			.bytes = 4294967296 + i,
			.width = 1024,
			.height = 768,
			.has_seed = i == 1,
			.seed = -5 * (int64_t)i,
		};
}

static void assert_records(const struct job_record *got, const struct job_record *want)
{
	const struct {
		struct str got, want;
	} texts[] = {
		{ got->id, want->id },
		{ got->user_id, want->user_id },
		{ got->operation, want->operation },
		{ got->prompt, want->prompt },
		{ got->model, want->model },
		{ got->source_model, want->source_model },
		{ got->provider_id, want->provider_id },
		{ got->generation_type, want->generation_type },
		{ got->error_code, want->error_code },
		{ got->error_message, want->error_message },
	};
	const struct {
		int64_t got, want;
	} numbers[] = {
		{ got->status, want->status },
		{ got->num_images, want->num_images },
		{ got->images_stored, want->images_stored },
		{ got->price, want->price },
		{ got->charged, want->charged },
		{ got->cost_micros, want->cost_micros },
		{ got->generation_us, want->generation_us },
		{ got->created_us, want->created_us },
		{ got->updated_us, want->updated_us },
		{ got->completed_us, want->completed_us },
		{ got->progress, want->progress },
		{ got->queue_position, want->queue_position },
	};

	for (unsigned i = 0; i < COUNT_OF(texts); i++)
		ROW(str_eq(texts[i].got, texts[i].want), "text %u: %.*s", i, STRF(texts[i].got));
	for (unsigned i = 0; i < COUNT_OF(numbers); i++)
		ROW(numbers[i].got == numbers[i].want, "number %u: %lld", i, (long long)numbers[i].got);
	assert_params(&got->params, &want->params);
	for (unsigned i = 0; i < want->images_stored; i++) {
		const struct job_picture *g = &got->pictures[i], *p = &want->pictures[i];

		ROW(g->n == p->n && str_eq(g->id, p->id) && str_eq(g->key, p->key) && str_eq(g->sha256, p->sha256) &&
		            str_eq(g->content_type, p->content_type) && g->bytes == p->bytes && g->width == p->width &&
		            g->height == p->height && g->has_seed == p->has_seed && g->seed == p->seed,
		    "picture %u", i);
	}
}

static void records_go_there_and_back(void **state)
{
	(void)state;
	for (unsigned i = 0; i < JOB_STATUSES; i++) {
		struct job_record *r = sample((enum job_status)i), *back;
		struct buf b;

		if (i == JOB_COMPLETED)
			with_pictures(r);
		if (i == JOB_FAILED) {
			r->error_code = STR("provider_task_failed");
			r->error_message = STR("the provider said \"no\"");
		}
		buf_init(&b, 64 * 1024);
		record_write(r, &b);
		assert_false(b.overflowed);
		back = record_read(buf_view(&b));
		assert_non_null(back);
		assert_records(back, r);
		buf_clear(&b);
		record_unref(&back);
		record_unref(&r);
	}
}

static void strange_texts_are_no_records(void **state)
{
	static const char *const texts[] = { "", "{", "[]", "17", "{}", "{\"status\":\"DONE\"}", "{\"status\":7}" };

	(void)state;
	for (unsigned i = 0; i < COUNT_OF(texts); i++)
		ROW(!record_read(str_from(texts[i])), "%s", texts[i]);
}

static void a_record_ends_with_its_last_reference(void **state)
{
	struct job_record *a = record_new(), *b = record_ref(a), *none = NULL;

	(void)state;
	assert_ptr_equal(a, b);
	assert_int_equal(a->charged, -1);
	record_unref(&a);
	assert_null(a);
	assert_int_equal(b->refs, 1);
	b->id = arena_copy(&b->arena, STR("still here"));
	record_unref(&b);
	record_unref(&none);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(names_go_there_and_back),
		cmocka_unit_test(params_go_there_and_back),
		cmocka_unit_test(params_of_others_have_defaults),
		cmocka_unit_test(records_go_there_and_back),
		cmocka_unit_test(strange_texts_are_no_records),
		cmocka_unit_test(a_record_ends_with_its_last_reference),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
