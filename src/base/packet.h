#pragma once
/*
 * packet - whole messages, and a descriptor with them, over a SOCK_SEQPACKET socket.
 *
 * The wire between the server and its helper processes; both sides are built from this file.
 */
#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

#include "base/check.h"

/* What the socket takes in one piece with the default buffers; larger requests are refused before they get here. */
enum { PACKET_MAX = 128 * 1024 };

/* fd -1: none goes along. False: errno says why; nothing was sent. */
MUST_CHECK bool packet_send(int sock, const void *bytes, size_t n, int fd);
/* Bytes read, 0 at the end, -1 with errno. A message longer than `size` is EMSGSIZE. *fd is ours to close, or -1. */
ssize_t packet_receive(int sock, void *bytes, size_t size, int *fd);
