/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <stddef.h>

#include "common/interrupt.h"
#include "common/scope.h"

static const int interrupt_signals[] = {SIGINT, SIGTERM, SIGHUP};
static volatile sig_atomic_t interrupted, seen;
static sigset_t mask_before;
static bool is_set_up;

/* A SIGHUP does not replace an earlier SIGINT or SIGTERM. */
static void on_interrupt(int signal_number)
{
	if (interrupted == 0 || interrupted == SIGHUP)
		interrupted = signal_number;
	seen = true;
}

static void set_handlers(void (*handler)(int))
{
	/* No SA_RESTART: waits must be interrupted. */
	struct sigaction action = {.sa_handler = handler};

	for (size_t i = 0; i < ELEMENTSOF(interrupt_signals); i++) {
		struct sigaction before;

		/* An ignored signal stays ignored: see interrupt_unignore(). */
		if (sigaction(interrupt_signals[i], NULL, &before) == 0 &&
			before.sa_handler != SIG_IGN)
			sigaction(interrupt_signals[i], &action, NULL);
	}
}

void interrupt_unignore(bool all)
{
	struct sigaction action;

	for (int i = 1; i <= SIGRTMAX; i++)
		if ((all || (i != SIGINT && i != SIGHUP)) &&
			sigaction(i, NULL, &action) == 0 && action.sa_handler == SIG_IGN)
			signal(i, SIG_DFL);
}

void interrupt_setup(void)
{
	sigset_t block;

	interrupt_unignore(false);
	sigemptyset(&mask_before);
	sigemptyset(&block);
	for (size_t i = 0; i < ELEMENTSOF(interrupt_signals); i++)
		sigaddset(&block, interrupt_signals[i]);
	sigprocmask(SIG_SETMASK, &block, NULL);
	set_handlers(on_interrupt);
	is_set_up = true;
}

static void leave(void (*handler)(int))
{
	set_handlers(handler); /* first: a signal may be pending already */
	if (is_set_up)
		sigprocmask(SIG_SETMASK, &mask_before, NULL);
	is_set_up = false;
	interrupted = seen = 0; /* they were for the parent */
}

void interrupt_reset(void)
{
	leave(SIG_DFL);
}

void interrupt_ignore(void)
{
	leave(SIG_IGN);
}

int interrupt_pending(void)
{
	return interrupted;
}

void interrupt_clear(void)
{
	interrupted = 0;
}

bool interrupt_seen(void)
{
	return seen;
}

const sigset_t *interrupt_mask(void)
{
	return is_set_up ? &mask_before : NULL;
}
