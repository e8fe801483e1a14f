#!/bin/bash
# SPDX-License-Identifier: LGPL-2.1-or-later
#
# Detaching ends in bounded time, whatever is the matter; and what attach says when the name
# is not free, or what is known of it is wrong.
# Long: left to `tests/run vm`, for the time that all of them take together.

. "${0%/*}/../lib.sh"

attached() {
	WAYS=(plain-1 tls-16)
	new_disks 4M
	serve
	server_up
	attach_ways
}

detach_ways() { # [OPTION…]
	local way
	for way in "${WAYS[@]}"; do
		takes_at_most 20 detach "$@" "$way"
	done
}

well() {
	attached
	takes_at_most 5 detach --all
}

outage_idle() {
	attached
	server_down
	sleep 1
	detach_ways
}

hung_idle() {
	attached
	kill -STOP "$SERVER_PID"
	detach_ways
}

stopped_supervisor() {
	local way
	attached
	for way in "${WAYS[@]}"; do
		kill -STOP "$(supervisor "$way")"
	done
	detach_ways
}

killed_supervisor() {
	local way
	attached
	for way in "${WAYS[@]}"; do
		kill_supervisor "$way"
	done
	detach_ways
}

# forced COMMAND…: after which the loads hang. They get errors, and the device is free once
# they have closed it.
forced() {
	local way
	expect_in_kernel_log 'I/O error|nbd'
	attached
	start_loads
	sleep 1
	"$@"
	sleep 1
	for way in "${WAYS[@]}"; do
		expect_exit 7 detach "$way"
	done
	detach_ways --force
	for way in "${WAYS[@]}"; do
		end_load "$way"
		[ "$CODE" = 1 ] || fail "$way: exit code $CODE"
	done
	within 5 no_devices
}

no_devices() {
	[ -z "$(configured_devices)" ]
}

hang() {
	kill -STOP "$SERVER_PID"
}

twice() {
	attached
	expect_exit 7 attach --name plain-1 "$(uri plain-1)"
	expect_says plain-1 attached
	expect_exit 7 attach --name plain-1 "$(uri tls-16)"
	expect_says plain-1 attached
	within 15 n_supervisors 2
	detach --all
}

# At the same time: one of them becomes it.
at_once() {
	local codes
	WAYS=(plain-1)
	new_disks 4M
	serve
	server_up
	codes=$(for i in 1 2 3; do
		{
			CODE=0
			timeout 60 "$PROGRAM" attach --name plain-1 "$(uri plain-1)" >"device-$i" \
				2>"err-$i" </dev/null || CODE=$?
			echo $CODE
		} &
	done | sort | tr '\n' ' ')
	cat err-*
	[ "$codes" = "0 7 7 " ] || fail "exit codes $codes"
	[ "$(cat device-* | wc -l)" = 1 ] || fail "devices: $(cat device-*)"
	within 15 n_supervisors 1
	detach plain-1
}

# Of one disk; nothing says so but the state file.
supervisor_killed() {
	WAYS=(plain-1)
	new_disks 4M
	serve
	server_up
	attach_ways
	kill_supervisor plain-1
}

# broken STATE: with what is in the file, nobody can take over. It can be detached.
broken() {
	local state=$RUN_DIR/plain-1/state.json
	supervisor_killed
	case $1 in
	none) rm "$state" ;;
	cut) truncate -s 100 "$state" ;;
	*) printf '%s' "$1" >"$state" ;;
	esac
	expect_exit 7 attach --name plain-1 "$(uri plain-1)"
	expect_says plain-1 detach
	detach plain-1
}

# The device was taken away, and nobody has noticed: it is attached anew.
stale() {
	supervisor_killed
	nbd-client -d "${DEVICES[plain-1]}"
	within 5 no_devices
	[ "$(field plain-1 STATE)" = gone ] || fail "it is $(field plain-1 STATE)"
	attach_ways
	start_loads
	flows 5
	finish
}

it "all is well" supervised well
it "during an outage" supervised outage_idle
it "from a hung server" supervised hung_idle
it "with a stopped supervisor" supervised stopped_supervisor
it "with a killed supervisor" supervised killed_supervisor
it "--force, during an outage, under load" supervised forced server_down
it "--force, from a hung server, under load" supervised forced hang
it "a name that is attached already" supervised twice
it "one name, three at once" supervised at_once
it "the state file is missing" supervised broken none
it "the state file is cut" supervised broken cut
it "the state file is no JSON" supervised broken nonsense
it "the state file is of another version" supervised broken '{"version": 999}'
it "the state file is of a device that is gone" supervised stale
