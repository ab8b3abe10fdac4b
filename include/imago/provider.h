#pragma once
/*
 * provider - write a driver for an image provider.
 *
 * A driver is pure: build_* turns a task into the description of one HTTP request,
 * parse_* turns the bytes of the answer into an outcome. It does no I/O, keeps no state,
 * reads no clock and no environment. So it can be replayed from recorded bytes and fuzzed,
 * and the server alone decides about retries, fallback, money and time.
 *
 *   build_submit -> (server sends) -> parse_submit -> DONE pictures     (providers that answer with them)
 *                                                  -> QUEUED handle     (providers with a queue)
 *   build_poll   -> ...            -> parse_poll   -> RUNNING progress | READY | DONE | FAILED
 *   build_result -> ...            -> parse_result -> DONE | FAILED     (only after READY)
 *   build_cancel -> ...            -> parse_cancel -> CANCEL_ACCEPTED | CANCEL_TOO_LATE | FAILED
 *
 * A provider that has no queue answers build_submit with the pictures. Where they stand inside JSON, as
 * base64, the driver names the places (picture_paths): the server decodes such strings into its
 * store while they arrive, and the driver is given the answer with a short name in place of each.
 *
 * Ownership   Every str in task, account and reply is borrowed for the length of the call. What
 *             a driver returns must live in `memory` (imago_alloc, imago_printf), be
 *             static, or be a view into the reply's body.
 * Errors      build_* returns false when the task cannot be expressed: outcome says why.
 *             parse_* must cope with any bytes; what it does not understand after the
 *             request was sent is IMAGO_UNKNOWN, never a success and never a "no".
 */
#include <stdbool.h>
#include <stdint.h>

#include "imago/str.h"

#define IMAGO_DRIVER_ABI 1

/* Text that must not be logged. Set it as a header with imago_call_secret only. */
struct imago_secret {
	struct str value;
};

enum imago_operation {
	IMAGO_TEXT_TO_IMAGE,
	IMAGO_IMAGE_TO_IMAGE,
	IMAGO_INPAINT,
	IMAGO_CONTROLNET,
	IMAGO_UPSCALE,
	IMAGO_FACE_FIX,
	IMAGO_FACE_SWAP,
	IMAGO_REMOVE_BACKGROUND,
	IMAGO_ANALYZE,
	IMAGO_ANALYZE_GENERATE,
	IMAGO_VIDEO,
	IMAGO_OPERATIONS
};

/* Why a task failed. The kind decides what the server does next. */
enum imago_failure {
	IMAGO_NO_FAILURE,
	IMAGO_REFUSED,      /* moderation: no fallback, credits back */
	IMAGO_BAD_INPUT,    /* our request was wrong for this model */
	IMAGO_CREDENTIALS,  /* the key is not accepted */
	IMAGO_NO_CREDITS,   /* the balance at the provider is used up */
	IMAGO_RATE_LIMITED, /* try later: retry_after_s when said */
	IMAGO_OVERLOADED,   /* the provider is down or full, and did not take the task */
	IMAGO_GONE,         /* the model is no longer there */
	IMAGO_TASK_FAILED,  /* taken, then failed at the provider */
	IMAGO_UNKNOWN       /* it may or may not have taken the task */
};

enum imago_capability {
	IMAGO_CAN_POLL = 1 << 0,
	IMAGO_CAN_CANCEL = 1 << 1,
	IMAGO_REPEATABLE = 1 << 2, /* costs nothing: may be called again after a crash */
	IMAGO_CAN_WEBHOOK = 1 << 3,
	IMAGO_IN_HOUSE = 1 << 4 /* no HTTP: the request body goes to the pixel worker */
};

enum imago_format { IMAGO_PNG, IMAGO_JPEG, IMAGO_WEBP, IMAGO_FORMATS };

enum {
	IMAGO_IMAGES_MAX = 10,
	IMAGO_INPUTS_MAX = 16,
	IMAGO_LORAS_MAX = 4,
	IMAGO_BASES_MAX = 4,
	IMAGO_HEADERS_MAX = 16,
	IMAGO_SEGMENTS_MAX = 48,
	IMAGO_HANDLE_MAX = 2048
};

/* What a picture that comes with the task is for. */
enum imago_role {
	IMAGO_SOURCE,  /* to be changed, enlarged, looked at; there may be several */
	IMAGO_MASK,    /* where to repaint; in the driver's mask_style, of the size of the first source */
	IMAGO_FACE,    /* the face to put in */
	IMAGO_CONTROL, /* edges, depth, pose to follow */
	IMAGO_ROLES
};

/* How a provider wants to be told where to repaint. */
enum imago_mask_style {
	IMAGO_MASK_WHITE,  /* white: repaint, black: keep */
	IMAGO_MASK_ALPHA,  /* transparent: repaint */
	IMAGO_MASK_PAINTED /* no mask at all: the area is white in the source itself; no input of role MASK is given */
};

/* A picture that comes with the task. The server holds its bytes: a driver puts them into the request as a
 * segment (imago_call_input), or names the link. */
struct imago_input {
	enum imago_role role;
	struct str content_type; /* by its bytes: "image/png", "image/jpeg", "image/webp" */
	unsigned width, height;
	uint64_t bytes;
	struct str
		url; /* where the provider can fetch it for the next hour; empty: this server cannot be reached from outside */
};

struct imago_lora {
	struct str url;
	double weight;
};

/* What is asked of the provider in one call. */
struct imago_task {
	struct str job_id;
	unsigned part; /* from 1 */
	enum imago_operation operation;
	struct str model;  /* the provider's own name of it */
	struct str params; /* JSON object: the catalog row's parameters for this model */
	struct str prompt; /* UTF-8, style suffix already added */
	struct str negative_prompt;
	unsigned width, height;  /* pixels asked for; never 0 */
	struct str aspect_ratio; /* "16:9"; the nearest the model has */
	unsigned num_images;
	enum imago_format format;
	struct str quality; /* "standard", "high", "ultra" */
	struct str style;   /* as asked; empty where none */
	bool has_seed;
	int64_t seed;
	struct str webhook_url; /* empty where none */
	const struct imago_input *inputs;
	unsigned input_count;
	double strength;       /* 0..1, how far from the source; negative: not said */
	unsigned scale;        /* UPSCALE: 2, 4; 0: not said */
	unsigned steps;        /* 0: not said */
	double guidance;       /* negative: not said */
	struct str control;    /* CONTROLNET: "canny", "depth", "openpose" … */
	double control_weight; /* negative: not said */
	struct imago_lora loras[IMAGO_LORAS_MAX];
	unsigned lora_count;
	struct str extra; /* JSON object: further parameters that the client named for this provider; "{}": none */
};

struct imago_account {
	struct str id;                     /* "fal_default" */
	struct str bases[IMAGO_BASES_MAX]; /* meaning is the driver's; no trailing slash */
	struct imago_secret credential;
	struct str settings; /* JSON object: what else was set for it, by the driver's own names; "{}": nothing */
};

struct imago_header {
	struct str name, value;
	bool is_secret;
};

/* A piece of a request's body: text, or one of the task's inputs. */
struct imago_segment {
	bool is_input, as_base64; /* an input as it is, or as base64 without line breaks */
	unsigned input;           /* index in task.inputs */
	struct str text;
};

/* One HTTP request to make. */
struct imago_call {
	const char *method;
	struct str url;
	struct imago_header headers[IMAGO_HEADERS_MAX];
	unsigned header_count;
	struct str body;
	/* Instead of `body` where inputs go along: the body is these, one after the other. */
	struct imago_segment segments[IMAGO_SEGMENTS_MAX];
	unsigned segment_count;
};

struct imago_reply {
	int status; /* HTTP status */
	struct str body;
	const struct imago_header *headers;
	unsigned header_count;
};

struct imago_image {
	struct str
		url; /* where to fetch it, a data URI, or the name that stands in the answer for a picture taken out of it */
	struct str content_type; /* as claimed; never believed */
	unsigned width, height;  /* as claimed; 0: not said */
	bool withheld;           /* the provider blanked it (content filter) */
};

enum imago_outcome_kind {
	IMAGO_DONE,
	IMAGO_QUEUED,
	IMAGO_RUNNING,
	IMAGO_READY, /* the result can be asked for */
	IMAGO_CANCEL_ACCEPTED,
	IMAGO_CANCEL_TOO_LATE,
	IMAGO_FAILED
};

struct imago_outcome {
	enum imago_outcome_kind kind;
	enum imago_failure failure; /* FAILED only */
	unsigned retry_after_s;     /* 0: not said */
	struct str message;         /* the provider's words, for people; scrubbed of keys by the server */
	struct str handle; /* QUEUED: what poll, result and cancel need; saved, at most IMAGO_HANDLE_MAX bytes */
	struct str provider_request_id; /* QUEUED, DONE: the provider's own id, for people */
	int progress;                   /* percent, -1: not said */
	int queue_position;             /* 0: next; -1: not said */
	struct imago_image images[IMAGO_IMAGES_MAX];
	unsigned image_count;
	bool has_seed;
	int64_t seed;
	int64_t cost_micros; /* reported by the provider, micro-USD; -1: not said */
};

struct imago_memory; /* freed by the server after the call */
void *imago_alloc(struct imago_memory *memory, size_t size);
struct str imago_printf(struct imago_memory *memory, const char *format, ...) __attribute__((format(printf, 2, 3)));

void imago_call_header(struct imago_call *call, const char *name, struct str value);
/* The value is prefix + secret, kept out of every log. */
void imago_call_secret(struct imago_memory *memory, struct imago_call *call, const char *name, const char *prefix,
                       struct imago_secret secret);
/* The next piece of the body. More than IMAGO_SEGMENTS_MAX is the driver's bug. */
void imago_call_text(struct imago_call *call, struct str text);
void imago_call_input(struct imago_call *call, unsigned input, bool as_base64);
/* The index of the first input of that role, or -1. */
int imago_task_input(const struct imago_task *task, enum imago_role role);
/* Case-insensitive; empty when absent. */
struct str imago_reply_header(const struct imago_reply *reply, const char *name);

struct imago_driver {
	unsigned abi;     /* IMAGO_DRIVER_ABI */
	const char *type; /* "fal": also the prefix of account ids */
	const char *name; /* for people */
	unsigned capabilities;
	unsigned operations;                     /* bits 1 << IMAGO_TEXT_TO_IMAGE ... */
	unsigned poll_first_ms, poll_longest_ms; /* adaptive between these */
	const char *const *
		media_hosts; /* where pictures may come from besides the bases: "fal.media", "*.fal.media"; NULL ends */
	bool (*credential_is_valid)(struct str credential); /* shape only; NULL: none needed */
	/* Where pictures stand in a submit's answer: names of members joined by dots, "[]" for each of a list:
	 * "data[].b64_json". The string is base64, with or without "data:…;base64," in front. In the answer that parse_submit
	 * reads, "imago:1" stands for the first, "imago:2" for the second: an image's url. NULL ends; NULL: none. */
	const char *const *picture_paths;
	enum imago_mask_style mask_style; /* INPAINT */

	bool (*build_submit)(const struct imago_task *, const struct imago_account *, struct imago_memory *,
	                     struct imago_call *, struct imago_outcome *);
	void (*parse_submit)(const struct imago_task *, const struct imago_reply *, struct imago_memory *,
	                     struct imago_outcome *);
	bool (*build_poll)(const struct imago_task *, const struct imago_account *, struct str handle,
	                   struct imago_memory *, struct imago_call *, struct imago_outcome *);
	void (*parse_poll)(const struct imago_task *, const struct imago_reply *, struct imago_memory *,
	                   struct imago_outcome *);
	bool (*build_result)(const struct imago_task *, const struct imago_account *, struct str handle,
	                     struct imago_memory *, struct imago_call *, struct imago_outcome *);
	void (*parse_result)(const struct imago_task *, const struct imago_reply *, struct imago_memory *,
	                     struct imago_outcome *);
	bool (*build_cancel)(const struct imago_task *, const struct imago_account *, struct str handle,
	                     struct imago_memory *, struct imago_call *, struct imago_outcome *);
	void (*parse_cancel)(const struct imago_task *, const struct imago_reply *, struct imago_memory *,
	                     struct imago_outcome *);
	/* A call that costs nothing and shows whether the key works; NULL: there is none. */
	bool (*build_check)(const struct imago_account *, struct imago_memory *, struct imago_call *);
	void (*parse_check)(const struct imago_reply *, struct imago_memory *, struct imago_outcome *);
};
