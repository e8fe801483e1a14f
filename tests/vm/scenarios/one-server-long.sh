#!/bin/bash
# SPDX-License-Identifier: LGPL-2.1-or-later
#
# A name with two addresses, of two servers whose data differs: relays, a server that is slow, and
# servers that are reached and cannot be used, or with which links never work.
# Long: left to `tests/run vm`, for the time that all of them take together.

. "${0%/*}/../lib.sh"
. "${0%/*}/../lib-twins.sh"

relay() {
	serve_twins
	TWINS="nbds://twins:$PORT/?tls-certificates=$PKI/ca&tls-hostname=localhost"
	ATTACH_OPTIONS=(--data-path relay)
	stays_then_moves 2
}

# A request takes too long: the new connection goes to the same server, not another one.
slow() {
	FILTER=(--filter=delay)
	PARAMETERS=(wdelay=8)
	serve_twins
	attach_twins --io-timeout 1s
	twins $SECOND $FIRST
	pattern another 4M >new
	dd if=new of="$DEVICE" bs=4k count=1 oflag=direct conv=notrunc status=none
	cmp -n 4096 new "disk-$FIRST" || fail "it was not written"
	! cmp -s -n 4096 new "disk-$SECOND" || fail "it was written elsewhere"
	happened stalled || fail "it was not slow enough"
	all_at $FIRST 1
	detach disk
}

# What listens at an address, instead of that twin.
instead_of_twin() { # ADDRESS COMMAND…
	stop_server "${TWIN[$1]}"
	start "other-$1" "${@:2}"
	TWIN[$1]=$SERVER_PID
	within 20 listens_at "$1" "$PORT"
}

says() { # ADDRESS TEXT: to everybody who connects
	printf '%b' "$2" >"said-$1"
	instead_of_twin "$1" socat "TCP-LISTEN:$PORT,bind=$1,reuseaddr,fork" "SYSTEM:cat said-$1"
}

nbdkit_at() { # ADDRESS ARGUMENT…
	instead_of_twin "$1" nbdkit --foreground --ipaddr "$1" --port "$PORT" "${@:2}"
}

no_such_export() {
	nbdkit_at "$1" --tls-certificates="$PKI/server" --filter=exportname file "disk-$1" \
		exportname=active exportname-strict=true
}

other_certificate() { nbdkit_at "$1" --tls=require --tls-certificates="$PKI/other" null; }
no_tls() { nbdkit_at "$1" --tls=off null; }
no_nbd() { says "$1" 'HTTP/1.1 400 Bad Request\r\n\r\n'; }
hangs_up() { says "$1" 'NBDMAGICIHAVEOPT\0\3'; }

# One is of no use, and then both are: the first error counts.
of_no_use() { # WHAT CODE WORD
	serve_twins
	TWINS="nbds://twins:$PORT/?tls-certificates=$PKI/ca&tls-hostname=localhost"
	"$1" $FIRST
	attach_twins --connections 2
	grep -q "$3.*$FIRST.*: $SECOND:$PORT is used instead" err || fail "no warning"
	all_at $SECOND 2
	detach disk
	nbd_attach info "$TWINS"
	[[ $OUT = *"$SECOND:$PORT"* ]] || fail "info is about another server"
	nbd_attach info --list "$TWINS"
	"$1" $SECOND
	expect_no_attach "$2" "$TWINS"
	expect_says "$3" "at $FIRST:$PORT; no other address"
}

# The disk moves, and only then, if links to its server end again and again before a request was
# completed.
never_works() { # N
	expect_in_kernel_log 'timed out|Receive control'
	serve_twins
	serve_resetting_twin $FIRST
	attach_twins --connections "$1" --io-timeout 2s
	all_at $FIRST "$1"
	touch resets
	dd if="$DEVICE" of=read bs=4k count=1 iflag=direct status=none &
	within 60 happened failing
	within 60 happened moved
	wait $!
	cmp -n 4096 read "disk-$SECOND" || fail "not the other server's data"
	grep -q "$SECOND.* instead of .*$FIRST" syslog || fail "the log does not say so"
	all_at $SECOND "$1"
	within 20 no_error
	detach disk
}

no_error() {
	! "$PROGRAM" status disk | grep '^ *last error:'
}

it "relays stay together" supervised relay
it "a slow server keeps its disk" supervised slow
it "the first server has no such export: the other one" supervised of_no_use no_such_export 4 export
it "the first server has another's certificate: the other one" \
	supervised of_no_use other_certificate 5 certificate
it "the first server has no TLS: the other one" supervised of_no_use no_tls 5 TLS
it "the first address is not NBD's: the other one" supervised of_no_use no_nbd 6 HTTP
it "the first server hangs up after its greeting: the other one" \
	supervised of_no_use hangs_up 6 closed
it "a server with which links never work" supervised never_works 1
it "the same with two links" supervised never_works 2
