/*
 * Routes are matched one after the other: a table of some dozen rows whose literal beginning
 * is compared first costs less than a tree would.
 *
 * "More specific" is decided segment by segment: a literal before a parameter before a rest. Two
 * rows of one method that can match the same path must be ordered by it in every segment; else the
 * table is refused, so that the order of rows never matters.
 */
#include "http/router.h"

enum { PARAMS_MAX = COUNT_OF(((struct http_req *)0)->params) };

enum segment_kind { SEGMENT_LITERAL, SEGMENT_PARAM, SEGMENT_REST, SEGMENT_NONE };

/* The next segment of a pattern; *rest.p is NULL after the last. */
static enum segment_kind next_segment(struct str *rest, struct str *text)
{
	if (!rest->p)
		return SEGMENT_NONE;
	*text = str_cut(rest, '/');
	if (text->n < 3 || text->p[0] != '{' || text->p[text->n - 1] != '}')
		return SEGMENT_LITERAL;
	return str_ends(*text, STR("...}")) ? SEGMENT_REST : SEGMENT_PARAM;
}

static bool method_fits(enum http_method row, enum http_method asked)
{
	return row == asked || (row == HTTP_GET_ && asked == HTTP_HEAD_);
}

static bool match_segments(struct str want, struct str have, struct str *params)
{
	unsigned taken = 0;
	struct str text;

	for (;;) {
		enum segment_kind kind = next_segment(&want, &text);
		struct str segment;

		if (kind == SEGMENT_NONE || !have.p)
			return kind == SEGMENT_NONE && !have.p;
		if (kind == SEGMENT_REST) {
			params[taken] = have;
			return have.n > 0;
		}
		segment = str_cut(&have, '/');
		if (kind == SEGMENT_LITERAL && !str_eq(segment, text))
			return false;
		if (kind == SEGMENT_PARAM && segment.n == 0)
			return false;
		if (kind == SEGMENT_PARAM)
			params[taken++] = segment;
	}
}

static bool match_path(const char *pattern, struct str path, struct str *params)
{
	size_t literal = strcspn(pattern, "{");

	if (path.n < literal || memcmp(path.p, pattern, literal) != 0)
		return false;
	if (!pattern[literal])
		return path.n == literal;
	return match_segments(str_skip(str_from(pattern), literal), str_skip(path, literal), params);
}

/* ---- the table is checked once ---- */

enum order { ORDER_APART, ORDER_FIRST, ORDER_SECOND, ORDER_CLASH };

/* Can both match one path, and if so, which one is more specific in every segment? */
static enum order compare(const char *first, const char *second)
{
	struct str a = str_skip(str_from(first), 1), b = str_skip(str_from(second), 1);
	struct str a_text, b_text;
	bool a_wins = false, b_wins = false;

	for (;;) {
		enum segment_kind a_kind = next_segment(&a, &a_text);
		enum segment_kind b_kind = next_segment(&b, &b_text);

		if ((a_kind == SEGMENT_NONE) != (b_kind == SEGMENT_NONE))
			return ORDER_APART;
		if (a_kind == SEGMENT_LITERAL && b_kind == SEGMENT_LITERAL && !str_eq(a_text, b_text))
			return ORDER_APART;
		a_wins |= a_kind < b_kind;
		b_wins |= b_kind < a_kind;
		if (a_kind >= SEGMENT_REST || b_kind >= SEGMENT_REST)
			break;
	}
	if (a_wins == b_wins)
		return ORDER_CLASH;
	return a_wins ? ORDER_FIRST : ORDER_SECOND;
}

static const char *pattern_fault(const char *pattern)
{
	struct str rest = str_skip(str_from(pattern), 1);
	unsigned params = 0;
	struct str text;

	if (pattern[0] != '/')
		return "a pattern must begin with /";
	while (rest.p) {
		enum segment_kind kind = next_segment(&rest, &text);

		if (kind == SEGMENT_LITERAL &&
		    (str_find_byte(text, '{') != SIZE_MAX || str_find_byte(text, '}') != SIZE_MAX))
			return "a parameter must be a whole segment with a name";
		if (kind == SEGMENT_REST && (rest.p || text.n <= STR("{...}").n))
			return "{name...} must have a name and stand at the end";
		if (kind != SEGMENT_LITERAL && ++params > PARAMS_MAX)
			return "a pattern has too many parameters";
	}
	return NULL;
}

bool router_init(struct router *r, const struct route *routes, size_t count, struct str *why)
{
	r->routes = routes;
	r->count = count;
	for (size_t i = 0; i < count; i++) {
		const char *fault = pattern_fault(routes[i].pattern);

		if (fault) {
			*why = str_from(fault);
			return false;
		}
		for (size_t j = 0; j < i; j++) {
			if (!method_fits(routes[i].method, routes[j].method) &&
			    !method_fits(routes[j].method, routes[i].method))
				continue;
			if (compare(routes[i].pattern, routes[j].pattern) != ORDER_CLASH)
				continue;
			*why = str_from(routes[i].pattern);
			return false;
		}
	}
	return true;
}

/* ---- matching ---- */

static const char *const method_names[] = {
	[HTTP_GET_] = "GET",     [HTTP_HEAD_] = "HEAD",     [HTTP_POST_] = "POST",       [HTTP_PUT_] = "PUT",
	[HTTP_PATCH_] = "PATCH", [HTTP_DELETE_] = "DELETE", [HTTP_OPTIONS_] = "OPTIONS",
};

static struct str allow_text(struct arena *arena, unsigned methods)
{
	struct str text = { NULL, 0 };

	if (methods & (1u << HTTP_GET_))
		methods |= 1u << HTTP_HEAD_;
	for (unsigned m = 0; m < COUNT_OF(method_names); m++)
		if (methods & (1u << m))
			text = arena_printf(arena, "%.*s%s%s", STRF(text), text.n ? ", " : "", method_names[m]);
	return text;
}

const struct route *router_match(const struct router *r, struct http_req *req, struct str *allow)
{
	const struct route *best = NULL;
	unsigned others = 0;

	for (size_t i = 0; i < r->count; i++) {
		const struct route *route = &r->routes[i];
		struct str params[PARAMS_MAX] = { 0 };

		if (!match_path(route->pattern, req->path, params))
			continue;
		if (!method_fits(route->method, req->method)) {
			others |= 1u << route->method;
			continue;
		}
		if (best && compare(route->pattern, best->pattern) != ORDER_FIRST)
			continue;
		best = route;
		memcpy(req->params, params, sizeof(params));
	}
	*allow = best ? (struct str){ NULL, 0 } : allow_text(&req->arena, others);
	return best;
}
