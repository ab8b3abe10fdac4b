/*
 * For the test that runs the simulator:
 *
 *   POST /__sim/config    {"delay_ms","run_ms","latency_ms","concurrency","retention_ms","key",
 *                          "always": "[[…]]…", "next": [{"count": 3, "rules": "[[submit:503]]"}]}
 *                         changes what it names; a word that is not known: 400
 *   GET  /__sim/stats     counters, and how often each prompt was taken
 *   GET  /__sim/requests  what arrived, oldest first; ?from=N starts at the N-th
 *   POST /__sim/reset     forgets jobs, counters, requests and rules; times and slots stay
 */
#include "base/mem.h"
#include "base/url.h"
#include "fal_sim.h"

enum { REPORT_CAP = 256 << 20, BODY_LOGGED = 4096, PROMPTS_MAX = 500000 };

struct sim_prompt {
	struct map_node node;
	struct arena arena;
	uint64_t times;
};

/* ---- what is counted ---- */

void sim_count_prompt(struct sim *sim, struct str prompt)
{
	struct map_node *node = map_find(&sim->prompts, prompt);
	struct sim_prompt *p;

	if (node) {
		CONTAINER_OF(node, struct sim_prompt, node)->times++;
		return;
	}
	if (sim->prompts.count >= PROMPTS_MAX)
		return;
	p = mem_new(struct sim_prompt);
	arena_init(&p->arena, 1 << 20);
	p->times = 1;
	map_add(&sim->prompts, &p->node, arena_copy(&p->arena, prompt));
}

static bool is_logged_header(struct str name)
{
	return str_starts(name, STR("x-fal-")) || str_starts(name, STR("X-Fal-")) ||
	       str_eq_nocase(name, STR("user-agent")) || str_eq_nocase(name, STR("accept")) ||
	       str_eq_nocase(name, STR("content-type"));
}

/* The key itself is not kept, only whether there was one. */
void sim_log_request(struct sim *sim, struct http_req *req)
{
	struct buf *entry = &sim->log[sim->logged % SIM_LOG_MAX];
	struct json_writer w = json_writer(entry);

	buf_clear(entry);
	buf_init(entry, 256 << 10);
	jw_object(&w);
	jw_kv_int(&w, "n", (int64_t)sim->logged++);
	jw_kv_str(&w, "method", req->method_text);
	jw_kv_str(&w, "path", req->path);
	jw_kv_str(&w, "query", req->query);
	jw_kv_bool(&w, "has_key", http_field(req, "Authorization").n > 0);
	jw_key(&w, "headers");
	jw_object(&w);
	for (unsigned i = 0; i < req->field_count; i++) {
		if (!is_logged_header(req->fields[i].name))
			continue;
		jw_key_str(&w, req->fields[i].name);
		jw_str(&w, req->fields[i].value);
	}
	jw_end_object(&w);
	jw_kv_str(&w, "body", str_sub(req->body, 0, BODY_LOGGED));
	jw_end_object(&w);
}

/* ---- reports ---- */

struct tally {
	struct json_writer *w;
	uint64_t repeated, most;
};

static void write_prompt(struct map_node *node, void *arg)
{
	struct tally *t = arg;
	uint64_t times = CONTAINER_OF(node, struct sim_prompt, node)->times;

	t->repeated += times > 1;
	if (times > t->most)
		t->most = times;
	jw_key_str(t->w, node->key);
	jw_int(t->w, (int64_t)times);
}

static void write_stats(const struct sim *sim, struct buf *out)
{
	const struct sim_stats *s = &sim->stats;
	const struct {
		const char *name;
		uint64_t value;
	} rows[] = {
		{ "submits", s->submits },
		{ "submissions", s->submissions },
		{ "syncs", s->syncs },
		{ "status_polls", s->status_polls },
		{ "streams", s->streams },
		{ "results", s->results },
		{ "cancels", s->cancels },
		{ "images", s->images },
		{ "unauthorized", s->unauthorized },
		{ "refused", s->refused },
		{ "not_found", s->not_found },
		{ "completed", s->completed },
		{ "failed", s->failed },
		{ "cancelled", s->cancelled },
		{ "running", s->running },
		{ "max_running", s->max_running },
		{ "waiting", s->waiting },
		{ "max_waiting", s->max_waiting },
		{ "distinct", sim->prompts.count },
	};
	struct json_writer w = json_writer(out);
	struct tally tally = { .w = &w };

	jw_object(&w);
	for (size_t i = 0; i < COUNT_OF(rows); i++)
		jw_kv_int(&w, rows[i].name, (int64_t)rows[i].value);
	jw_key(&w, "prompts");
	jw_object(&w);
	map_each((struct map *)(uintptr_t)&sim->prompts, write_prompt, &tally);
	jw_end_object(&w);
	jw_kv_int(&w, "repeated", (int64_t)tally.repeated);
	jw_kv_int(&w, "most", (int64_t)tally.most);
	jw_end_object(&w);
}

static void write_requests(const struct sim *sim, const struct http_req *req, struct buf *out)
{
	struct json_writer w = json_writer(out);
	uint64_t from = 0;

	if (!str_to_u64(url_query_get(req->query, "from"), &from))
		from = 0;
	if (sim->logged > SIM_LOG_MAX && from < sim->logged - SIM_LOG_MAX)
		from = sim->logged - SIM_LOG_MAX;
	jw_array(&w);
	for (; from < sim->logged; from++)
		jw_raw(&w, buf_view(&sim->log[from % SIM_LOG_MAX]));
	jw_end_array(&w);
}

static void send_report(struct http_req *req, struct buf *report)
{
	resp_start(req, 200);
	resp_send(req, "application/json", buf_view(report));
	buf_clear(report);
}

/* ---- changes ---- */

static bool set_number(const struct json *config, const char *key, unsigned *out)
{
	const struct json *v = json_get(config, key);
	int64_t n = json_int(v, -1);

	if (!v)
		return true;
	if (n < 0 || n > INT32_MAX)
		return false;
	*out = (unsigned)n;
	return true;
}

static bool set_rules(const struct json *text, struct sim_rules *rules)
{
	struct str bad = { NULL, 0 };

	rules->count = 0;
	if (json_type(text) != JSON_STRING)
		return text == NULL;
	sim_rules_read(rules, json_str(text), &bad);
	return bad.p == NULL;
}

static bool set_next(const struct json *list, struct sim_config *c)
{
	c->next_count = 0;
	for (size_t i = 0; i < json_count(list) && c->next_count < SIM_NEXT_MAX; i++) {
		const struct json *entry = json_at(list, i);
		struct sim_next *next = &c->next[c->next_count++];

		next->left = (unsigned)json_int(json_get(entry, "count"), 1);
		if (!json_get(entry, "rules") || !set_rules(json_get(entry, "rules"), &next->rules))
			return false;
	}
	return true;
}

static bool keys_are_known(const struct json *config, struct str *bad)
{
	const struct json *value;

	for (size_t i = 0; json_member(config, i, bad, &value); i++) {
		static const char known[] = " delay_ms run_ms latency_ms concurrency retention_ms key always next ";
		char word[64] = " ";

		if (bad->n + 3 > sizeof(word))
			return false;
		memcpy(word + 1, bad->p, bad->n);
		word[bad->n + 1] = ' ';
		if (str_find(str_from(known), str_from(word)) == SIZE_MAX)
			return false;
	}
	return true;
}

static const char *configure(struct sim *sim, const struct json *config)
{
	struct sim_config *c = &sim->config;
	unsigned retention = (unsigned)(c->retention_ms > INT32_MAX ? INT32_MAX : c->retention_ms);
	struct str bad;

	if (json_type(config) != JSON_OBJECT)
		return "the configuration is not a JSON object";
	if (!keys_are_known(config, &bad))
		return "a member is not known";
	if (!set_number(config, "delay_ms", &c->delay_ms) || !set_number(config, "run_ms", &c->run_ms) ||
	    !set_number(config, "latency_ms", &c->latency_ms) || !set_number(config, "concurrency", &c->concurrency) ||
	    !set_number(config, "retention_ms", &retention))
		return "a number is not one";
	c->retention_ms = retention;
	if (json_get(config, "always") && !set_rules(json_get(config, "always"), &c->always))
		return "always: a rule is not known";
	if (json_get(config, "next") && !set_next(json_get(config, "next"), c))
		return "next: a rule is not known";
	if (json_get(config, "key") && !str_to_cstr(json_str(json_get(config, "key")), c->key, sizeof(c->key)))
		return "key is too long";
	return NULL;
}

static void free_prompt(struct map_node *node, void *arg)
{
	struct sim *sim = arg;
	struct sim_prompt *p = CONTAINER_OF(node, struct sim_prompt, node);

	map_remove(&sim->prompts, node);
	arena_clear(&p->arena);
	mem_release(p);
}

static void reset(struct sim *sim)
{
	sim_jobs_forget(sim);
	map_each(&sim->prompts, free_prompt, sim);
	sim->stats = (struct sim_stats){ 0 };
	sim->logged = 0;
	sim->config.always.count = 0;
	sim->config.next_count = 0;
}

void sim_control(struct sim_call *call)
{
	struct http_req *req = call->req;
	struct json_error error;
	struct json *config;
	struct buf report;
	const char *why;

	buf_init(&report, REPORT_CAP);
	if (str_is(call->rest, "stats")) {
		write_stats(call->sim, &report);
		send_report(req, &report);
	} else if (str_is(call->rest, "requests")) {
		write_requests(call->sim, req, &report);
		send_report(req, &report);
	} else if (str_is(call->rest, "reset") && req->method == HTTP_POST_) {
		reset(call->sim);
		sim_send_text(req, 200, "{}");
	} else if (str_is(call->rest, "config") && req->method == HTTP_POST_) {
		config = json_parse(req->body, &error);
		why = configure(call->sim, config);
		json_free(&config);
		if (why)
			sim_send_detail(req, 400, why);
		else
			sim_send_text(req, 200, "{}");
	} else {
		sim_send_detail(req, 404, "config, stats, requests or reset");
	}
}
