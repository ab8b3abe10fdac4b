/*
 * media - stored pictures out by sendfile: by key, session or signed link; ETag, Range, immutable.
 *
 * The path names the job and the file; whose it is, is looked up. What is not the asker's does not exist.
 */
#include <unistd.h>

#include "api/images.h"
#include "api/listing.h"
#include "api/media.h"
#include "core/archive.h"
#include "io/disk.h"

struct media {
	struct str key;
	struct str owner, sha256, content_type;
};

/* ---- ranges ---- */

bool media_range(struct str header, uint64_t size, uint64_t *from, uint64_t *length)
{
	struct str rest, first;
	uint64_t a, b;

	*from = 0;
	*length = size;
	if (!str_eq_nocase(str_sub(header, 0, 6), STR("bytes=")))
		return true; /* another unit: ignored */
	rest = str_trim(str_skip(header, 6));
	if (str_find_byte(rest, ',') != SIZE_MAX)
		return true; /* several: the whole file is a legal answer */
	first = str_cut(&rest, '-');
	if (!rest.p || (first.n == 0 && rest.n == 0))
		return true; /* not a range at all: ignored */
	if (first.n == 0) {  /* the last b bytes */
		if (!str_to_u64(rest, &b))
			return true;
		*length = b < size ? b : size;
		*from = size - *length;
		return b > 0 && size > 0;
	}
	if (!str_to_u64(first, &a))
		return true;
	if (rest.n == 0)
		b = size ? size - 1 : 0;
	else if (!str_to_u64(rest, &b) || b < a)
		return true;
	if (a >= size)
		return false;
	*from = a;
	*length = (b < size ? b + 1 : size) - a;
	return true;
}

bool media_etag_matches(struct str header, struct str sha256)
{
	while (header.p) {
		struct str one = str_trim(str_cut(&header, ','));

		if (str_is(one, "*"))
			return true;
		if (str_starts(one, STR("W/")))
			one = str_skip(one, 2);
		if (one.n == sha256.n + 2 && one.p[0] == '"' && str_eq(str_sub(one, 1, sha256.n), sha256))
			return true;
	}
	return false;
}

/* If-Range: the part is wanted only while the file is the same. A date never says so: there is no Last-Modified. */
static struct str media_wanted_range(const struct http_req *http, struct str sha256)
{
	struct str condition = http_field(http, "If-Range");
	bool same = condition.n == sha256.n + 2 && condition.p[0] == '"' &&
	            str_eq(str_sub(condition, 1, sha256.n), sha256);

	return !condition.p || same ? http_field(http, "Range") : (struct str){ NULL, 0 };
}

/* ---- the answer ---- */

static void media_headers(struct api_req *r, const struct media *m)
{
	struct arena *a = &r->http->arena;

	api_common_headers(r);
	resp_header(r->http, "ETag", arena_printf(a, "\"%.*s\"", STRF(m->sha256)));
	resp_header(r->http, "Cache-Control", STR("private, max-age=31536000, immutable"));
	resp_header(r->http, "Accept-Ranges", STR("bytes"));
	resp_header(r->http, "Content-Security-Policy", STR("default-src 'none'; sandbox"));
	resp_header(r->http, "Cross-Origin-Resource-Policy", STR("cross-origin"));
}

static void media_missing(struct api_req *r)
{
	api_fail(r, FAULT_NOT_FOUND, (struct str){ NULL, 0 });
}

static void media_send(struct api_req *r, const struct media *m)
{
	struct http_req *http = r->http;
	char *type = arena_cstr(&http->arena, m->content_type);
	uint64_t size, from, length;
	bool partial;
	int fd;

	if (!r->by_link && !str_is(m->owner, r->who.user_id)) {
		media_missing(r);
		return;
	}
	if (media_etag_matches(http_field(http, "If-None-Match"), m->sha256)) {
		resp_start(http, 304);
		media_headers(r, m);
		resp_empty(http);
		return;
	}
	fd = folder_open(r->api->core->disk, m->key, &size);
	if (fd < 0) {
		LOG_ERROR(&http->log, "media.gone", KV_STR("key", m->key));
		media_missing(r);
		return;
	}
	if (!media_range(media_wanted_range(http, m->sha256), size, &from, &length)) {
		close(fd);
		r->content_range = arena_printf(&http->arena, "bytes */%llu", (unsigned long long)size);
		api_fail(r, FAULT_RANGE, (struct str){ NULL, 0 });
		return;
	}
	partial = from != 0 || length != size;
	resp_start(http, partial ? 206 : 200);
	media_headers(r, m);
	if (partial)
		resp_header(http, "Content-Range",
		            arena_printf(&http->arena, "bytes %llu-%llu/%llu", (unsigned long long)from,
		                         (unsigned long long)(from + length - 1), (unsigned long long)size));
	resp_file(http, type, fd, from, length);
}

/* ---- whose is it ---- */

/* user_id, image_id, sha256, bytes, content_type, state */
static void media_found(struct api_req *r, const struct pg_call *rows)
{
	struct arena *a = &r->http->arena;
	struct media m;

	if (pg_rows(rows) != 1) {
		media_missing(r);
		return;
	}
	m.key = str_skip(r->http->path, 1);
	m.owner = arena_copy(a, pg_text(rows, 0, 0));
	m.sha256 = arena_copy(a, pg_text(rows, 0, 2));
	m.content_type = arena_copy(a, pg_text(rows, 0, 4));
	media_send(r, &m);
}

void media_file(struct http_req *http)
{
	struct api_req *r = api_of(http);
	struct str key = str_skip(http->path, 1);
	const struct job_record *job;

	if (!uid_is_valid(http->params[0], "img_") || !folder_key_is_public(key)) {
		media_missing(r);
		return;
	}
	job = archive_get(r->api->core->archive, http->params[0]);
	for (unsigned i = 0; job && i < job->images_stored; i++) {
		const struct job_picture *p = &job->pictures[i];

		if (str_eq(p->key, key)) {
			media_send(r, &(struct media){ key, job->user_id, p->sha256, p->content_type });
			return;
		}
	}
	listing_ask(r, PG_READ, STMT_IMAGE_BY_KEY, &key, 1, media_found);
}
