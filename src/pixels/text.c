/*
 * vips_text takes Pango markup: what the user wrote is escaped, so that "<b>" is drawn as it stands.
 *
 * A font file is opened when something is first drawn from it and then stays open. The scripts that most
 * users write are drawn once before the sandbox is closed; see there for the others.
 */
#include "pixels/text.h"

#include <string.h>
#include <vips/vips.h>

#include "base/mem.h"

enum { MARKUP_MAX = 64 * 1024, COMBINING_MAX = 4 };

/* Scripts of the main font. Few on purpose: cairo keeps ten font files open and closes others. */
static const char *const scripts[] = { "Imago “Été” ŻÓŁĆ ș — ·…", "Закат Ёж їґ", "Ωμέγα", "שלום", "سلام", "☀★→∑" };

static void markup_escape(struct str s, struct buf *out)
{
	for (size_t i = 0; i < s.n; i++) {
		switch (s.p[i]) {
		case '<': buf_cstr(out, "&lt;"); break;
		case '>': buf_cstr(out, "&gt;"); break;
		case '&': buf_cstr(out, "&amp;"); break;
		default: buf_byte(out, s.p[i]);
		}
	}
	buf_byte(out, '\0');
}

static bool mask_take(VipsImage *image, struct mask *out)
{
	size_t bytes;
	void *ink = vips_image_write_to_memory(image, &bytes);
	bool fits = ink && image->Bands == 1 && bytes == (size_t)image->Xsize * (size_t)image->Ysize;

	if (fits) {
		out->width = image->Xsize;
		out->height = image->Ysize;
		out->ink = mem_alloc(bytes);
		memcpy(out->ink, ink, bytes);
	}
	g_free(ink);
	return fits;
}

bool text_render(struct str text, int font_pixels, bool bold, int width, struct mask *out)
{
	VipsImage *image = NULL;
	struct buf markup;
	char font[64];
	int failed;

	*out = (struct mask){ .ink = NULL };
	if (text.n == 0)
		return false;
	buf_init(&markup, MARKUP_MAX);
	markup_escape(text, &markup);
	/* At 72 dots an inch a point is a pixel. */
	snprintf(font, sizeof(font), "DejaVu Sans, Sans%s %d", bold ? " Bold" : "", font_pixels);
	failed = markup.overflowed;
	if (!failed && width > 0)
		failed = vips_text(&image, buf_view(&markup).p, "font", font, "dpi", 72, "width", width, "wrap",
		                   VIPS_TEXT_WRAP_WORD_CHAR, "spacing", font_pixels / 5, NULL);
	else if (!failed)
		failed = vips_text(&image, buf_view(&markup).p, "font", font, "dpi", 72, NULL);
	buf_clear(&markup);
	if (failed) {
		vips_error_clear();
		return false;
	}
	failed = !mask_take(image, out);
	g_object_unref(image);
	return !failed;
}

void mask_clear(struct mask *m)
{
	mem_release(m->ink);
	m->ink = NULL;
}

/* ---- tidying ---- */

static uint32_t code_point(const char *p, size_t n)
{
	unsigned char c = (unsigned char)p[0];
	uint32_t v = n == 1 ? c : n == 2 ? c & 0x1fu : n == 3 ? c & 0x0fu : c & 7u;

	for (size_t i = 1; i < n; i++)
		v = v << 6 | ((unsigned char)p[i] & 0x3fu);
	return v;
}

static size_t code_point_size(char first)
{
	unsigned char c = (unsigned char)first;

	return c < 0x80 ? 1 : c < 0xe0 ? 2 : c < 0xf0 ? 3 : 4;
}

static bool is_blank(uint32_t v)
{
	return v <= 0x20 || (v >= 0x7f && v <= 0xa0) || v == 0x2028 || v == 0x2029 || (v >= 0x2000 && v <= 0x200a) ||
	       v == 0x3000;
}

/* Direction overrides could turn our own label around; the others are no characters, or not for interchange. */
static bool is_dropped(uint32_t v)
{
	return v == 0x200e || v == 0x200f || (v >= 0x202a && v <= 0x202e) || (v >= 0x2060 && v <= 0x206f) ||
	       v == 0xfeff || v == 0x00ad || (v >= 0xfff0 && v <= 0xfffc) || (v & 0xfffe) == 0xfffe ||
	       (v >= 0xfdd0 && v <= 0xfdef) || (v >= 0xe0000 && v <= 0xe0fff);
}

static bool is_combining(uint32_t v)
{
	return (v >= 0x300 && v <= 0x36f) || (v >= 0x483 && v <= 0x489) || (v >= 0x1ab0 && v <= 0x1aff) ||
	       (v >= 0x1dc0 && v <= 0x1dff) || (v >= 0x20d0 && v <= 0x20ff) || (v >= 0xfe20 && v <= 0xfe2f);
}

void text_tidy(struct str text, size_t most, struct buf *out, bool *cut)
{
	bool blank = false;
	unsigned combining = 0;
	size_t taken = 0;

	*cut = false;
	for (size_t i = 0, n; i < text.n; i += n) {
		uint32_t v;

		n = code_point_size(text.p[i]);
		if (n > text.n - i)
			return;
		v = code_point(text.p + i, n);
		combining = is_combining(v) ? combining + 1 : 0;
		if (is_blank(v)) {
			blank = taken > 0;
			continue;
		}
		if (is_dropped(v) || combining > COMBINING_MAX)
			continue;
		if (taken >= most) {
			*cut = true;
			return;
		}
		if (blank)
			buf_byte(out, ' ');
		blank = false;
		buf_put(out, text.p + i, n);
		taken++;
	}
}

void text_warm_up(void)
{
	struct mask mask;

	for (size_t i = 0; i < COUNT_OF(scripts); i++) {
		for (int bold = 0; bold < 2; bold++)
			if (text_render(str_from(scripts[i]), 20, bold, bold ? 0 : 200, &mask))
				mask_clear(&mask);
	}
}
