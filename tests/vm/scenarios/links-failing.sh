#!/bin/bash
# SPDX-License-Identifier: LGPL-2.1-or-later
#
# Links that come up again and again and never work: this is reported, attempts become less
# frequent, and I/O fails after --reconnect-timeout and not before.
# Long: left to `tests/run vm`, for the time that all of them take together.

. "${0%/*}/../lib.sh"
. "${0%/*}/../lib-failing.sh"

has_errors() { # WAY
	grep -q '^error' "load-$1"
}

n_resets() {
	grep -c reset server-2.log || :
}

resetting() {
	local server
	WAYS=(plain-1 plain-16)
	new_disks 4M
	serve "$ONE_BY_ONE" --tls=off
	server_up
	server=$PORT
	free_port
	SERVER_COMMAND=("$VM_LIB/resetting-proxy.py" "$PORT" "$server")
	set_up
}

reported_once() {
	local way
	for way in "${WAYS[@]}"; do
		"$PROGRAM" status --json "$way" >events.json
		[ "$(grep -c '"kind": *"failing"' events.json)" = 1 ] || fail "not once: $(cat events.json)"
		[ "$(grep -c '"kind": *"lost"' events.json)" -le 6 ] || fail "too many: $(cat events.json)"
	done
}

heals() {
	local before
	resetting
	touch resets
	all_say 'connections in a row ended before a request was completed'
	stands 10
	# at full speed there would be hundreds
	before=$(n_resets)
	[ "$before" -lt 60 ] || fail "$before connections"
	reported_once
	all_say 'connections in a row ended'
	rm resets
	flows 20
	for way in "${WAYS[@]}"; do
		within 10 is "$way" up
		within 10 no_error "$way"
	done
	sleep 4
	finish
}

# A dead link's requests wait for --io-timeout. That is not a slow server.
several() { # N
	local way
	expect_in_kernel_log 'timed out|Receive control'
	ATTACH_OPTIONS=(--connections "$1" --io-timeout 2s)
	resetting
	touch resets
	all_say 'connections in a row ended before a request was completed'
	rm resets
	flows 20
	for way in "${WAYS[@]}"; do
		! has_event "$way" slow || fail "not a slow server: $("$PROGRAM" status --json "$way")"
		within 10 is "$way" up
		within 10 no_error "$way"
	done
	sleep 4
	finish
}

# The driver would start the timeout again with each link.
runs_out() {
	local way
	expect_in_kernel_log 'I/O error'
	ATTACH_OPTIONS=(--reconnect-timeout 15s)
	resetting
	touch resets
	sleep 8
	for way in "${WAYS[@]}"; do
		! has_errors "$way" || fail "$way: errors too soon"
	done
	for way in "${WAYS[@]}"; do
		within 20 has_errors "$way"
	done
	rm resets
	flows 20
	# the next outage has all of its time
	sleep 4
	for way in "${WAYS[@]}"; do
		within 10 no_error "$way"
		end_load "$way"
		# what the next load expects where it has not written
		dd if=/dev/zero of="${DEVICES[$way]}" bs=1M count=4 oflag=direct status=none
		start_load "$way"
	done
	touch resets
	sleep 8
	for way in "${WAYS[@]}"; do
		! has_errors "$way" || fail "$way: errors too soon"
	done
	rm resets
	flows 20
	finish
}

it "a server that resets them at the first request, and is mended" supervised heals
it "the same with two links" supervised several 2
it "the same with four links" supervised several 4
it "until --reconnect-timeout has passed" supervised runs_out
