#!/bin/bash
# SPDX-License-Identifier: LGPL-2.1-or-later
#
# Both versions of TLS, each with every cipher that the kernel can carry, and one that only
# a relay can. `list` tells which was agreed on.
# Long: left to `tests/run vm`, for the time that all of them take together.

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

serve_lacking() { # VERSION CIPHER
	new_disk disk.img 8M
	start_nbdkit --verbose --tls=require --tls-certificates="$PKI/server" file disk.img
	LACKING=(--tls-priority "NORMAL:-VERS-ALL:+VERS-TLS$1:-CIPHER-ALL:+$2"
		"nbds://localhost:$PORT/?tls-certificates=$PKI/ca")
}

# The kernel has no such cipher: a relay has, and says why it is there.
by_relay() { # VERSION CIPHER
	serve_lacking "$@"
	attach --name disk "${LACKING[@]}"
	expect_says "$2"
	roundtrip "$DEVICE" disk.img
	nbd_attach status disk
	grep -q "^data path: *relay: .*$2" out || fail "status says nothing of it"
	[ "$(in_kernel_tls)" = 0 ] || fail "in the kernel"
	detach disk
}

# Without a relay the message is clear, and the session is ended properly.
not_in_kernel() { # VERSION CIPHER
	serve_lacking "$@"
	expect_no_attach 7 --data-path kernel "${LACKING[@]}"
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
it "a cipher that the kernel lacks takes a relay" by_relay 1.2 AES-256-CCM
it "a cipher that the kernel lacks, with --data-path kernel" not_in_kernel 1.2 AES-256-CCM
