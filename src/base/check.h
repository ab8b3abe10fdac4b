#pragma once
/*
 * check - assertions that stay on in production.
 *
 * CHECK is for our own bugs only. Input from outside is never checked by it: that
 * would hand every client an off switch. A failed CHECK writes one line with place
 * and text to standard error, runs the crash reporter and aborts.
 */
#include <stdnoreturn.h>

#define MUST_CHECK __attribute__((warn_unused_result))
#define PRINTF_LIKE(fmt, args) __attribute__((format(printf, fmt, args)))

/* Run once by a failed CHECK, before the abort: the crash reporter. NULL: none. */
extern void (*check_hook)(void);

noreturn void check_failed(const char *file, int line, const char *what);

#define CHECK(cond) ((cond) ? (void)0 : check_failed(__FILE__, __LINE__, #cond))

/* From a pointer to an embedded member back to the struct that holds it. Type-checked. */
#define CONTAINER_OF(ptr, type, member) \
	(__extension__({ \
		__typeof__(((type *)0)->member) *member_ptr_ = (ptr); \
		(type *)(void *)((char *)member_ptr_ - __builtin_offsetof(type, member)); \
	}))

#define COUNT_OF(array) (sizeof(array) / sizeof((array)[0]))
