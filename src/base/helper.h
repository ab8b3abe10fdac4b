#pragma once
/*
 * helper - what every helper process does first. The other side of io/child.h.
 */

enum { HELPER_SOCKET = 3 };

/* Dies with the server and not before it, gains no rights, leaves no core file. */
void helper_settle_in(const char *name);
