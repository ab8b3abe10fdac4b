/*
 * The pictures and films: /files/{request id}/{n}.{png|jpeg|webp|mp4}, made when asked for, always the same for the
 * same job and number. Like fal's they are public: no key is asked for.
 */
#include "fal_sim.h"
#include "pictures.h"

enum { SLOW_PIECES = 20, SLOW_MS = 150 };

static const char *const types[IMAGO_FORMATS] = {
	[IMAGO_PNG] = "image/png",
	[IMAGO_JPEG] = "image/jpeg",
	[IMAGO_WEBP] = "image/webp",
};

static const char *type_of(const struct sim_job *job)
{
	return job->answer == SIM_MOVIE ? "video/mp4" : types[job->format];
}

uint32_t sim_colour(struct str prompt, unsigned n)
{
	uint32_t hash = 2166136261u ^ n;

	for (size_t i = 0; i < prompt.n; i++)
		hash = (hash ^ (unsigned char)prompt.p[i]) * 16777619u;
	return (hash ^ hash >> 8) & 0xFFFFFF;
}

static void drained(struct http_req *req)
{
	(void)req;
}

/* ---- pictures that are not what they should be ---- */

static void drip(struct sim_call *call)
{
	struct str bytes = call->rest, piece = str_sub(bytes, 0, call->id.n / SLOW_PIECES + 1);

	(void)!resp_write(call->req, piece);
	call->rest = str_skip(bytes, piece.n);
	if (call->rest.n == 0)
		resp_end(call->req);
	else
		sim_later(call, SLOW_MS, drip);
}

static void send_slowly(struct sim_call *call, const char *type, struct str bytes)
{
	call->rest = call->id = arena_copy(&call->req->arena, bytes);
	resp_start(call->req, 200);
	resp_stream(call->req, type, (int64_t)bytes.n, drained);
	drip(call);
}

static void flood(struct sim_call *call)
{
	for (unsigned i = 0; i < 16; i++) {
		if (!resp_write(call->req, call->rest))
			break;
	}
	sim_later(call, 5, flood);
}

/* The right beginning, then no end. */
static void send_endlessly(struct sim_call *call, const char *type, struct str bytes)
{
	char *zeros = arena_alloc(&call->req->arena, 16384, 1);

	call->rest = (struct str){ zeros, 16384 };
	resp_start(call->req, 200);
	resp_stream(call->req, type, -1, drained);
	(void)!resp_write(call->req, bytes);
	flood(call);
}

static void send_corrupt(struct http_req *req, const char *type, struct str bytes)
{
	struct str copy = arena_copy(&req->arena, bytes);
	char *p = arena_cstr(&req->arena, bytes);

	p[copy.n / 2] = (char)~p[copy.n / 2];
	resp_start(req, 200);
	resp_send(req, type, (struct str){ p, copy.n });
}

static bool send_oddly(struct sim_call *call, const struct sim_rule *rule, const struct sim_job *job, struct str bytes)
{
	struct http_req *req = call->req;
	const char *type = type_of(job);

	if (sim_rule_is(rule, "truncated"))
		sim_send_cut(req, type, bytes);
	else if (sim_rule_is(rule, "slow"))
		send_slowly(call, type, bytes);
	else if (sim_rule_is(rule, "endless"))
		send_endlessly(call, type, bytes);
	else if (sim_rule_is(rule, "corrupt"))
		send_corrupt(req, type, bytes);
	else if (sim_rule_is(rule, "html") || sim_rule_is(rule, "empty")) {
		resp_start(req, 200);
		resp_send(req, type,
		          sim_rule_is(rule, "html") ? STR("<html><script>alert(1)</script></html>") : STR(""));
	} else if (sim_rule_is(rule, "redirect")) {
		resp_start(req, 302);
		resp_header(req, "Location", STR("http://pictures.example/elsewhere.png"));
		resp_empty(req);
	} else
		return sim_misbehave(req, rule, job);
	return true;
}

/* ---- */

void sim_file(struct sim_call *call)
{
	struct str rest = call->rest, id = str_cut(&rest, '/');
	struct sim_job *job = sim_job_find(call->sim, id, STR(""));
	const struct sim_rule *rule = job ? sim_rule_take(&job->rules, SIM_IMAGE) : NULL;
	enum imago_format format;
	uint64_t n;
	struct buf bytes;

	call->sim->stats.images++;
	if (!job || !str_to_u64(str_cut(&rest, '.'), &n) || n == 0 || n > IMAGO_IMAGES_MAX + 1) {
		sim_send_detail(call->req, 404, "File not found");
		return;
	}
	format = job->format;
	if (sim_rule_is(rule, "wrong-type"))
		format = format == IMAGO_JPEG ? IMAGO_PNG : IMAGO_JPEG;
	buf_init(&bytes, PICTURE_BYTES_MAX + 4096);
	if (job->answer == SIM_MOVIE && !sim_rule_is(rule, "wrong-type"))
		sim_movie_make(&bytes, job->width, job->height, sim_colour(job->prompt, (unsigned)n));
	else
		picture_make(&bytes, format, job->width, job->height, sim_colour(job->prompt, (unsigned)n));
	if (!send_oddly(call, rule, job, buf_view(&bytes))) {
		resp_start(call->req, 200);
		resp_send(call->req, type_of(job), buf_view(&bytes));
	}
	buf_clear(&bytes);
}
