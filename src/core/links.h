#pragma once
/*
 * links - signed, expiring links to pictures, so that <img src> and curl need no key.
 *
 * ?exp=UNIX_SECONDS&sig=BASE64URL(HMAC-SHA-256(link key, path "\n" exp), 16 bytes). The link key is derived
 * from the installation's key file (IMAGO_KEY_FILE, else {data_dir}/.encryption_key, 0400, made at the first start);
 * instances that share users must share that file.
 */
#include <stdbool.h>

#include "base/buf.h"
#include "base/str.h"

struct core;
struct links;

/* Refuses a file that is readable by others, of the wrong size, or not ours. */
struct links *links_new(struct core *core, struct str key_file, struct str *why);
void links_free(struct links **l);
/* base + path + the query. exp is rounded to the hour so that links of one day are equal and cache. */
void links_write(const struct links *l, struct buf *out, struct str base, struct str path);
bool links_check(const struct links *l, struct str path, struct str query, int64_t now_us);
/* A signed text for cookies: payload "." mac; false when it was not made here. */
void links_seal(const struct links *l, struct buf *out, struct str payload);
bool links_open(const struct links *l, struct str sealed, struct str *payload);
