/*
 * A file as the body of an answer, by sendfile in pieces.
 *
 * The first pieces go out directly. When the socket is full, or a turn has done its share,
 * a uv_poll_t on a dup() of the socket waits for room: libuv allows one watcher for a descriptor and
 * the stream has it. Without a descriptor for the dup, pieces are read and written.
 *
 *   resp_file -> (head out) -> file_pump -> ... -> ANSWER_ENDED
 */
#include <errno.h>
#include <fcntl.h>
#include <sys/sendfile.h>
#include <unistd.h>

#include "base/mem.h"
#include "http/edge.h"

/* 256 KiB out of the page cache cost 31 us of CPU on loopback, 130 at worst. */
enum { FILE_PIECE = 256 * 1024, FILE_COPY = 64 * 1024 };

/* Lives until its poll handle is closed, which may be after the connection is gone. */
struct file_send {
	uv_poll_t poll;
	struct http_conn *conn; /* NULL once dropped */
	int fd, socket;         /* socket: the dup, -1 before it is needed */
	off_t at;
	uint64_t left;
};

static void on_closed(uv_handle_t *handle)
{
	struct file_send *f = CONTAINER_OF((uv_poll_t *)handle, struct file_send, poll);

	mem_release(f);
}

void file_drop(struct answer *a)
{
	struct file_send *f = a->file;

	if (!f)
		return;
	a->file = NULL;
	f->conn = NULL;
	close(f->fd);
	if (f->socket < 0) {
		mem_release(f);
		return;
	}
	uv_poll_stop(&f->poll);
	close(f->socket);
	uv_close((uv_handle_t *)&f->poll, on_closed);
}

static void sent(struct http_conn *c, struct file_send *f, size_t n)
{
	struct answer *a = &c->request->answer;

	f->left -= n;
	a->body_bytes += n;
	a->sent_bytes += n;
}

static void file_is_out(struct http_conn *c)
{
	struct request *r = c->request;

	file_drop(&r->answer);
	r->answer.state = ANSWER_ENDED;
	r->pub.on_gone = NULL;
}

/* No descriptor for the dup: once in a while it is better to copy than to give up. */
static void copy_piece(struct http_conn *c, struct file_send *f)
{
	size_t want = f->left < FILE_COPY ? (size_t)f->left : FILE_COPY;
	char *bytes = mem_alloc(want);
	ssize_t n = pread(f->fd, bytes, want, f->at);
	uv_buf_t out = uv_buf_init(bytes, n > 0 ? (unsigned)n : 0);

	if (n > 0) {
		f->at += n;
		sent(c, f, (size_t)n);
		conn_write(c, &out, 1);
	} else {
		conn_break(c);
	}
	mem_release(bytes);
}

static void on_writable(uv_poll_t *poll, int status, int events)
{
	struct file_send *f = CONTAINER_OF(poll, struct file_send, poll);

	(void)events;
	if (!f->conn)
		return;
	if (status < 0)
		conn_break(f->conn);
	conn_run(f->conn);
}

static bool wait_for_room(struct http_conn *c, struct file_send *f)
{
	uv_os_fd_t fd;

	if (f->socket >= 0)
		return true;
	if (uv_fileno(&c->io.handle, &fd) != 0)
		return false;
	f->socket = fcntl(fd, F_DUPFD_CLOEXEC, 0);
	if (f->socket < 0)
		return false;
	CHECK(uv_poll_init(&c->server->loop->uv, &f->poll, f->socket) == 0);
	CHECK(uv_poll_start(&f->poll, UV_WRITABLE, on_writable) == 0);
	return true;
}

static void break_off(struct http_conn *c, const char *why)
{
	LOG_WARN(&c->request->pub.log, "http.file_broken", KV_CSTR("why", why));
	conn_break(c);
}

/* One piece a turn, so that a fast client cannot keep the loop to itself. */
void file_pump(struct http_conn *c)
{
	struct file_send *f = c->request->answer.file;
	size_t want = f->left < FILE_PIECE ? (size_t)f->left : FILE_PIECE;
	uv_os_fd_t fd;
	ssize_t n = 0;

	if (f->left > 0 && uv_fileno(&c->io.handle, &fd) == 0)
		n = sendfile(fd, f->fd, &f->at, want);
	if (n > 0) {
		sent(c, f, (size_t)n);
		c->out_bytes += (size_t)n;
		conn_moved(c);
	} else if (f->left > 0 && n == 0) {
		break_off(c, "the file is shorter than promised");
		return;
	} else if (n < 0 && errno != EAGAIN && errno != EINTR) {
		conn_break(c);
		return;
	}
	if (f->left == 0) {
		file_is_out(c);
	} else if (!wait_for_room(c, f)) {
		copy_piece(c, f);
		c->again = true;
	}
}

void file_start(struct request *r, int fd, uint64_t offset, uint64_t length)
{
	struct file_send *f = mem_new(struct file_send);

	f->conn = r->pub.conn;
	f->fd = fd;
	f->socket = -1;
	f->at = (off_t)offset;
	f->left = length;
	r->answer.file = f;
	r->answer.state = ANSWER_FILE;
	if (conn_queued(f->conn) == 0 && !f->conn->broken)
		file_pump(f->conn);
	conn_kick(r->pub.conn);
}
