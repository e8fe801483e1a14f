#!/bin/bash
# SPDX-License-Identifier: LGPL-2.1-or-later
#
# Links with TLS that come up again and again and never work: the server's alert is the reason, and
# a relay is tried.
# Long: left to `tests/run vm`, for the time that all of them take together.

. "${0%/*}/../lib.sh"
. "${0%/*}/../lib-failing.sh"

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

it "a relay can do what the kernel cannot" supervised by_relay
it "with an alert, and without a relay" supervised not_without
it "with an alert to a relay" supervised relays_alone
it "a relay does not help" supervised in_vain
