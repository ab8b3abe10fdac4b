/*
 * cli_config - `imago config show` and `imago config check`.
 */
#include <stdio.h>

#include "app/app.h"
#include "app/cli.h"
#include "providers/catalog.h"

enum { JSON_MAX = 1 << 20 };

static void setting_json(struct json_writer *w, const struct config *c, enum config_id id)
{
	const struct config_row *row = &config_rows[id];
	bool is_set = c->origins[id].source != CONFIG_FROM_DEFAULT;

	jw_object(w);
	jw_kv_cstr(w, "name", row->key);
	jw_kv_cstr(w, "environment", row->environment);
	if (row->flags & CONFIG_HIDDEN)
		jw_kv_bool(w, "set", is_set);
	else
		jw_kv_str(w, "value", config_text(c, id));
	jw_kv_str(w, "origin", c->origins[id].place);
	if (is_set)
		jw_kv_str(w, "given_as", c->origins[id].name);
	jw_kv_bool(w, "secret", row->flags & CONFIG_HIDDEN);
	jw_kv_bool(w, "reloads", row->flags & CONFIG_RELOAD);
	jw_kv_cstr(w, "help", row->help);
	jw_end_object(w);
}

static void problems_json(struct json_writer *w, const struct config *c)
{
	jw_key(w, "problems");
	jw_array(w);
	for (unsigned i = 0; i < c->problem_count; i++) {
		jw_object(w);
		jw_kv_cstr(w, "severity", c->problems[i].is_error ? "error" : "warning");
		jw_kv_str(w, "text", c->problems[i].text);
		jw_end_object(w);
	}
	jw_end_array(w);
}

static int show_json(const struct config *c)
{
	struct buf b;
	struct json_writer w;

	buf_init(&b, JSON_MAX);
	w = json_writer(&b);
	jw_object(&w);
	jw_key(&w, "settings");
	jw_array(&w);
	for (unsigned id = 0; id < CONFIG_COUNT; id++)
		setting_json(&w, c, (enum config_id)id);
	jw_end_array(&w);
	jw_key(&w, "fal_key_from");
	if (c->fal_key_source.n)
		jw_str(&w, c->fal_key_source);
	else
		jw_null(&w);
	problems_json(&w, c);
	jw_end_object(&w);
	cli_print_json(&b);
	return CLI_OK;
}

static void problems_text(const struct config *c, FILE *to)
{
	for (unsigned i = 0; i < c->problem_count; i++)
		fprintf(to, "%s: %.*s\n", c->problems[i].is_error ? "error" : "warning", STRF(c->problems[i].text));
}

int command_config_show(struct cli *cli)
{
	const struct config *c = cli->config;

	if (cli->json)
		return show_json(c);
	for (unsigned id = 0; id < CONFIG_COUNT; id++) {
		const struct config_origin *o = &c->origins[id];
		struct str text = config_text(c, (enum config_id)id);
		struct str value = text.n ? text : STR("\"\"");

		printf("%-16s %-34.*s %.*s", config_rows[id].key, STRF(value), STRF(o->place));
		if (o->source != CONFIG_FROM_DEFAULT && o->source != CONFIG_FROM_FILE)
			printf(" %.*s", STRF(o->name));
		putchar('\n');
	}
	problems_text(c, stderr);
	return CLI_OK;
}

/* The catalog belongs to the settings too; it is read only where somebody asks. */
static void check_catalog(struct cli *cli)
{
	struct config *c = cli->config;
	struct str why;
	struct catalog *catalog = catalog_load(c, &cli->arena, &why);

	if (!catalog && c->problem_count < CONFIG_PROBLEMS_MAX)
		c->problems[c->problem_count++] = (struct config_problem){ true, why };
	catalog_free(&catalog);
}

int command_config_check(struct cli *cli)
{
	struct config *c = cli->config;
	struct json_writer w;
	struct buf b;

	check_catalog(cli);
	if (cli->json) {
		buf_init(&b, JSON_MAX);
		w = json_writer(&b);
		jw_object(&w);
		jw_kv_bool(&w, "ok", !config_has_errors(c));
		problems_json(&w, c);
		jw_end_object(&w);
		cli_print_json(&b);
	} else {
		problems_text(c, stdout);
		if (!config_has_errors(c))
			puts("the settings can be used");
	}
	return config_has_errors(c) ? CLI_FAILED : CLI_OK;
}
