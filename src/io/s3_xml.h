#pragma once
/*
 * s3_xml - the few words that we need of what a bucket answers.
 *
 * Answers are small documents without mixed content; what is no XML just has none of the elements.
 */
#include "base/arena.h"
#include "base/str.h"

/* The name of the outermost element, without prefix; empty: there is none. */
struct str s3_xml_root(struct str xml);
/* The text of the first element of that name, at any depth; empty when absent. In the arena. */
struct str s3_xml_text(struct arena *a, struct str xml, const char *name);
