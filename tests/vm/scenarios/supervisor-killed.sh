#!/bin/bash
# SPDX-License-Identifier: LGPL-2.1-or-later
#
# The supervisor is killed, at any moment, and another one takes over.
# Long: left to `tests/run vm`, for the time that all of them take together.

. "${0%/*}/../lib.sh"

nap_a_while() { # MILLISECONDS at most
	nap "$(printf '0.%03d' $((RANDOM % $1)))"
}

# The supervisor alone; or the link just before, or just after; or when it has just been
# taken over.
kill_at_random() { # WAY
	local how=$((RANDOM % 4))
	echo "$1: way $how to die"
	[ $how != 1 ] || { server_down; nap_a_while 400; }
	kill_supervisor "$1"
	[ $how != 2 ] || { server_down; nap_a_while 200; }
	[ $how = 0 ] || [ $how = 3 ] || server_up
	adopt "$1"
	[ $how != 3 ] || { server_down; server_up; }
}

at_random() {
	local i
	RANDOM=${SEED:=$((EPOCHSECONDS % 32768))}
	echo "SEED=$SEED"
	WAYS=(plain-16 tls-16)
	new_disks 4M
	serve --filter=delay wdelay=20ms
	set_up
	for ((i = 0; i < 32; i++)); do
		nap_a_while 700
		kill_at_random "${WAYS[i % 2]}"
	done
	# A link that dies young may take its requests with it for half a minute.
	flows 45
	echo "the longest gap: $(longest_gap) s"
	within 15 n_supervisors 2
	finish
}

# ---- that of a disk which an initramfs has attached ----

initrd_supervisor() { # LOG ARGUMENT…; its pid in PID
	local server=$SERVER_PID
	start "$1" "${PROGRAM%/*}/nbd-attachd" --initrd "${@:2}"
	PID=$SERVER_PID
	SERVER_PID=$server
}

supervised_by() { # PID
	[ "$(supervisor plain-1)" = "$1" ]
}

stand_by() {
	local first second third
	WAYS=(plain-1)
	new_disks 4M
	serve
	server_up
	initrd_supervisor first --name plain-1 "$(uri plain-1)"
	first=$PID
	within 10 is plain-1 up
	DEVICES[plain-1]=$(field plain-1 DEVICE)
	start_loads
	initrd_supervisor second plain-1
	second=$PID
	nap 2
	supervised_by "$first"
	grep 'VmLck:.* [1-9]' "/proc/$second/status" || sanitized
	kill -KILL "$first"
	within 20 supervised_by "$second"
	within 10 is plain-1 up
	# links are restored from a private root, which needs no file of the disk
	server_down
	server_up
	flows 45
	[ -e "/proc/$second/root/etc/nsswitch.conf" ]
	[ "$(ls "/proc/$second/root")" = "$(printf '%s\n' dev etc proc run sys)" ]
	[ ! -e /.nbd-attach ] || fail "the folder in / is still there"
	[ "$(tr '\0' ' ' <"/proc/$second/cmdline" | cut -c 1)" = @ ]
	# a detach has precedence
	initrd_supervisor third plain-1
	third=$PID
	nap 1
	finish
	within 10 ended "$third"
	grep -q "lost its device\|no attachment" third.log || fail "$(cat third.log)"
}

it "one stands by for that of an initramfs" supervised stand_by
it "at 32 random moments, links too" supervised at_random
