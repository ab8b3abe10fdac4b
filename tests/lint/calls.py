#!/usr/bin/python3
"""Calls that are not made, and why.

banned.h refuses the worst at compile time. This list also holds what only our design forbids:
threads (libuv's pool included), name look-ups that block, library calls measured to do harm.
"""

import re

import source

# links.c: the key file, once, before the loop runs.
# (pattern of the call, files that may make it, why not)
CALLS = [
    (r"(?:strcpy|strcat|stpcpy|sprintf|vsprintf|strtok|strtok_r|gets)", None, "unbounded or stateful; use str and buf"),
    (r"(?:atoi|atol|atoll|atof)", None, "cannot say no; use str_to_i64"),
    (r"(?:gmtime|localtime|localtime_r|ctime|asctime|mktime)", None, "local time or static memory; use wall.h"),
    (r"(?:rand|srand|random|srandom|drand48|rand_r)", None, "not random; use uid.h"),
    (r"(?:setlocale|newlocale|uselocale)", r"src/pixels/", "a UTF-8 locale opens the address guard to full-width digits"),
    (r"(?:system|popen|tmpnam|mktemp|tempnam)", None, "no shell, no guessable names"),
    (r"(?:alloca|longjmp|setjmp|signal)", None, "use an arena; use sigaction"),
    (r"(?:malloc|calloc|realloc|reallocarray|strdup|strndup|asprintf|vasprintf|aligned_alloc|posix_memalign|free)",
     r"src/base/|src/pixels/", "memory comes from base"),
    (r"(?:pthread_create|thrd_create|uv_thread_create|uv_thread_create_ex|clone)", None, "one thread"),
    (r"(?:uv_queue_work|uv_getaddrinfo|uv_getnameinfo|uv_random|uv_fs_[a-z]+)", None, "runs on libuv's thread pool"),
    (r"(?:getaddrinfo|getnameinfo|gethostbyname|gethostbyaddr|res_query)", None, "blocks; use io/names.h"),
    (r"(?:sleep|usleep|nanosleep)", r"src/pixels/", "the loop does not sleep"),
    (r"(?:fsync|fdatasync|syncfs|sync)", r"src/io/sync|src/io/disk|src/core/links\.c", "blocks the loop; use io/sync.h"),
    (r"(?:PQcancel|PQrequestCancel)", None, "blocks up to two seconds"),
    (r"(?:PQexec|PQexecParams|PQconnectdb|PQconnectdbParams|PQreset)", r"src/io/pg_sync", "blocks; only pg_sync may"),
    (r"redisAsync[A-Za-z]*", None, "no timeouts, callbacks inside free; use the reader and formatter"),
    (r"redisConnect[A-Za-z]*|redisCommand[A-Za-z]*", None, "blocks"),
    (r"ares_init|ares_gethostbyname_file|ares_library_init_mem", None, "use ares_init_options with time limits"),
    (r"curl_easy_perform", None, "blocks; use the multi"),
    (r"json_loads|json_load_file|json_loadf|json_dumps", r"src/base/json", "only base/json bounds depth and size"),
]
# names, not calls
WORDS = [
    (r"CURLOPT_(?:COPY)?POSTFIELDS", r"^$", "libcurl sends such a body twice when a reused connection dies"),
    (r"CURLOPT_SEEKFUNCTION", r"^$", "lets libcurl send a paid call again"),
    (r"_Thread_local|__thread", r"^$", "one thread"),
]
# in any text file, comments included
TEXT = [
    (r"\b(?:TODO|FIXME|XXX|HACK)\b", "finish it, or open an issue"),
    (r"(?<![\w.])/(?:home|root|work)/\w", "a path of one machine"),
]
TEXT_SUFFIXES = (".c", ".h", ".def", ".py", ".sh", ".build", ".md", ".sql", ".js", ".mjs", ".css", ".html", ".txt")
# names the words it forbids
NOT_SEARCHED = ("tests/lint/", "package-lock.json")


def _code(root):
    for name, text in source.files(root, ".c", ".h", under=("src/", "include/")):
        if name == "src/base/banned.h":
            continue
        code = source.bare(text)
        for pattern, allowed, why in CALLS:
            for match in re.finditer(r"(?<![\w.>])(" + pattern + r")\s*\(", code):
                if not (allowed and re.match(allowed, name)):
                    yield f"{name}:{source.line_of(code, match.start())}: {match.group(1)}: {why}"
        for pattern, allowed, why in WORDS:
            for match in re.finditer(r"\b(" + pattern + r")\b", code):
                if not re.match(allowed, name):
                    yield f"{name}:{source.line_of(code, match.start())}: {match.group(1)}: {why}"


def check(root):
    problems = list(_code(root))
    for name, text in source.files(root, *TEXT_SUFFIXES):
        if name.startswith(NOT_SEARCHED) or name.endswith(NOT_SEARCHED):
            continue
        for pattern, why in TEXT:
            for match in re.finditer(pattern, text):
                problems.append(f"{name}:{source.line_of(text, match.start())}: {match.group(0)}: {why}")
    return problems


if __name__ == "__main__":
    source.main(check)
