/*
 * config_value - from the text of a setting to its value, by type. All of it or nothing.
 *
 * What is said about a value that cannot be used does not quote it: it may be half a password.
 */
#include "app/config_priv.h"

static bool refuse(struct str *why, struct str text)
{
	*why = text;
	return false;
}

static bool has_control(struct str s)
{
	for (size_t i = 0; i < s.n; i++)
		if ((unsigned char)s.p[i] < ' ' || s.p[i] == 0x7f)
			return true;
	return false;
}

static bool parse_text(struct config *c, const struct config_row *row, struct str text, struct str *out,
                       struct str *why)
{
	if ((int64_t)text.n < row->least)
		return refuse(why, STR("it is empty"));
	if ((int64_t)text.n > row->most)
		return refuse(why, arena_printf(&c->arena, "it is longer than %lld bytes", (long long)row->most));
	if (has_control(text))
		return refuse(why, STR("it has a line break or another control character inside"));
	if (!str_is_utf8(text))
		return refuse(why, STR("it is not UTF-8"));
	*out = arena_copy(&c->arena, text);
	return true;
}

/* "12" and "345" of "12.345"; digits behind the third are dropped. */
bool config_parse_ms(struct str text, uint64_t *ms)
{
	struct str rest = text, whole = str_cut(&rest, '.');
	uint64_t seconds, thousandths = 0;
	unsigned weight = 100;

	if (!str_to_u64(whole, &seconds) || seconds > UINT32_MAX || (rest.p && rest.n == 0))
		return false;
	for (size_t i = 0; i < rest.n; i++, weight /= 10) {
		if (rest.p[i] < '0' || rest.p[i] > '9')
			return false;
		thousandths += (uint64_t)(rest.p[i] - '0') * weight;
	}
	*ms = seconds * 1000 + thousandths;
	return true;
}

bool config_parse_ttl(struct str text, uint64_t *seconds)
{
	static const char units[] = "smhd";
	static const unsigned lengths[] = { 1, 60, 3600, 86400 };
	const char *unit = text.n ? strchr(units, text.p[text.n - 1]) : NULL;
	uint64_t n;

	if (unit && *unit)
		text.n--;
	if (!str_to_u64(text, &n) || n > UINT32_MAX)
		return false;
	*seconds = n * (unit && *unit ? lengths[unit - units] : 1);
	return true;
}

static bool parse_anonymous(struct str text, enum config_anonymous *out)
{
	static const struct {
		const char *text;
		enum config_anonymous value;
	} words[] = {
		{ "off", CONFIG_ANONYMOUS_OFF },       { "false", CONFIG_ANONYMOUS_OFF },
		{ "no", CONFIG_ANONYMOUS_OFF },        { "0", CONFIG_ANONYMOUS_OFF },
		{ "on", CONFIG_ANONYMOUS_ON },         { "true", CONFIG_ANONYMOUS_ON },
		{ "yes", CONFIG_ANONYMOUS_ON },        { "1", CONFIG_ANONYMOUS_ON },
		{ "public", CONFIG_ANONYMOUS_PUBLIC },
	};

	for (size_t i = 0; i < COUNT_OF(words); i++) {
		if (str_eq_nocase(text, str_from(words[i].text))) {
			*out = words[i].value;
			return true;
		}
	}
	return false;
}

/* Of the four types that are numbers. */
static bool parse_number(struct config *c, const struct config_row *row, struct str text, uint64_t *out,
                         struct str *why)
{
	struct arena *a = &c->arena;
	uint64_t least = (uint64_t)row->least, most = (uint64_t)row->most;

	switch (row->type) {
	case CONFIG_IS_SECONDS:
		if (config_parse_ms(text, out) && *out >= least && *out <= most)
			return true;
		return refuse(why, arena_printf(a, "it is not a number of seconds from %llu to %llu, like 2 or 0.5",
		                                (unsigned long long)least / 1000, (unsigned long long)most / 1000));
	case CONFIG_IS_TTL:
		if (config_parse_ttl(text, out) && *out >= least && *out <= most)
			return true;
		return refuse(why,
		              arena_printf(a, "it is not a time from %llu to %llu seconds, like 90, 15m, 12h or 7d",
		                           (unsigned long long)least, (unsigned long long)most));
	case CONFIG_IS_COUNT:
	case CONFIG_IS_CREDITS:
	case CONFIG_IS_TEXT:
	case CONFIG_IS_SECRET:
	case CONFIG_IS_ANONYMOUS: break;
	}
	if (str_to_u64(text, out) && *out >= least && *out <= most)
		return true;
	return refuse(why, arena_printf(a, "it is not a whole number from %llu to %llu", (unsigned long long)least,
	                                (unsigned long long)most));
}

bool config_value_parse(struct config *c, const struct config_row *row, struct str text, void *out, struct str *why)
{
	uint64_t n;

	switch (row->type) {
	case CONFIG_IS_TEXT: return parse_text(c, row, text, out, why);
	case CONFIG_IS_SECRET: return parse_text(c, row, text, &((struct imago_secret *)out)->value, why);
	case CONFIG_IS_ANONYMOUS:
		return parse_anonymous(text, out) || refuse(why, STR("it is none of: off, on, public"));
	case CONFIG_IS_CREDITS:
		if (!parse_number(c, row, text, &n, why))
			return false;
		*(int64_t *)out = (int64_t)n;
		return true;
	case CONFIG_IS_COUNT:
	case CONFIG_IS_SECONDS:
	case CONFIG_IS_TTL:
		if (!parse_number(c, row, text, &n, why))
			return false;
		*(unsigned *)out = (unsigned)n;
		return true;
	}
	return false;
}
