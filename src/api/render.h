#pragma once
/*
 * render - records as JSON: seed 003's shapes and our own.
 */
#include "api/api.h"

void render_legacy_status(struct api_req *r, const struct job_record *job, struct buf *out);
void render_legacy_result(struct api_req *r, const struct job_record *job, struct buf *out);
/* The Job of /api/v1; attempts only where the record has them. */
void render_job(struct api_req *r, const struct job_record *job, struct json_writer *w);
/* What people read for a status. */
struct str render_status_text(struct api_req *r, const struct job_record *job);
void render_time(struct json_writer *w, const char *key, int64_t us);
