#!/bin/bash
# SPDX-License-Identifier: LGPL-2.1-or-later
#
# The server is away for longer than --reconnect-timeout: I/O errors then, and not before.
# The device heals when the server is back.
# Long: left to `tests/run vm`, for the time that all of them take together.

. "${0%/*}/../lib.sh"

has_errors() { # WAY
	grep -q '^error' "load-$1"
}

runs_out() {
	local way
	expect_in_kernel_log 'I/O error'
	WAYS=(plain-1 tls-16)
	ATTACH_OPTIONS=(--reconnect-timeout 3s)
	new_disks 4M
	serve --filter=delay wdelay=20ms
	set_up
	server_down
	sleep 2
	for way in "${WAYS[@]}"; do
		! has_errors "$way" || fail "$way: errors too soon"
	done
	for way in "${WAYS[@]}"; do
		within 15 has_errors "$way"
	done
	sleep 3
	server_up
	for way in "${WAYS[@]}"; do
		within 5 is "$way" up
	done
	flows 10
	for way in "${WAYS[@]}"; do
		end_load "$way"
		[ "$CODE" = 1 ] || fail "$way: exit code $CODE"
		grep -q 'mismatches=0 ' "load-$way" || fail "$way: wrong data"
		detach "$way"
		check_disk "$way"
	done
}

# Each outage has the full time.
back_in_time() {
	WAYS=(plain-1 tls-16)
	ATTACH_OPTIONS=(--reconnect-timeout 12s)
	new_disks 4M
	serve --filter=delay wdelay=20ms
	set_up
	outage 8 4
	sleep 4
	outage 8 4
	finish
}

zero() {
	local way
	expect_in_kernel_log 'I/O error'
	WAYS=(plain-1 tls-16)
	ATTACH_OPTIONS=(--reconnect-timeout 0)
	new_disks 4M
	serve --filter=delay wdelay=20ms
	set_up
	server_down
	for way in "${WAYS[@]}"; do
		within 5 has_errors "$way"
	done
	server_up
	flows 10
	for way in "${WAYS[@]}"; do
		end_load "$way"
		detach "$way"
		check_disk "$way"
	done
}

it "runs out" supervised runs_out
it "does not run out, twice" supervised back_in_time
it "is 0: errors at once" supervised zero
