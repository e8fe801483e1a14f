/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * To be preloaded: the child that brings a device up starts late, as on a busy machine.
 */
#include <dlfcn.h>
#include <stdarg.h>
#include <string.h>
#include <sys/prctl.h>
#include <time.h>

#include "kernel/device-node.h"

int prctl(int option, ...)
{
	const struct timespec late = {.tv_nsec = 700000000};
	int (*real)(int, ...) = dlsym(RTLD_NEXT, "prctl");
	unsigned long argument[4];
	va_list list;

	va_start(list, option);
	for (int i = 0; i < 4; i++)
		argument[i] = va_arg(list, unsigned long);
	va_end(list);
	if (option == PR_SET_NAME && strcmp((const char *)argument[0], SCAN_PROCESS) == 0)
		nanosleep(&late, NULL);
	return real(option, argument[0], argument[1], argument[2], argument[3]);
}
