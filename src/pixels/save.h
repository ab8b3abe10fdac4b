#pragma once
/*
 * save - encode a canvas and write it to a descriptor.
 */
#include <stdbool.h>
#include <stdint.h>

#include "base/str.h"
#include "pixels/canvas.h"
#include "pixels/request.h"

/* From the descriptor's beginning; what was there before is cut off. */
bool save_picture(const struct canvas *c, enum picture_format format, int fd, uint64_t *bytes, struct str *why);
