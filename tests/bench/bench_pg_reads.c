/*
 * One-row reads by primary key through one connection: how many a second, and what one
 * costs us in CPU time. `tests/stores run -- bench_pg_reads [calls in flight] [seconds]`
 */
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "base/mem.h"
#include "io/pg.h"

enum { ROWS = 100000 };

static const struct pg_statement statements[] = { { "get", "select id, v from reads where id = $1", 1 } };

struct bench {
	struct loop loop;
	struct pg *pg;
	struct timer stop;
	unsigned in_flight, seconds, live, failed;
	uint64_t done;
	bool stopping;
	uint32_t random;
};

struct reader {
	struct pg_call call;
	struct bench *bench;
};

static double seconds_of(clockid_t clock)
{
	struct timespec t;

	clock_gettime(clock, &t);
	return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static void read_one(struct reader *r)
{
	struct bench *b = r->bench;
	char text[16];

	b->random = b->random * 1664525u + 1013904223u;
	snprintf(text, sizeof text, "%u", b->random % ROWS);
	pg_call(b->pg, PG_READ, &r->call, (enum stmt_id)0, (struct str[]){ str_from(text) }, 1);
}

static void on_read(struct op *op)
{
	struct pg_call *call = CONTAINER_OF(op, struct pg_call, op);
	struct reader *r = CONTAINER_OF(call, struct reader, call);

	r->bench->done++;
	r->bench->failed += op->fault.code != FAULT_NONE || pg_rows(call) != 1;
	if (!r->bench->stopping)
		read_one(r);
	else if (--r->bench->live == 0)
		loop_break(&r->bench->loop);
}

static void on_stop(struct timer *t)
{
	CONTAINER_OF(t, struct bench, stop)->stopping = true;
}

static void on_changed(void *user, enum pg_class which, bool up)
{
	if (which == PG_READ && up)
		loop_break(&((struct bench *)user)->loop);
}

static bool table_fill(const char *url)
{
	struct str why = { 0 };
	struct pg_sync *s = pg_sync_open(url, &why);
	bool ok = s && pg_sync_exec(s,
	                            "create table if not exists reads (id int primary key, v text not null);"
	                            "insert into reads select i, md5(i::text) from generate_series(0, 99999) as i "
	                            "on conflict do nothing; analyze reads",
	                            NULL, 0, NULL, &why);

	if (!ok)
		fprintf(stderr, "%.*s\n", STRF(why));
	pg_sync_close(&s);
	return ok;
}

static void measure(struct bench *b)
{
	struct reader *readers = mem_alloc(b->in_flight * sizeof(struct reader));
	double wall, cpu;

	for (unsigned i = 0; i < b->in_flight; i++) {
		readers[i].bench = b;
		pg_call_init(&readers[i].call, &b->loop, on_read);
		read_one(&readers[i]);
		b->live++;
	}
	timer_start(&b->loop, &b->stop, b->seconds * 1000u, on_stop);
	wall = seconds_of(CLOCK_MONOTONIC);
	cpu = seconds_of(CLOCK_PROCESS_CPUTIME_ID);
	loop_run(&b->loop);
	wall = seconds_of(CLOCK_MONOTONIC) - wall;
	cpu = seconds_of(CLOCK_PROCESS_CPUTIME_ID) - cpu;
	printf("%u in flight: %.0f reads/s, %.2f us of our CPU each, %u failed\n", b->in_flight, (double)b->done / wall,
	       cpu * 1e6 / (double)b->done, b->failed);
	for (unsigned i = 0; i < b->in_flight; i++)
		pg_call_clear(&readers[i].call);
	mem_release(readers);
}

int main(int argc, char **argv)
{
	static const struct log quiet;
	struct bench b = { .in_flight = 64, .seconds = 3 };
	uint64_t n;

	if (argc > 1 && str_to_u64(str_from(argv[1]), &n) && n > 0 && n <= 4096)
		b.in_flight = (unsigned)n;
	if (argc > 2 && str_to_u64(str_from(argv[2]), &n) && n > 0 && n <= 600)
		b.seconds = (unsigned)n;
	if (!getenv("DATABASE_URL") || !table_fill(getenv("DATABASE_URL")))
		return 1;
	loop_init(&b.loop);
	b.pg = pg_new(&b.loop, &quiet,
	              &(struct pg_config){ .url = getenv("DATABASE_URL"),
	                                   .statements = statements,
	                                   .statement_count = 1,
	                                   .changed = on_changed,
	                                   .user = &b });
	loop_run(&b.loop);
	measure(&b);
	pg_free(&b.pg);
	loop_close(&b.loop);
	return b.failed != 0;
}
