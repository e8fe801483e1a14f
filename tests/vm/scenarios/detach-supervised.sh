#!/bin/bash
# SPDX-License-Identifier: LGPL-2.1-or-later
#
# Detaching takes bounded time, whatever is wrong; and what attach says if the name is taken or
# its state is wrong.
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

# Started at the same time: one of them becomes the supervisor.
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

# After this only the state file knows the disk.
supervisor_killed() {
	WAYS=(plain-1)
	new_disks 4M
	serve
	server_up
	attach_ways
	kill_supervisor plain-1
}

# broken STATE: no supervisor can take over with such a file, but detach works.
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

# The device was removed while no supervisor watched: attach attaches it again.
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

# ---- interrupted ----

interruptible_detach() { # ARGUMENT…: in a group of its own, as from a terminal; DETACH
	setsid env --default-signal=INT "$PROGRAM" detach "$@" >out 2>err </dev/null &
	DETACH=$!
}

interrupt() { # those that still run
	kill -INT -- "-$DETACH" 2>/dev/null || :
}

detach_ends() { # CODE becomes its exit code
	within 30 ended "$DETACH"
	CODE=0
	wait "$DETACH" || CODE=$?
	cat out err
}

# A child of detach is in an uninterruptible call, or detach has ended already.
disconnects() {
	local child
	for child in $(pgrep -P "$DETACH" -x nbd-attach); do
		! grep -q '^State:.D' "/proc/$child/status" || return 0
	done 2>/dev/null
	ended "$DETACH"
}

# The server reads nothing, so the driver cannot send NBD_CMD_DISC. A disconnect cannot be
# undone, so an interruption does not stop detach there.
interrupted_in_the_middle() {
	local server writer
	expect_in_kernel_log 'I/O error|nbd'
	new_disk disk.img 64M
	start_nbdkit_unix "$PWD/server" file disk.img
	server=$SERVER_PID
	nbd_attach attach --name disk "nbd+unix:///?socket=$PWD/server"
	kill -STOP "$server"
	dd if=/dev/zero of="$OUT" bs=1M count=32 oflag=direct status=none &
	writer=$!
	sleep 1
	interruptible_detach --force disk
	within 10 disconnects
	interrupt
	nap 0.3
	interrupt
	detach_ends
	kill -CONT "$server" # or else, should this fail, what comes after it would hang
	[ $CODE = 0 ] || fail "exit code $CODE"
	wait $writer || :
	within 5 no_devices
	nbd_attach attach --name disk "nbd+unix:///?socket=$PWD/server"
	detach disk
}

# detach waits for a supervisor that takes its time to exit, and then starts another one.
interrupted_while_it_exits() {
	WAYS=(tls-1)
	new_disks 4M
	serve
	server_up
	attach_ways
	kill -STOP "$(supervisor tls-1)"
	interruptible_detach tls-1
	nap 1
	interrupt
	detach_ends
	[ $CODE = 1 ] && grep -q interrupted err || fail "exit code $CODE"
	within 15 is tls-1 up
	supervisor tls-1
	reads_back "${DEVICES[tls-1]}" disks/tls-1
	detach --all
}

# Either the disk is gone and its name free, or everything is as before.
interrupted_at_any_moment() {
	local i
	RANDOM=${SEED:=$((EPOCHSECONDS % 32768))}
	echo "SEED=$SEED"
	WAYS=(tls-1)
	new_disks 4M
	serve
	server_up
	for ((i = 0; i < 12; i++)); do
		[ -n "${DEVICES[tls-1]-}" ] || attach_ways
		interruptible_detach tls-1
		nap "$(printf '0.%03d' $((RANDOM % 600)))"
		interrupt
		detach_ends
		if [ $CODE = 0 ]; then
			[ -z "$(field tls-1 DEVICE)" ] || fail "it is there: $("$PROGRAM" list)"
			unset 'DEVICES[tls-1]'
		else
			# 130: interrupted before it began
			{ [ $CODE = 1 ] && grep -q interrupted err; } || [ $CODE = 130 ] ||
				fail "exit code $CODE"
			within 15 is tls-1 up
			supervisor tls-1
			reads_back "${DEVICES[tls-1]}" disks/tls-1
		fi
	done
	detach --all
}

# ---- two at once ----

# With a udevd of its own, which is busy until it gets a signal.
detach_behind() { # [UNSHARE-OPTION…] -- ARGUMENT…: DETACH, and what started it
	local wrapper=()
	while [ "$1" != -- ]; do
		wrapper+=("$1")
		shift
	done
	unshare --mount "${wrapper[@]}" sh -c 'mount -t tmpfs none /run/udev &&
		touch /run/udev/control /run/udev/queue && exec "$@"' sh \
		"$PROGRAM" detach "${@:2}" >out 2>err </dev/null &
	BEHIND=$!
	within 10 pgrep -x nbd-attach >/dev/null
	DETACH=$(pgrep -n -x nbd-attach)
	within 10 waits_for_udev
	kill -STOP "$DETACH"
}

# It checks repeatedly.
waits_for_udev() {
	[ "$(awk '$1 == "voluntary_ctxt_switches:" { print $2 }' "/proc/$DETACH/status")" -ge 50 ]
}

detach_goes_on() { # CODE becomes its exit code
	rm "/proc/$DETACH/root/run/udev/queue"
	kill -CONT "$DETACH"
	within 30 ended "$DETACH"
	CODE=0
	wait "$BEHIND" || CODE=$?
	cat out err
}

attach_at() { # NAME INDEX
	nbd_attach attach --name "$1" --device "/dev/nbd$2" "nbd://127.0.0.1:$PORT/$1"
}

serve_two() {
	WAYS=(one two)
	new_disks 4M
	start_nbdkit file dir=disks
	pattern one 4194304 >disks/one
	pattern two 4194304 >disks/two
}

is_as_served() { # NAME INDEX
	[ "$(field "$1" DEVICE)" = "/dev/nbd$2" ] || fail "$1 is not nbd$2: $("$PROGRAM" list)"
	is "$1" up || fail "$("$PROGRAM" list)"
	reads_back "/dev/nbd$2" "disks/$1"
}

# Another detach, of another PID namespace, is faster, and the number is given away.
number_is_anothers() {
	local other
	serve_two
	attach_at one 5
	detach_behind -- --force one
	unshare --pid --fork --mount-proc "$PROGRAM" detach --force one &
	other=$!
	within 10 [ ! -e /sys/block/nbd5/pid ]
	attach_at two 5
	detach_goes_on
	[ $CODE = 0 ] || fail "exit code $CODE"
	expect_says 'had lost its device'
	wait $other
	is_as_served two 5
	detach two
}

# The name is in use again, with another device number.
numbers_are_exchanged() {
	serve_two
	attach_at one 5
	attach_at two 6
	detach_behind --pid --fork --mount-proc -- --force one
	detach one
	detach two
	attach_at two 5
	attach_at one 6
	detach_goes_on
	[ $CODE = 0 ] || fail "exit code $CODE"
	is_as_served one 6
	is_as_served two 5
	detach --all
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
it "SIGINT in the middle of it: it comes to its end" supervised interrupted_in_the_middle
it "SIGINT while the supervisor exits" supervised interrupted_while_it_exits
it "SIGINT at random moments: all of it or nothing" supervised interrupted_at_any_moment
it "another is faster, and the number is another disk's" supervised number_is_anothers
it "… and the name is there again, at another number" supervised numbers_are_exchanged
