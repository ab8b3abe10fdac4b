#pragma once
/*
 * banned - functions that may not be called; the build forces this file into every unit.
 *
 * Each is declared again with an attribute that makes any use an error. Macros or
 * `poison` would trip over the system headers that come later; a declaration does not.
 * base (IMAGO_BASE) is the only place that may call the allocator.
 *
 * No system header is included here: the feature macros of the file that follows
 * must still have their say.
 */
#if defined(__clang__) || __GNUC__ >= 12
#define BANNED(why) __attribute__((unavailable(why)))
#else
#define BANNED(why) __attribute__((error(why)))
#endif

struct tm;

char *strcpy(char *restrict to, const char *restrict from) BANNED("use str_to_cstr or a buf");
char *strcat(char *restrict to, const char *restrict from) BANNED("use a buf");
int sprintf(char *restrict to, const char *restrict format, ...) BANNED("use buf_printf or arena_printf");
int vsprintf(char *restrict to, const char *restrict format, __builtin_va_list ap) BANNED("use arena_vprintf");
char *strtok(char *restrict text, const char *restrict separators) BANNED("use str_cut");
char *gets(char *to) BANNED("it has no bound");
int atoi(const char *text) BANNED("use str_to_i64: it can say no");
long atol(const char *text) BANNED("use str_to_i64: it can say no");
int rand(void) BANNED("use random_bytes");
struct tm *localtime(const __INT64_TYPE__ *t) BANNED("use wall_rfc3339");
struct tm *gmtime(const __INT64_TYPE__ *t) BANNED("use wall_rfc3339");

#ifndef IMAGO_BASE
void *malloc(__SIZE_TYPE__ size) BANNED("use mem, an arena, a slab or a buf");
void *calloc(__SIZE_TYPE__ n, __SIZE_TYPE__ size) BANNED("use mem, an arena, a slab or a buf");
void *realloc(void *p, __SIZE_TYPE__ size) BANNED("use mem or a buf");
void free(void *p) BANNED("use mem_release");
char *strdup(const char *text) BANNED("use arena_cstr");
#endif

#undef BANNED
