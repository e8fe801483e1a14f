/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Work in several children at a time: how many, what becomes of results and of signals.
 */
#include <errno.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "common/interrupt.h"
#include "common/process.h"
#include "common/side-by-side.h"

#define N     12
#define WIDTH 4

/* In memory that the children share. */
static struct shared {
	unsigned running, most, begun;
	unsigned signals[N];
} * shared;

static int prepare(void **state _unused_)
{
	shared = mmap(NULL, sizeof(*shared), PROT_READ | PROT_WRITE,
		MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	return shared == MAP_FAILED;
}

static int forget(void **state _unused_)
{
	return munmap(shared, sizeof(*shared));
}

static void begin(void)
{
	unsigned running = __atomic_add_fetch(&shared->running, 1, __ATOMIC_SEQ_CST);
	unsigned most = shared->most;

	while (running > most &&
		!__atomic_compare_exchange_n(&shared->most, &most, running, false,
			__ATOMIC_SEQ_CST, __ATOMIC_SEQ_CST))
		;
	__atomic_add_fetch(&shared->begun, 1, __ATOMIC_SEQ_CST);
}

/* Until `n` have begun: only possible if they run at the same time. */
static void await_begun(unsigned n)
{
	while (__atomic_load_n(&shared->begun, __ATOMIC_SEQ_CST) < n)
		usleep(1000);
}

/* The first ones wait for each other; every third fails. */
static int work(size_t i, const void *userdata, struct error *err)
{
	begin();
	if (i < WIDTH)
		await_begun(WIDTH);
	__atomic_sub_fetch(&shared->running, 1, __ATOMIC_SEQ_CST);
	return i % 3 == 0 ? error_set(err, FAULT_KERNEL, -EBUSY, "%s %zu",
				    (const char *)userdata, i)
			  : 0;
}

static void test_results(void **state _unused_)
{
	struct outcome outcomes[N];
	char text[16];

	assert_int_equal(side_by_side(work, "disk", N, WIDTH, outcomes), 0);
	assert_int_equal(shared->begun, N);
	assert_int_equal(shared->most, WIDTH);
	for (size_t i = 0; i < N; i++) {
		snprintf(text, sizeof(text), "disk %zu", i);
		assert_int_equal(outcomes[i].r, i % 3 == 0 ? -EBUSY : 0);
		assert_int_equal(
			outcomes[i].error.fault, i % 3 == 0 ? FAULT_KERNEL : FAULT_NONE);
		assert_string_equal(outcomes[i].error.text, i % 3 == 0 ? text : "");
	}
}

static void test_none(void **state _unused_)
{
	assert_int_equal(side_by_side(work, "disk", 0, WIDTH, NULL), 0);
	assert_int_equal(shared->begun, 0);
}

static int crash(size_t i, const void *userdata _unused_, struct error *err _unused_)
{
	if (i == 1)
		kill(getpid(), SIGKILL);
	return 0;
}

static void test_crash(void **state _unused_)
{
	struct outcome outcomes[3];

	assert_int_equal(side_by_side(crash, NULL, 3, WIDTH, outcomes), 0);
	assert_int_equal(outcomes[0].r, 0);
	assert_int_equal(outcomes[1].r, -ECHILD);
	assert_int_equal(outcomes[1].error.fault, FAULT_OTHER);
	assert_int_equal(outcomes[2].r, 0);
}

/* Goes on until a signal comes, and once more until none has come for a while. */
static int await_signal(size_t i, const void *userdata _unused_, struct error *err)
{
	unsigned n = 0;

	begin();
	if (i == WIDTH - 1) { /* the last that is begun: as if from a terminal */
		await_begun(WIDTH);
		kill(0, SIGINT); /* its own group: does not reach the others */
		kill(getppid(), SIGINT);
	}
	while (n == 0 || deadline_sleep(300 * USEC_PER_MSEC, USEC_INFINITY) == -EINTR) {
		n += interrupt_pending() > 0;
		interrupt_clear();
		if (n == 0)
			(void)deadline_sleep(USEC_PER_SEC, USEC_INFINITY);
	}
	shared->signals[i] = n;
	return error_set(err, FAULT_OTHER, -EINTR, "interrupted");
}

static void test_interrupted(void **state _unused_)
{
	struct outcome outcomes[N];

	interrupt_setup();
	assert_int_equal(side_by_side(await_signal, NULL, N, WIDTH, outcomes), 0);
	assert_int_equal(shared->begun, WIDTH);
	for (size_t i = 0; i < N; i++)
		assert_int_equal(outcomes[i].r, -EINTR);
	for (size_t i = 0; i < WIDTH - 1; i++)
		assert_int_equal(shared->signals[i], 1);
	interrupt_reset();
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_results, prepare, forget),
		cmocka_unit_test_setup_teardown(test_none, prepare, forget),
		cmocka_unit_test_setup_teardown(test_crash, prepare, forget),
		cmocka_unit_test_setup_teardown(test_interrupted, prepare, forget),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
