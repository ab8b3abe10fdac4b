/*
 * fault - the columns of faults.def as look-ups.
 */
#include "base/fault.h"

#include "base/check.h"

struct fault_row {
	const char *slug, *title;
	int status;
	enum retry retry;
};

static const struct fault_row rows[FAULT_COUNT] = {
#define FAULT(id, status, slug, retry, title) [FAULT_##id] = { slug, title, status, retry },
#include "base/faults.def"
#undef FAULT
};

static const struct fault_row *row_of(enum fault_code code)
{
	CHECK((unsigned)code < FAULT_COUNT);
	return &rows[code];
}

const char *fault_slug(enum fault_code code)
{
	return row_of(code)->slug;
}

const char *fault_title(enum fault_code code)
{
	return row_of(code)->title;
}

int fault_status(enum fault_code code)
{
	return row_of(code)->status;
}

enum retry fault_retry(enum fault_code code)
{
	return row_of(code)->retry;
}

enum fault_code fault_from_slug(struct str slug)
{
	unsigned i = 0;

	while (i < FAULT_COUNT && !str_is(slug, rows[i].slug))
		i++;
	return (enum fault_code)i;
}
