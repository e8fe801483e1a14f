#!/bin/bash
# SPDX-License-Identifier: LGPL-2.1-or-later
#
# Servers that accept one connection at a time: no new link can be tried beside the old one,
# which is ended first.
# Long: left to `tests/run vm`, for the time that all of them take together.

. "${0%/*}/../lib.sh"

# replace WAY: and monitor reports how.
replace() {
	local before
	before=$(links)
	kill -HUP "$(supervisor "$1")"
	within 20 all_new "$before"
	within 5 is "$1" up
	says "$1" 'replacing links' 'ended first' || fail "$("$PROGRAM" status "$1")"
	sleep 4
}

told() { # TIMES TEXT
	[ "$(grep -c -a -e "$2" <(sed 's/<[0-9]*>/\n/g' syslog))" = "$1" ] ||
		fail "not told $1 times: $2"
}

# It closes an excess connection before the greeting.
limited() { # WAY
	WAYS=("$1")
	LOAD_OPTIONS=(--pause 20)
	new_disks 4M
	serve --filter=limit limit=1
	set_up
	replace "$1"
	replace "$1"
	told 1 'accepts no second connection'
	told 2 'ended, to be replaced'
	told 0 'connection to .* lost'
	"$PROGRAM" status --json "$1" | grep -q '"break-before-make": *true' || fail "not in JSON"
	finish
}

# It leaves an excess connection waiting, as a stopped server does.
one_client() { # WAY
	local tls=()
	WAYS=("$1")
	ATTACH_OPTIONS=(--connect-timeout 3s)
	new_disks 4M
	[[ $1 != tls-* ]] || qemu_x509 "$PKI/server" no
	[[ $1 != tls-* ]] || tls=("${QEMU_TLS[@]}")
	start_qemu_nbd "${tls[@]}" -x "$1" "disks/$1"
	attach_ways
	replace "$1"
	start_loads
	flows 5
	replace "$1"
	told 1 'accepts no second connection'
	finish
}

# Without progress it may be a stopped server: the link is kept, and requests in flight are
# executed once.
stopped() {
	WAYS=(plain-1)
	ATTACH_OPTIONS=(--connect-timeout 2s --io-timeout 2s)
	new_disks 4M
	start_qemu_nbd -x plain-1 disks/plain-1
	attach_ways
	start_loads
	flows 5
	down_now
	kill -STOP "$SERVER_PID"
	sleep 12
	kill -CONT "$SERVER_PID"
	UP_AT=$EPOCHREALTIME
	recover 4
	says plain-1 reconnects ' 0$' || fail "the link was replaced"
	! says plain-1 'sent again' . || fail "$("$PROGRAM" status plain-1)"
	finish
}

it "a limited nbdkit: links are replaced, under load" supervised limited tls-1
it "qemu-nbd, one client: links are replaced, idle and under load" supervised one_client tls-1
it "the same without TLS" supervised one_client plain-1
it "it is stopped: the link stays" supervised stopped
