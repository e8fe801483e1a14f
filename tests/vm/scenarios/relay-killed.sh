#!/bin/bash
# SPDX-License-Identifier: LGPL-2.1-or-later
#
# The relay, its supervisor or its server is killed or stopped.
# Long: left to `tests/run vm`, for the time that all of them take together.

. "${0%/*}/../lib.sh"
. "$VM_LIB/lib-relay.sh"

under_load() {
	WAYS=(plain-16 tls-16)
	new_disks 4M
	serve "$ONE_BY_ONE" "$@"
	set_up
	n_relays 2 || fail "relays: $(relays)"
}

killed() {
	local i pid
	RANDOM=${SEED:=$((EPOCHSECONDS % 32768))}
	echo "SEED=$SEED"
	under_load --filter=delay wdelay=5ms
	for ((i = 0; i < 10; i++)); do
		nap "$((RANDOM % 2)).$((RANDOM % 900 + 100))"
		pid=$(relays | sed -n "$((i % 2 + 1))p")
		[ -z "$pid" ] || kill -KILL "$pid"
	done
	flows 45
	echo "the longest gap: $(longest_gap) s"
	within 5 n_relays 2
	finish_relays
}

supervisor_killed() {
	local way before after
	under_load
	before=$(relays)
	for way in "${WAYS[@]}"; do
		kill_supervisor "$way"
	done
	flows 10
	for way in "${WAYS[@]}"; do
		adopt "$way"
		goes_by_relay "$way"
	done
	flows 10
	after=$(relays)
	[ "$before" = "$after" ] || fail "relays: before $before, after $after"
	no_reconnects
	# The new supervisors find another relay.
	server_down
	sleep 2
	server_up
	flows 45
	within 5 n_relays 2
	finish_relays
}

server_back() {
	under_load
	server_down
	sleep 3
	server_up
	flows 45
	within 5 n_relays 2
	for way in "${WAYS[@]}"; do
		! says "$way" reconnects ' 0$' || fail "no reconnects"
	done
	finish_relays
}

stopped() {
	local before
	under_load
	before=$(relays)
	# shellcheck disable=SC2046 # one word each
	kill -STOP $(relays)
	stands 5
	# shellcheck disable=SC2046
	kill -CONT $(relays)
	flows 10
	[ "$before" = "$(relays)" ] || fail "other relays"
	no_reconnects
	finish_relays
}

it "killed ten times" supervised killed
it "the supervisor is killed, the relay goes on" supervised supervisor_killed
it "the server is killed, and is back" supervised server_back
it "stopped for 5 s" supervised stopped
