#pragma once
/*
 * uid - ids that cannot be guessed, and API keys that can be checked for typing errors.
 *
 * An id is a prefix and 24 characters of base 62 (142 random bits): "img_3Fk9...".
 * A key is "imago_sk_", 32 characters of base 62 (190 bits) and 6 of checksum.
 */
#include <stdbool.h>

#include "base/str.h"

enum { UID_SIZE = 32, API_KEY_SIZE = 64 }; /* including the NUL */

struct uid {
	char text[UID_SIZE];
};

struct uid uid_new(const char *prefix); /* at most 6 bytes, "_" included */
/* Well-formed with this prefix: tells junk from a look-up that may miss. */
bool uid_is_valid(struct str id, const char *prefix);

void api_key_new(char out[API_KEY_SIZE]);
bool api_key_is_well_formed(struct str key); /* prefix, alphabet, length, checksum */
