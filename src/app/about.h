#pragma once
/*
 * about - the version of this program, its commit, and the libraries it runs with.
 */
void about_print(void);
