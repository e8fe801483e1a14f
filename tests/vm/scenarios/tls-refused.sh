#!/bin/bash
# SPDX-License-Identifier: LGPL-2.1-or-later
#
# A server that cannot be verified, or that has no TLS: exit code 5, nothing attached, and
# nothing sent in plaintext but STARTTLS (and ABORT).

. "${0%/*}/../lib.sh"

nbdkit_with() { # CERTIFICATES
	start_nbdkit --tls=require --tls-certificates="$PKI/$1" file disk.img
}

refused() { # CA URI-PARAMETERS WORD
	record sent
	expect_no_attach 5 "nbds://localhost:$PORT/secret?tls-certificates=$PKI/$1$2"
	expect_says "$3"
	only_starttls sent
}

bad_certificate() { # SERVER'S-CERTIFICATES CA URI-PARAMETERS WORD
	new_disk disk.img 1M
	nbdkit_with "$1"
	shift
	refused "$@"
}

no_tls_nbdkit() {
	new_disk disk.img 1M
	start_nbdkit --tls=off file disk.img
	refused ca '' TLS
	[ -s sent ] || fail "the recorder recorded nothing"
}

no_tls_qemu() {
	new_disk disk.img 1M
	start_qemu_nbd --export-name secret disk.img
	refused ca '' TLS
}

no_tls_nbd_server() {
	new_disk disk.img 1M
	start_nbd_server disk.img
	refused ca '' TLS
}

# The oldest servers know neither options nor TLS: not even STARTTLS may be sent.
no_options() {
	new_disk disk.img 1M
	start_nbdkit --mask-handshake=0 --tls=require --tls-certificates="$PKI/server" \
		file disk.img
	refused ca '' TLS
	[ ! -s sent ] || fail "it was sent something"
}

system_trust() {
	new_disk disk.img 1M
	nbdkit_with server
	system_trusts "$PKI/wrong"
	record sent
	expect_no_attach 5 "nbds://localhost:$PORT/secret"
	only_starttls sent
}

it "a certificate by an unknown CA" bad_certificate server wrong '' certificate
it "a certificate that the system does not trust" system_trust
it "a certificate for another name" bad_certificate other ca '' 'name|other.example'
it "a certificate for another name than tls-hostname=" \
	bad_certificate server ca '&tls-hostname=other.example' other.example
it "an expired certificate" bad_certificate expired ca '' expired
it "a client's certificate, though it has the name" bad_certificate posing ca '' purpose
it "a certificate with a key that is too weak" bad_certificate weak ca '' '2048 bits'
it "nbdkit without TLS" no_tls_nbdkit
it "qemu-nbd without TLS" no_tls_qemu
it "nbd-server without TLS" no_tls_nbd_server
it "a server without options" no_options
