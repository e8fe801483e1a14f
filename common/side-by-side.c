/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/param.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "common/interrupt.h"
#include "common/process.h"
#include "common/side-by-side.h"

struct pool {
	int (*work)(size_t i, const void *userdata, struct error *err);
	const void *userdata;
	struct outcome *outcomes; /* shared with the children */
	unsigned width, n_running;
	struct pollfd *ends; /* pidfds */
	pid_t *children;
};

/* In a process group of its own: a terminal's signal comes from the parent, and once. */
static _Noreturn void run_child(const struct pool *p, size_t i)
{
	struct outcome *outcome = &p->outcomes[i];
	struct error err = {0};
	int r;

	(void)setpgid(0, 0);
	r = p->work(i, p->userdata, &err);
	outcome->error = err;
	outcome->r = r;
	_exit(0);
}

static void begin(struct pool *p, size_t i)
{
	struct outcome *outcome = &p->outcomes[i];
	int pidfd = -1;
	pid_t child;

	outcome->r = error_set(&outcome->error, FAULT_OTHER, -ECHILD,
		"a process that was to do it was killed");
	child = fork();
	if (child == 0)
		run_child(p, i);
	if (child > 0)
		pidfd = (int)syscall(SYS_pidfd_open, child, 0U);
	if (pidfd >= 0) {
		p->children[p->n_running] = child;
		p->ends[p->n_running++] = (struct pollfd){pidfd, POLLIN, 0};
	} else if (child > 0) {
		(void)waitpid(child, NULL, 0);
	} else {
		outcome->r = p->work(i, p->userdata, &outcome->error);
	}
}

static void collect(struct pool *p)
{
	for (unsigned k = p->n_running; k-- > 0;) {
		if (!p->ends[k].revents)
			continue;
		(void)waitpid(p->children[k], NULL, 0);
		close(p->ends[k].fd);
		p->n_running--;
		p->ends[k] = p->ends[p->n_running];
		p->children[k] = p->children[p->n_running];
	}
}

/* Waits for at least one to end. */
static void wait_for_some(struct pool *p)
{
	int signal_number;

	if (deadline_poll(p->ends, p->n_running, USEC_INFINITY) > 0) {
		collect(p);
		return;
	}
	signal_number = interrupt_pending();
	interrupt_clear();
	for (unsigned k = 0; signal_number > 0 && k < p->n_running; k++)
		kill(p->children[k], signal_number);
}

static void run_all(struct pool *p, size_t n)
{
	size_t next = 0;

	while (next < n || p->n_running > 0) {
		if (next < n && interrupt_seen())
			p->outcomes[next++].r = -EINTR;
		else if (next < n && p->n_running < p->width)
			begin(p, next++);
		else
			wait_for_some(p);
	}
}

int side_by_side(int (*work)(size_t i, const void *userdata, struct error *err),
	const void *userdata, size_t n, unsigned width, struct outcome *ret)
{
	_cleanup_free_ struct pollfd *ends = calloc(width, sizeof(*ends));
	_cleanup_free_ pid_t *children = calloc(width, sizeof(*children));
	size_t size = MAX(n, 1U) * sizeof(*ret);
	void *shared = mmap(
		NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	struct pool p = {.work = work,
		.userdata = userdata,
		.outcomes = shared,
		.width = width,
		.ends = ends,
		.children = children};

	if (shared == MAP_FAILED || !ends || !children)
		return -ENOMEM;
	run_all(&p, n);
	if (n > 0)
		memcpy(ret, shared, n * sizeof(*ret));
	munmap(shared, size);
	return 0;
}
