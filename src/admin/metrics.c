/*
 * metrics - the table of base/metrics.def as Prometheus text.
 */
#include "admin/metrics.h"

#include "base/log.h"
#include "base/metric.h"

enum { METRICS_MAX = 4 * 1024 * 1024 };

void metrics_get(struct http_req *http)
{
	struct buf body;

	metric_set(METRIC_ID_log_dropped_total, NULL, NULL, (int64_t)log_dropped());
	buf_init(&body, METRICS_MAX);
	metric_render(&body);
	resp_start(http, 200);
	resp_header(http, "Cache-Control", STR("no-store"));
	resp_send(http, "text/plain; version=0.0.4; charset=utf-8", buf_view(&body));
	buf_clear(&body);
}
