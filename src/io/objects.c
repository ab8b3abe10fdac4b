/*
 * objects - the owner's side of a put and an open, and the folder behind both.
 *
 *  1. A put into the folder is a placing of its own (`place`) inside the put: when it has ended, the put ends. A put that its
 *     owner ended earlier leaves the placing alone until the put is cleared or begun again.
 *  2. An open of the folder is one system call and ends in the same turn.
 */
#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

#include "base/mem.h"
#include "io/objects_priv.h"

struct objects *objects_new(struct loop *loop, const struct log *log, struct disk *disk, struct outbound *outbound,
                            const struct objects_config *config)
{
	struct objects *o = mem_new(struct objects);

	(void)outbound;
	(void)config;
	*o = (struct objects){ .loop = loop, .log = log, .disk = disk };
	return o;
}

void objects_free(struct objects **o)
{
	if (!*o)
		return;
	mem_release(*o);
	*o = NULL;
}

bool objects_is_remote(const struct objects *o)
{
	(void)o;
	return false;
}

/* ---- put ---- */

static void on_placed(struct op *op)
{
	struct folder_place *place = CONTAINER_OF(op, struct folder_place, op);
	struct object_put *p = CONTAINER_OF(place, struct object_put, place);

	if (p->op.state == OP_PENDING)
		op_finish_with(&p->op, op->fault);
}

void object_put_init(struct object_put *p, struct loop *loop, void (*done)(struct op *op))
{
	*p = (struct object_put){ .file = NULL };
	op_init(&p->op, loop, done);
	folder_place_init(&p->place, loop, on_placed);
}

void objects_put(struct objects *o, struct object_put *p, struct spool_file *f, struct str key, struct str content_type)
{
	op_forget(&p->place.op); /* of a put that ended early */
	p->file = f;
	p->content_type = content_type;
	op_begin(&p->op, NULL, 0);
	if (!folder_key_is_valid(key) || !str_to_cstr(key, p->key, sizeof p->key)) {
		op_finish_with(&p->op, (struct fault){ .code = FAULT_INTERNAL, .cause = STR("not a key of ours") });
		return;
	}
	spool_seal(f);
	folder_place(o->disk, &p->place, f, key);
}

void object_put_clear(struct object_put *p)
{
	op_forget(&p->op);
	op_forget(&p->place.op);
}

/* ---- open ---- */

void object_open_init(struct object_open *p, struct loop *loop, void (*done)(struct op *op))
{
	*p = (struct object_open){ .fd = -1, .file = { .fd = -1 } };
	op_init(&p->op, loop, done);
}

void objects_open(struct objects *o, struct object_open *p, struct str key)
{
	struct fault fault = { .code = FAULT_NONE };

	object_open_clear(p);
	op_begin(&p->op, NULL, 0);
	p->fd = folder_open(o->disk, key, &p->bytes);
	if (p->fd < 0) {
		bool missing = errno == ENOENT || errno == EINVAL || errno == ELOOP || errno == ENOTDIR;

		fault.code = missing ? FAULT_NOT_FOUND : FAULT_STORAGE;
		fault.cause = missing ? STR("there is no such object") : STR("the file cannot be opened");
	}
	op_finish_with(&p->op, fault);
}

void object_open_clear(struct object_open *p)
{
	op_forget(&p->op);
	if (p->fd >= 0)
		close(p->fd);
	p->fd = -1;
	spool_drop(&p->file);
}

struct str objects_link(struct objects *o, struct arena *a, struct str key, unsigned seconds, int64_t now_us)
{
	(void)o;
	(void)a;
	(void)key;
	(void)seconds;
	(void)now_us;
	return (struct str){ "", 0 };
}
