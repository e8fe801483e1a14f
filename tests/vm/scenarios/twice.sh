#!/bin/bash
# SPDX-License-Identifier: LGPL-2.1-or-later
#
# The same export attached twice: a warning names the other one, --exclusive refuses it.
# Long: left to `tests/run vm`, for the time that all of them take together.

. "${0%/*}/../lib.sh"

serve() {
	new_disk disk.img 8M
	start_nbdkit file disk.img
}

expect_quiet() {
	[ ! -s err ] || fail "a warning"
}

warned() {
	serve
	attach --name first "nbd://127.0.0.1:$PORT/disk"
	expect_quiet
	first=$DEVICE
	attach --name second "nbd://127.0.0.1:$PORT/disk"
	expect_says "warning: first has the same export attached, as $first"
	# Under another name of the server, and beside one that only reads.
	attach --name third --read-only "nbd://localhost:$PORT/disk"
	expect_says "first has the same export" "second has the same export"
	detach second
	detach first
	# A detached disk no longer counts, and two readers are no danger.
	attach --name fourth --read-only "nbd://127.0.0.1:$PORT/disk"
	expect_quiet
	detach --all
}

other_exports() {
	serve
	attach --name first "nbd://127.0.0.1:$PORT/disk"
	start_nbdkit file disk.img
	attach --name second --exclusive "nbd://127.0.0.1:$PORT/disk"
	expect_quiet
	attach --name third --exclusive "nbd://127.0.0.1:$PORT/other"
	expect_quiet
	detach --all
}

exclusive() {
	serve
	attach --name first "nbd://127.0.0.1:$PORT/disk"
	expect_exit 7 attach --no-daemon --name second --exclusive "nbd://localhost:$PORT/disk"
	expect_says "first has this export attached already, as $DEVICE" --exclusive
	[ "$("$PROGRAM" list | wc -l)" = 2 ] || fail "something is left of it"
	roundtrip "$DEVICE" disk.img
	detach first
	# An exclusive attachment stays exclusive.
	attach --name first --exclusive "nbd://127.0.0.1:$PORT/disk"
	expect_exit 7 attach --no-daemon --name second "nbd://127.0.0.1:$PORT/disk"
	expect_says "first has this export" "the only one"
	nbd_attach status first
	grep -qx 'exclusive: *yes' out || fail "status does not say so"
	nbd_attach status --json first
	grep -q '"exclusive": *true' out || fail "nor for scripts"
	roundtrip "$DEVICE" disk.img
	detach first
	attach --name second --exclusive "nbd://127.0.0.1:$PORT/disk"
	expect_quiet
	detach second
	attach --name third "nbd://127.0.0.1:$PORT/disk"
	nbd_attach status third
	grep -qx 'exclusive: *no' out || fail "status says what is not so"
	detach third
}

# In the foreground, and by a key in a configuration file.
configured() {
	serve
	mkdir -p /etc/nbd-attach
	printf '[attach]\nuri=nbd://127.0.0.1:%s/disk\nexclusive=yes\n' "$PORT" \
		>/etc/nbd-attach/alone.conf
	nbd_attach attach alone
	expect_quiet
	expect_exit 7 attach --name second "nbd://127.0.0.1:$PORT/disk"
	expect_says "alone has this export attached already, as $OUT"
	expect_exit 7 attach --no-daemon --name second "nbd://127.0.0.1:$PORT/disk"
	detach alone
	rm /etc/nbd-attach/alone.conf
}

# At once: never both.
at_once() {
	local i one two
	serve
	for i in 1 2 3; do
		"$PROGRAM" attach --no-daemon --exclusive --name "one$i" \
			"nbd://127.0.0.1:$PORT/disk" >one 2>&1 &
		one=$!
		"$PROGRAM" attach --no-daemon --exclusive --name "two$i" \
			"nbd://127.0.0.1:$PORT/disk" >two 2>&1 &
		two=$!
		! { wait $one && wait $two; } || fail "both have it"
		wait $two || :
		cat one two
		"$PROGRAM" detach --all
	done
}

it "a warning says who has it" warned
it "another server, another export" other_exports
it "--exclusive refuses, and is kept to" exclusive
it "in a configuration file, supervised" configured
it "two at once" at_once
