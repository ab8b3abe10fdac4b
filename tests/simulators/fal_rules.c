/*
 * Rules: what is to go wrong, when, and how often. The vocabulary is in fal_sim.h; a word that
 * is not in it is reported, because a test with a typing error would pass for the wrong reason.
 */
#include "fal_sim.h"

static const char *const stage_names[SIM_STAGES] = {
	[SIM_SUBMIT] = "submit", [SIM_QUEUE] = "queue",   [SIM_RUN] = "run",       [SIM_FAIL] = "fail",
	[SIM_STATUS] = "status", [SIM_RESULT] = "result", [SIM_CANCEL] = "cancel", [SIM_IMAGE] = "image",
};

enum { NUMBER = 1, TYPE = 2 };

/* Words of each stage; beside them a number (a code, or milliseconds) or an error's type. */
static const struct vocabulary {
	unsigned also;
	const char *words;
} vocabularies[SIM_STAGES] = {
	[SIM_SUBMIT] = { NUMBER | TYPE, " hang close close-after-body cut garbage no-id bad-id slow key malformed-key "
	                                "exhausted locked gone limit nginx foreign-urls " },
	[SIM_QUEUE] = { NUMBER, " stay " },
	[SIM_RUN] = { NUMBER, " forever " },
	[SIM_FAIL] = { TYPE, " " },
	[SIM_STATUS] = { NUMBER, " hang close cut garbage weird not-found slow key nginx " },
	[SIM_RESULT] = { NUMBER | TYPE, " hang close cut garbage empty null string in-progress expired nsfw nsfw-all "
	                                "fewer more data-uri huge-seed slow key nginx " },
	[SIM_CANCEL] = { NUMBER, " hang close ok too-late not-found ignored key " },
	[SIM_IMAGE] = { NUMBER,
	                " truncated wrong-type html empty corrupt hang close slow endless redirect foreign-host "
	                "private-host " },
};

static bool has_word(const char *words, struct str word)
{
	char padded[SIM_WHAT_SIZE + 2];

	memset(padded, ' ', sizeof(padded));
	memcpy(padded + 1, word.p, word.n);
	return str_find(str_from(words), (struct str){ padded, word.n + 2 }) != SIZE_MAX;
}

static bool is_number(struct str what)
{
	struct str rest = what;
	uint64_t n;

	return str_to_u64(str_cut(&rest, '-'), &n) && n <= 3600000 && (!rest.p || str_is(rest, "taken"));
}

static bool is_known(enum sim_stage stage, struct str what)
{
	const struct vocabulary *v = &vocabularies[stage];

	if (what.n == 0 || what.n >= SIM_WHAT_SIZE)
		return false;
	if ((v->also & NUMBER) && is_number(what))
		return true;
	if ((v->also & TYPE) && sim_fault_find(what))
		return true;
	return has_word(v->words, what);
}

static bool read_option(struct sim_rule *rule, struct str word)
{
	uint64_t n;

	if (str_starts(word, STR("x")) && str_to_u64(str_skip(word, 1), &n) && n > 0 && n < UINT32_MAX) {
		rule->left = (unsigned)n;
		return true;
	}
	if (str_starts(word, STR("after=")) && str_to_u64(str_skip(word, 6), &n) && n <= 86400) {
		rule->after_s = (unsigned)n;
		return true;
	}
	return false;
}

/* "stage:what xN after=S" */
static bool read_rule(struct sim_rule *rule, struct str text)
{
	struct str rest = text, stage = str_cut(&rest, ':'), what = str_cut(&rest, ' ');

	*rule = (struct sim_rule){ .stage = SIM_STAGES, .left = UINT32_MAX };
	for (unsigned i = 0; i < SIM_STAGES; i++) {
		if (str_is(stage, stage_names[i]))
			rule->stage = (enum sim_stage)i;
	}
	if (rule->stage == SIM_STAGES || !is_known(rule->stage, what))
		return false;
	if (!str_to_cstr(what, rule->what, sizeof(rule->what)))
		return false;
	while (rest.p) {
		if (!read_option(rule, str_cut(&rest, ' ')))
			return false;
	}
	return true;
}

void sim_rules_read(struct sim_rules *rules, struct str text, struct str *bad)
{
	size_t from;

	while ((from = str_find(text, STR("[["))) != SIZE_MAX) {
		size_t length = str_find(str_skip(text, from + 2), STR("]]"));
		struct str marker;

		if (length == SIZE_MAX)
			return;
		marker = str_sub(text, from + 2, length);
		if (rules->count < SIM_RULES_MAX && read_rule(&rules->at[rules->count], marker))
			rules->count++;
		else
			*bad = marker;
		text = str_skip(text, from + 2 + length + 2);
	}
}

static struct sim_rule *find(struct sim_rules *rules, enum sim_stage stage)
{
	for (unsigned i = 0; i < rules->count; i++) {
		if (rules->at[i].stage == stage && rules->at[i].left > 0)
			return &rules->at[i];
	}
	return NULL;
}

const struct sim_rule *sim_rule_take(struct sim_rules *rules, enum sim_stage stage)
{
	struct sim_rule *rule = find(rules, stage);

	if (rule && rule->left < UINT32_MAX)
		rule->left--;
	return rule;
}

const struct sim_rule *sim_rule_peek(const struct sim_rules *rules, enum sim_stage stage)
{
	for (unsigned i = 0; i < rules->count; i++) {
		if (rules->at[i].stage == stage && rules->at[i].left > 0)
			return &rules->at[i];
	}
	return NULL;
}

int sim_rule_code(const struct sim_rule *rule)
{
	struct str rest = str_from(rule ? rule->what : "");
	uint64_t n;

	if (!str_to_u64(str_cut(&rest, '-'), &n) || n < 200 || n > 599)
		return 0;
	return (int)n;
}
