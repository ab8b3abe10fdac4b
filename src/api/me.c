/*
 * me - who I am here, what I have left, what things cost, and where my credits went.
 */
#include "api/listing.h"
#include "api/render.h"
#include "api/texts.h"
#include "core/accounts.h"
#include "providers/catalog.h"

/* Prices of the models that can be asked for here, now. */
static void render_prices(const struct core *core, struct json_writer *w)
{
	jw_key(w, "prices");
	jw_object(w);
	LIST_EACH(&core->accounts->all, l) {
		const struct account *a = CONTAINER_OF(l, struct account, link);

		for (size_t i = 0; i < core->catalog->count; i++) {
			const struct catalog_row *row = &core->catalog->rows[i];

			if (!str_is(row->provider, a->driver->type))
				continue;
			jw_key_str(w, row->name);
			jw_int(w, row->credits);
		}
	}
	jw_end_object(w);
}

static void me_render(struct api_req *r, const struct pg_call *rows)
{
	struct json_writer w;
	struct buf body;

	if (pg_rows(rows) != 1) {
		api_fail(r, FAULT_UNAUTHORIZED, (struct str){ NULL, 0 });
		return;
	}
	buf_init(&body, 256 * 1024);
	w = json_writer(&body);
	jw_object(&w);
	jw_kv_str(&w, "id", pg_text(rows, 0, 0));
	jw_kv_str(&w, "name", pg_text(rows, 0, 1));
	jw_kv_str(&w, "role", pg_text(rows, 0, 2));
	jw_kv_int(&w, "credits", pg_int(rows, 0, 3));
	jw_kv_int(&w, "held", pg_int(rows, 0, 4));
	render_prices(r->api->core, &w);
	jw_end_object(&w);
	api_send_json(r, 200, &body);
	buf_clear(&body);
}

void me_get(struct http_req *http)
{
	struct api_req *r = api_of(http);

	listing_ask(r, PG_READ, STMT_ME, (const struct str[]){ str_from(r->who.user_id) }, 1, me_render);
}

/* id, kind, amount, balance, job_id, created_us, reason */
static void ledger_render(struct api_req *r, const struct pg_call *rows)
{
	unsigned n = pg_rows(rows), asked = r->limit;
	struct json_writer w;
	struct buf body, cursor;

	buf_init(&body, 256 * 1024);
	buf_init(&cursor, 256);
	w = json_writer(&body);
	jw_object(&w);
	jw_key(&w, "items");
	jw_array(&w);
	for (unsigned i = 0; i < n; i++) {
		jw_object(&w);
		jw_kv_int(&w, "id", pg_int(rows, i, 0));
		jw_kv_str(&w, "kind", pg_text(rows, i, 1));
		jw_kv_int(&w, "amount", pg_int(rows, i, 2));
		jw_kv_int(&w, "balance", pg_int(rows, i, 3));
		if (!pg_is_null(rows, i, 4))
			jw_kv_str(&w, "job_id", pg_text(rows, i, 4));
		render_time(&w, "created_at", pg_int(rows, i, 5));
		if (!pg_is_null(rows, i, 6))
			jw_kv_str(&w, "reason", pg_text(rows, i, 6));
		jw_end_object(&w);
	}
	jw_end_array(&w);
	jw_key(&w, "next_cursor");
	if (n > 0 && n == asked) {
		api_cursor_write(r, &cursor, pg_int(rows, n - 1, 0), STR("ledger"));
		jw_str(&w, buf_view(&cursor));
	} else {
		jw_null(&w);
	}
	jw_end_object(&w);
	api_send_json(r, 200, &body);
	buf_clear(&body);
	buf_clear(&cursor);
}

void me_ledger(struct http_req *http)
{
	struct api_req *r = api_of(http);
	struct str unused;
	int64_t before = 0;
	unsigned limit;
	bool given;

	if (!api_limit(r, &limit) || !api_cursor(r, &before, &unused, &given))
		return;
	r->limit = limit;
	listing_ask(r, PG_BULK, STMT_LEDGER_PAGE,
	            (const struct str[]){
			    str_from(r->who.user_id),
			    given ? param_int(r, before) : (struct str){ NULL, 0 },
			    param_int(r, limit),
		    },
	            3, ledger_render);
}
