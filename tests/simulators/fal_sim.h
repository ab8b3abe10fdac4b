#pragma once
/*
 * fal-sim - the wire of queue.fal.run, spoken by our own http and loop, for tests.
 *
 *   fal_sim.c      options, the path rule, the key, who answers what
 *   fal_jobs.c     a job's life: IN_QUEUE -> IN_PROGRESS -> COMPLETED, slots, timers, retention
 *   fal_answers.c  submit, status, stream, result, cancel
 *   fal_files.c    the pictures and films
 *   fal_movie.c    a film
 *   fal_models.c   what the models other than "pictures from words" need
 *   fal_rules.c    what goes wrong on purpose: [[stage:what]] in a prompt, or by configuration
 *   fal_faults.c   the errors that fal documents, with their status codes and bodies
 *   fal_control.c  /__sim/config, stats, requests, reset
 *
 * Rules. `[[stage:what]]`, with ` xN` for the first N times only and ` after=S` where a number of
 * seconds makes sense (Retry-After, or how slow). TYPE is any error type of fal's pages, CODE an HTTP status.
 *
 *   submit   TYPE | CODE | CODE-taken | hang | close | close-after-body | cut | garbage | no-id | bad-id | slow |
 *            key | malformed-key | exhausted | locked | gone | limit | nginx | foreign-urls
 *            (hang, close-after-body, cut, garbage, no-id, bad-id, slow and CODE-taken count as a submission; the others do not)
 *   queue    stay | MS             run      forever | MS
 *   fail     TYPE                  the job ends so
 *   status   CODE | hang | close | cut | garbage | weird | not-found | slow
 *   result   CODE | TYPE | hang | close | cut | garbage | empty | null | string | in-progress | expired | nsfw | nsfw-all |
 *            fewer | more | data-uri | huge-seed | slow
 *   cancel   CODE | hang | close | ok | too-late | not-found | ignored
 *   image    CODE | truncated | wrong-type | html | empty | corrupt | hang | close | slow | endless | redirect |
 *            foreign-host | private-host
 */
#include <stdbool.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/buf.h"
#include "base/json.h"
#include "base/list.h"
#include "base/map.h"
#include "http/http.h"
#include "imago/provider.h"
#include "loop/loop.h"

enum { SIM_RULES_MAX = 16, SIM_WHAT_SIZE = 48, SIM_ID_SIZE = 40, SIM_LOG_MAX = 20000, SIM_NEXT_MAX = 64 };

enum sim_stage { SIM_SUBMIT, SIM_QUEUE, SIM_RUN, SIM_FAIL, SIM_STATUS, SIM_RESULT, SIM_CANCEL, SIM_IMAGE, SIM_STAGES };

struct sim_rule {
	enum sim_stage stage;
	char what[SIM_WHAT_SIZE];
	unsigned left; /* times it still applies */
	unsigned after_s;
};

struct sim_rules {
	struct sim_rule at[SIM_RULES_MAX];
	unsigned count;
};

/* All markers in the text; what is not a rule is reported in *bad and left out. */
void sim_rules_read(struct sim_rules *rules, struct str text, struct str *bad);
/* The first rule of the stage that still applies, used up by one; NULL: nothing is to go wrong. */
const struct sim_rule *sim_rule_take(struct sim_rules *rules, enum sim_stage stage);
/* The same without using it up. */
const struct sim_rule *sim_rule_peek(const struct sim_rules *rules, enum sim_stage stage);
static inline bool sim_rule_is(const struct sim_rule *rule, const char *what)
{
	return rule && str_is(str_from(rule->what), what);
}
/* "503" -> 503, "503-taken" -> 503 too; 0: not a code. */
int sim_rule_code(const struct sim_rule *rule);

/* ---- documented errors ---- */

struct sim_fault {
	const char *type;
	int status;
	bool is_platform; /* detail is a string, and X-Fal-Error-Type is sent */
	const char *message;
};
const struct sim_fault *sim_fault_find(struct str type);
void sim_fault_body(const struct sim_fault *fault, struct str prompt, struct buf *out);

/* ---- jobs ---- */

/* A list of pictures, one picture, a film. */
enum sim_answer { SIM_PICTURES, SIM_PICTURE, SIM_MOVIE };

enum sim_state { SIM_IN_QUEUE, SIM_IN_PROGRESS, SIM_COMPLETED };

struct sim;
struct sim_job {
	struct map_node node; /* sim.jobs, by id */
	struct link link;     /* sim.waiting while it waits */
	struct sim *sim;
	struct arena arena;
	char id[SIM_ID_SIZE];
	struct str model, app;
	struct str prompt;
	struct sim_rules rules;
	enum sim_answer answer;
	const struct sim_fault *wrong_input; /* it will end so, whatever the rules say; NULL: the input is fine */
	enum imago_format format;
	unsigned width, height, images;
	bool has_seed;
	int64_t seed;
	enum sim_state state;
	bool may_start;                /* its time in the queue is over */
	const struct sim_fault *fault; /* how it ended; NULL: well */
	struct timer timer;
	uint64_t submitted_ms, started_ms, completed_ms;
	struct http_req *waiter; /* fal.run: the caller waits for the result itself */
};

/* The input is the model's, as JSON. NULL: no room. */
struct sim_job *sim_job_new(struct sim *sim, struct str model, struct str app, const struct json *input,
                            const struct sim_rules *rules);
void sim_job_start(struct sim_job *job);
/* NULL also when it is older than the retention. */
struct sim_job *sim_job_find(struct sim *sim, struct str id, struct str path);
/* false: it is completed already. */
bool sim_job_cancel(struct sim_job *job);
unsigned sim_job_position(const struct sim_job *job);
void sim_jobs_forget(struct sim *sim);

/* ---- models ---- */

enum sim_answer sim_model_answer(struct str name);
/* What a job with this input comes to; NULL: it can be done. */
const struct sim_fault *sim_model_fault(struct str name, const struct json *input);
void sim_movie_make(struct buf *out, unsigned width, unsigned height, uint32_t rgb);

/* ---- the whole ---- */

struct sim_config {
	unsigned delay_ms;       /* in the queue, at least */
	unsigned run_ms;         /* in progress */
	unsigned latency_ms;     /* before each answer of the API */
	unsigned concurrency;    /* jobs in progress at once; 0: no limit */
	uint64_t retention_ms;   /* a result can be asked for so long */
	struct sim_rules always; /* for every job */
	struct sim_next {
		unsigned left;
		struct sim_rules rules;
	} next[SIM_NEXT_MAX]; /* for the next submits, in order */
	unsigned next_count;
	char key[200]; /* the only accepted one; empty: any of the right shape */
};

struct sim_stats {
	uint64_t submits;     /* POSTs that passed the key */
	uint64_t submissions; /* of them: taken */
	uint64_t status_polls, streams, results, cancels, images, syncs;
	uint64_t unauthorized, refused, not_found;
	uint64_t completed, failed, cancelled;
	uint64_t running, max_running, waiting, max_waiting;
};

struct sim {
	struct loop loop;
	struct http_server server;
	struct sim_config config;
	struct sim_stats stats;
	struct map jobs;
	struct link waiting; /* struct sim_job, in order of arrival */
	struct link streams; /* struct sim_stream */
	struct map prompts;  /* struct sim_prompt: how often each was taken */
	struct timer heartbeat;
	struct buf *log; /* ring of SIM_LOG_MAX JSON texts */
	uint64_t logged;
};

/* Has just changed: streams and waiters hear of it. */
void sim_job_changed(struct sim_job *job);

/* What has to be kept about a request while its answer waits. */
struct sim_call {
	struct http_req *req;
	struct sim *sim;
	struct timer timer;
	void (*then)(struct sim_call *call);
	struct str model, app; /* in the request's arena */
	struct str id;
	struct str rest; /* of a control or file path */
	bool is_sync;
	struct sim_job *job; /* while waiting after a submit; NULL otherwise */
	struct link stream;
};

void sim_submit(struct sim_call *call); /* the body has been read */
void sim_status(struct sim_call *call);
void sim_stream(struct sim_call *call);
void sim_result(struct sim_call *call);
void sim_cancel(struct sim_call *call);
void sim_file(struct sim_call *call);
void sim_control(struct sim_call *call); /* the body has been read */

/* Calls then(call) after so many ms, unless the client has gone. */
void sim_later(struct sim_call *call, unsigned ms, void (*then)(struct sim_call *call));
void sim_send_json(struct http_req *req, int status, struct str body);
void sim_send_text(struct http_req *req, int status, const char *body); /* a JSON text */
void sim_send_detail(struct http_req *req, int status, const char *detail);
/* Half an answer, then a broken connection. */
void sim_send_cut(struct http_req *req, const char *content_type, struct str body);
/* What every stage can be told: CODE, TYPE, hang, close, garbage, nginx, key …; false: it is none of those. */
bool sim_misbehave(struct http_req *req, const struct sim_rule *rule, const struct sim_job *job);
/* A whole result, into the waiting request of fal.run or of the queue. */
void sim_send_result(struct http_req *req, struct sim_job *job);
void sim_status_json(const struct sim_job *job, struct str host, bool logs, struct buf *out);
uint32_t sim_colour(struct str prompt, unsigned n);
void sim_log_request(struct sim *sim, struct http_req *req);
void sim_count_prompt(struct sim *sim, struct str prompt);
