#pragma once
/*
 * corpus - public test data that lies outside the project: the folder named by IMAGO_CORPORA.
 *
 * Where it is not set, a test that needs it says "skipped" and is counted so; where it is
 * set and a file is missing, the test fails.
 */
#include <errno.h>

#include "unit.h"

/* The unpacked bytes of a .xz file, to be closed by corpus_close. Skips the test without a folder. */
static inline FILE *corpus_open(const char *file)
{
	FILE *f;

	if (!getenv("IMAGO_CORPORA")) {
		print_message("skipped: IMAGO_CORPORA is not set, %s was not tried\n", file);
		skip();
	}
	assert_int_equal(setenv("UNIT_CORPUS", file, 1), 0);
	f = popen("xz -dc -- \"$IMAGO_CORPORA/$UNIT_CORPUS\"", "r");
	assert_non_null(f);
	return f;
}

static inline void corpus_close(FILE *f)
{
	/* the rest, so that xz does not die of a closed pipe */
	while (fgetc(f) != EOF)
		;
	assert_int_equal(pclose(f), 0);
}
