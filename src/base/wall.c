/*
 * wall - the calendar by arithmetic: days since 1970 <-> year, month, day.
 *
 * Years are counted from March, so that the leap day is the last of its year and the
 * months before it have a fixed rhythm of 153 days in five. Texts hold the years
 * 0000 to 9999; a time outside is shown as the nearest one that can be.
 */
#include "base/wall.h"

#include <time.h>

enum { DAY_S = 86400, ERA_DAYS = 146097, ERA_YEARS = 400, DAYS_TO_1970 = 719468 };

static const int64_t second_us = 1000000;
static const int64_t first_s = -62167219200; /* 0000-01-01T00:00:00Z */
static const int64_t last_s = 253402300799;  /* 9999-12-31T23:59:59Z */

static const char months[12][4] = {
	"Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"
};
static const char weekdays[7][4] = { "Thu", "Fri", "Sat", "Sun", "Mon", "Tue", "Wed" };

struct civil {
	int64_t year;
	unsigned month, day, weekday, hour, minute, second, micros;
};

int64_t wall_us(void)
{
	struct timespec ts;

	CHECK(clock_gettime(CLOCK_REALTIME, &ts) == 0);
	return ts.tv_sec * second_us + ts.tv_nsec / 1000;
}

static int64_t floor_div(int64_t a, int64_t b)
{
	return a / b - (a % b < 0);
}

static struct civil civil_of(int64_t us)
{
	int64_t s = floor_div(us, second_us);
	struct civil c = { .micros = (unsigned)((us % second_us + second_us) % second_us) };
	int64_t days, era, of_era, year, of_year, month, second;

	if (s < first_s || s > last_s) {
		c.micros = 0;
		s = s < first_s ? first_s : last_s;
	}
	days = floor_div(s, DAY_S);
	second = s - days * DAY_S;
	c.hour = (unsigned)(second / 3600);
	c.minute = (unsigned)(second / 60 % 60);
	c.second = (unsigned)(second % 60);
	c.weekday = (unsigned)(((days % 7) + 7) % 7);

	days += DAYS_TO_1970;
	era = floor_div(days, ERA_DAYS);
	of_era = days - era * ERA_DAYS;
	year = (of_era - of_era / 1460 + of_era / 36524 - of_era / (ERA_DAYS - 1)) / 365;
	of_year = of_era - (365 * year + year / 4 - year / 100);
	month = (5 * of_year + 2) / 153;
	c.day = (unsigned)(of_year - (153 * month + 2) / 5 + 1);
	c.month = (unsigned)(month < 10 ? month + 3 : month - 9);
	c.year = year + era * ERA_YEARS + (c.month <= 2);
	return c;
}

static int64_t seconds_of(const struct civil *c)
{
	int64_t year = c->year - (c->month <= 2);
	int64_t era = floor_div(year, ERA_YEARS);
	int64_t of_era = year - era * ERA_YEARS;
	int64_t month = c->month > 2 ? c->month - 3 : c->month + 9;
	int64_t of_year = (153 * month + 2) / 5 + c->day - 1;
	int64_t days = era * ERA_DAYS + of_era * 365 + of_era / 4 - of_era / 100 + of_year - DAYS_TO_1970;

	return days * DAY_S + c->hour * 3600 + c->minute * 60 + c->second;
}

static char *put_digits(char *to, uint64_t v, unsigned width)
{
	for (unsigned i = width; i-- > 0; v /= 10)
		to[i] = (char)('0' + v % 10);
	return to + width;
}

static char *put_text(char *to, const char *text)
{
	size_t n = strlen(text);

	memcpy(to, text, n);
	return to + n;
}

static char *put_clock(char *to, const struct civil *c)
{
	to = put_digits(to, c->hour, 2);
	*to++ = ':';
	to = put_digits(to, c->minute, 2);
	*to++ = ':';
	return put_digits(to, c->second, 2);
}

struct str wall_rfc3339(int64_t us, bool micros, char out[WALL_TEXT])
{
	struct civil c = civil_of(us);
	char *to = put_digits(out, (uint64_t)c.year, 4);

	*to++ = '-';
	to = put_digits(to, c.month, 2);
	*to++ = '-';
	to = put_digits(to, c.day, 2);
	*to++ = 'T';
	to = put_clock(to, &c);
	if (micros) {
		*to++ = '.';
		to = put_digits(to, c.micros, 6);
	}
	*to++ = 'Z';
	*to = '\0';
	return (struct str){ out, (size_t)(to - out) };
}

struct str wall_http_date(int64_t us, char out[WALL_TEXT])
{
	struct civil c = civil_of(us);
	char *to = put_text(out, weekdays[c.weekday]);

	to = put_text(to, ", ");
	to = put_digits(to, c.day, 2);
	*to++ = ' ';
	to = put_text(to, months[c.month - 1]);
	*to++ = ' ';
	to = put_digits(to, (uint64_t)c.year, 4);
	*to++ = ' ';
	to = put_clock(to, &c);
	to = put_text(to, " GMT");
	*to = '\0';
	return (struct str){ out, (size_t)(to - out) };
}

/* Reading: each take_ moves *s past what it took. */

static bool take_digits(struct str *s, unsigned width, unsigned *out)
{
	uint64_t v;

	if (s->n < width || !str_to_u64(str_sub(*s, 0, width), &v))
		return false;
	*out = (unsigned)v;
	*s = str_skip(*s, width);
	return true;
}

static bool take_text(struct str *s, const char *text)
{
	if (!str_starts(*s, str_from(text)))
		return false;
	*s = str_skip(*s, strlen(text));
	return true;
}

static bool take_clock(struct str *s, struct civil *c)
{
	return take_digits(s, 2, &c->hour) && take_text(s, ":") && take_digits(s, 2, &c->minute) && take_text(s, ":") &&
	       take_digits(s, 2, &c->second);
}

static bool is_possible(const struct civil *c)
{
	static const unsigned char longest[12] = { 31, 29, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31 };
	bool leap = c->year % 4 == 0 && (c->year % 100 != 0 || c->year % 400 == 0);

	if (c->month < 1 || c->month > 12 || c->day < 1 || c->day > longest[c->month - 1])
		return false;
	if (c->month == 2 && c->day == 29 && !leap)
		return false;
	return c->hour < 24 && c->minute < 60 && c->second < 60;
}

/* ".123": digits past the sixth are dropped. */
static bool take_fraction(struct str *s, unsigned *micros)
{
	unsigned digits = 0;

	if (!take_text(s, "."))
		return true;
	for (; s->n && s->p[0] >= '0' && s->p[0] <= '9'; digits++) {
		if (digits < 6)
			*micros = *micros * 10 + (unsigned)(s->p[0] - '0');
		*s = str_skip(*s, 1);
	}
	for (unsigned i = digits; i < 6; i++)
		*micros *= 10;
	return digits > 0;
}

static bool take_offset(struct str *s, int64_t *seconds)
{
	unsigned hours, minutes;
	bool east;

	if (take_text(s, "Z") || take_text(s, "z"))
		return true;
	east = take_text(s, "+");
	if (!east && !take_text(s, "-"))
		return false;
	if (!take_digits(s, 2, &hours) || !take_text(s, ":") || !take_digits(s, 2, &minutes))
		return false;
	if (hours > 23 || minutes > 59)
		return false;
	*seconds = (int64_t)(hours * 3600 + minutes * 60) * (east ? 1 : -1);
	return true;
}

bool wall_parse_rfc3339(struct str s, int64_t *us)
{
	struct civil c = { 0 };
	unsigned year;
	int64_t offset = 0;

	if (!take_digits(&s, 4, &year) || !take_text(&s, "-") || !take_digits(&s, 2, &c.month) || !take_text(&s, "-") ||
	    !take_digits(&s, 2, &c.day))
		return false;
	c.year = year;
	if (!take_text(&s, "T") && !take_text(&s, "t") && !take_text(&s, " "))
		return false;
	if (!take_clock(&s, &c) || !take_fraction(&s, &c.micros) || !take_offset(&s, &offset))
		return false;
	if (s.n || !is_possible(&c))
		return false;
	*us = (seconds_of(&c) - offset) * second_us + c.micros;
	return true;
}

static bool take_name(struct str *s, const char (*names)[4], unsigned count, unsigned *out)
{
	for (unsigned i = 0; i < count; i++) {
		if (take_text(s, names[i])) {
			*out = i;
			return true;
		}
	}
	return false;
}

bool wall_parse_http_date(struct str s, int64_t *us)
{
	struct civil c = { 0 };
	unsigned year, month;

	if (!take_name(&s, weekdays, 7, &c.weekday) || !take_text(&s, ", ") || !take_digits(&s, 2, &c.day) ||
	    !take_text(&s, " ") || !take_name(&s, months, 12, &month) || !take_text(&s, " ") ||
	    !take_digits(&s, 4, &year) || !take_text(&s, " "))
		return false;
	c.month = month + 1;
	c.year = year;
	if (!take_clock(&s, &c) || !take_text(&s, " GMT") || s.n || !is_possible(&c))
		return false;
	*us = seconds_of(&c) * second_us;
	return true;
}
