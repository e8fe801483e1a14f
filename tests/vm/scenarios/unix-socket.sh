#!/bin/bash
# SPDX-License-Identifier: LGPL-2.1-or-later
#
# Unix sockets: each server that has them, and an abstract one.
# Long: left to `tests/run vm`, for the time that all of them take together.

. "${0%/*}/../lib.sh"

nbdkit_by_path() {
	new_disk disk.img 8M
	start_nbdkit_unix "$PWD/socket" file disk.img
	attach "nbd+unix:///?socket=$PWD/socket"
	roundtrip "$DEVICE" disk.img
	detach "$DEVICE"
}

qemu_nbd_by_path() {
	new_disk disk.img 8M
	start qemu-nbd qemu-nbd --persistent --format raw --socket "$PWD/socket" \
		--export-name disk disk.img
	wait_for listening_at socket
	attach "nbd+unix:///disk?socket=$PWD/socket"
	roundtrip "$DEVICE" disk.img
	detach "$DEVICE"
}

abstract_socket() {
	new_disk disk.img 8M
	start_nbdkit file disk.img
	start socat socat ABSTRACT-LISTEN:nbd-test,fork "TCP:127.0.0.1:$PORT"
	wait_for grep -q '@nbd-test$' /proc/net/unix
	attach "nbd+unix:///?socket=%00nbd-test"
	roundtrip "$DEVICE" disk.img
	detach "$DEVICE"
}

serve_tls() {
	new_disk disk.img 8M
	start_nbdkit_unix "$PWD/socket" --tls=require --tls-certificates="$PKI/server" \
		file disk.img
	URI="nbds+unix:///?socket=$PWD/socket&tls-certificates=$PKI/ca&tls-hostname=localhost"
}

# Kernel TLS needs TCP: a relay is used, and says why.
tls() {
	serve_tls
	attach --name disk "$URI"
	expect_says 'unix socket'
	roundtrip "$DEVICE" disk.img
	nbd_attach status disk
	grep -q '^data path: *relay: .*unix socket' out || fail "status says nothing of it"
	detach disk
}

# It never continues in plaintext.
no_tls_in_kernel() {
	serve_tls
	expect_no_attach 7 --data-path kernel "$URI"
	expect_says 'unix socket' --data-path
}

it "nbdkit by path" nbdkit_by_path
it "qemu-nbd by path" qemu_nbd_by_path
it "an abstract socket" abstract_socket
it "TLS takes a relay, for the kernel has it on TCP only" tls
it "TLS with --data-path kernel is refused" no_tls_in_kernel
