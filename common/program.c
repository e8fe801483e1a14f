/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdbool.h>
#include <sys/stat.h>

#include "common/interrupt.h"
#include "common/limits.h"
#include "common/log.h"
#include "common/program.h"

/* A descriptor of ours must never be taken for stdin, stdout or stderr. */
static void open_standard_streams(void)
{
	int fd;

	do
		fd = open("/dev/null", O_RDWR);
	while (fd >= 0 && fd <= STDERR_FILENO);
	if (fd >= 0)
		close(fd);
}

void program_begin(const char *name)
{
	open_standard_streams();
	/* Our files are world-readable; those that are not get an explicit mode. */
	umask(S_IWGRP | S_IWOTH);
	limits_raise(false);
	log_setup(name, false);
	interrupt_setup();
	/* The error of write(2) is enough. */
	signal(SIGPIPE, SIG_IGN);
	signal(SIGXFSZ, SIG_IGN);
}

int program_end(int r, struct error *err)
{
	/* EPIPE: a reader such as head(1) has seen enough, which is not a failure. */
	if (r >= 0 && fflush(stdout) != 0 && errno != EPIPE)
		r = error_set(err, FAULT_OTHER, -errno, "cannot print the result: %m");
	if (r >= 0)
		return 0;
	if (err->fault == FAULT_NONE)
		error_set(err, FAULT_OTHER, r, "%m");
	log_error("%s", err->text);
	return (int)err->fault;
}
