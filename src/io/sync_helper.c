/*
 * The sync helper's whole life: a descriptor in, fsync, an errno out. It may block as long as the disk does.
 */
#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "base/helper.h"
#include "base/packet.h"
#include "io/sync.h"
#include "io/sync_wire.h"

static int32_t sync_one(int fd)
{
	int rc;

	if (fd < 0)
		return EBADF;
	do
		rc = fsync(fd);
	while (rc < 0 && errno == EINTR);
	return rc < 0 ? errno : 0;
}

int sync_helper_main(void)
{
	struct sync_request request;
	struct sync_answer answer;
	int fd;

	helper_settle_in("imago-sync");
	memset(&answer, 0, sizeof(answer));
	if (!packet_send(HELPER_SOCKET, &answer, sizeof(answer), -1))
		return 1;
	while (packet_receive(HELPER_SOCKET, &request, sizeof(request), &fd) == (ssize_t)sizeof(request)) {
		answer.id = request.id;
		answer.error = sync_one(fd);
		if (fd >= 0)
			close(fd);
		if (!packet_send(HELPER_SOCKET, &answer, sizeof(answer), -1))
			return 1;
	}
	return 0;
}
