#pragma once
/*
 * images - asking for pictures: the same for every route and for the page's form.
 */
#include "api/api.h"

enum { IMAGES_PROMPT_MAX = 4000 }; /* code points */

/* From a body to what core takes; at most `most` pictures. False: the answer was sent. Strings live in the body and the request. */
MUST_CHECK bool images_read_spec(struct api_req *r, const struct json *body, unsigned most, struct job_spec *spec);
/* Accept it; takes over the body (may be NULL). `answer` runs unless the client has gone; the job goes on either way. */
void images_create(struct api_req *r, struct json *body, const struct job_spec *spec,
                   void (*answer)(struct api_req *r, const struct jobs_accept *accept));
/* The error answer for an acceptance that failed. */
void images_fail(struct api_req *r, const struct jobs_accept *accept);

/* lookup.c: the job that {id} names, for its owner; `found` gets it, everybody else a 404. */
void lookup_job(struct api_req *r, bool fresh, void (*found)(struct api_req *r, const struct job_record *record));
