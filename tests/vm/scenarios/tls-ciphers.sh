#!/bin/bash
# SPDX-License-Identifier: LGPL-2.1-or-later
#
# Both versions of TLS, each with every cipher that the kernel can carry. `list` tells
# which was agreed on.

. "${0%/*}/../lib.sh"

modprobe tls

cipher() { # VERSION CIPHER
	new_disk disk.img 8M
	start_nbdkit --tls=require --tls-certificates="$PKI/server" file disk.img
	attach --name disk --tls-priority "NORMAL:-VERS-ALL:+VERS-TLS$1:-CIPHER-ALL:+$2" \
		"nbds://localhost:$PORT/?tls-certificates=$PKI/ca"
	roundtrip "$DEVICE" disk.img
	nbd_attach list --json
	grep '"tls-version".*TLS1'"${1#1}" out
	grep '"tls-cipher".*'"$2" out
	[ "$(in_kernel_tls)" = 1 ] || fail "not in the kernel"
	detach disk
}

# The kernel has no such cipher: said clearly, and the server is told good-bye.
not_in_kernel() { # VERSION CIPHER
	new_disk disk.img 8M
	start_nbdkit --verbose --tls=require --tls-certificates="$PKI/server" file disk.img
	expect_no_attach 7 --tls-priority "NORMAL:-VERS-ALL:+VERS-TLS$1:-CIPHER-ALL:+$2" \
		"nbds://localhost:$PORT/?tls-certificates=$PKI/ca"
	expect_says "$2"
	grep -q 'client sent NBD_CMD_DISC' nbdkit.log || fail "no NBD_CMD_DISC"
}

# How many sockets have their keys in the kernel.
in_kernel_tls() {
	awk '$1 == "TlsCurrTxSw" { print $2 }' /proc/net/tls_stat
}

for version in 1.2 1.3; do
	for cipher in AES-128-GCM AES-256-GCM CHACHA20-POLY1305 AES-128-CCM; do
		it "TLS $version with $cipher" cipher $version $cipher
	done
done
it "a cipher that the kernel lacks" not_in_kernel 1.2 AES-256-CCM
