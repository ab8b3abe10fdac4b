#pragma once
/*
 * sandbox - what the worker gives up before it looks at anything from outside.
 */
#include <stdbool.h>

/* The address sanitizer reserves terabytes, reads /proc, and is not to be blinded. */
#if defined(__has_feature)
#if __has_feature(address_sanitizer)
#define SANDBOX_POSSIBLE 0
#endif
#endif
#if defined(__SANITIZE_ADDRESS__)
#define SANDBOX_POSSIBLE 0
#elif !defined(SANDBOX_POSSIBLE)
#define SANDBOX_POSSIBLE 1
#endif

/* Limits that hold from the start: address space, open files, file size, no core, not traceable. */
bool sandbox_limits(void);
/* CPU seconds from now on until the kernel kills us. */
bool sandbox_cpu_seconds(unsigned seconds);
/* Only the system calls that drawing needs, in every thread, for good. Where the kernel has Landlock, files
 * in the folders of fonts can still be read; nowhere can any other file be opened. */
bool sandbox_enter(void);
