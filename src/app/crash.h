#pragma once
/*
 * crash - what is left of a process that breaks: version, signal and a backtrace on standard error.
 */
void crash_install(void);
