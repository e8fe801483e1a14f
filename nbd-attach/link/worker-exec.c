/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <unistd.h>

#include "common/interrupt.h"
#include "common/log.h"
#include "common/process.h"
#include "link/isolation.h"
#include "link/report.h"
#include "link/worker-exec.h"
#include "link/worker-input.h"

/* As argv[0]; no program of ours has this name. */
#define WORKER_NAME "nbd-attach-link"

static bool enabled;

/* What libraries use; the rest of the environment may contain secrets. */
static const char *const kept[] = {"GNUTLS_", "P11_KIT_", "LD_", "ASAN_", "UBSAN_"};

static char **keep_environment(void)
{
	size_t n = 0, n_kept = 0;
	char **environment;

	while (environ && environ[n])
		n++;
	environment = calloc(n + 1, sizeof(*environment));
	for (size_t i = 0; environment && i < n; i++)
		for (size_t k = 0; k < ELEMENTSOF(kept); k++)
			if (strncmp(environ[i], kept[k], strlen(kept[k])) == 0)
				environment[n_kept++] = environ[i];
	return environment;
}

/* Returns only on failure; then the order's sockets may have new numbers. */
static void execute(struct worker_order *order)
{
	char name[] = WORKER_NAME;
	char *const argv[] = {name, NULL};
	char **environment = keep_environment();
	const int fds[ORDER_FDS] = {-1, -1, order->log, order->report, order->near,
		order->connector, worker_input_pack(order)};

	isolation_leave_network(); /* before its descriptor is closed */
	if (fds[ORDER_FILE] < 0 || !environment || process_keep_only(fds, ORDER_FDS) < 0)
		return;
	order->log = order->log < 0 ? -1 : ORDER_LOG;
	order->report = ORDER_REPORT;
	order->near = ORDER_NEAR;
	order->connector = ORDER_CONNECTOR;
	interrupt_reset();
	execve("/proc/self/exe", argv, environment);
}

_Noreturn void worker_exec_run(const struct worker_order *order)
{
	struct worker_order mine = *order;

	if (enabled && !order->target->lock_memory)
		execute(&mine);
	worker_run(&mine);
}

static _Noreturn void run_executed(void)
{
	struct worker_order order;
	struct credentials credentials = {0};
	struct target target;
	struct error err;
	int r;

	/* exec(2) has reset it */
	(void)prctl(PR_SET_DUMPABLE, 0, 0, 0, 0);
	(void)prctl(PR_SET_NAME, WORKER_NAME, 0, 0, 0);
	target_init(&target);
	r = worker_input_unpack(ORDER_FILE, &order, &target, &credentials);
	close(ORDER_FILE);
	if (r < 0) {
		error_set(&err, FAULT_OTHER, r,
			"the link worker cannot read its order: %m");
		report_failure(ORDER_REPORT, r, ENTRY_ANY, &err);
		_exit(1);
	}
	log_setup(WORKER_NAME, order.log >= 0);
	worker_run(&order);
}

void worker_exec_init(char **argv)
{
	if (argv[0] && strcmp(argv[0], WORKER_NAME) == 0)
		run_executed();
	enabled = true;
}

void worker_exec_disable(void)
{
	enabled = false;
}
