/*
 * provider - three drivers, the HTTP and the drawing under them, and the picture store.
 *
 *   QUEUE       submit, poll, result, cancel; its handle is "h", part, attempt
 *   HOUSE       one call that costs nothing and may be repeated
 *   PAID_CALL   one call that must not be repeated
 *
 * The driver's build function chooses how the call goes, since "cannot be built" is one of the ways.
 */
#include <string.h>

#include "core/store.h"
#include "world.h"

/* ---- catalog ---- */

const struct catalog_row model = {
	.name = { "model", 5 },
	.provider = { "queue", 5 },
	.upstream = { "upstream/model", 14 },
	.generation_type = GENERATION_IMAGEN4,
	.operations = 1u << IMAGO_TEXT_TO_IMAGE,
	.credits = PRICE,
	.deadline_s = DEADLINE_S,
	.max_images = 1,
	.params = { "{}", 2 },
};

static struct catalog_row row_of_scenario;

const struct catalog_row *catalog_find(const struct catalog *c, struct str name, struct str provider)
{
	(void)c, (void)name, (void)provider;
	row_of_scenario = model;
	row_of_scenario.max_images = w.scenario->per_part;
	return &row_of_scenario;
}

const struct catalog_row *catalog_default(const struct catalog *c, struct str provider)
{
	return catalog_find(c, provider, provider);
}

struct str catalog_nearest(const struct catalog *c, struct str name)
{
	(void)c;
	return name;
}

const struct catalog_ratio *catalog_nearest_ratio(const struct catalog_row *row, unsigned width, unsigned height)
{
	(void)row, (void)width, (void)height;
	return NULL;
}

enum imago_format catalog_format(const struct catalog_row *row, enum imago_format wanted)
{
	(void)row;
	return wanted;
}

bool catalog_can(const struct catalog_row *row, enum imago_operation operation)
{
	return row->operations & 1u << operation;
}

int64_t catalog_price(const struct catalog_row *row, unsigned images)
{
	return row->credits * images;
}

int64_t catalog_cost_micros(const struct catalog_row *row, unsigned images, unsigned width, unsigned height)
{
	(void)row, (void)width, (void)height;
	return 1000 * (int64_t)images;
}

const char *generation_type_name(enum generation_type t)
{
	(void)t;
	return "imagen4";
}

/* ---- drivers ---- */

static bool build(enum kind kind, const char *verb, struct str handle, struct imago_call *call, struct imago_outcome *o)
{
	w.chosen = alternative_choose(kind);
	if (w.chosen->answer == ANSWER_NOT_BUILT) {
		*o = (struct imago_outcome){ .kind = IMAGO_FAILED, .failure = IMAGO_BAD_INPUT };
		return false;
	}
	call->method = verb;
	call->url = handle;
	return true;
}

static bool build_submit(const struct imago_task *task, const struct imago_account *account,
                         struct imago_memory *memory, struct imago_call *call, struct imago_outcome *outcome)
{
	(void)task, (void)account, (void)memory;
	return build(KIND_SUBMIT, "submit", STR(""), call, outcome);
}

static bool build_poll(const struct imago_task *task, const struct imago_account *account, struct str handle,
                       struct imago_memory *memory, struct imago_call *call, struct imago_outcome *outcome)
{
	(void)task, (void)account, (void)memory;
	return build(KIND_POLL, "poll", handle, call, outcome);
}

static bool build_result(const struct imago_task *task, const struct imago_account *account, struct str handle,
                         struct imago_memory *memory, struct imago_call *call, struct imago_outcome *outcome)
{
	(void)task, (void)account, (void)memory;
	return build(KIND_RESULT, "result", handle, call, outcome);
}

static bool build_cancel(const struct imago_task *task, const struct imago_account *account, struct str handle,
                         struct imago_memory *memory, struct imago_call *call, struct imago_outcome *outcome)
{
	(void)task, (void)account, (void)memory;
	return build(KIND_CANCEL, "cancel", handle, call, outcome);
}

static bool build_call(const struct imago_task *task, const struct imago_account *account, struct imago_memory *memory,
                       struct imago_call *call, struct imago_outcome *outcome)
{
	(void)task, (void)account, (void)memory;
	return build(KIND_CALL, "call", STR(""), call, outcome);
}

static void fill_pictures(const struct imago_task *task, bool withheld, struct imago_outcome *o)
{
	o->kind = IMAGO_DONE;
	o->image_count = task->num_images;
	for (unsigned i = 0; i < task->num_images; i++)
		o->images[i] = (struct imago_image){ .url = STR("https://provider/picture"), .withheld = withheld };
}

/* The reply's status is the answer, its body the handle. */
static void parse(const struct imago_task *task, const struct imago_reply *reply, enum imago_outcome_kind usual,
                  struct imago_outcome *o)
{
	*o = (struct imago_outcome){ .kind = usual, .progress = -1, .queue_position = -1, .cost_micros = -1 };
	switch (reply->status) {
	case ANSWER_USUAL: break;
	case ANSWER_RUNNING: o->kind = usual == IMAGO_CANCEL_ACCEPTED ? IMAGO_CANCEL_TOO_LATE : IMAGO_RUNNING; return;
	case ANSWER_EMPTY: o->kind = usual == IMAGO_READY ? IMAGO_DONE : usual; return;
	case ANSWER_AT_ONCE: fill_pictures(task, false, o); return;
	case ANSWER_WITHHELD: fill_pictures(task, true, o); return;
	default:
		o->kind = IMAGO_FAILED;
		o->failure = (enum imago_failure)(reply->status - ANSWER_FAILED);
		o->retry_after_s = o->failure == IMAGO_RATE_LIMITED ? 7 : 0;
		return;
	}
	if (usual == IMAGO_QUEUED)
		o->handle = reply->body;
	else if (usual == IMAGO_DONE)
		fill_pictures(task, false, o);
}

static void parse_submit(const struct imago_task *task, const struct imago_reply *reply, struct imago_memory *memory,
                         struct imago_outcome *outcome)
{
	(void)memory;
	parse(task, reply, IMAGO_QUEUED, outcome);
}

static void parse_poll(const struct imago_task *task, const struct imago_reply *reply, struct imago_memory *memory,
                       struct imago_outcome *outcome)
{
	(void)memory;
	parse(task, reply, IMAGO_READY, outcome);
}

static void parse_result(const struct imago_task *task, const struct imago_reply *reply, struct imago_memory *memory,
                         struct imago_outcome *outcome)
{
	(void)memory;
	parse(task, reply, IMAGO_DONE, outcome);
}

static void parse_cancel(const struct imago_task *task, const struct imago_reply *reply, struct imago_memory *memory,
                         struct imago_outcome *outcome)
{
	(void)memory;
	parse(task, reply, IMAGO_CANCEL_ACCEPTED, outcome);
}

static const struct imago_driver drivers[] = {
	[QUEUE] = { .type = "queue",
	            .capabilities = IMAGO_CAN_POLL | IMAGO_CAN_CANCEL,
	            .poll_first_ms = 1000,
	            .poll_longest_ms = 60000,
	            .build_submit = build_submit,
	            .parse_submit = parse_submit,
	            .build_poll = build_poll,
	            .parse_poll = parse_poll,
	            .build_result = build_result,
	            .parse_result = parse_result,
	            .build_cancel = build_cancel,
	            .parse_cancel = parse_cancel },
	[HOUSE] = { .type = "house", .capabilities = IMAGO_IN_HOUSE | IMAGO_REPEATABLE, .build_submit = build_call },
	[PAID_CALL] = { .type = "paid", .capabilities = IMAGO_IN_HOUSE, .build_submit = build_call },
};

const struct imago_driver *driver_of(enum provider_kind kind)
{
	return &drivers[kind];
}

const struct imago_driver *registry_find(struct str type)
{
	for (unsigned i = 0; i < COUNT_OF(drivers); i++)
		if (str_is(type, drivers[i].type))
			return &drivers[i];
	return NULL;
}

/* ---- HTTP ---- */

void outbound_call_init(struct outbound_call *call, struct loop *loop, void (*done)(struct op *op))
{
	*call = (struct outbound_call){ 0 };
	op_init(&call->op, loop, done);
	arena_init(&call->arena, 64 * 1024);
	buf_init(&call->body, 0);
}

void outbound_call_clear(struct outbound_call *call)
{
	op_forget(&call->op);
	arena_clear(&call->arena);
}

struct imago_reply outbound_reply(const struct outbound_call *call)
{
	return (struct imago_reply){ .status = call->status, .body = call->request.body };
}

struct imago_memory *outbound_memory(struct arena *a)
{
	return (struct imago_memory *)(void *)a;
}

/* "h", part, attempt. */
static struct task *task_of(struct str handle)
{
	CHECK(handle.n == 3 && handle.p[0] == 'h');
	return &w.tasks[handle.p[1] - '0'][handle.p[2] - '0'];
}

static enum kind kind_of(const char *method)
{
	return !strcmp(method, "submit")   ? KIND_SUBMIT
	       : !strcmp(method, "poll")   ? KIND_POLL
	       : !strcmp(method, "result") ? KIND_RESULT
	                                   : KIND_CANCEL;
}

void outbound_start(struct outbound *o, struct outbound_call *call)
{
	struct flight *f = flight_new(kind_of(call->request.method), &call->op, w.chosen);

	(void)o;
	f->call = call;
	if (f->kind == KIND_SUBMIT) {
		rule_paid_call_leaves();
	} else {
		struct task *t = task_of(call->request.url);

		f->part = (unsigned)(call->request.url.p[1] - '0');
		f->n = (unsigned)(call->request.url.p[2] - '0');
		t->abort_asked += f->kind == KIND_CANCEL;
	}
	flight_go(f);
}

static bool task_is_dead(const struct task *t)
{
	return !t->executed || t->aborted || t->ended;
}

void provider_effect(struct flight *f)
{
	struct task *t = &w.tasks[f->part][f->n];

	if (f->kind == KIND_SUBMIT)
		t->executed++;
	if (f->kind == KIND_CANCEL && !task_is_dead(t))
		t->aborted = true;
}

static void submit_reported(struct flight *f, struct outbound_call *call)
{
	struct task *t = &w.tasks[f->part][f->n];
	enum fault_code fault = f->alt->fault;
	unsigned answer = f->alt->answer;
	char handle[3] = { 'h', (char)('0' + f->part), (char)('0' + f->n) };

	call->request.body = arena_copy(&call->arena, (struct str){ handle, sizeof handle });
	t->answered = fault == FAULT_NONE && answer == ANSWER_USUAL;
	t->life = w.life;
	if (fault == FAULT_NOT_SENT || answer == ANSWER_FAILED + IMAGO_RATE_LIMITED ||
	    answer == ANSWER_FAILED + IMAGO_OVERLOADED)
		w.may_have_paid[f->part] = false;
}

void provider_report(struct flight *f)
{
	struct outbound_call *call = f->call;
	struct task *t = &w.tasks[f->part][f->n];
	unsigned answer = f->alt->answer;

	if (f->kind == KIND_SUBMIT)
		submit_reported(f, call);
	else if (task_is_dead(t) && f->kind != KIND_CANCEL)
		answer = ANSWER_FAILED + IMAGO_TASK_FAILED;
	if (answer == ANSWER_FAILED + IMAGO_TASK_FAILED)
		t->ended = true;
	if (f->alt->fault == FAULT_NONE && (f->kind == KIND_RESULT || f->kind == KIND_POLL) &&
	    (answer == ANSWER_AT_ONCE || answer == ANSWER_WITHHELD || answer == ANSWER_EMPTY ||
	     (f->kind == KIND_RESULT && answer == ANSWER_USUAL)))
		t->fetched = true;
	call->status = (int)answer;
	op_finish(f->slot, f->alt->fault);
}

/* ---- pictures ---- */

void store_init(struct store_call *s, struct core *core, struct arena *arena, void (*done)(struct op *op))
{
	*s = (struct store_call){ .core = core, .arena = arena };
	op_init(&s->op, core->loop, done);
}

void store_clear(struct store_call *s)
{
	op_forget(&s->op);
}

void store_fetch(struct store_call *s, const struct account *a, struct str url, struct str job_id, unsigned n)
{
	struct flight *f;

	(void)a, (void)job_id;
	CHECK(url.n > 0);
	f = flight_new(KIND_STORE, &s->op, alternative_choose(KIND_STORE));
	f->call = s;
	f->n = n;
	flight_go(f);
}

void store_draw(struct store_call *s, struct str request, struct str job_id, unsigned n)
{
	struct flight *f = flight_new(KIND_CALL, &s->op, w.chosen);

	(void)request, (void)job_id;
	f->call = s;
	rule_paid_call_leaves();
	w.tasks[f->part][f->n].life = n; /* the picture that it draws */
	flight_go(f);
}

void store_effect(struct flight *f)
{
	unsigned n = f->n;

	if (f->kind == KIND_CALL) {
		w.tasks[f->part][f->n].executed++;
		n = w.tasks[f->part][f->n].life;
	}
	CHECK(n >= 1 && n <= PICTURES);
	w.picture[n] = true;
}

void store_report(struct flight *f)
{
	struct store_call *s = f->call;
	unsigned n = f->kind == KIND_CALL ? w.tasks[f->part][f->n].life : f->n;

	if (f->kind == KIND_CALL && (f->alt->fault == FAULT_NOT_SENT || f->alt->fault == FAULT_OVERLOADED))
		w.may_have_paid[f->part] = false;
	s->picture = (struct job_picture){
		.n = n, .id = STR("pic"), .key = STR("key"), .sha256 = STR("00"), .bytes = 10
	};
	op_finish(f->slot, f->alt->fault);
}
