/*
 * llhttp_hostile - is this llhttp the strict one?
 *
 * The loose parser accepts every row marked REFUSE below, and with each of them a request
 * can be smuggled past a proxy that reads the bytes differently. Configure runs this
 * program on the sources (or the system library) it is about to link, and stops on the
 * first difference; the test suite runs it again on the library that was really linked.
 * The rows marked ACCEPT keep a parser that refuses everything from passing.
 */
#include <llhttp.h>
#include <stdio.h>
#include <string.h>

enum verdict { ACCEPT, REFUSE };

struct row {
	const char *name;
	enum verdict want;
	const char *bytes;
};

#define GET "GET / HTTP/1.1\r\n"
#define CHUNKED "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n"

static const struct row rows[] = {
	{ "plain GET", ACCEPT, GET "Host: a\r\n\r\n" },
	{ "two pipelined GETs", ACCEPT, GET "Host: a\r\n\r\n" GET "Host: a\r\n\r\n" },
	{ "body with length", ACCEPT, "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\n\r\nhi" },
	{ "chunked body with trailer", ACCEPT, CHUNKED "5\r\nhello\r\n0\r\nX: y\r\n\r\n" },

	{ "CR and any byte end the head", REFUSE, GET "Host: a\r\n\rX" },
	{ "smuggled request after CR", REFUSE, GET "Host: a\r\n\rZGET /evil HTTP/1.1\r\nHost: a\r\n\r\n" },
	{ "CR inside an empty value", REFUSE, GET "Host: a\r\nX:\rTransfer-Encoding: chunked\r\n\r\n" },
	{ "CR and any byte after a chunk size", REFUSE, CHUNKED "5\rXhello\r\n0\r\n\r\n" },
	{ "two bytes instead of CRLF after a chunk", REFUSE, CHUNKED "5\r\nhelloXX0\r\n\r\n" },
	{ "CR and any byte after a chunk", REFUSE, CHUNKED "5\r\nhello\rX0\r\n\r\n" },
	{ "space before the colon", REFUSE, GET "Host : a\r\n\r\n" },
	{ "space inside a field name", REFUSE, GET "Host: a\r\nTransfer Encoding: chunked\r\n\r\n" },
	{ "space before a trailer field", REFUSE, CHUNKED "0\r\n X: y\r\n\r\n" },
	{ "tab in the target", REFUSE, "GET /a\tb HTTP/1.1\r\nHost: a\r\n\r\n" },
	{ "form feed in the target", REFUSE, "GET /a\fb HTTP/1.1\r\nHost: a\r\n\r\n" },
	{ "byte 80 in the target", REFUSE, "GET /a\x80z HTTP/1.1\r\nHost: a\r\n\r\n" },
	{ "byte ff in the target", REFUSE, "GET /a\xffz HTTP/1.1\r\nHost: a\r\n\r\n" },
};

static int completed;

static int on_complete(llhttp_t *parser)
{
	(void)parser;
	completed++;
	return 0;
}

static enum verdict parse(const char *bytes)
{
	llhttp_settings_t settings;
	llhttp_t parser;

	completed = 0;
	llhttp_settings_init(&settings);
	settings.on_message_complete = on_complete;
	llhttp_init(&parser, HTTP_REQUEST, &settings);
	if (llhttp_execute(&parser, bytes, strlen(bytes)) != HPE_OK)
		return REFUSE;
	return completed > 0 ? ACCEPT : REFUSE;
}

int main(void)
{
	int wrong = 0;

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		if (parse(rows[i].bytes) == rows[i].want)
			continue;
		printf("llhttp %d.%d.%d %s: %s\n", LLHTTP_VERSION_MAJOR, LLHTTP_VERSION_MINOR, LLHTTP_VERSION_PATCH,
		       rows[i].want == REFUSE ? "accepts what it must refuse" : "refuses what it must accept",
		       rows[i].name);
		wrong++;
	}
	return wrong > 0 ? 1 : 0;
}
