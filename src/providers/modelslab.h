#pragma once
/*
 * modelslab, inside - what its files share. Outside only `modelslab_driver` (registry.h) is known.
 *
 *   modelslab.c         the driver's table, addresses, handle, every build_, the key's shape
 *   modelslab_input.c   from a task and its catalog row's params to the body
 *   modelslab_parse.c   every parse_
 *   modelslab_errors.c  what an error means, mostly by its words
 */
#include <stdbool.h>

#include "base/json.h"
#include "base/str.h"
#include "imago/provider.h"

/* The members of params that are modelslab's own, beside those of the catalog (catalog.h):
 *   steps          how many inference steps where the task names none
 *   steps_max      the most that the model takes; more is asked for in vain
 *   guidance       guidance scale where the task names none
 *   strength       how far from the source where the task does not say
 *   scheduler      the sampler's name
 *   scale          UPSCALE, FACE_FIX: how much larger where the task does not say
 *   safety_checker false: pictures are not looked at there
 */

/* Where a job waits: the first part of its fetch address, "/v6/{family}/fetch/{id}". */
#define MODELSLAB_IMAGES "images"
#define MODELSLAB_EDITING "image_editing"

/* The handle that poll needs: "{family} {id}". */
struct modelslab_handle {
	struct str family, id;
};

bool modelslab_id_is_valid(struct str id);
bool modelslab_handle_read(struct str text, struct modelslab_handle *out);
const char *modelslab_family(enum imago_operation operation);

/* The body of a submit, the key included; p NULL: *out says why the task cannot be expressed. */
struct str modelslab_input_build(const struct imago_task *task, const struct imago_account *account,
                                 struct imago_memory *memory, struct imago_outcome *out);
/* {"key": …}, all that the other calls need. */
struct str modelslab_key_body(const struct imago_account *account, struct imago_memory *memory);

/* Which call an answer belongs to. */
enum modelslab_stage { MODELSLAB_SUBMIT, MODELSLAB_POLL, MODELSLAB_CHECK };

/* An answer that is not "success" or "processing"; root NULL: it is not JSON. */
void modelslab_read_error(enum modelslab_stage stage, const struct imago_reply *reply, const struct json *root,
                          struct imago_memory *memory, struct imago_outcome *out);

void modelslab_parse_submit(const struct imago_task *, const struct imago_reply *, struct imago_memory *,
                            struct imago_outcome *);
void modelslab_parse_poll(const struct imago_task *, const struct imago_reply *, struct imago_memory *,
                          struct imago_outcome *);
void modelslab_parse_check(const struct imago_reply *, struct imago_memory *, struct imago_outcome *);
