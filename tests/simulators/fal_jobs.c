/*
 * A job's life.
 *
 *   IN_QUEUE --(delay is over and a slot is free)--> IN_PROGRESS --(run time is over)--> COMPLETED
 *       \--cancel--> COMPLETED (client_cancelled) <--cancel--/
 *
 * Invariants
 *  1. stats.running counts the jobs IN_PROGRESS; it never passes config.concurrency where that is set.
 *  2. A job is in sim.waiting exactly while it is IN_QUEUE.
 *  3. COMPLETED is final; after the retention the job is as if it had never been.
 */
#include "base/hash.h"
#include "base/mem.h"
#include "fal_sim.h"

enum { JOBS_MAX = 200000, JOB_ARENA = 1 << 20 };

static const struct preset {
	const char *name;
	unsigned width, height;
} presets[] = {
	/* aspect_ratio, as Imagen 4 draws them at 1K */
	{ "1:1", 1024, 1024 },
	{ "16:9", 1408, 768 },
	{ "9:16", 768, 1408 },
	{ "4:3", 1280, 896 },
	{ "3:4", 896, 1280 },
	/* image_size */
	{ "square_hd", 1024, 1024 },
	{ "square", 512, 512 },
	{ "portrait_4_3", 768, 1024 },
	{ "portrait_16_9", 576, 1024 },
	{ "landscape_4_3", 1024, 768 },
	{ "landscape_16_9", 1024, 576 },
};

/* ---- what the input asks for ---- */

static bool size_by_name(struct sim_job *job, struct str name)
{
	for (size_t i = 0; i < COUNT_OF(presets); i++) {
		if (str_is(name, presets[i].name)) {
			job->width = presets[i].width;
			job->height = presets[i].height;
			return true;
		}
	}
	return false;
}

/* A ratio without a size of its own: about a megapixel, sides in steps of 16. */
static void size_by_ratio(struct sim_job *job, struct str ratio)
{
	struct str rest = ratio, first = str_cut(&rest, ':');
	uint64_t w, h;

	if (!str_to_u64(first, &w) || !str_to_u64(rest, &h) || w == 0 || h == 0 || w > 100 || h > 100)
		return;
	for (unsigned side = 64; side <= 4096 && (uint64_t)side * side * h / w <= 1u << 20; side += 16) {
		job->width = side;
		job->height = (unsigned)(side * h / w + 15) / 16 * 16;
	}
}

/* Of a film: the resolution is its shorter side. */
static void size_of_movie(struct sim_job *job, const struct json *input)
{
	bool is_high = str_is(json_str(json_get(input, "resolution")), "1080p");
	unsigned longer = is_high ? 1920 : 1280, shorter = is_high ? 1080 : 720;
	bool is_upright = str_is(json_str(json_get(input, "aspect_ratio")), "9:16");

	job->width = is_upright ? shorter : longer;
	job->height = is_upright ? longer : shorter;
}

static void read_size(struct sim_job *job, const struct json *input)
{
	const struct json *size = json_get(input, "image_size");
	struct str ratio = json_str(json_get(input, "aspect_ratio"));
	int64_t w = json_int(json_get(size, "width"), 0), h = json_int(json_get(size, "height"), 0);

	job->width = job->height = 1024;
	if (ratio.n > 0 && !size_by_name(job, ratio))
		size_by_ratio(job, ratio);
	if (size && w >= 1 && w <= 4096 && h >= 1 && h <= 4096) {
		job->width = (unsigned)w;
		job->height = (unsigned)h;
	} else if (size) {
		(void)size_by_name(job, json_str(size));
	}
	if (str_is(json_str(json_get(input, "resolution")), "2K")) {
		job->width *= 2;
		job->height *= 2;
	}
}

static void read_input(struct sim_job *job, const struct json *input)
{
	struct str format = json_str(json_get(input, "output_format"));
	int64_t images = json_int(json_get(input, "num_images"), 1);
	const struct json *seed = json_get(input, "seed");

	job->prompt = arena_copy(&job->arena, json_str(json_get(input, "prompt")));
	job->format = str_is(format, "jpeg") ? IMAGO_JPEG : str_is(format, "webp") ? IMAGO_WEBP : IMAGO_PNG;
	job->images = images >= 1 && images <= IMAGO_IMAGES_MAX ? (unsigned)images : 1;
	job->has_seed = json_type(seed) == JSON_INT;
	job->seed = json_int(seed, 0);
	read_size(job, input);
	job->answer = sim_model_answer(job->model);
	job->wrong_input = sim_model_fault(job->model, input);
	if (job->answer == SIM_MOVIE)
		size_of_movie(job, input);
	if (job->answer != SIM_PICTURES)
		job->images = 1;
}

/* ---- slots and time ---- */

static void finish(struct sim_job *job, const struct sim_fault *fault)
{
	struct sim *sim = job->sim;

	if (job->state == SIM_IN_PROGRESS)
		sim->stats.running--;
	if (job->state == SIM_IN_QUEUE) {
		list_remove(&job->link);
		sim->stats.waiting--;
	}
	timer_stop(&sim->loop, &job->timer);
	job->state = SIM_COMPLETED;
	job->fault = fault;
	job->completed_ms = loop_now_ms(&sim->loop);
	sim->stats.completed++;
	sim->stats.failed += fault != NULL;
	sim_job_changed(job);
}

static void fill_slots(struct sim *sim);

static void run_over(struct timer *t)
{
	struct sim_job *job = CONTAINER_OF(t, struct sim_job, timer);
	const struct sim_rule *rule = sim_rule_take(&job->rules, SIM_FAIL);
	const struct sim_fault *fault = rule ? sim_fault_find(str_from(rule->what)) : NULL;

	if (job->wrong_input)
		fault = job->wrong_input;
	finish(job, fault);
	fill_slots(job->sim);
}

/* The rule's own time, or the configured one. */
static unsigned time_of(const struct sim_rule *rule, unsigned otherwise)
{
	uint64_t ms;

	return rule && str_to_u64(str_from(rule->what), &ms) ? (unsigned)ms : otherwise;
}

static void run(struct sim_job *job)
{
	struct sim *sim = job->sim;
	const struct sim_rule *rule = sim_rule_take(&job->rules, SIM_RUN);

	list_remove(&job->link);
	sim->stats.waiting--;
	job->state = SIM_IN_PROGRESS;
	job->started_ms = loop_now_ms(&sim->loop);
	if (++sim->stats.running > sim->stats.max_running)
		sim->stats.max_running = sim->stats.running;
	if (!sim_rule_is(rule, "forever"))
		timer_start(&sim->loop, &job->timer, time_of(rule, sim->config.run_ms), run_over);
	sim_job_changed(job);
}

static void fill_slots(struct sim *sim)
{
	LIST_EACH_SAFE(&sim->waiting, l) {
		struct sim_job *job = CONTAINER_OF(l, struct sim_job, link);

		if (sim->config.concurrency > 0 && sim->stats.running >= sim->config.concurrency)
			return;
		if (job->may_start)
			run(job);
	}
}

static void delay_over(struct timer *t)
{
	struct sim_job *job = CONTAINER_OF(t, struct sim_job, timer);

	job->may_start = true;
	fill_slots(job->sim);
}

/* ---- for the answers ---- */

static void new_id(char id[SIM_ID_SIZE])
{
	uint8_t bytes[16];
	char hex[32];
	size_t n = 0;

	random_bytes(bytes, sizeof(bytes));
	bytes[6] = (uint8_t)((bytes[6] & 0x0F) | 0x40);
	bytes[8] = (uint8_t)((bytes[8] & 0x3F) | 0x80);
	hex_encode(bytes, sizeof(bytes), hex);
	for (unsigned i = 0; i < 32; i++) {
		if (i == 8 || i == 12 || i == 16 || i == 20)
			id[n++] = '-';
		id[n++] = hex[i];
	}
	id[n] = '\0';
}

struct sim_job *sim_job_new(struct sim *sim, struct str model, struct str app, const struct json *input,
                            const struct sim_rules *rules)
{
	struct sim_job *job;

	if (sim->jobs.count >= JOBS_MAX)
		return NULL;
	job = mem_new(struct sim_job);
	arena_init(&job->arena, JOB_ARENA);
	list_init(&job->link);
	job->sim = sim;
	job->rules = *rules;
	job->model = arena_copy(&job->arena, model);
	job->app = arena_copy(&job->arena, app);
	new_id(job->id);
	read_input(job, input);
	map_add(&sim->jobs, &job->node, str_from(job->id));
	return job;
}

void sim_job_start(struct sim_job *job)
{
	struct sim *sim = job->sim;
	const struct sim_rule *rule = sim_rule_take(&job->rules, SIM_QUEUE);

	job->submitted_ms = loop_now_ms(&sim->loop);
	list_append(&sim->waiting, &job->link);
	if (++sim->stats.waiting > sim->stats.max_waiting)
		sim->stats.max_waiting = sim->stats.waiting;
	if (!sim_rule_is(rule, "stay"))
		timer_start(&sim->loop, &job->timer, time_of(rule, sim->config.delay_ms), delay_over);
}

/* Nobody may go on waiting for a job that is no more. */
static void let_go(struct sim_job *job)
{
	LIST_EACH_SAFE(&job->sim->streams, l) {
		struct sim_call *call = CONTAINER_OF(l, struct sim_call, stream);

		if (call->job != job)
			continue;
		list_remove(l);
		call->job = NULL;
		resp_abort(call->req);
	}
	if (job->waiter) {
		((struct sim_call *)job->waiter->user)->job = NULL;
		resp_abort(job->waiter);
	}
}

static void job_free(struct sim_job *job)
{
	struct sim *sim = job->sim;

	let_go(job);
	timer_stop(&sim->loop, &job->timer);
	list_remove(&job->link);
	map_remove(&sim->jobs, &job->node);
	arena_clear(&job->arena);
	mem_release(job);
}

/* `path` may go on below the app, as some of fal's own examples do. */
static bool is_of_app(const struct sim_job *job, struct str path)
{
	return str_eq(path, job->app) ||
	       (str_starts(path, job->app) && path.p[job->app.n] == '/' && str_starts(job->model, path));
}

struct sim_job *sim_job_find(struct sim *sim, struct str id, struct str path)
{
	struct map_node *node = map_find(&sim->jobs, id);
	struct sim_job *job;

	if (!node)
		return NULL;
	job = CONTAINER_OF(node, struct sim_job, node);
	if (path.n > 0 && !is_of_app(job, path))
		return NULL;
	if (job->state == SIM_COMPLETED && loop_now_ms(&sim->loop) - job->completed_ms > sim->config.retention_ms) {
		job_free(job);
		return NULL;
	}
	return job;
}

bool sim_job_cancel(struct sim_job *job)
{
	if (job->state == SIM_COMPLETED)
		return false;
	job->sim->stats.cancelled++;
	finish(job, sim_fault_find(STR("client_cancelled")));
	fill_slots(job->sim);
	return true;
}

unsigned sim_job_position(const struct sim_job *job)
{
	unsigned n = 0;

	LIST_EACH(&job->sim->waiting, l) {
		if (l == &job->link)
			break;
		n++;
	}
	return n;
}

static void forget(struct map_node *node, void *arg)
{
	struct sim_job *job = CONTAINER_OF(node, struct sim_job, node);

	(void)arg;
	job_free(job);
}

void sim_jobs_forget(struct sim *sim)
{
	map_each(&sim->jobs, forget, NULL);
	sim->stats.running = sim->stats.waiting = 0;
}
