/*
 * outbound over TLS, against `openssl s_server` with a certificate of our own: who is
 * trusted, and that warming takes the cost of the certificate authorities away from the first caller.
 */
#include <fcntl.h>
#include <signal.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>

#include "outbound_world.h"

struct tls {
	char dir[64], certificate[96], key[96];
	char port[8];
	pid_t pid;
};

static pid_t run(const char *const argv[])
{
	pid_t pid = fork();

	if (pid == 0) {
		int null = open("/dev/null", O_RDWR | O_CLOEXEC);

		dup2(null, 0);
		dup2(null, 1);
		dup2(null, 2);
		execvp(argv[0], (char *const *)(uintptr_t)argv);
		_exit(127);
	}
	assert_true(pid > 0);
	return pid;
}

static int wait_pid(pid_t pid)
{
	int status = -1;

	waitpid(pid, &status, 0);
	return status;
}

static unsigned free_port(void)
{
	struct sockaddr_in a = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	socklen_t n = sizeof(a);
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	assert_int_equal(bind(fd, (struct sockaddr *)&a, sizeof(a)), 0);
	assert_int_equal(getsockname(fd, (struct sockaddr *)&a, &n), 0);
	close(fd);
	return ntohs(a.sin_port);
}

static void wait_for_port(unsigned port)
{
	struct sockaddr_in a = { .sin_family = AF_INET,
		                 .sin_port = htons((uint16_t)port),
		                 .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };

	for (unsigned i = 0; i < 500; i++) {
		int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
		bool up = connect(fd, (struct sockaddr *)&a, sizeof(a)) == 0;

		close(fd);
		if (up)
			return;
		usleep(10000);
	}
	fail_msg("openssl s_server did not start");
}

static int tls_start(void **state)
{
	struct tls *s = test_calloc(1, sizeof(*s));
	unsigned port = free_port();
	const char *make[] = {
		"openssl", "req",   "-x509", "-newkey",      "ec",           "-pkeyopt", "ec_paramgen_curve:P-256",
		"-nodes",  "-days", "2",     "-subj",        "/CN=tls.test", "-addext",  "subjectAltName=DNS:tls.test",
		"-keyout", s->key,  "-out",  s->certificate, NULL,
	};
	const char *serve[] = {
		"openssl", "s_server", "-www", "-accept", s->port, "-cert", s->certificate, "-key", s->key, NULL,
	};

	snprintf(s->dir, sizeof(s->dir), "/tmp/imago-tls-XXXXXX");
	assert_non_null(mkdtemp(s->dir));
	snprintf(s->certificate, sizeof(s->certificate), "%s/cert.pem", s->dir);
	snprintf(s->key, sizeof(s->key), "%s/key.pem", s->dir);
	snprintf(s->port, sizeof(s->port), "%u", port);
	assert_int_equal(wait_pid(run(make)), 0);
	s->pid = run(serve);
	wait_for_port(port);
	*state = s;
	return 0;
}

static int tls_stop(void **state)
{
	struct tls *s = *state;

	kill(s->pid, SIGTERM);
	wait_pid(s->pid);
	unlink(s->certificate);
	unlink(s->key);
	rmdir(s->dir);
	test_free(s);
	return 0;
}

static double cpu_ms(void)
{
	struct timespec t;

	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
	return (double)t.tv_sec * 1e3 + (double)t.tv_nsec / 1e6;
}

static const char dns[] = "127.0.0.1:1,tls.test=127.0.0.1,other.test=127.0.0.1";

static void https_init(struct world *w, struct tls *s, struct test_call *t, const char *name)
{
	char url[64];

	snprintf(url, sizeof(url), "https://%s:%s/", name, s->port);
	call_init(w, t, "GET", url);
}

static void trusted_by_name(void **state)
{
	struct tls *s = *state;
	struct world *w;
	struct test_call t;

	setenv("SSL_CERT_FILE", s->certificate, 1);
	w = world_new((struct world_options){ .dns = dns });
	outbound_warm(w->outbound);
	https_init(w, s, &t, "tls.test");
	call_run(&t);
	expect_fault(&t, FAULT_NONE, true);
	assert_int_equal(t.call.status, 200);
	assert_true(buf_len(&t.call.body) > 100);
	outbound_call_clear(&t.call);
	/* the certificate is not for this name, and not for the address */
	https_init(w, s, &t, "other.test");
	call_run(&t);
	expect_fault(&t, FAULT_NOT_SENT, false);
	outbound_call_clear(&t.call);
	https_init(w, s, &t, "127.0.0.1");
	call_run(&t);
	expect_fault(&t, FAULT_NOT_SENT, false);
	outbound_call_clear(&t.call);
	/* a guest is refused before any handshake */
	https_init(w, s, &t, "tls.test");
	t.call.kind = OUTBOUND_GUEST;
	call_run(&t);
	expect_fault(&t, FAULT_FORBIDDEN, false);
	outbound_call_clear(&t.call);
	world_free(w);
	unsetenv("SSL_CERT_FILE");
}

static double one_call(struct world *w, struct tls *s, enum outbound_kind kind)
{
	double begin = cpu_ms();
	struct test_call t;

	https_init(w, s, &t, "tls.test");
	t.call.kind = kind;
	call_run(&t);
	expect_fault(&t, FAULT_NOT_SENT, false); /* nobody knows this authority */
	assert_true(str_find(t.call.op.fault.cause, STR("certificate")) != SIZE_MAX);
	outbound_call_clear(&t.call);
	return cpu_ms() - begin;
}

static void warming_pays(void **state)
{
	struct tls *s = *state;
	struct world *w;
	double cold, warm[2], guest, warming;

	w = world_new((struct world_options){ .dns = dns });
	cold = one_call(w, s, OUTBOUND_OPERATOR);
	world_free(w);
	w = world_new((struct world_options){ .dns = dns, .allow = "127.0.0.0/8" });
	warming = cpu_ms();
	outbound_warm(w->outbound);
	warming = cpu_ms() - warming;
	warm[0] = one_call(w, s, OUTBOUND_OPERATOR);
	warm[1] = one_call(w, s, OUTBOUND_OPERATOR);
	guest = one_call(w, s, OUTBOUND_GUEST);
	print_message("CPU of a handshake: cold %.1f ms, warm %.1f and %.1f ms, guest %.1f ms; warming %.1f ms\n", cold,
	              warm[0], warm[1], guest, warming);
	assert_true(warm[0] < cold / 2);
	assert_true(guest < cold / 2);
	assert_int_equal(w->peer.accepted, 0);
	world_free(w);
}

static void without_authorities_nothing_is_trusted(void **state)
{
	struct tls *s = *state;
	struct world *w;
	struct test_call t;

	setenv("SSL_CERT_FILE", "/nonexistent/ca.pem", 1);
	w = world_new((struct world_options){ .dns = dns });
	outbound_warm(w->outbound);
	https_init(w, s, &t, "tls.test");
	call_run(&t);
	expect_fault(&t, FAULT_NOT_SENT, false);
	outbound_call_clear(&t.call);
	world_free(w);
	unsetenv("SSL_CERT_FILE");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(trusted_by_name),
		cmocka_unit_test(warming_pays),
		cmocka_unit_test(without_authorities_nothing_is_trusted),
	};

	return cmocka_run_group_tests_name("outbound_tls", tests, tls_start, tls_stop);
}
