#pragma once
/*
 * unit - what every unit test of core includes: cmocka with the headers it wants first.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "base/str.h"

/* Says the row of a table before it fails the test. */
#define ROW(ok, ...) \
	do { \
		if (!(ok)) { \
			print_error(__VA_ARGS__); \
			print_error("\n"); \
			fail(); \
		} \
	} while (0)

static inline void assert_str(struct str got, const char *want)
{
	ROW(want && str_is(got, want), "got \"%.*s\", want \"%s\"", STRF(got), want ? want : "(nothing)");
}
