#!/bin/bash
# SPDX-License-Identifier: LGPL-2.1-or-later
#
# Many disks and many idle devices: what one of them costs does not depend on the others.
# Long: left to `tests/run vm`, for the time that all of them take together.

. "${0%/*}/../lib.sh"

# opens ARGUMENT…: how many files the command and its children open.
opens() {
	strace -f -c -o calls "$PROGRAM" "$@" >/dev/null
	awk '$NF ~ /^open(at)?$/ { n += $4 } END { print n + 0 }' calls
}

# The opens of each verb, one a line.
opens_of_verbs() { # NBDS_MAX
	rmmod nbd
	modprobe nbd nbds_max="$1"
	udevadm settle
	nbd_attach attach --name one "nbd://127.0.0.1:$PORT/" >/dev/null
	opens list
	opens status one
	opens status "$OUT"
	opens detach one
}

# A few may differ: partitions and udev's events come when they come.
idle_devices() {
	local few many i
	new_disk disk.img 8M
	start_nbdkit file disk.img
	mapfile -t few < <(opens_of_verbs 16 | tail -n 4)
	mapfile -t many < <(opens_of_verbs 256 | tail -n 4)
	rmmod nbd
	modprobe nbd
	echo "16 devices: ${few[*]}; 256 devices: ${many[*]}"
	[ ${#many[@]} = 4 ] || fail "a verb failed"
	for i in 0 1 2 3; do
		[ "${many[i]}" -lt $((few[i] + 100)) ] || fail "idle devices are opened"
	done
}

# All the others are detached, and the one in use is still supervised.
one_in_use() {
	local i
	new_disk disk.img 8M
	start_nbdkit file disk.img
	for i in 1 2 3 4 5 6 7 8; do
		nbd_attach attach --name "d$i" "nbd://127.0.0.1:$PORT/"
		[ $i != 3 ] || exec {USER_FD}<"$OUT"
	done
	expect_exit 7 detach --all
	expect_says '/dev/nbd[0-9]+ is in use: opened'
	[ "$("$PROGRAM" list | tail -n +2 | awk '{ print $1, $4 }')" = 'd3 up' ] ||
		fail "others than d3 are left: $("$PROGRAM" list)"
	exec {USER_FD}<&-
	detach --all
}

# Two errors: the first decides, and both are told in the order of the disks.
two_in_use() {
	local i first second
	new_disk disk.img 8M
	start_nbdkit file disk.img
	for i in 1 2 3 4; do
		nbd_attach attach --name "d$i" "nbd://127.0.0.1:$PORT/"
		[ $i != 2 ] || { first=$OUT; exec {FIRST_FD}<"$OUT"; }
		[ $i != 3 ] || { second=$OUT; exec {SECOND_FD}<"$OUT"; }
	done
	run "$PROGRAM" detach --all
	[ "$CODE" = 7 ] || fail "exit code $CODE"
	[ "$(grep -o '/dev/nbd[0-9]* is in use' err | sort -u | wc -l)" = 2 ] ||
		fail "not both are told"
	grep -q "$first is in use" err && grep -q "$second is in use" err
	exec {FIRST_FD}<&- {SECOND_FD}<&-
	detach --all
}

# Connections that were begun on this machine.
n_begun() {
	awk '$1 == "Tcp:" && $6 ~ /^[0-9]+$/ { print $6 }' /proc/net/snmp
}

# Directories stand for other disks.
attempts() {
	local begun made i
	new_disk disk.img 8M
	start_nbdkit file disk.img
	nbd_attach attach --name one "nbd://127.0.0.1:$PORT/"
	for ((i = 0; i < 200; i++)); do
		mkdir "$RUN_DIR/other-$i"
	done
	stop_server "$SERVER_PID"
	sleep 3
	begun=$(n_begun)
	sleep 6
	made=$(($(n_begun) - begun))
	echo "$made attempts in 6 s"
	[ $made -ge 1 ] || fail "no attempt"
	[ $made -le 12 ] || fail "too many attempts: $made"
	start server nbdkit --foreground --ipaddr 127.0.0.1 --port "$PORT" file disk.img
	wait_for listening
	wait_for is_up one
	rmdir "$RUN_DIR"/other-*
	detach one
}

is_up() {
	[ "$(field "$1" STATE)" = up ]
}

it "idle devices cost nothing" idle_devices
it "--all, with one of eight in use" one_in_use
it "--all, with two in use" two_in_use
it "attempts get rarer where there are many disks" attempts
