/*
 * doctor_settings - what config already knows to be wrong or odd; which variable gave the key; limits.
 */
#include <sys/resource.h>

#include "app/doctor_priv.h"

enum { FILES_NEEDED = 1024, FILES_WANTED = 11000 };

static void problems(struct doctor *d)
{
	const struct config *c = d->config;

	for (unsigned i = 0; i < c->problem_count; i++)
		doctor_say(d, c->problems[i].is_error ? VERDICT_FAIL : VERDICT_WARN, "settings",
		           c->problems[i].is_error ? "the server refuses to start until this is corrected" : NULL,
		           "%.*s", STRF(c->problems[i].text));
	if (c->problem_count == 0)
		doctor_say(d, VERDICT_OK, "settings", NULL, "all %d can be used; `imago config show` lists them",
		           CONFIG_COUNT);
}

/* Seed 002: the key stood in one variable and was looked for in another. */
static void fal_key(struct doctor *d)
{
	static const enum config_id ids[] = { CONFIG_ID_fal_key_plain, CONFIG_ID_fal_key_api, CONFIG_ID_fal_key_ai,
		                              CONFIG_ID_fal_key_id };
	const struct config *c = d->config;
	struct buf b;
	unsigned n = 0;

	if (c->fal_key.value.n == 0)
		return;
	buf_init(&b, 4096);
	for (unsigned i = 0; i < COUNT_OF(ids); i++) {
		const struct config_origin *o = &c->origins[ids[i]];

		if (o->source == CONFIG_FROM_DEFAULT)
			continue;
		buf_printf(&b, "%s%.*s (%.*s)", n++ ? ", the same in " : "", STRF(o->name), STRF(o->place));
	}
	doctor_say(d, VERDICT_OK, "fal key", NULL, "%.*s, used as %.*s", STRF(buf_view(&b)), STRF(c->fal_key_source));
	buf_clear(&b);
}

static void public_url(struct doctor *d)
{
	const struct config *c = d->config;

	if (c->public_url.n)
		doctor_say(d, VERDICT_OK, "public URL", NULL, "%.*s", STRF(c->public_url));
	else if (c->is_production)
		doctor_say(d, VERDICT_WARN, "public URL",
		           "set IMAGO_PUBLIC_URL, so that links are right behind a proxy and sign-in is secure",
		           "not set, although this is production");
}

static void anonymous(struct doctor *d)
{
	if (d->config->anonymous == CONFIG_ANONYMOUS_PUBLIC)
		doctor_say(d, VERDICT_WARN, "anonymous", "IMAGO_ANONYMOUS=off ends it",
		           "everybody who reaches the server works as the user local and spends its credits");
}

static void descriptors(struct doctor *d)
{
	struct rlimit limit = { 0, 0 };
	enum verdict verdict;

	if (getrlimit(RLIMIT_NOFILE, &limit) != 0)
		return;
	verdict = limit.rlim_max < FILES_NEEDED   ? VERDICT_FAIL
	          : limit.rlim_max < FILES_WANTED ? VERDICT_WARN
	                                          : VERDICT_OK;
	doctor_say(d, verdict, "descriptors",
	           verdict == VERDICT_OK ? NULL : "raise it: ulimit -Hn, or LimitNOFILE= of the service",
	           "%llu open files allowed (10,000 clients take 11,000)", (unsigned long long)limit.rlim_max);
}

void doctor_settings(struct doctor *d)
{
	problems(d);
	fal_key(d);
	public_url(d);
	anonymous(d);
	descriptors(d);
}
