/*
 * The table of drivers and its checks.
 *
 * A driver's functions come in pairs, and a capability promises a pair:
 *   always    build_submit, parse_submit
 *   CAN_POLL  poll and result, and the two intervals
 *   CAN_CANCEL cancel
 */
#include "providers/driver.h"
#include "providers/registry.h"

/* clang-format off: one line each */
static const struct imago_driver *const drivers[] = {
	&demo_driver,
	&fal_driver,
	&modelslab_driver,
};
/* clang-format on */

enum { TYPE_MAX = 32 };

const struct imago_driver *registry_at(size_t i)
{
	return i < COUNT_OF(drivers) ? drivers[i] : NULL;
}

const struct imago_driver *registry_find(struct str type)
{
	for (size_t i = 0; i < COUNT_OF(drivers); i++) {
		if (str_is(type, drivers[i]->type))
			return drivers[i];
	}
	return NULL;
}

/* ---- the drivers ---- */

/* It is part of account ids: "fal_default". */
static bool type_is_plain(const char *type)
{
	size_t n = 0;

	if (!type)
		return false;
	for (; type[n]; n++) {
		bool plain = (type[n] >= 'a' && type[n] <= 'z') || (type[n] >= '0' && type[n] <= '9');

		if (!plain || n == TYPE_MAX)
			return false;
	}
	return n > 0;
}

static const char *fault_of(const struct imago_driver *d)
{
	unsigned c = d->capabilities;

	if (d->abi != IMAGO_DRIVER_ABI)
		return "the driver was made for another version of provider.h";
	if (!type_is_plain(d->type))
		return "the driver's type is not a short word of a-z and 0-9";
	if (!d->name || !d->name[0])
		return "the driver has no name";
	if (d->operations == 0 || d->operations >> IMAGO_OPERATIONS)
		return "the driver's operations are not a set of known ones";
	if (!d->build_submit || !d->parse_submit)
		return "the driver has no submit";
	if ((c & IMAGO_CAN_POLL) && !(d->build_poll && d->parse_poll && d->build_result && d->parse_result))
		return "the driver says CAN_POLL but has no poll and result";
	if ((c & IMAGO_CAN_POLL) && (d->poll_first_ms == 0 || d->poll_longest_ms < d->poll_first_ms))
		return "the driver says CAN_POLL but its intervals make no sense";
	if ((c & IMAGO_CAN_CANCEL) && !(d->build_cancel && d->parse_cancel))
		return "the driver says CAN_CANCEL but has no cancel";
	if ((c & IMAGO_IN_HOUSE) && (c & (IMAGO_CAN_POLL | IMAGO_CAN_CANCEL | IMAGO_CAN_WEBHOOK)))
		return "the driver is in-house and so can have neither queue nor webhook";
	if (!d->build_check != !d->parse_check)
		return "the driver has one half of the key's check";
	return NULL;
}

bool driver_is_sound(const struct imago_driver *d, const char **why)
{
	const char *fault = fault_of(d);

	if (fault)
		*why = fault;
	return fault == NULL;
}

bool registry_check(const char **why)
{
	for (size_t i = 0; i < COUNT_OF(drivers); i++) {
		if (!driver_is_sound(drivers[i], why))
			return false;
		if (registry_find(str_from(drivers[i]->type)) != drivers[i]) {
			*why = "two drivers have the same type";
			return false;
		}
	}
	return true;
}

/* ---- the catalog against the drivers ---- */

struct trial {
	const struct catalog_row *row;
	const struct imago_driver *driver;
	struct imago_memory *memory;
	struct imago_task task;
	struct imago_input inputs[2];
	struct imago_outcome outcome;
};

static bool builds(struct trial *t)
{
	const struct imago_account account = {
		.id = STR("trial"),
		.bases = { STR("https://a.example"), STR("https://b.example"), STR("https://c.example"),
		           STR("https://d.example") },
		.credential = { STR("id:secret") },
		.settings = STR("{}"),
	};
	struct imago_call call = { 0 };

	return t->driver->build_submit(&t->task, &account, t->memory, &call, &t->outcome);
}

static void give(struct trial *t, enum imago_role role)
{
	t->inputs[t->task.input_count++] = (struct imago_input){
		.role = role,
		.content_type = STR("image/png"),
		.width = 1024,
		.height = 1024,
		.bytes = 100000,
		.url = STR("https://pictures.example/1.png"),
	};
}

/* The pictures that come with a task of this operation. */
static void give_inputs(struct trial *t, enum imago_operation op)
{
	t->task.inputs = t->inputs;
	t->task.input_count = 0;
	if (op != IMAGO_TEXT_TO_IMAGE && op != IMAGO_VIDEO)
		give(t, IMAGO_SOURCE);
	if (op == IMAGO_INPAINT && t->driver->mask_style != IMAGO_MASK_PAINTED)
		give(t, IMAGO_MASK);
	if (op == IMAGO_CONTROLNET)
		give(t, IMAGO_CONTROL);
	if (op == IMAGO_FACE_SWAP)
		give(t, IMAGO_FACE);
}

/* Every ratio in every format, for one operation. */
static bool builds_all(struct trial *t)
{
	unsigned ratios = t->row->ratio_count > 0 ? t->row->ratio_count : 1;

	for (unsigned i = 0; i < ratios * IMAGO_FORMATS; i++) {
		const struct catalog_ratio *r = t->row->ratio_count > 0 ? &t->row->ratios[i / IMAGO_FORMATS] : NULL;

		t->task.aspect_ratio = r ? r->text : STR("1:1");
		t->task.width = r ? 64 * r->width : 1024;
		t->task.height = r ? 64 * r->height : 1024;
		t->task.format = catalog_format(t->row, (enum imago_format)(i % IMAGO_FORMATS));
		if (!builds(t))
			return false;
	}
	return true;
}

/* A video is made from words or from a picture, as its model wants. */
static bool does(struct trial *t, enum imago_operation op)
{
	t->task.operation = op;
	give_inputs(t, op);
	if (builds_all(t))
		return true;
	if (op != IMAGO_VIDEO)
		return false;
	give(t, IMAGO_SOURCE);
	return builds_all(t);
}

static bool check_row(const struct catalog_row *row, struct arena *a, struct str *why)
{
	struct trial t = {
		.row = row,
		.driver = registry_find(row->provider),
		.memory = (struct imago_memory *)(void *)a,
		.task = { .job_id = STR("img_trial"),
		          .part = 1,
		          .model = row->upstream,
		          .params = row->params,
		          .prompt = STR("trial"),
		          .num_images = row->max_images,
		          .quality = STR("high"),
		          .strength = -1,
		          .guidance = -1,
		          .control = STR("canny"),
		          .control_weight = -1,
		          .extra = STR("{}") },
	};

	if (!t.driver) {
		*why = arena_printf(a, "model %.*s: there is no provider of type %.*s", STRF(row->name),
		                    STRF(row->provider));
		return false;
	}
	if (row->operations & ~t.driver->operations) {
		*why = arena_printf(a, "model %.*s: %s cannot do all of its operations", STRF(row->name),
		                    t.driver->name);
		return false;
	}
	for (unsigned op = 0; op < IMAGO_OPERATIONS; op++) {
		if ((row->operations & (1u << op)) && !does(&t, (enum imago_operation)op)) {
			*why = arena_printf(a, "model %.*s: %.*s", STRF(row->name), STRF(t.outcome.message));
			return false;
		}
	}
	return true;
}

bool registry_check_catalog(const struct catalog *c, struct arena *a, struct str *why)
{
	for (size_t i = 0; i < c->count; i++) {
		if (!check_row(&c->rows[i], a, why))
			return false;
	}
	return true;
}
