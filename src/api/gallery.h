#pragma once
/*
 * gallery - what the gallery shows: for the API and for the page.
 */
#include "api/api.h"

struct gallery_item {
	struct str id, job_id, key, content_type, generation_type, model, prompt;
	unsigned n, width, height;
	uint64_t bytes;
	int64_t created_us;
};

struct gallery_job {
	struct str id, status, prompt, generation_type;
	unsigned num_images;
	int64_t created_us;
};

/* Strings live until done has returned. */
struct gallery {
	bool failed; /* could not be read: not the same as empty */
	int64_t avatar, imagen4, video, all;
	struct str type; /* the filter; p NULL: all */
	unsigned limit;
	struct gallery_item *items;
	unsigned count;
	struct gallery_job *unfinished;
	unsigned unfinished_count;
};

/* before_us NULL: from the newest. */
void gallery_load(struct api_req *r, struct str type, const int64_t *before_us, struct str before_id, unsigned limit,
                  void (*done)(struct api_req *r, const struct gallery *g));
/* The filter of the query; false when it is none. */
MUST_CHECK bool gallery_type(struct api_req *r, struct str *type);
