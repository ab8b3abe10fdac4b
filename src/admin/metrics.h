#pragma once
/*
 * metrics - GET /metrics
 */
#include "http/http.h"

void metrics_get(struct http_req *http);
