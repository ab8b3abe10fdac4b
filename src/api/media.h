#pragma once
/*
 * media - the parts of serving a file that are pure, for tests.
 */
#include <stdbool.h>
#include <stdint.h>

#include "base/str.h"

/* One range of a file of `size` bytes. False: it cannot be satisfied (416). A header that makes no sense, or asks
 * for several ranges, is ignored: from 0, all of it. */
bool media_range(struct str header, uint64_t size, uint64_t *from, uint64_t *length);
/* If-None-Match against the ETag of this hash. */
bool media_etag_matches(struct str header, struct str sha256);
