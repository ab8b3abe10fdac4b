#pragma once
/*
 * metric - counters, gauges and histograms; the rows of metrics.def, rendered as Prometheus text.
 *
 * Label values are short texts from our own tables (a step, a route, a provider), never
 * a user, a key, a job or a prompt: at most METRIC_SERIES of them for one metric, later ones
 * are counted under "other". Cells are plain numbers: one thread.
 */
#include <stdint.h>

#include "base/buf.h"
#include "base/str.h"

enum { METRIC_SERIES = 256 };

enum metric_kind { METRIC_COUNTER, METRIC_GAUGE, METRIC_SECONDS, METRIC_TURN };

enum metric_id {
#define METRIC(kind, id, labels, help) METRIC_ID_##id,
#include "base/metrics.def"
#undef METRIC
	METRIC_ID_COUNT
};

/* Label values in the order of the row's label names; NULL for none. */
void metric_add(enum metric_id id, const char *label1, const char *label2, int64_t n);
void metric_set(enum metric_id id, const char *label1, const char *label2, int64_t value);
void metric_observe_us(enum metric_id id, const char *label1, const char *label2, uint64_t us);
int64_t metric_get(enum metric_id id, const char *label1,
                   const char *label2); /* counters, gauges, and a histogram's count */

void metric_render(struct buf *out);

#define metric_inc(id, label1, label2) metric_add(METRIC_ID_##id, (label1), (label2), 1)
