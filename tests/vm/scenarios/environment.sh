#!/bin/bash
# SPDX-License-Identifier: LGPL-2.1-or-later
#
# What other users, and the caller, can do to an attachment, on purpose or not.
# Long: left to `tests/run vm`, for the time that all of them take together.

. "${0%/*}/../lib.sh"

LOCK=$RUN_DIR/plain-1/lock

as_nobody() {
	setpriv --reuid=65534 --regid=65534 --clear-groups "$@"
}

one_disk() {
	WAYS=(plain-1)
	new_disks 4M
	serve
	server_up
}

has_mode() { # PATH MODE
	[ "$(stat -c %a "$1")" = "$2" ] || fail "$1 has mode $(stat -c %a "$1")"
}

seen_by_nobody() { # STATE
	as_nobody "$PROGRAM" list >seen
	[ "$(awk '$1 == "plain-1" { print $4 }' seen)" = "$1" ] || fail "$(cat seen)"
}

# ---- the lock ----

# hold USER FILE: locks FILE in the background, if USER may open it.
hold() {
	setpriv --reuid="$1" --regid="$1" --clear-groups python3 -c '
import fcntl, sys, time
file = open(sys.argv[1])
fcntl.lockf(file, fcntl.LOCK_SH)
print("held", flush=True)
time.sleep(600)' "$2" >hold.log 2>&1 &
}

locks_are_roots() {
	one_disk
	attach_ways
	has_mode "$LOCK" 600
	hold 65534 "$LOCK"
	within 5 grep -q PermissionError hold.log
	seen_by_nobody up
	as_nobody "$PROGRAM" status plain-1 | grep -q "pid $(supervisor plain-1)\$"
	kill_supervisor plain-1
	seen_by_nobody unsupervised
	adopt plain-1
	detach plain-1
}

# An older version left the file readable by everyone, and another user opened it.
lock_of_before() {
	one_disk
	mkdir -p "${LOCK%/*}"
	(umask 022 && : >"$LOCK")
	# root's own, a supervisor of that version, keeps it
	hold 0 "$LOCK"
	within 5 grep -q held hold.log
	expect_exit 7 attach --name plain-1 "$(uri plain-1)"
	expect_says "held by another process \(pid $!\)"
	has_mode "$LOCK" 644
	kill "$!"
	within 5 ended "$!"
	hold 65534 "$LOCK"
	within 5 grep -q held hold.log
	attach_ways
	has_mode "$LOCK" 600
	is plain-1 up
	seen_by_nobody up
	kill "$!"
	detach plain-1
}

# ---- what is inherited from the caller ----

modes_are_right() {
	has_mode $RUN_DIR 755
	has_mode "${LOCK%/*}" 755
	has_mode "$LOCK" 600
	has_mode "${LOCK%/*}/state.json" 644
	seen_by_nobody up
}

umask_of_caller() {
	one_disk
	(umask 077 && attach_ways)
	modes_are_right
	# as a version left it that took the umask as it was
	chmod 700 "${LOCK%/*}" $RUN_DIR
	chmod 600 "${LOCK%/*}/state.json"
	cp "${LOCK%/*}/state.json" "${LOCK%/*}/state.json.new"
	kill_supervisor plain-1
	attach_ways
	modes_are_right
	detach plain-1
}

# A script's lock and pipe, its terminal, its folder, and another disk.
descriptors_of_caller() {
	one_disk
	exec 8> >(cat >/dev/null && : >pipe-ended)
	exec 9>script.lock
	flock 9
	new_disk other.img 1M
	modprobe loop
	exec 7<"$(losetup --find --show other.img)"
	attach_ways
	[ "$(readlink "/proc/$(supervisor plain-1)/cwd")" = / ]
	exec 7<&- 8>&- 9>&-
	flock -n script.lock true || fail "the lock is still held"
	within 10 [ -e pipe-ended ]
	losetup -D
	within 10 [ -z "$(losetup -a)" ]
	detach plain-1
}

# The same for one in the foreground, which keeps what it logs to.
descriptors_in_foreground() {
	local pid
	one_disk
	exec 9>script.lock
	flock 9
	start foreground "$PROGRAM" attach --foreground --name plain-1 "$(uri plain-1)"
	within 10 grep -q /dev/nbd foreground.log
	exec 9>&-
	flock -n script.lock true || fail "the lock is still held"
	pid=$(supervisor plain-1)
	[ "$(readlink "/proc/$pid/cwd")" = / ]
	[ "$(readlink "/proc/$pid/fd/0")" = /dev/null ]
	[ "$(readlink "/proc/$pid/fd/2")" = "$PWD/foreground.log" ]
	detach plain-1
}

# An ignored SIGCHLD hides how children exit, and a blocked SIGTERM would prevent exiting.
careless() {
	cat >careless <<-EOF
		#!/bin/sh
		exec env --block-signal=TERM,HUP,CHLD,ALRM --ignore-signal=TERM,INT,HUP,CHLD \\
			nice -n 5 $PROGRAM "\$@"
	EOF
	chmod +x careless
	PROGRAM=$PWD/careless "$@"
}

signals_of_caller() {
	local pid before
	one_disk
	careless attach_ways
	pid=$(supervisor plain-1)
	[ "$(ps -o nice= -p "$pid")" -eq 0 ]
	before=$(links)
	kill -HUP "$pid"
	within 10 all_new "$before"
	kill -TERM "$pid"
	within 5 ended "$pid"
	adopt plain-1
	exec 9<"${DEVICES[plain-1]}"
	careless expect_exit 7 detach plain-1
	expect_says "in use"
	exec 9<&-
	careless detach plain-1
}

limits_of_caller() {
	local pid limit
	one_disk
	(
		ulimit -n 10 -f 0 -t 100 -c unlimited
		"$PROGRAM" attach --name plain-1 "$(uri plain-1)"
	) | cat >out
	DEVICES[plain-1]=$(cat out)
	pid=$(supervisor plain-1)
	for limit in 'cpu time +unlimited' 'file size +unlimited' 'core file size +0'; do
		grep -E "Max $limit" "/proc/$pid/limits" || fail "$(cat "/proc/$pid/limits")"
	done
	start_loads
	server_down
	nap 1
	server_up
	flows 20
	finish
	(
		ulimit -n 10
		expect_exit 1 attach --foreground --name plain-1 "$(uri plain-1)"
	)
	expect_says "only 10 files" "ulimit -n"
}

# It is the caller's service manager, and waits for the caller.
manager_of_caller() {
	one_disk
	start notify socat -u "UNIX-RECV:$PWD/notify" STDOUT
	within 5 [ -S notify ]
	NOTIFY_SOCKET=$PWD/notify WATCHDOG_USEC=1000000 LISTEN_FDS=1 attach_ways
	nap 2
	detach plain-1
	[ ! -s notify.log ] || fail "$(tr '\0' '\n' <notify.log)"
}

# ---- what else is in /run ----

rubbish() {
	mkdir -p $RUN_DIR/left $RUN_DIR/empty
	: >$RUN_DIR/file
	ln -s left $RUN_DIR/link
	# of an attach that was killed as it wrote its first state
	: >$RUN_DIR/left/lock
	echo '{' >$RUN_DIR/left/state.json.new
	nbd_attach list
	[ "$(wc -l <out)" = 1 ] || fail "list shows what is no attachment"
	expect_exit 8 detach left
	[ ! -e $RUN_DIR/left ] || fail "it is still there"
	nbd_attach detach --all
	[ ! -e $RUN_DIR/empty ] || fail "it is still there"
	rm $RUN_DIR/file $RUN_DIR/link
}

it "the lock is root's, and list for others does without it" supervised locks_are_roots
it "a lock that anybody can hold is replaced" supervised lock_of_before
it "a caller's umask" supervised umask_of_caller
it "a caller's descriptors and folder" supervised descriptors_of_caller
it "the same in the foreground" supervised descriptors_in_foreground
it "signals that a caller blocks or ignores" supervised signals_of_caller
it "a caller's limits" supervised limits_of_caller
it "a caller's service manager" supervised manager_of_caller
it "rubbish in /run, and what a killed attach leaves" rubbish
