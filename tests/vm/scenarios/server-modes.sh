#!/bin/bash
# SPDX-License-Identifier: LGPL-2.1-or-later
#
# The three modes of servers, NOTLS, FORCEDTLS and SELECTIVETLS: what `info` calls them,
# and what each way of asking gets.
# Long: left to `tests/run vm`, for the time that all of them take together.

. "${0%/*}/../lib.sh"

nbdkit_mode() { # off|on|require
	new_disk disk.img 8M
	start_nbdkit --tls="$1" --tls-certificates="$PKI/server" file disk.img
}

plain() {
	echo "nbd://localhost:$PORT/disk"
}

encrypted() {
	echo "nbds://localhost:$PORT/disk?tls-certificates=$PKI/client"
}

info_names() { # NBDKIT'S-MODE NAME
	nbdkit_mode "$1"
	nbd_attach info "$(plain)" || :
	grep -w "$2" out
}

info_names_encrypted() { # NBDKIT'S-MODE NAME
	nbdkit_mode "$1"
	nbd_attach info "$(encrypted)"
	grep -E -w "$2" out
}

nbds_works() { # NBDKIT'S-MODE
	nbdkit_mode "$1"
	attach "$(encrypted)"
	roundtrip "$DEVICE" disk.img
	detach disk
}

forced_refuses_plain() {
	nbdkit_mode require
	expect_no_attach 4 "$(plain)"
	expect_says 'nbds://'
}

selective_takes_plain() {
	nbdkit_mode on
	attach "$(plain)"
	roundtrip "$DEVICE" disk.img
	detach disk
}

prefer() { # NBDKIT'S-MODE TRUE-OR-FALSE
	nbdkit_mode "$1"
	attach --tls prefer --tls-ca "$PKI/ca/ca-cert.pem" "$(plain)"
	roundtrip "$DEVICE" disk.img
	nbd_attach list --json
	grep "\"tls\".*$2" out
	detach disk
}

nbd_server_forced() {
	new_disk disk.img 8M
	nbd_server_tls "$PKI/server"
	start_nbd_server disk.img "${NBD_SERVER_TLS[@]}" 'force_tls = true'
	expect_no_attach 4 "$(plain)"
	expect_says 'nbds://'
	attach "$(encrypted)"
	roundtrip "$DEVICE" disk.img
	detach disk
}

it "info names a NOTLS server" info_names off NOTLS
it "info names a FORCEDTLS server" info_names_encrypted require FORCEDTLS
it "info names a SELECTIVETLS server" info_names_encrypted on SELECTIVETLS
it "nbds:// and FORCEDTLS" nbds_works require
it "nbds:// and SELECTIVETLS" nbds_works on
it "nbd:// and FORCEDTLS: refused, and told of nbds://" forced_refuses_plain
it "nbd:// and SELECTIVETLS" selective_takes_plain
it "--tls prefer and NOTLS: plaintext" prefer off false
it "--tls prefer and FORCEDTLS: TLS" prefer require true
it "nbd-server with force_tls" nbd_server_forced
