/*
 * archive - a map and a list of uses over shared records; and the status cache in Redis.
 *
 * Publishing: SET imago:job:{id} and PUBLISH imago:wake {id}, so that another instance
 * answers for a job that lives here without asking the database, and drops what it remembered. A final
 * status stays for an hour; any other for seconds, because the word of its end may be lost: with the process that
 * was about to send it, or while Redis was away.
 */
#include "core/archive.h"

#include "base/buf.h"
#include "base/list.h"
#include "base/map.h"
#include "base/mem.h"
#include "base/slab.h"
#include "core/jobs.h"
#include "io/redis.h"

struct entry {
	struct map_node node;
	struct link used;
	struct job_record *record;
	uint64_t read_ms;
};

struct archive {
	struct core *core;
	struct map by_id;
	struct link recent;
	struct slab slab;
	struct buf text;
};

static void entry_drop(struct archive *a, struct entry *e)
{
	map_remove(&a->by_id, &e->node);
	list_remove(&e->used);
	record_unref(&e->record);
	slab_put(&a->slab, e);
}

static struct entry *entry_find(struct archive *a, struct str job_id)
{
	struct map_node *n = map_find(&a->by_id, job_id);

	return n ? CONTAINER_OF(n, struct entry, node) : NULL;
}

void archive_forget(struct archive *a, struct str job_id)
{
	struct entry *e = entry_find(a, job_id);

	if (e)
		entry_drop(a, e);
}

void archive_put(struct archive *a, struct job_record *record)
{
	struct entry *e;

	archive_forget(a, record->id);
	if (a->by_id.count >= ARCHIVE_RECORDS)
		entry_drop(a, CONTAINER_OF(a->recent.next, struct entry, used));
	e = slab_get(&a->slab);
	e->record = record_ref(record);
	e->read_ms = loop_now_ms(a->core->loop);
	list_init(&e->used);
	list_append(&a->recent, &e->used);
	map_add(&a->by_id, &e->node, record->id);
}

struct job_record *archive_get(struct archive *a, struct str job_id)
{
	struct entry *e = entry_find(a, job_id);

	if (!e)
		return NULL;
	if (!job_status_is_final(e->record->status) && loop_now_ms(a->core->loop) > e->read_ms + ARCHIVE_STALE_MS) {
		entry_drop(a, e);
		return NULL;
	}
	list_remove(&e->used);
	list_append(&a->recent, &e->used);
	return e->record;
}

void archive_publish(struct archive *a, struct job_record *record)
{
	struct redis *redis = a->core->redis;
	char key[64];
	struct str argv[5];

	if (!redis || !redis_is_up(redis))
		return;
	snprintf(key, sizeof key, "imago:job:%.*s", STRF(record->id));
	buf_reset(&a->text);
	record_write(record, &a->text);
	if (a->text.overflowed)
		return;
	argv[0] = STR("SET");
	argv[1] = str_from(key);
	argv[2] = buf_view(&a->text);
	argv[3] = STR("EX");
	argv[4] = job_status_is_final(record->status) ? STR("3600") : STR("5");
	redis_tell(redis, argv, 5);
	if (job_status_is_final(record->status))
		jobs_wake(a->core, record->id);
}

struct archive *archive_new(struct core *core)
{
	struct archive *a = mem_new(struct archive);

	a->core = core;
	map_init(&a->by_id);
	list_init(&a->recent);
	slab_init(&a->slab, sizeof(struct entry), ARCHIVE_RECORDS);
	buf_init(&a->text, 64 * 1024);
	return a;
}

void archive_free(struct archive **ap)
{
	struct archive *a = *ap;
	struct link *l;

	if (!a)
		return;
	*ap = NULL;
	while ((l = list_first(&a->recent)))
		entry_drop(a, CONTAINER_OF(l, struct entry, used));
	map_clear(&a->by_id);
	slab_clear(&a->slab);
	buf_clear(&a->text);
	mem_release(a);
}
