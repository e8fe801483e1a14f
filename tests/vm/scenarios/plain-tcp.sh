#!/bin/bash
# SPDX-License-Identifier: LGPL-2.1-or-later
#
# Without TLS: each server, IPv4 and IPv6, by address and by name.

. "${0%/*}/../lib.sh"

nbdkit_over() { # ADDRESS HOST
	new_disk disk.img 8M
	start_nbdkit_on "$1" file disk.img
	attach "nbd://$2:$PORT/"
	roundtrip "$DEVICE" disk.img
	detach "$DEVICE"
}

nbd_server() {
	new_disk disk.img 8M
	start_nbd_server disk.img
	attach "nbd://127.0.0.1:$PORT/disk"
	roundtrip "$DEVICE" disk.img
	detach disk
}

qemu_nbd() {
	new_disk disk.img 8M
	start_qemu_nbd --export-name disk disk.img
	attach "nbd://127.0.0.1:$PORT/disk"
	roundtrip "$DEVICE" disk.img
	detach disk
}

# As with a Kubernetes service: getpeername(2) returns another host and another port.
by_service() {
	new_disk disk.img 8M
	start_nbdkit file disk.img
	mkdir -p /run/all
	mount -t cgroup2 cgroup2 /run/all
	"$TOP/tests/vm/translate-connect.py" 192.0.2.1 10809 "$PORT" /run/all
	umount /run/all
	attach "nbd://192.0.2.1/disk"
	roundtrip "$DEVICE" disk.img
	nbd_attach status disk
	grep -q "^server: *192.0.2.1:10809$" out || fail "it is not the server that was asked for"
	grep -q "^  address: *127.0.0.1:$PORT$" out || fail "nothing was translated"
	detach disk
}

it "nbdkit by an IPv4 address" nbdkit_over 127.0.0.1 127.0.0.1
it "nbdkit by an IPv6 address" nbdkit_over ::1 '[::1]'
it "nbdkit by name, on IPv4 only" nbdkit_over 127.0.0.1 localhost
it "nbdkit by name, on IPv6 only" nbdkit_over ::1 localhost
it "nbd-server" nbd_server
it "qemu-nbd" qemu_nbd
it "by a service's address, which is translated at connect(2)" by_service
