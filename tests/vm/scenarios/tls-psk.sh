#!/bin/bash
# SPDX-License-Identifier: LGPL-2.1-or-later
#
# Pre-shared keys instead of certificates.

. "${0%/*}/../lib.sh"

uri_with() { # USER KEYS
	echo "nbds://$1@localhost:$PORT/disk?tls-psk-file=$PKI/psk/$2"
}

nbdkit_psk() {
	new_disk disk.img 8M
	start_nbdkit --tls=require --tls-psk="$PKI/psk/keys.psk" file disk.img
}

good_key_nbdkit() { # PRIORITY
	nbdkit_psk
	attach ${1:+--tls-priority "$1"} "$(uri_with alice keys.psk)"
	roundtrip "$DEVICE" disk.img
	detach disk
}

good_key_qemu() {
	new_disk disk.img 8M
	qemu_psk "$PKI/psk"
	start_qemu_nbd "${QEMU_TLS[@]}" --export-name disk disk.img
	attach "$(uri_with alice keys.psk)"
	roundtrip "$DEVICE" disk.img
	detach disk
}

wrong_key() {
	nbdkit_psk
	expect_no_attach 5 "$(uri_with alice wrong.psk)"
}

user_not_in_file() {
	nbdkit_psk
	expect_no_attach 2 "$(uri_with bob keys.psk)"
	expect_says bob
}

readable_by_others() {
	nbdkit_psk
	install -m 644 "$PKI/psk/keys.psk" open.psk
	expect_no_attach 2 "nbds://alice@localhost:$PORT/disk?tls-psk-file=$PWD/open.psk"
	expect_says open.psk
}

it "nbdkit" good_key_nbdkit ''
it "nbdkit, TLS 1.2" good_key_nbdkit 'NORMAL:-VERS-ALL:+VERS-TLS1.2:-KX-ALL:+ECDHE-PSK'
it "qemu-nbd" good_key_qemu
it "a wrong key is a TLS failure" wrong_key
it "a user that is not in the file is an error before anything is sent" user_not_in_file
it "a file that others can read is refused" readable_by_others
