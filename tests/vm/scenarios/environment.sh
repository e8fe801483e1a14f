#!/bin/bash
# SPDX-License-Identifier: LGPL-2.1-or-later
#
# What other users, and whoever calls the program, can do to an attachment without meaning
# to, or meaning to.

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
	as_nobody "$PROGRAM" list >list
	[ "$(awk '$1 == "plain-1" { print $4 }' list)" = "$1" ] || fail "$(cat list)"
}

# ---- the lock ----

# hold FILE: for ever, in the background, where that is possible.
hold() {
	as_nobody python3 -c '
import fcntl, sys, time
file = open(sys.argv[1])
fcntl.lockf(file, fcntl.LOCK_SH)
print("held", flush=True)
time.sleep(600)' "$1" >hold.log 2>&1 &
}

locks_are_roots() {
	one_disk
	attach_ways
	has_mode "$LOCK" 600
	hold "$LOCK"
	within 5 grep -q PermissionError hold.log
	seen_by_nobody up
	as_nobody "$PROGRAM" status plain-1 | grep -q "pid $(supervisor plain-1)\$"
	kill_supervisor plain-1
	seen_by_nobody unsupervised
	adopt plain-1
	detach plain-1
}

# As a version left it that let anybody read it, and then somebody did.
lock_of_before() {
	one_disk
	mkdir -p "${LOCK%/*}"
	(umask 022 && : >"$LOCK")
	hold "$LOCK"
	within 5 grep -q held hold.log
	attach_ways
	has_mode "$LOCK" 600
	is plain-1 up
	seen_by_nobody up
	kill "$!"
	detach plain-1
}

it "the lock is root's, and list for others does without it" supervised locks_are_roots
it "a lock that anybody can hold is replaced" supervised lock_of_before
