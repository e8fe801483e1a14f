#!/bin/bash
# SPDX-License-Identifier: LGPL-2.1-or-later
#
# An attach that is interrupted halfway. SIGTERM leaves nothing at all; after SIGKILL the worker
# is gone too, and what the kernel has already can be detached.
# Long: left to `tests/run vm`, for the time that all of them take together.

. "${0%/*}/../lib.sh"

# A shell's background process would ignore SIGINT.
attach_behind() { # URI: its pid in ATTACH
	env --default-signal=INT "$PROGRAM" attach --no-daemon --name disk "$@" >attach.log 2>&1 &
	ATTACH=$!
}

connected() {
	[ -n "$(ss -Htn state established "dport = :$PORT")" ]
}

gone() {
	[ -z "$(our_processes)" ]
}

signalled_while_silent() { # SIGNAL
	start_silent_server
	attach_behind "nbd://127.0.0.1:$PORT/"
	wait_for connected
	kill "-$1" "$ATTACH"
	! wait "$ATTACH" || fail "exit code 0"
	wait_for gone
	! connected || fail "still connected"
}

# Reads take a while, so that the partition table is being read when the signal comes.
slow_nbdkit() {
	new_disk disk.img 8M
	start_nbdkit --filter=delay file disk.img rdelay=3
}

configured() {
	[ -n "$(configured_devices)" ]
}

terminated_while_scanning() {
	expect_in_kernel_log 'I/O error'
	slow_nbdkit
	attach_behind "nbd://127.0.0.1:$PORT/"
	wait_for configured
	kill -TERM "$ATTACH"
	! wait "$ATTACH" || fail "exit code 0"
	wait_for gone
}

killed_while_scanning() {
	expect_in_kernel_log 'I/O error'
	slow_nbdkit
	attach_behind "nbd://127.0.0.1:$PORT/"
	wait_for configured
	kill -KILL "$ATTACH"
	wait "$ATTACH" || :
	wait_for gone
	detach --force "$(configured_devices)"
}

it "SIGTERM while it waits for the server" signalled_while_silent TERM
it "SIGINT while it waits for the server" signalled_while_silent INT
it "SIGKILL while it waits for the server" signalled_while_silent KILL
it "SIGTERM while the kernel reads the partition table" terminated_while_scanning
it "SIGKILL while the kernel reads the partition table" killed_while_scanning
