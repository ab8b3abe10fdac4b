/*
 * config_find - the program imago-pixels: where IMAGO_PIXELS says, else where `meson install` puts it, else
 * beside our own program, else where a build tree has it.
 */
#include <limits.h>
#include <stdlib.h>
#include <unistd.h>

#include "app/config_priv.h"

static struct str own_folder(struct config *c)
{
	char path[PATH_MAX];
	ssize_t n;

	if (c->sources.program) {
		if (!str_to_cstr(str_from(c->sources.program), path, sizeof path))
			return STR(".");
		n = (ssize_t)strlen(path);
	} else {
		n = readlink("/proc/self/exe", path, sizeof path - 1);
	}
	while (n > 1 && path[n - 1] != '/')
		n--;
	return n > 1 ? arena_copy(&c->arena, (struct str){ path, (size_t)n - 1 }) : STR(".");
}

void config_find_pixels(struct config *c)
{
	struct config_origin *o = &c->origins[CONFIG_ID_pixel_program];
	struct str folder = own_folder(c);
	struct str places[] = {
		STR(IMAGO_LIBEXECDIR "/imago-pixels"),
		arena_printf(&c->arena, "%.*s/imago-pixels", STRF(folder)),
		arena_printf(&c->arena, "%.*s/../pixels/imago-pixels", STRF(folder)),
	};

	if (c->pixel_program.n)
		return;
	for (size_t i = 0; i < COUNT_OF(places); i++) {
		if (access(places[i].p, X_OK) != 0)
			continue;
		c->pixel_program = o->text = places[i];
		o->place = STR("found");
		return;
	}
}
