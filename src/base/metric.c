/*
 * metric - for each metric a small table of series, found by a hash of their labels.
 *
 * A metric without labels has one series and no look-up. Series are never removed, so
 * label texts are copied once. The bound: the last of METRIC_SERIES is "other".
 */
#include "base/metric.h"

#include "base/check.h"
#include "base/mem.h"

enum { BUCKETS = 64, LABEL_LONGEST = 64, BOUNDS_MOST = 18 };

/* Upper bounds in microseconds, and the same as text in seconds. */
struct bound {
	uint64_t us;
	const char *le;
};

static const struct bound seconds_bounds[] = {
	{ 1000, "0.001" },    { 2500, "0.0025" },   { 5000, "0.005" },    { 10000, "0.01" },  { 25000, "0.025" },
	{ 50000, "0.05" },    { 100000, "0.1" },    { 250000, "0.25" },   { 500000, "0.5" },  { 1000000, "1" },
	{ 2500000, "2.5" },   { 5000000, "5" },     { 10000000, "10" },   { 30000000, "30" }, { 60000000, "60" },
	{ 120000000, "120" }, { 300000000, "300" }, { 600000000, "600" },
};
static const struct bound turn_bounds[] = {
	{ 10, "0.00001" },  { 25, "0.000025" }, { 50, "0.00005" },  { 100, "0.0001" }, { 250, "0.00025" },
	{ 500, "0.0005" },  { 1000, "0.001" },  { 2500, "0.0025" }, { 5000, "0.005" }, { 10000, "0.01" },
	{ 25000, "0.025" }, { 50000, "0.05" },  { 100000, "0.1" },
};
_Static_assert(COUNT_OF(seconds_bounds) <= BOUNDS_MOST && COUNT_OF(turn_bounds) <= BOUNDS_MOST, "room");

struct histogram {
	uint64_t counts[BOUNDS_MOST + 1]; /* not cumulative; the last is +Inf */
	uint64_t count, sum_us;
};

struct series {
	struct series *next; /* in the bucket */
	uint32_t hash;
	char label1[LABEL_LONGEST], label2[LABEL_LONGEST];
	int64_t value;
	struct histogram *histogram; /* of these kinds only */
};

struct metric_row {
	const char *name, *labels, *help;
	enum metric_kind kind;
};

static const struct metric_row rows[METRIC_ID_COUNT] = {
#define METRIC(kind, id, labels, help) [METRIC_ID_##id] = { #id, labels, help, METRIC_##kind },
#include "base/metrics.def"
#undef METRIC
};

struct metric {
	struct series **in_order; /* METRIC_SERIES; made with the first series */
	struct series **buckets;
	struct series *only; /* the series of a metric without labels */
	unsigned count;
};

static struct metric metrics[METRIC_ID_COUNT];

static bool is_histogram(enum metric_kind kind)
{
	return kind == METRIC_SECONDS || kind == METRIC_TURN;
}

static const struct bound *bounds_of(enum metric_kind kind, unsigned *count)
{
	*count = kind == METRIC_TURN ? COUNT_OF(turn_bounds) : COUNT_OF(seconds_bounds);
	return kind == METRIC_TURN ? turn_bounds : seconds_bounds;
}

/* FNV-1a over both labels, with what a label is cut to. */
static uint32_t hash_on(uint32_t h, const char *label)
{
	for (unsigned i = 0; label[i] && i < LABEL_LONGEST - 1; i++)
		h = (h ^ (unsigned char)label[i]) * 16777619U;
	return (h ^ 0xff) * 16777619U;
}

static bool is_label(const char *kept, const char *label)
{
	return strncmp(kept, label, LABEL_LONGEST - 1) == 0;
}

static struct series *find(const struct metric *m, uint32_t hash, const char *label1, const char *label2)
{
	struct series *s = m->buckets ? m->buckets[hash % BUCKETS] : NULL;

	while (s && !(s->hash == hash && is_label(s->label1, label1) && is_label(s->label2, label2)))
		s = s->next;
	return s;
}

static struct series *series_new(enum metric_id id)
{
	struct series *s = mem_new(struct series);

	if (is_histogram(rows[id].kind))
		s->histogram = mem_new(struct histogram);
	return s;
}

static void keep_label(char kept[LABEL_LONGEST], const char *label)
{
	size_t n = strnlen(label, LABEL_LONGEST - 1);

	memcpy(kept, label, n);
	kept[n] = '\0';
}

static struct series *add(enum metric_id id, uint32_t hash, const char *label1, const char *label2)
{
	struct metric *m = &metrics[id];
	struct series *s = series_new(id);

	if (!m->buckets) {
		m->buckets = mem_alloc(BUCKETS * sizeof(*m->buckets));
		m->in_order = mem_alloc(METRIC_SERIES * sizeof(*m->in_order));
	}
	s->hash = hash;
	keep_label(s->label1, label1);
	keep_label(s->label2, label2);
	s->next = m->buckets[hash % BUCKETS];
	m->buckets[hash % BUCKETS] = s;
	m->in_order[m->count++] = s;
	return s;
}

static uint32_t hash_of(const char *label1, const char *label2)
{
	return hash_on(hash_on(2166136261U, label1), label2);
}

static struct series *other(enum metric_id id)
{
	const char *label2 = strchr(rows[id].labels, ',') ? "other" : "";
	uint32_t hash = hash_of("other", label2);
	struct series *s = find(&metrics[id], hash, "other", label2);

	return s ? s : add(id, hash, "other", label2);
}

static struct series *series_of(enum metric_id id, const char *label1, const char *label2)
{
	struct metric *m = &metrics[id];
	struct series *s;
	uint32_t hash;

	CHECK((unsigned)id < METRIC_ID_COUNT);
	if (!*rows[id].labels) {
		if (!m->only)
			m->only = series_new(id);
		return m->only;
	}
	label1 = label1 ? label1 : "";
	label2 = label2 ? label2 : "";
	hash = hash_of(label1, label2);
	s = find(m, hash, label1, label2);
	if (s)
		return s;
	/* the last place is kept for "other" */
	return m->count < METRIC_SERIES - 1 ? add(id, hash, label1, label2) : other(id);
}

void metric_add(enum metric_id id, const char *label1, const char *label2, int64_t n)
{
	CHECK(!is_histogram(rows[id].kind));
	series_of(id, label1, label2)->value += n;
}

void metric_set(enum metric_id id, const char *label1, const char *label2, int64_t value)
{
	CHECK(!is_histogram(rows[id].kind));
	series_of(id, label1, label2)->value = value;
}

void metric_observe_us(enum metric_id id, const char *label1, const char *label2, uint64_t us)
{
	struct histogram *h = series_of(id, label1, label2)->histogram;
	const struct bound *bounds;
	unsigned count, i = 0;

	CHECK(h != NULL);
	bounds = bounds_of(rows[id].kind, &count);
	while (i < count && us > bounds[i].us)
		i++;
	h->counts[i]++;
	h->count++;
	h->sum_us += us;
}

int64_t metric_get(enum metric_id id, const char *label1, const char *label2)
{
	const struct metric *m = &metrics[id];
	const struct series *s = m->only;

	label1 = label1 ? label1 : "";
	label2 = label2 ? label2 : "";
	if (*rows[id].labels)
		s = find(m, hash_of(label1, label2), label1, label2);
	if (!s)
		return 0;
	return s->histogram ? (int64_t)s->histogram->count : s->value;
}

/* In label values \ " and the line end are escaped. */
static void put_label(struct buf *out, struct str name, const char *value)
{
	buf_str(out, name);
	buf_cstr(out, "=\"");
	for (; *value; value++) {
		if (*value == '\n') {
			buf_cstr(out, "\\n");
			continue;
		}
		if (*value == '"' || *value == '\\')
			buf_byte(out, '\\');
		buf_byte(out, *value);
	}
	buf_byte(out, '"');
}

/* imago_name_suffix{label1="..",label2="..",le=".."} and a blank */
static void put_name(struct buf *out, const struct metric_row *row, const char *suffix, const struct series *s,
                     const char *le)
{
	struct str label2 = str_from(row->labels), label1 = str_cut(&label2, ',');

	buf_cstr(out, "imago_");
	buf_cstr(out, row->name);
	buf_cstr(out, suffix);
	if (label1.n || le)
		buf_byte(out, '{');
	if (label1.n)
		put_label(out, label1, s->label1);
	if (label2.n) {
		buf_byte(out, ',');
		put_label(out, label2, s->label2);
	}
	if (le) {
		if (label1.n)
			buf_byte(out, ',');
		put_label(out, STR("le"), le);
	}
	if (label1.n || le)
		buf_byte(out, '}');
	buf_byte(out, ' ');
}

static void put_count(struct buf *out, uint64_t count)
{
	buf_u64(out, count);
	buf_byte(out, '\n');
}

static void put_histogram(struct buf *out, const struct metric_row *row, const struct series *s)
{
	static const struct histogram none;
	const struct histogram *h = s->histogram ? s->histogram : &none;
	const struct bound *bounds;
	uint64_t below = 0;
	unsigned count;

	bounds = bounds_of(row->kind, &count);
	for (unsigned i = 0; i < count; i++) {
		below += h->counts[i];
		put_name(out, row, "_bucket", s, bounds[i].le);
		put_count(out, below);
	}
	put_name(out, row, "_bucket", s, "+Inf");
	put_count(out, h->count);
	put_name(out, row, "_sum", s, NULL);
	buf_printf(out, "%llu.%06u\n", (unsigned long long)(h->sum_us / 1000000), (unsigned)(h->sum_us % 1000000));
	put_name(out, row, "_count", s, NULL);
	put_count(out, h->count);
}

static void put_series(struct buf *out, const struct metric_row *row, const struct series *s)
{
	if (is_histogram(row->kind)) {
		put_histogram(out, row, s);
		return;
	}
	put_name(out, row, "", s, NULL);
	buf_i64(out, s->value);
	buf_byte(out, '\n');
}

void metric_render(struct buf *out)
{
	static const char *const types[] = { "counter", "gauge", "histogram", "histogram" };
	static const struct series zero;

	for (unsigned id = 0; id < METRIC_ID_COUNT; id++) {
		const struct metric_row *row = &rows[id];
		const struct metric *m = &metrics[id];

		buf_printf(out, "# HELP imago_%s %s\n", row->name, row->help);
		buf_printf(out, "# TYPE imago_%s %s\n", row->name, types[row->kind]);
		if (!*row->labels)
			put_series(out, row, m->only ? m->only : &zero);
		for (unsigned i = 0; i < m->count; i++)
			put_series(out, row, m->in_order[i]);
	}
}
