#!/bin/bash
# SPDX-License-Identifier: LGPL-2.1-or-later
#
# Attach, reconnect and detach under valgrind: no uninitialized or foreign memory is used, and
# none is lost.
# Long: valgrind is slow.

. "${0%/*}/../lib.sh"

REAL=$TOP/build/tests/vm/for-valgrind/nbd-attach

# All calls of the program, and its children.
under_valgrind() {
	local kinds="--show-leak-kinds=definite --errors-for-leak-kinds=definite"
	# What a thread that still runs at the end has is "possibly lost".
	printf '#!/bin/sh\nexec valgrind --trace-children=yes --leak-check=full %s %s "$@"\n' \
		"$kinds --log-file=$PWD/valgrind.%p" "$REAL" >program
	chmod +x program
	PROGRAM=$PWD/program
}

# A killed process has no summary, but its errors until then are in the log.
no_errors() {
	local log
	for log in valgrind.*; do
		! grep -q -E 'ERROR SUMMARY: [1-9]|==    (at|by) 0x' "$log" ||
			fail "$(grep -E -v '==( Copyright| Using|$)' "$log" | head -n 40)"
	done
	[ "$(grep -l 'ERROR SUMMARY: 0' valgrind.* | wc -l)" -ge "$1" ] || fail "not all ended"
}

cycle() { # WAY [OPTION…]
	WAYS=("$1")
	ATTACH_OPTIONS=("${@:2}")
	under_valgrind
	new_disks 1M
	serve
	server_up
	attach_ways
	roundtrip "${DEVICES[$1]}" "disks/$1"
	server_down
	nap 1
	server_up
	within 30 is "$1" up
	roundtrip "${DEVICES[$1]}" "disks/$1"
	kill -HUP "$(supervisor "$1")"
	within 30 grep -q replaced syslog
	"$PROGRAM" list --json >list.json
	"$PROGRAM" status --json "$1" >status.json
	# To detach, the program wants a supervisor by name; this process has valgrind's.
	kill -INT "$(supervisor "$1")"
	within 20 no_supervisor
	no_errors 6
}

no_supervisor() {
	! pgrep -f for-valgrind/nbd-attachd >/dev/null
}

it "plain" supervised cycle plain-1
it "kernel TLS" supervised cycle tls-1
it "a relay, TLS" supervised cycle tls-1 --data-path relay
