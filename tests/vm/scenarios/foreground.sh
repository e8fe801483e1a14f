#!/bin/bash
# SPDX-License-Identifier: LGPL-2.1-or-later
#
# A supervisor under a service manager, and what signals do to it; an attach that is
# interrupted leaves nothing behind; a server that stalls in the middle of its data.
# Long: left to `tests/run vm`, for the time that all of them take together.

. "${0%/*}/../lib.sh"

# As a service manager sees it. A shell's background process would ignore SIGINT.
foreground() { # NAME
	start "$1" env --default-signal=INT "NOTIFY_SOCKET=$PWD/notify" \
		WATCHDOG_USEC=2000000 "$PROGRAM" attach --foreground --name "$1" \
		"nbd://127.0.0.1:$PORT/$1"
	within 10 grep -q /dev/nbd "$1.log"
	DEVICES[$1]=$(grep ^/dev/nbd "$1.log")
}

gone() {
	[ -z "$(our_processes)" ]
}

told() { # WORD
	tr '\0' '\n' <notify.log | grep -q -a -E -e "$1"
}

manager() {
	WAYS=(plain-1)
	new_disks 4M
	serve
	server_up
	start notify socat -u "UNIX-RECV:$PWD/notify" STDOUT
	within 5 [ -S notify ]
	foreground plain-1
	roundtrip "${DEVICES[plain-1]}" disks/plain-1
	within 5 told READY=1
	within 5 told WATCHDOG=1
	exec 9<"${DEVICES[plain-1]}"
	kill -INT "$SERVER_PID"
	within 30 grep -q "in use" plain-1.log
	kill -HUP "$SERVER_PID"
	within 5 told RELOADING=1
	exec 9<&-
	kill -TERM "$SERVER_PID"
	within 5 gone
	within 5 told STOPPING=1
	is plain-1 unsupervised || fail "it is $(field plain-1 STATE)"
	foreground plain-1
	within 10 is plain-1 up
	kill -INT "$SERVER_PID"
	within 15 gone
	assert_clean
}

interrupted() { # SIGNAL
	local pid code=0
	start_silent_server
	env --default-signal=INT "$PROGRAM" attach --connect-timeout 60s \
		"nbd://127.0.0.1:$PORT/disk" >out 2>err &
	pid=$!
	within 5 pgrep -x nbd-attachd
	nap 0.3
	kill "-$1" $pid
	wait $pid || code=$?
	[ $code != 0 ] || fail "it succeeded"
	within 10 gone
}

# Behind a proxy that stalls after some data.
attach_behind_proxy() {
	local server
	serve
	server_up
	server=$PORT
	free_port
	start proxy "$VM_LIB/stalling-proxy.py" "$PORT" "$server" 3000000
	wait_for listening
	ATTACH_OPTIONS=(--io-timeout 3s)
	attach_ways
}

recovers_from_stall() {
	within 30 grep -q "no reply for 3 s" syslog
	within 30 grep -q "connection to .* replaced" syslog
	flows 5
}

# The driver's own timer does not see that one.
stalls_in_data() { # WAY
	WAYS=("$1")
	new_disks 4M
	attach_behind_proxy
	start_loads
	recovers_from_stall
	finish
}

# The same with only a partition in use: some kernels (6.12) count its requests in flight
# for the partition only.
stalls_in_partition() {
	WAYS=(plain-16)
	new_disks 4M
	echo '2048,' | sfdisk -q disks/plain-16
	attach_behind_proxy
	DEVICES[plain-16]+=p1
	start_loads
	DEVICES[plain-16]=${DEVICES[plain-16]%p1}
	recovers_from_stall
	end_load plain-16
	[ "$CODE" = 0 ] || fail "the load ended with $CODE"
	detach plain-16
	tail -c +1048577 disks/plain-16 >partition
	"$TOOLS/load" --check ledger-plain-16 partition
}

# Half a record without the rest: no need to wait for --io-timeout, which is 30 s here.
stalls_in_record() {
	local server
	WAYS=(tls-16)
	new_disks 4M
	serve "$ONE_BY_ONE"
	server_up
	server=$PORT
	free_port
	start proxy "$VM_LIB/stalling-proxy.py" "$PORT" "$server" 3000000
	wait_for listening
	attach_ways
	start_loads
	within 30 grep -q "connection to .* replaced" syslog
	grep -q "no reply for [5-9] s\|no reply for 1. s" syslog || fail "noticed late"
	at_most "$(longest_gap)" 25 || fail "a gap of $(longest_gap) s"
	flows 5
	finish
}

# What scripts go by: one object a line, whose kinds tell the story.
monitored() {
	WAYS=(plain-1)
	new_disks 4M
	serve
	start monitor "$PROGRAM" monitor --json plain-1
	start lines "$PROGRAM" monitor
	server_up
	attach_ways
	server_down
	nap 1
	server_up
	within 10 grep -q restored monitor.log
	detach plain-1
	within 5 grep -q detached monitor.log
	python3 -c '
import json, sys
print(*(json.loads(line)["kind"] for line in sys.stdin))' <monitor.log >kinds
	grep -q -x 'attached lost retry restored let-go detached' kinds ||
		fail "it told $(cat kinds)"
	grep -q 'plain-1 .*restored after' lines.log || fail "$(cat lines.log)"
	pkill -TERM -x nbd-attach
	within 5 gone
}

it "monitor tells what happens" supervised monitored
it "READY, watchdog, reload, signals" supervised manager
for signal in INT TERM HUP KILL; do
	it "attach is interrupted by SIG$signal" supervised interrupted $signal
done
it "a server that stalls in the middle of a payload" supervised stalls_in_data plain-1
it "the same with TLS" supervised stalls_in_data tls-16
it "the same where only a partition is in use" supervised stalls_in_partition
it "half a record: noticed soon" supervised stalls_in_record
