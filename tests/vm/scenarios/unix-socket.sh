#!/bin/bash
# SPDX-License-Identifier: LGPL-2.1-or-later
#
# Unix sockets: each server that has them, and an abstract one.

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

# The kernel's TLS is TCP's: it says so, rather than going on in plaintext.
no_tls() {
	new_disk disk.img 8M
	start_nbdkit_unix "$PWD/socket" --tls=require --tls-certificates="$PKI/server" \
		file disk.img
	expect_no_attach 7 \
		"nbds+unix:///?socket=$PWD/socket&tls-certificates=$PKI/ca&tls-hostname=localhost"
}

it "nbdkit by path" nbdkit_by_path
it "qemu-nbd by path" qemu_nbd_by_path
it "an abstract socket" abstract_socket
it "TLS is refused, for the kernel has it on TCP only" no_tls
