/*
 * config_near - a variable that is nearly one of ours was probably meant to be one.
 *
 * FAL_ and IMAGO_ are ours: a name with either that is three letters off is reported. Other
 * names belong to the rest of the machine: they must be one letter off, or differ in case only.
 */
#include "app/config_priv.h"

enum { OURS_CAP = 4, OTHERS_CAP = 2, SHORTEST = 6 };

/* Variables that are read elsewhere, or will be: no slip of the pen. */
static const char *const others[] = {
	"IMAGO_CONFIG",
	"IMAGO_TEST_LONG",
	"IMAGO_CORPORA",
	"GOOGLE_API_KEY",
	"GEMINI_API_KEY",
	"GEMINI_BASE_URL",
	"OPENAI_API_KEY",
	"OPENAI_BASE_URL",
	"PIAPI_API_KEY",
	"PIAPI_BASE_URL",
	"STABLE_DIFFUSION_API_KEY",
	"MODELSLAB_API_KEY",
	"MODELSLAB_BASE_URL",
	"GETIMG_API_KEY",
	"GETIMG_BASE_URL",
	"A1111_BASE_URL",
	"BATCH_CACHE_TTL_HOURS",
	"BATCH_CACHE_MAX_MEMORY_ITEMS",
	"BATCH_MAX_CONCURRENT",
	"BATCH_MONITOR_INTERVAL",
	"ALERT_HIGH_FAILURE_RATE",
	"ALERT_SLOW_RESPONSE_TIME",
	"WEBHOOK_URL",
	"WEBHOOK_SECRET",
	"WEBHOOK_ENABLED",
	"S3_ENDPOINT",
	"S3_BUCKET",
	"S3_REGION",
	"S3_ACCESS_KEY_ID",
	"S3_SECRET_ACCESS_KEY",
	NULL,
};

static bool is_known(struct str name)
{
	for (const char *const *o = others; *o; o++)
		if (str_is(name, *o))
			return true;
	return false;
}

static struct str upper(struct str s, char out[CONFIG_NAME_MAX])
{
	for (size_t i = 0; i < s.n; i++)
		out[i] = s.p[i] >= 'a' && s.p[i] <= 'z' ? (char)(s.p[i] - ('a' - 'A')) : s.p[i];
	return (struct str){ out, s.n };
}

void config_judge_name(struct config *c, struct str name, struct str place)
{
	char room[CONFIG_NAME_MAX];
	struct str written, near = { NULL, 0 };
	bool ours;
	unsigned least;

	if (name.n < SHORTEST || name.n > CONFIG_NAME_MAX || is_known(name))
		return;
	written = upper(name, room);
	ours = str_starts(written, STR("FAL_")) || str_starts(written, STR("IMAGO_"));
	least = ours ? OURS_CAP : OTHERS_CAP;
	for (unsigned id = 0; id < CONFIG_COUNT; id++) {
		struct str known = str_from(config_rows[id].environment);
		unsigned d = str_distance(written, known, least);

		if (d < least) {
			least = d;
			near = known;
		}
	}
	if (near.p)
		CONFIG_WARNING(c, "%.*s (%.*s) is not used: there is no such setting. Did you mean %.*s?", STRF(name),
		               STRF(place), STRF(near));
}
