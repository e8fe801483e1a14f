#!/bin/bash
# SPDX-License-Identifier: LGPL-2.1-or-later
#
# Links that come up again and again and never work: this is reported, with the reason if it is
# known, attempts become less frequent, I/O fails after --reconnect-timeout and not before, and
# a relay is tried.
# Long: left to `tests/run vm`, for the time that all of them take together.

. "${0%/*}/../lib.sh"

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

all_say() { # WORD
	local way
	for way in "${WAYS[@]}"; do
		within 20 says "$way" 'last error' "$1"
	done
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

no_error() { # WAY
	! says "$1" 'last error' .
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

front_with() { # TLS-FRONT-OPTION…
	local server
	WAYS=(tls-1 tls-16)
	new_disks 4M
	serve "$ONE_BY_ONE" --tls=off
	server_up
	server=$PORT
	free_port
	SERVER_COMMAND=("$TOOLS/tls-front" "$PORT" "$server" "$PKI/server" "$@")
	server_up
	attach_ways
}

has_event() { # WAY KIND
	"$PROGRAM" status --json "$1" | grep -q '"kind": *"'"$2"'"'
}

# Each link gets a KeyUpdate before the first reply, which the kernel's driver cannot take.
by_relay() {
	local way
	front_with
	start_loads
	flows 10
	server_down
	SERVER_COMMAND+=(--key-update yes)
	server_up
	flows 30
	for way in "${WAYS[@]}"; do
		within 10 is "$way" up
		within 10 says "$way" 'data path' 'relay: .*in a row' || fail "status: $("$PROGRAM" status "$way")"
	done
	sleep 4
	finish
}

not_without() {
	ATTACH_OPTIONS=(--data-path kernel)
	front_with --refuse 1000
	start_loads
	all_say 'connections in a row ended .*TLS alert 22 \(.*overflow'
	restart_front
}

# A relay has the session in user space, and tells what has ended it.
relays_alone() {
	local way
	ATTACH_OPTIONS=(--data-path relay)
	front_with --refuse 1000
	start_loads
	all_say 'connections in a row ended .*TLS alert 22 \(.*overflow'
	for way in "${WAYS[@]}"; do
		"$PROGRAM" status --json "$way" | grep -q 'lost: the server sent the TLS alert 22' ||
			fail "no event: $("$PROGRAM" status --json "$way")"
	done
	restart_front
}

# A relay does not help either.
in_vain() {
	local way
	front_with --refuse 1000
	start_loads
	for way in "${WAYS[@]}"; do
		within 30 has_event "$way" no-relay
		says "$way" 'data path' 'kernel TLS' || fail "status: $("$PROGRAM" status "$way")"
	done
	restart_front
}

# The server is mended.
restart_front() {
	server_down
	SERVER_COMMAND=("${SERVER_COMMAND[@]:0:4}")
	server_up
	flows 30
	sleep 4
	finish
}

it "a server that resets them at the first request, and is mended" supervised heals
it "the same with two links" supervised several 2
it "the same with four links" supervised several 4
it "until --reconnect-timeout has passed" supervised runs_out
it "a relay can do what the kernel cannot" supervised by_relay
it "with an alert, and without a relay" supervised not_without
it "with an alert to a relay" supervised relays_alone
it "a relay does not help" supervised in_vain
