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

qemu_nbd_psk() {
	new_disk disk.img 8M
	qemu_psk "$PKI/psk"
	start_qemu_nbd "${QEMU_TLS[@]}" --export-name disk disk.img
}

good_key_qemu() {
	qemu_nbd_psk
	attach "$(uri_with alice keys.psk)"
	roundtrip "$DEVICE" disk.img
	detach disk
}

wrong_key() {
	nbdkit_psk
	expect_no_attach 5 "$(uri_with alice wrong.psk)"
}

# psktool writes a name with a colon in hexadecimal digits, and nbdkit reads it so.
encoded_user() {
	psktool --username al:ice --pskfile odd.psk >psktool.log 2>&1
	grep -q '^#616c3a696365:' odd.psk
	new_disk disk.img 8M
	start_nbdkit --tls=require --tls-psk="$PWD/odd.psk" file disk.img
	attach "nbds://al%3Aice@localhost:$PORT/disk?tls-psk-file=$PWD/odd.psk"
	roundtrip "$DEVICE" disk.img
	detach disk
}

# GnuTLS has no pre-shared keys for AES-256-GCM in TLS 1.3: TLS 1.2 is used.
aes_256() { # SERVER
	"$1"
	attach --tls-priority 'NORMAL:-VERS-ALL:+VERS-TLS1.3:+VERS-TLS1.2:-CIPHER-ALL:+AES-256-GCM:-KX-ALL:+ECDHE-PSK:+DHE-PSK' \
		"$(uri_with alice keys.psk)"
	"$PROGRAM" status disk | grep -q 'TLS1.2.*AES-256-GCM'
	roundtrip "$DEVICE" disk.img
	detach disk
}

user_not_in_file() {
	nbdkit_psk
	expect_no_attach 2 "$(uri_with bob keys.psk)"
	expect_says bob
}

certificates_only() {
	new_disk disk.img 8M
	start_nbdkit --tls=require --tls-certificates="$PKI/server" file disk.img
	expect_no_attach 5 "$(uri_with alice keys.psk)"
	expect_says 'certificates rather than a pre-shared key'
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
it "a name with a colon" encoded_user
it "AES-256-GCM only, nbdkit" aes_256 nbdkit_psk
it "AES-256-GCM only, qemu-nbd" aes_256 qemu_nbd_psk
it "a wrong key is a TLS failure" wrong_key
it "a server that has certificates only" certificates_only
it "a user that is not in the file is an error before anything is sent" user_not_in_file
it "a file that others can read is refused" readable_by_others
