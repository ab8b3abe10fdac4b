#pragma once
/*
 * listing - a handler that asks the database one question and renders the rows.
 */
#include "api/api.h"

enum { LISTING_PARAMS = 8 };

/* The statement's rows, or an error answer; render sends the answer. */
void listing_ask(struct api_req *r, enum pg_class class, enum stmt_id statement, const struct str *params,
                 unsigned count, void (*render)(struct api_req *r, const struct pg_call *rows));
/* The same, but a database that cannot be asked is no error: `otherwise` goes on without. */
void listing_ask_or(struct api_req *r, enum pg_class class, enum stmt_id statement, const struct str *params,
                    unsigned count, void (*render)(struct api_req *r, const struct pg_call *rows),
                    void (*otherwise)(struct api_req *r));
/* Decimal text in the request's arena, for parameters. */
struct str param_int(struct api_req *r, int64_t v);
