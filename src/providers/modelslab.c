/*
 * modelslab - Stable Diffusion and its kin at ModelsLab, formerly stablediffusionapi.com.
 *
 *   POST {base}/v6/images/{text2img,img2img,inpaint,controlnet}
 *   POST {base}/v6/image_editing/super_resolution            larger, and with mended faces
 *   POST {base}/v6/{images,image_editing}/fetch/{id}         has it ended?
 *   POST {base}/wallet_balance                               is the key good?
 *
 * Invariants
 *  1. The key is a member of every body, so a body goes to base[0] only. The address that an answer names for
 *     fetching (`fetch_result`) is never followed: only an id is taken from an answer.
 *  2. An id becomes part of an address after its alphabet was checked, and so does the family in a handle.
 *  3. What is finished at once is fetched nevertheless: so its id is on record before anything is stored.
 *  4. HTTP 200 is no success: `status` decides.
 */
#include "providers/modelslab.h"

#include "providers/driver.h"
#include "providers/registry.h"

enum { ID_MAX = 64, KEY_MAX = 512 };

/* Where its pages show pictures to lie. */
static const char *const media_hosts[] = {
	"modelslab.com",
	"*.modelslab.com",
	"*.modelslab.ai",
	"stablediffusionapi.com",
	"*.stablediffusionapi.com",
	"d1okzptojspljx.cloudfront.net",
	"pub-3626123a908346a7a8be8d9295f44e26.r2.dev",
	"pub-8b49af329fae499aa563997f5d4068a4.r2.dev",
	NULL,
};

/* ---- handle ---- */

bool modelslab_id_is_valid(struct str id)
{
	for (size_t i = 0; i < id.n; i++) {
		char c = id.p[i];

		if (!((c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '-' ||
		      c == '_'))
			return false;
	}
	return id.n > 0 && id.n <= ID_MAX;
}

bool modelslab_handle_read(struct str text, struct modelslab_handle *out)
{
	struct str rest = text;

	out->family = str_cut(&rest, ' ');
	out->id = rest;
	return (str_is(out->family, MODELSLAB_IMAGES) || str_is(out->family, MODELSLAB_EDITING)) &&
	       modelslab_id_is_valid(out->id);
}

const char *modelslab_family(enum imago_operation operation)
{
	return operation == IMAGO_UPSCALE || operation == IMAGO_FACE_FIX ? MODELSLAB_EDITING : MODELSLAB_IMAGES;
}

/* ---- requests ---- */

/* NULL: it is not done here. */
static const char *path_of(enum imago_operation operation)
{
	switch (operation) {
	case IMAGO_TEXT_TO_IMAGE: return "/v6/" MODELSLAB_IMAGES "/text2img";
	case IMAGO_IMAGE_TO_IMAGE: return "/v6/" MODELSLAB_IMAGES "/img2img";
	case IMAGO_INPAINT: return "/v6/" MODELSLAB_IMAGES "/inpaint";
	case IMAGO_CONTROLNET: return "/v6/" MODELSLAB_IMAGES "/controlnet";
	case IMAGO_UPSCALE:
	case IMAGO_FACE_FIX: return "/v6/" MODELSLAB_EDITING "/super_resolution";
	default: return NULL;
	}
}

static void call_init(struct imago_call *call, struct str url, struct str body)
{
	*call = (struct imago_call){ .method = "POST", .url = url, .body = body };
	imago_call_header(call, "Accept", STR("application/json"));
	imago_call_header(call, "Content-Type", STR("application/json"));
}

static bool build_submit(const struct imago_task *task, const struct imago_account *account,
                         struct imago_memory *memory, struct imago_call *call, struct imago_outcome *out)
{
	const char *path = path_of(task->operation);
	struct str body;

	if (!path)
		return outcome_refuse(out, IMAGO_BAD_INPUT, "ModelsLab is not asked for this operation");
	body = modelslab_input_build(task, account, memory, out);
	if (!body.p)
		return false;
	call_init(call, imago_printf(memory, "%.*s%s", STRF(account->bases[0]), path), body);
	return true;
}

static bool build_poll(const struct imago_task *task, const struct imago_account *account, struct str handle,
                       struct imago_memory *memory, struct imago_call *call, struct imago_outcome *out)
{
	struct modelslab_handle h;

	(void)task;
	if (!modelslab_handle_read(handle, &h))
		return outcome_refuse(out, IMAGO_UNKNOWN, "the saved handle of the request cannot be read");
	call_init(call,
	          imago_printf(memory, "%.*s/v6/%.*s/fetch/%.*s", STRF(account->bases[0]), STRF(h.family), STRF(h.id)),
	          modelslab_key_body(account, memory));
	return true;
}

static bool build_check(const struct imago_account *account, struct imago_memory *memory, struct imago_call *call)
{
	call_init(call, imago_printf(memory, "%.*s/wallet_balance", STRF(account->bases[0])),
	          modelslab_key_body(account, memory));
	return true;
}

/* One word without quotes: what was pasted with them is a mistake better told at start. */
static bool credential_is_valid(struct str credential)
{
	for (size_t i = 0; i < credential.n; i++) {
		unsigned char c = (unsigned char)credential.p[i];

		if (c <= ' ' || c >= 0x7F || c == '"' || c == '\'' || c == '\\')
			return false;
	}
	return credential.n > 0 && credential.n <= KEY_MAX;
}

const struct imago_driver modelslab_driver = {
	.abi = IMAGO_DRIVER_ABI,
	.type = "modelslab",
	.name = "ModelsLab",
	.capabilities = IMAGO_CAN_POLL,
	.operations = 1u << IMAGO_TEXT_TO_IMAGE | 1u << IMAGO_IMAGE_TO_IMAGE | 1u << IMAGO_INPAINT |
	              1u << IMAGO_CONTROLNET | 1u << IMAGO_UPSCALE | 1u << IMAGO_FACE_FIX,
	.poll_first_ms = 1000,
	.poll_longest_ms = 10000,
	.media_hosts = media_hosts,
	.credential_is_valid = credential_is_valid,
	.mask_style = IMAGO_MASK_WHITE,
	.build_submit = build_submit,
	.parse_submit = modelslab_parse_submit,
	.build_poll = build_poll,
	.parse_poll = modelslab_parse_poll,
	.build_result = build_poll, /* a poll's answer holds the result */
	.parse_result = modelslab_parse_poll,
	.build_check = build_check,
	.parse_check = modelslab_parse_check,
};
