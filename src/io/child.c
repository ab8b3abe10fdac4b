/*
 * Life of a helper process.
 *
 *   struct child           belongs to the owner: state, back-off, timer
 *   struct child_process   one for each spawn, on the heap: libuv's handles and the socket
 *
 * Invariants
 *  1. child->process is set exactly in STARTING and UP; process->owner points back. Cutting
 *     both (child_cut) is the only way out, and kills the process unless it ended by itself.
 *  2. A process that was cut stays on child->dying until it was reaped: SIGKILL does not end a
 *     process that waits for a broken disk. At most DYING_MAX of them, then no more are started.
 *  3. child_process is freed when libuv gave back both handles, and not before the process
 *     was reaped, so no zombie is left.
 */
#include "io/child.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/mem.h"
#include "base/metric.h"
#include "base/packet.h"

enum {
	ARGS_MAX = 6,
	BACKOFF_FIRST_MS = 10,
	BACKOFF_MS = 100,
	BACKOFF_MAX_MS = 10 * 1000,
	DYING_MAX = 4,
	MESSAGES_PER_TURN = 32
};

struct child_process {
	uv_process_t process;
	uv_poll_t poll;
	struct child *owner; /* NULL once cut */
	struct link dying;
	int sock;
	unsigned handles; /* of libuv, not given back yet */
	bool spawned, reaped, closing;
};

/* All that a helper may know of our environment. */
static const char *const passed_on[] = {
	"PATH",
	"HOME",
	"LANG",
	"TMPDIR",
	"FONTCONFIG_FILE",
	"FONTCONFIG_PATH",
	"XDG_CACHE_HOME",
	"LD_LIBRARY_PATH",
	"ASAN_OPTIONS",
	"UBSAN_OPTIONS",
	"LSAN_OPTIONS",
};

static void child_retry(struct child *c);

/* ---- the process block ---- */

static void on_closed(uv_handle_t *handle)
{
	struct child_process *p = handle->data;

	if (--p->handles)
		return;
	list_remove(&p->dying);
	mem_release(p);
}

static void process_close_poll(struct child_process *p)
{
	if (p->sock < 0)
		return;
	uv_close((uv_handle_t *)&p->poll, on_closed);
	close(p->sock);
	p->sock = -1;
}

static void process_close(struct child_process *p)
{
	process_close_poll(p);
	if (p->closing)
		return;
	p->closing = true;
	uv_close((uv_handle_t *)&p->process, on_closed);
}

/* The owner wants no more of it. */
static void child_cut(struct child *c)
{
	struct child_process *p = c->process;

	timer_stop(c->loop, &c->timer);
	c->state = CHILD_DOWN;
	c->process = NULL;
	if (!p)
		return;
	p->owner = NULL;
	if (p->reaped || !p->spawned) {
		process_close(p);
		return;
	}
	list_append(&c->dying, &p->dying);
	process_close_poll(p);
	uv_process_kill(&p->process, SIGKILL);
}

static void child_lost(struct child *c, const char *why)
{
	LOG_WARN(c->log, "helper.lost", KV_CSTR("helper", c->config->name), KV_INT("pid", child_pid(c)),
	         KV_CSTR("why", why));
	child_cut(c);
	child_retry(c);
}

static void child_gone(struct child *c, const char *why)
{
	child_lost(c, why);
	c->config->down(c);
}

/* ---- messages ---- */

static void child_hello(struct child *c)
{
	timer_stop(c->loop, &c->timer);
	c->state = CHILD_UP;
	c->config->up(c);
}

/* One message. False: there is no more, or the process was cut. */
static bool child_read(struct child_process *p)
{
	char bytes[CHILD_ANSWER_MAX];
	struct child *c = p->owner;
	ssize_t n;
	int fd;

	n = packet_receive(p->sock, bytes, sizeof(bytes), &fd);
	if (fd >= 0)
		close(fd);
	if (n < 0 && errno == EAGAIN)
		return false;
	if (n <= 0) {
		child_gone(c, n == 0 ? "ended" : strerrordesc_np(errno));
		return false;
	}
	if (c->state == CHILD_STARTING) {
		child_hello(c);
	} else {
		c->failures = 0;
		c->config->message(c, (struct str){ bytes, (size_t)n });
	}
	return p->owner != NULL;
}

static void on_readable(uv_poll_t *poll, int status, int events)
{
	struct child_process *p = CONTAINER_OF(poll, struct child_process, poll);

	(void)events;
	if (status < 0) {
		child_gone(p->owner, uv_strerror(status));
		return;
	}
	for (int i = 0; i < MESSAGES_PER_TURN; i++)
		if (!child_read(p))
			return;
}

/* An answer that was sent before the end still counts, so the socket is emptied first. */
static void on_exit(uv_process_t *process, int64_t status, int term_signal)
{
	struct child_process *p = CONTAINER_OF(process, struct child_process, process);

	(void)status;
	p->reaped = true;
	while (p->owner && child_read(p))
		;
	if (p->owner)
		child_gone(p->owner, term_signal ? strsignal(term_signal) : "ended");
	process_close(p);
}

/* ---- start ---- */

static bool is_passed_on(const char *entry)
{
	for (size_t i = 0; i < COUNT_OF(passed_on); i++) {
		size_t n = strlen(passed_on[i]);

		if (strncmp(entry, passed_on[i], n) == 0 && entry[n] == '=')
			return true;
	}
	return false;
}

static void child_environment(char *out[static COUNT_OF(passed_on) + 1])
{
	size_t count = 0;

	for (char **entry = environ; entry && *entry && count < COUNT_OF(passed_on); entry++)
		if (is_passed_on(*entry))
			out[count++] = *entry;
	out[count] = NULL;
}

/* libuv's types are not const, yet it does not write there. */
static void child_arguments(const struct child_config *config, char *out[static ARGS_MAX + 1])
{
	unsigned n = 0;

	for (; n < ARGS_MAX && config->args[n]; n++)
		out[n] = (char *)(uintptr_t)config->args[n];
	CHECK(!config->args[n]);
	out[n] = NULL;
}

static int process_spawn(struct child_process *p, struct loop *loop, const struct child_config *config, int their_end)
{
	char *args[ARGS_MAX + 1], *environment[COUNT_OF(passed_on) + 1];
	uv_stdio_container_t stdio[4] = {
		{ .flags = UV_IGNORE },
		{ .flags = UV_IGNORE },
		{ .flags = UV_INHERIT_FD, .data.fd = STDERR_FILENO },
		{ .flags = UV_INHERIT_FD, .data.fd = their_end },
	};
	uv_process_options_t options = {
		.file = config->program,
		.args = args,
		.env = environment,
		.stdio = stdio,
		.stdio_count = (int)COUNT_OF(stdio),
		.exit_cb = on_exit,
	};

	child_arguments(config, args);
	child_environment(environment);
	return uv_spawn(&loop->uv, &p->process, &options);
}

static int child_spawn(struct child *c)
{
	struct child_process *p;
	int ends[2], rc;

	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends) < 0)
		return -errno;
	if (fcntl(ends[0], F_SETFL, O_NONBLOCK) < 0)
		LOG_WARN(c->log, "helper.socket", KV_CSTR("why", strerrordesc_np(errno)));
	p = mem_new(struct child_process);
	list_init(&p->dying);
	p->sock = -1;
	p->handles = 1;
	p->process.data = p->poll.data = p;
	rc = process_spawn(p, c->loop, c->config, ends[1]);
	close(ends[1]);
	if (rc < 0) {
		close(ends[0]);
		process_close(p);
		return rc;
	}
	CHECK(uv_poll_init(&c->loop->uv, &p->poll, ends[0]) == 0);
	CHECK(uv_poll_start(&p->poll, UV_READABLE, on_readable) == 0);
	p->handles = 2;
	p->sock = ends[0];
	p->spawned = true;
	p->owner = c;
	c->process = p;
	return 0;
}

static void on_hello_missed(struct timer *t)
{
	child_gone(CONTAINER_OF(t, struct child, timer), "said no hello");
}

static unsigned dying_count(const struct child *c)
{
	unsigned count = 0;

	LIST_EACH(&c->dying, l)
		count++;
	return count;
}

static void on_start_due(struct timer *t)
{
	struct child *c = CONTAINER_OF(t, struct child, timer);
	int rc;

	if (dying_count(c) >= DYING_MAX) {
		timer_start(c->loop, &c->timer, BACKOFF_MAX_MS, on_start_due);
		return;
	}
	if (c->starts++)
		metric_inc(helper_restarts_total, c->config->name, NULL);
	rc = child_spawn(c);
	if (rc < 0) {
		child_gone(c, uv_strerror(rc));
		return;
	}
	c->state = CHILD_STARTING;
	timer_start(c->loop, &c->timer, c->config->hello_ms, on_hello_missed);
}

static void child_retry(struct child *c)
{
	uint64_t wait_ms = BACKOFF_FIRST_MS;

	if (c->failures)
		wait_ms = c->failures > 6 ? BACKOFF_MAX_MS : (uint64_t)BACKOFF_MS << c->failures;
	c->failures++;
	timer_start(c->loop, &c->timer, wait_ms, on_start_due);
}

void child_start(struct child *c, struct loop *loop, const struct log *log, const struct child_config *config)
{
	*c = (struct child){ .config = config, .loop = loop, .log = log };
	list_init(&c->dying);
	timer_start(loop, &c->timer, 0, on_start_due);
}

void child_stop(struct child *c)
{
	child_cut(c);
	while (list_pop(&c->dying))
		;
}

void child_kill(struct child *c, const char *why)
{
	if (c->process)
		child_lost(c, why);
}

bool child_send(struct child *c, const void *bytes, size_t n, int fd)
{
	return c->state == CHILD_UP && packet_send(c->process->sock, bytes, n, fd);
}

int child_pid(const struct child *c)
{
	return c->process ? c->process->process.pid : 0;
}
