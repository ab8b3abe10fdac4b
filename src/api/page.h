#pragma once
/*
 * page - what the files of the page share: its state while it is put together, and how it is sent.
 */
#include "api/api.h"
#include "api/texts.h"
#include "core/jobs.h"

/* How the job that this browser has just created stands. */
enum page_made { MADE_NONE, MADE_WAITS, MADE_READY, MADE_FAILED };

struct page {
	int status;
	int64_t credits, price;
	bool knows_credits, can_create;
	bool older;               /* than a picture that was shown before: not the newest */
	struct str prompt, error; /* what was typed, and what is wrong with it */
	enum page_made made;
	struct str made_id, made_error;
	struct str cookie; /* to be set; empty: none */
};

static inline struct str page_text(const struct api_req *r, enum text_id id)
{
	return str_from(text_get(r->language, id));
}

/* A field of a form, its line ends as "\n"; p NULL when absent or broken. */
struct str page_field(struct api_req *r, const char *name);
/* With the version in its query, so that a browser may keep it. */
struct str page_asset_href(struct api_req *r, const char *file);
/* "<p class="error" ...>", or nothing for an empty text. */
void page_put_error(struct buf *out, const char *id, struct str text);
/* cookie empty: none is set. */
void page_send(struct api_req *r, int status, struct str cookie, const struct buf *html);
void page_redirect(struct api_req *r, struct str to, struct str cookie);

/* The whole page for whoever asks, with what was typed and what was wrong with it. */
struct page *page_new(struct api_req *r, int status, struct str prompt, struct str error);
void page_show(struct api_req *r);
/* The same when it is known that nothing can be read now. */
void page_show_failed(struct api_req *r);
/* Nobody: asked who it is. But where nobody is needed, the built-in user could not be read yet. */
void page_for_nobody(struct api_req *r, int status, struct str prompt);

/* ---- page_view.c ---- */
struct gallery;
enum { PAGE_PICTURES = 40 }; /* one more is read, to know whether there are older ones */
void page_view(struct api_req *r, const struct gallery *g);

/* ---- page_sign.c ---- */
/* prompt: what was typed before, to be kept meanwhile. */
void page_sign_in_form(struct api_req *r, int status, struct str prompt, struct str error);
#define PAGE_NO_COOKIE STR("imago_session=; Path=/; HttpOnly; SameSite=Strict; Max-Age=0")

/* ---- page_wait.c ---- */
struct page_wait {
	/* private */
	struct jobs_find find;
	struct timer timer;
	struct api_req *r;
	struct str id;
	uint64_t until_ms;
	void (*done)(struct page_wait *w, const struct job_record *job, enum fault_code code);
};
/* Until the asker's job has ended, or `ms` are over. job: as it is then, borrowed until done returns; NULL when `code` says
 * why it could not be read. `w` lives in the request's arena; `id` too. */
void page_wait_for(struct page_wait *w, struct api_req *r, struct str id, unsigned ms,
                   void (*done)(struct page_wait *w, const struct job_record *job, enum fault_code code));

/* ---- page_create.c ---- */
struct page_once;
struct page_once *page_once_new(void);
void page_once_free(struct page_once **o);
