/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* How soon it is seen that links encrypt, on a disk that is idle and on one that is not.
 */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "common/process.h"
#include "kernel/hardware-queues.h"
#include "supervisor/handover.h"
#include "supervisor/proof.h"

#define CHILD 4242
#define NOW   (1000 * USEC_PER_SEC)
#define SOON  (NOW + 100 * USEC_PER_MSEC)
#define LATER (NOW + 5 * USEC_PER_SEC)

#define LINKS 2

static struct {
	struct attachment a;
	struct supervisor s;
	bool sends[LINKS]; /* it has sent something */
	bool plain;        /* … as it is */
	bool no_child;
	bool ended; /* the child has */
	unsigned n_reads, n_cuts;
} world;

void handover_shut_down(
	_unused_ struct supervisor *s, _unused_ const struct connection *conn)
{
	world.n_cuts++;
}

int encryption_check(struct encryption *e, int fd, struct error *err)
{
	if (world.sends[fd] && world.plain)
		return error_set(err, FAULT_KERNEL, -EPROTO, "in plaintext");
	e->pending = !world.sends[fd];
	return 0;
}

void hardware_queues_read(unsigned index)
{
	assert_int_equal(index, 5);
	world.n_reads++;
}

pid_t process_start(int (*work)(const void *userdata), const void *userdata)
{
	if (world.no_child)
		return -EAGAIN;
	assert_int_equal(work(userdata), 0);
	return CHILD;
}

int process_poll(pid_t child, int *ret_result)
{
	assert_int_equal(child, CHILD);
	*ret_result = 0;
	return world.ended ? 0 : -EAGAIN;
}

/* Links that the kernel has just got, and an idle disk. */
static int begin(_unused_ void **state)
{
	memset(&world, 0, sizeof(world));
	world.a = ATTACHMENT_NONE;
	world.a.state.index = 5;
	world.a.state.n_links = LINKS;
	world.s.a = &world.a;
	for (unsigned i = 0; i < LINKS; i++) {
		world.s.conns[i].number = i;
		world.a.sockets[i] = (int)i;
		world.a.encryption[i].pending = true;
	}
	return 0;
}

/* When the next look is to be. */
static usec_t look_again(void)
{
	world.s.check_at = LATER;
	proof_check(&world.s, NOW);
	return world.s.check_at;
}

static void test_idle(void **state _unused_)
{
	assert_int_equal(look_again(), SOON);
	assert_int_equal(world.n_reads, 1);
	assert_int_equal(look_again(), SOON); /* it has not come so far yet */
	world.sends[0] = true;
	assert_int_equal(look_again(), SOON);
	assert_true(world.a.state.links[0].encrypts);
	world.sends[1] = world.ended = true;
	assert_int_equal(look_again(), LATER);
	assert_true(world.a.state.links[1].encrypts);
	assert_int_equal(world.n_reads, 1);
}

/* The disk is busy: no request of ours is needed. */
static void test_busy(void **state _unused_)
{
	world.sends[0] = world.sends[1] = true;
	assert_int_equal(look_again(), LATER);
	assert_int_equal(world.n_reads, 0);
}

/* Its only link is about to send what is in flight. */
static void test_one_link(void **state _unused_)
{
	world.a.state.n_links = 1;
	world.s.progress.last.in_flight = 1;
	assert_int_equal(look_again(), SOON);
	assert_int_equal(world.n_reads, 0);
	world.s.progress.last.in_flight = 0;
	assert_int_equal(look_again(), SOON);
	assert_int_equal(world.n_reads, 1);
}

/* There are more links than processors. */
static void test_unused(void **state _unused_)
{
	assert_int_equal(look_again(), SOON);
	world.sends[0] = world.ended = true;
	assert_int_equal(look_again(), LATER);
	world.s.progress.last.in_flight = 1;
	assert_int_equal(look_again(), SOON);
	world.s.progress.last.in_flight = 0;
	assert_int_equal(world.n_reads, 1);
	/* the first is lost: what it carried goes to the second */
	world.s.conns[0].phase = PHASE_BACKING_OFF;
	world.s.conns[1].read_through = false;
	assert_int_equal(look_again(), SOON);
	assert_int_equal(world.n_reads, 2);
	/* the next one is asked, too, though the second was */
	world.s.conns[0] = (struct connection){.phase = PHASE_UP};
	world.a.encryption[0].pending = true;
	world.sends[0] = false;
	assert_int_equal(look_again(), SOON);
	assert_int_equal(world.n_reads, 3);
}

static void test_plaintext(void **state _unused_)
{
	assert_int_equal(look_again(), SOON);
	world.sends[0] = world.plain = true;
	look_again();
	assert_int_equal(world.n_cuts, 1);
	assert_int_equal(world.a.plaintext.fault, FAULT_KERNEL);
	assert_false(world.a.state.links[0].encrypts);
}

/* No memory for a child: it looks often, and tries again. */
static void test_no_child(void **state _unused_)
{
	world.no_child = true;
	assert_int_equal(look_again(), SOON);
	assert_int_equal(look_again(), SOON);
	world.no_child = false;
	assert_int_equal(look_again(), SOON);
	assert_int_equal(world.n_reads, 1);
}

/* What makes the disk ready reads by itself; but not for a link that comes after that. */
static void test_bring_up(void **state _unused_)
{
	world.s.bring_up.child = CHILD;
	assert_int_equal(look_again(), SOON);
	assert_int_equal(world.n_reads, 0);
	world.s.bring_up.child = 0;
	assert_int_equal(look_again(), SOON);
	assert_int_equal(world.n_reads, 1);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(test_idle, begin),
		cmocka_unit_test_setup(test_busy, begin),
		cmocka_unit_test_setup(test_one_link, begin),
		cmocka_unit_test_setup(test_unused, begin),
		cmocka_unit_test_setup(test_plaintext, begin),
		cmocka_unit_test_setup(test_no_child, begin),
		cmocka_unit_test_setup(test_bring_up, begin),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
