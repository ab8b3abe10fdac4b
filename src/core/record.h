#pragma once
/*
 * record - all that can be said about one job: what the API renders, what a live job keeps
 * up to date, what the archive remembers of finished ones and what a row of the database is read into.
 *
 * Ownership   A record owns its strings through its arena. It is shared by reference count: the
 *             engine holds one while the job lives, the archive another; a renderer only borrows.
 */
#include <stdbool.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/hash.h"
#include "base/str.h"
#include "base/uid.h"
#include "imago/provider.h"

enum job_status {
	JOB_PENDING,
	JOB_INITIALIZING,
	JOB_GENERATING,
	JOB_SAVING,
	JOB_COMPLETED,
	JOB_FAILED,
	JOB_CANCELLED,
	JOB_STATUSES
};

const char *job_status_name(enum job_status s); /* "PENDING" */
bool job_status_from(struct str name, enum job_status *out);
static inline bool job_status_is_final(enum job_status s)
{
	return s >= JOB_COMPLETED;
}

struct job_picture {
	unsigned n;     /* from 1, across the whole job */
	struct str id;  /* pic_… */
	struct str key; /* generated_images/{job}/image_{n}.{ext} */
	struct str content_type;
	struct str sha256; /* hex */
	uint64_t bytes;
	unsigned width, height;
	bool has_seed;
	int64_t seed;
};

/* The request as it was understood; saved as `params`, read back after a restart. */
struct job_params {
	unsigned width, height;
	struct str size; /* "1024x1024", as the seeds write it */
	struct str aspect_ratio;
	enum imago_format format;
	struct str style, quality, negative_prompt;
	bool has_seed;
	int64_t seed;
};

struct job_record {
	struct arena arena;
	unsigned refs;
	struct str id, user_id;
	enum job_status status;
	struct str operation; /* "text_to_image" */
	struct str prompt;
	struct job_params params;
	struct str model;        /* catalog name */
	struct str source_model; /* the provider's own name of it */
	struct str provider_id;  /* account */
	struct str generation_type;
	unsigned num_images;
	unsigned images_stored;
	int64_t price;   /* credits for all pictures, fixed when they were held */
	int64_t charged; /* -1 until closed */
	int64_t cost_micros;
	int64_t generation_us;                        /* -1 until closed */
	int64_t created_us, updated_us, completed_us; /* wall clock; completed 0 until closed */
	int progress;                                 /* percent */
	int queue_position;                           /* -1: not said */
	bool cancel_requested;
	struct str error_code, error_message;
	struct str attempts;          /* JSON array; empty while live */
	struct job_picture *pictures; /* images_stored of them */
};

struct job_record *record_new(void);
struct job_record *record_ref(struct job_record *r);
void record_unref(struct job_record **r);

struct buf;
struct json;
struct pg_call;
/* params to JSON text and back. Unknown members are ignored, missing ones keep their defaults. */
void job_params_write(const struct job_params *p, struct buf *out);
void job_params_read(struct arena *a, struct str json, struct job_params *out);
/* A row of job_get.sql, or of jobs_page.sql (attempts stay empty). NULL when the row makes no sense. */
struct job_record *record_from_row(const struct pg_call *call, unsigned row, struct str user_id, bool with_attempts);
/* The compact form for the status cache in Redis, and back. */
void record_write(const struct job_record *r, struct buf *out);
struct job_record *record_read(struct str text);

const char *operation_name(enum imago_operation op);
bool operation_from(struct str name, enum imago_operation *out);
const char *format_name(enum imago_format f);              /* "PNG" */
const char *format_type(enum imago_format f);              /* "image/png" */
const char *format_extension(enum imago_format f);         /* "png", "jpg", "webp" */
bool format_from(struct str name, enum imago_format *out); /* any case; "JPG" too */
