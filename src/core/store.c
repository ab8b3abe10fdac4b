/*
 * store - the states of one picture on its way in:
 *
 *   FETCH  bytes by outbound -> spool, hash, probe -\
 *                                                    +-> PLACE (flush, rename) -> done
 *   DRAW   the worker writes -> ADOPT (hash) -> probe -/
 *
 * Each arrow is one completion. A fault anywhere drops the spool file and ends the call.
 */
#include "core/store.h"

#include <errno.h>

#include "base/hash.h"
#include "base/uid.h"
#include "core/accounts.h"

enum { FETCH_MS = 110000, SLOW_MS = 20000, SPOOL_GUESS = 2 * 1024 * 1024 };

static void store_end(struct store_call *s, struct fault fault)
{
	spool_drop(&s->file);
	if (s->slot)
		op_finish_with(s->slot, fault);
}

static void store_placed(struct op *op)
{
	struct folder_place *placing = CONTAINER_OF(op, struct folder_place, op);
	struct store_call *s = CONTAINER_OF(placing, struct store_call, place);
	char hex[SHA256_HEX];

	hex_encode(s->file.digest, SHA256_BYTES, hex);
	s->picture.sha256 = arena_copy(s->arena, (struct str){ hex, SHA256_HEX });
	s->picture.bytes = s->file.size;
	store_end(s, op->fault);
}

/* What has arrived is all there is: is it one whole picture? Then give it its name. */
static void store_keep(struct store_call *s)
{
	struct job_picture *p = &s->picture;
	struct uid id = uid_new("pic_");

	if (image_probe_end(&s->probe) != IMAGE_WHOLE) {
		store_end(s, (struct fault){ .code = FAULT_BAD_PICTURE,
		                             .detail = str_from(image_verdict_text(s->probe.verdict)) });
		return;
	}
	*p = (struct job_picture){
		.n = s->n,
		.id = arena_copy(s->arena, str_from(id.text)),
		.key = arena_printf(s->arena, "generated_images/%.*s/image_%u.%s", STRF(s->job_id), s->n,
		                    image_type_extension(s->probe.type)),
		.content_type = str_from(image_type_mime(s->probe.type)),
		.width = s->probe.width,
		.height = s->probe.height,
	};
	op_init(&s->place.op, s->core->loop, store_placed);
	folder_place(s->core->disk, &s->place, &s->file, p->key);
}

/* ---- fetched ---- */

static bool store_data(struct outbound_call *fetch, const char *p, size_t n)
{
	struct store_call *s = CONTAINER_OF(fetch, struct store_call, fetch);

	while (n > 0) {
		size_t piece = n < DISK_PIECE ? n : DISK_PIECE;
		enum fault_code code = spool_write(&s->file, p, piece, &s->fault.cause);

		if (code != FAULT_NONE) {
			s->fault.code = code;
			return false;
		}
		if (image_probe_feed(&s->probe, p, piece) >= IMAGE_NOT_ONE) {
			s->fault = (struct fault){ .code = FAULT_BAD_PICTURE,
				                   .detail = str_from(image_verdict_text(s->probe.verdict)) };
			return false;
		}
		p += piece;
		n -= piece;
	}
	return true;
}

static struct fault fetch_fault(struct store_call *s, const struct op *op)
{
	if (s->fault.code != FAULT_NONE)
		return s->fault;
	if (op->fault.code == FAULT_TOO_LARGE)
		return (struct fault){ .code = FAULT_BAD_PICTURE, .detail = STR("the picture is larger than 64 MiB") };
	if (op->fault.code != FAULT_NONE)
		return op->fault;
	if (s->fetch.status == 200)
		return (struct fault){ .code = FAULT_NONE };
	return (struct fault){
		/* 404 and 403 will not get better; the rest may. */
		s->fetch.status >= 500 || s->fetch.status == 429 ? FAULT_PROVIDER : FAULT_TASK_FAILED,
		.detail = arena_printf(&s->fetch.arena, "the picture could not be fetched: HTTP %d", s->fetch.status),
	};
}

static void store_fetched_all(struct op *op)
{
	struct outbound_call *fetching = CONTAINER_OF(op, struct outbound_call, op);
	struct store_call *s = CONTAINER_OF(fetching, struct store_call, fetch);
	struct fault fault = fetch_fault(s, op);

	if (fault.code == FAULT_NONE && s->file.size == 0)
		fault = (struct fault){ .code = FAULT_BAD_PICTURE, .detail = STR("the picture is empty") };
	if (fault.code != FAULT_NONE) {
		store_end(s, fault);
		return;
	}
	store_keep(s);
}

static bool store_open(struct store_call *s)
{
	struct fault fault = { .code = FAULT_NONE };

	fault.code = spool_open(s->core->disk, &s->file, SPOOL_GUESS, &fault.cause);
	if (fault.code == FAULT_NONE)
		return true;
	store_end(s, fault);
	return false;
}

void store_fetch(struct store_call *s, const struct account *a, struct str url, struct str job_id, unsigned n)
{
	s->job_id = job_id;
	s->n = n;
	op_begin(&s->op, &s->slot, 0);
	if (!account_allows_media(a, url)) {
		/* An answer must not make us fetch from, or send anything to, a place nobody configured. */
		store_end(s, (struct fault){ .code = FAULT_TASK_FAILED,
		                             .detail = STR("the picture's address is not the provider's") });
		return;
	}
	if (!store_open(s))
		return;
	image_probe_init(&s->probe);
	outbound_call_init(&s->fetch, s->core->loop, store_fetched_all);
	s->fetch.kind = OUTBOUND_OPERATOR;
	s->fetch.request = (struct imago_call){ .method = "GET", .url = url };
	s->fetch.body_limit = STORE_PICTURE_MAX;
	s->fetch.timeout_ms = FETCH_MS;
	s->fetch.low_speed_ms = SLOW_MS;
	s->fetch.data = store_data;
	outbound_start(s->core->outbound, &s->fetch);
}

/* ---- drawn in the house ---- */

static void store_adopted(struct op *op)
{
	struct spool_adopt *adopting = CONTAINER_OF(op, struct spool_adopt, op);
	struct store_call *s = CONTAINER_OF(adopting, struct store_call, adopt);

	if (op->fault.code != FAULT_NONE) {
		store_end(s, op->fault);
		return;
	}
	image_probe_init(&s->probe);
	while (image_probe_read(&s->probe, s->file.fd, s->file.size))
		; /* jumps from chunk to chunk: a few reads */
	store_keep(s);
}

static void store_drawn(struct op *op)
{
	struct pixels_call *drawing = CONTAINER_OF(op, struct pixels_call, op);
	struct store_call *s = CONTAINER_OF(drawing, struct store_call, draw);

	if (op->fault.code != FAULT_NONE) {
		store_end(s, op->fault);
		return;
	}
	op_init(&s->adopt.op, s->core->loop, store_adopted);
	spool_adopt(&s->file, &s->adopt);
}

void store_draw(struct store_call *s, struct str request, struct str job_id, unsigned n)
{
	s->job_id = job_id;
	s->n = n;
	op_begin(&s->op, &s->slot, 0);
	if (!store_open(s))
		return;
	pixels_call_init(&s->draw, s->core->loop, store_drawn);
	s->draw.fd = s->file.fd;
	buf_str(&s->draw.request, request);
	pixels_start(s->core->pixels, &s->draw);
}

/* ---- begin, end ---- */

void store_init(struct store_call *s, struct core *core, struct arena *arena, void (*done)(struct op *op))
{
	*s = (struct store_call){ .core = core, .arena = arena };
	s->file.fd = -1;
	op_init(&s->op, core->loop, done);
	outbound_call_init(&s->fetch, core->loop, store_fetched_all);
	pixels_call_init(&s->draw, core->loop, store_drawn);
	op_init(&s->adopt.op, core->loop, store_adopted);
	op_init(&s->place.op, core->loop, store_placed);
}

void store_clear(struct store_call *s)
{
	op_forget(&s->op);
	op_forget(&s->fetch.op);
	op_forget(&s->draw.op);
	op_forget(&s->adopt.op);
	op_forget(&s->place.op);
	outbound_call_clear(&s->fetch);
	pixels_call_clear(&s->draw);
	spool_drop(&s->file);
}
