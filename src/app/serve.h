#pragma once
/*
 * serve - the server: runs until it is told to stop. Returns the exit code; the config stays the caller's.
 */
struct config;
int serve_main(struct config *config);
