#pragma once
/*
 * fal, inside - what its files share. Outside only `fal_driver` (registry.h) is known.
 *
 *   fal.c         the driver's table, paths, handle, every build_ and the key's shape
 *   fal_input.c   from a task and its catalog row's params to the model's input
 *   fal_parse.c   every parse_
 *   fal_errors.c  what an error answer means at each stage
 */
#include <stdbool.h>

#include "base/str.h"
#include "imago/provider.h"

/* The members of params that are fal's own, beside those of the catalog (catalog.h):
 *   size              "aspect_ratio": sends aspect_ratio; "image_size": a preset's name or width and height
 *   size_step         image_size: sides are rounded up to a multiple of this
 *   size_max          image_size: longest side; larger ones are scaled down
 *   resolutions       {"1K": 1048576, "2K": 4194304}: the first with at least as many pixels as asked
 *                     for is sent as `resolution`; quality "ultra" takes the last
 *   seed              true: the model takes one
 *   negative_prompt   true: the model takes one
 *   prompt            "optional", or "none": the model takes no words; absent: it must have some
 *   image             the member for the source: "image_url", or "image_urls" for a list of them; absent: the model takes
 *                     no picture
 *   mask              the member for the mask, white where to repaint
 *   loras             true: the model takes a list of LoRA weights by address
 *   strength, steps, guidance   true: the model takes it
 *   scale             the member that says how much larger
 *   face              the member that is true where a face is to be mended
 *   open              members that a client may add or set otherwise than in extra
 *   max_queue_length  answer 429 when more are waiting at fal
 *   unit_micros       what one of fal's billable units costs, to read the real cost from the answer
 *   extra             members that are sent as they are
 */

/* Which call an answer belongs to. */
enum fal_stage { FAL_SUBMIT, FAL_POLL, FAL_RESULT, FAL_CANCEL, FAL_CHECK };

/* The handle that poll, result and cancel need: "{owner}/{alias} {request id}". */
struct fal_handle {
	struct str app, request_id;
};

/* Path of the submit call and of the app (namespace, owner and alias only), both without slashes
 * around; false when `model` is not a fal model id. */
bool fal_paths(struct str model, struct imago_memory *memory, struct str *submit, struct str *app);
bool fal_request_id_is_valid(struct str id);
bool fal_handle_read(struct str text, struct fal_handle *out);

struct fal_input {
	struct str body;          /* JSON; but the bytes of the pictures below are left out of it */
	int64_t max_queue_length; /* -1: no limit asked for */
	struct fal_place {
		size_t at; /* in the body */
		unsigned input;
	} places[IMAGO_INPUTS_MAX];
	unsigned place_count;
};
/* False: *out says why the task cannot be expressed. */
bool fal_input_build(const struct imago_task *task, struct imago_memory *memory, struct fal_input *input,
                     struct imago_outcome *out);

/* An answer that is not a success: what it means at this stage. */
void fal_read_error(enum fal_stage stage, const struct imago_reply *reply, struct imago_memory *memory,
                    struct imago_outcome *out);

void fal_parse_submit(const struct imago_task *, const struct imago_reply *, struct imago_memory *,
                      struct imago_outcome *);
void fal_parse_poll(const struct imago_task *, const struct imago_reply *, struct imago_memory *,
                    struct imago_outcome *);
void fal_parse_result(const struct imago_task *, const struct imago_reply *, struct imago_memory *,
                      struct imago_outcome *);
void fal_parse_cancel(const struct imago_task *, const struct imago_reply *, struct imago_memory *,
                      struct imago_outcome *);
void fal_parse_check(const struct imago_reply *, struct imago_memory *, struct imago_outcome *);
