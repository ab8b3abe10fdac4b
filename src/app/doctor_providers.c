/*
 * doctor_providers - the catalog, and each configured provider by a call that costs nothing.
 */
#include "app/doctor_priv.h"
#include "core/accounts.h"
#include "io/names.h"
#include "io/outbound.h"
#include "providers/catalog.h"

enum { CHECK_MS = 15000, BODY_MAX = 256 * 1024 };

static const char *advice_for(enum imago_failure failure)
{
	switch (failure) {
	case IMAGO_CREDENTIALS: return "the provider does not accept this key: make a new one in its dashboard";
	case IMAGO_NO_CREDITS: return "top up the balance at the provider";
	case IMAGO_RATE_LIMITED:
	case IMAGO_OVERLOADED: return "try again later";
	case IMAGO_NO_FAILURE:
	case IMAGO_REFUSED:
	case IMAGO_BAD_INPUT:
	case IMAGO_GONE:
	case IMAGO_TASK_FAILED:
	case IMAGO_UNKNOWN: break;
	}
	return "see the provider's status page; check its base URL in the settings";
}

static void judge(struct doctor *d, const struct account *a, struct outbound_call *call)
{
	struct imago_reply reply = outbound_reply(call);
	struct imago_outcome outcome = { .kind = IMAGO_DONE };

	if (call->op.fault.code != FAULT_NONE) {
		doctor_say(d, VERDICT_FAIL, "provider", "is the network there, and does its base URL fit?",
		           "%.*s is not reached: %s (%.*s)", STRF(a->at.id), fault_title(call->op.fault.code),
		           STRF(call->op.fault.cause));
		return;
	}
	a->driver->parse_check(&reply, outbound_memory(&call->arena), &outcome);
	if (outcome.kind == IMAGO_FAILED)
		doctor_say(d,
		           outcome.failure == IMAGO_RATE_LIMITED || outcome.failure == IMAGO_OVERLOADED ? VERDICT_WARN
		                                                                                        : VERDICT_FAIL,
		           "provider", advice_for(outcome.failure), "%.*s (key from %.*s): HTTP %d, %.*s",
		           STRF(a->at.id), STRF(a->key_source), reply.status, STRF(outcome.message));
	else
		doctor_say(d, VERDICT_OK, "provider", NULL, "%.*s accepts the key from %.*s", STRF(a->at.id),
		           STRF(a->key_source));
}

static void ask(struct doctor *d, const struct account *a, struct outbound *outbound)
{
	struct outbound_call call;

	outbound_call_init(&call, &d->app->loop, doctor_op_done);
	call.kind = OUTBOUND_OPERATOR;
	call.body_limit = BODY_MAX;
	call.timeout_ms = CHECK_MS;
	if (a->driver->build_check(&a->at, outbound_memory(&call.arena), &call.request)) {
		outbound_start(outbound, &call);
		if (!doctor_run(d, CHECK_MS + 1000))
			doctor_say(d, VERDICT_FAIL, "provider", NULL, "%.*s did not answer", STRF(a->at.id));
		else
			judge(d, a, &call);
	}
	outbound_call_clear(&call);
}

static void visit_accounts(struct doctor *d, struct outbound *outbound)
{
	unsigned count = 0;

	LIST_EACH(&d->app->accounts.all, l) {
		const struct account *a = CONTAINER_OF(l, struct account, link);

		count++;
		if (a->driver->capabilities & IMAGO_IN_HOUSE)
			doctor_say(d, VERDICT_OK, "provider", NULL,
			           "%.*s draws pictures here; they are labelled as a demo", STRF(a->at.id));
		else if (!a->driver->build_check)
			doctor_say(d, VERDICT_OK, "provider", NULL, "%.*s has no call that costs nothing: not asked",
			           STRF(a->at.id));
		else
			ask(d, a, outbound);
	}
	if (count == 0)
		doctor_say(d, VERDICT_FAIL, "provider",
		           "set FAL_KEY (or FAL_API_KEY), or IMAGO_DEMO=on to try it without a key",
		           "none is configured: every request is answered with 503 provider_not_configured");
}

static bool catalog_check(struct doctor *d)
{
	struct str why = { NULL, 0 };

	d->app->catalog = catalog_load(d->config, d->arena, &why);
	if (d->app->catalog)
		doctor_say(d, VERDICT_OK, "catalog", NULL, "%zu models, %s", d->app->catalog->count,
		           d->config->catalog_file.n ? d->config->catalog_file.p : "built in");
	else
		doctor_say(d, VERDICT_FAIL, "catalog", "correct the file that IMAGO_CATALOG names", "%.*s", STRF(why));
	return d->app->catalog != NULL;
}

void doctor_providers(struct doctor *d, struct names *names)
{
	struct outbound_config config = { .names = names,
		                          .allow_hosts = d->config->allow_hosts,
		                          .connections_max = 16,
		                          .connections_per_host = 4,
		                          .queued_max = 16 };
	struct outbound *outbound;
	struct str why;

	if (!catalog_check(d))
		return;
	if (!providers_configure(d->app, d->config, &why)) {
		doctor_say(d, VERDICT_FAIL, "provider", NULL, "%.*s", STRF(why));
		return;
	}
	outbound = outbound_new(&d->app->loop, &d->app->log, &config);
	if (!outbound)
		return;
	visit_accounts(d, outbound);
	outbound_free(&outbound);
	doctor_settle(d);
}
