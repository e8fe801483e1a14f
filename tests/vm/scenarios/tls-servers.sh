#!/bin/bash
# SPDX-License-Identifier: LGPL-2.1-or-later
#
# TLS with each server: the certificate is verified against the given CA, and the name in
# it against the one in the URI.

. "${0%/*}/../lib.sh"

uri_here() { # HOST
	echo "nbds://$1:$PORT/disk?tls-certificates=$PKI/ca"
}

nbdkit_by() { # HOST ADDRESS
	new_disk disk.img 8M
	start_nbdkit_on "$2" --tls=require --tls-certificates="$PKI/server" file disk.img
	attach "$(uri_here "$1")"
	roundtrip "$DEVICE" disk.img
	detach disk
}

qemu_nbd() {
	new_disk disk.img 8M
	qemu_x509 "$PKI/server" no
	start_qemu_nbd "${QEMU_TLS[@]}" --export-name disk disk.img
	attach "$(uri_here localhost)"
	roundtrip "$DEVICE" disk.img
	detach disk
}

nbd_server() { # LINE…
	new_disk disk.img 8M
	nbd_server_tls "$PKI/server"
	start_nbd_server disk.img "${NBD_SERVER_TLS[@]}" "$@"
	attach "nbds://localhost:$PORT/disk?tls-certificates=$PKI/client"
	roundtrip "$DEVICE" disk.img
	detach disk
}

trusted_by_system() {
	new_disk disk.img 8M
	start_nbdkit --tls=require --tls-certificates="$PKI/server" file disk.img
	system_trusts "$PKI/ca"
	attach "nbds://localhost:$PORT/disk"
	roundtrip "$DEVICE" disk.img
	detach disk
}

trusted_by_p11_kit() {
	new_disk disk.img 8M
	start_nbdkit --tls=require --tls-certificates="$PKI/server" file disk.img
	p11_kit_trusts "$PKI/ca"
	attach "nbds://localhost:$PORT/disk"
	roundtrip "$DEVICE" disk.img
	detach disk
	# a file comes first, but what p11-kit distrusts stays so
	system_trusts "$PKI/ca"
	attach "nbds://localhost:$PORT/disk"
	detach disk
	cp "$PKI/server/server-cert.pem" "$P11_STORE/blocklist"
	expect_no_attach 5 "nbds://localhost:$PORT/disk"
	expect_says 'This system distrusts it'
	rm -r /etc/pkcs11 "$P11_STORE"
}

# It may be on the disk whose link is lost, or in a file system that is gone.
store_is_gone() { # TRUSTS
	new_disk disk.img 8M
	start_nbdkit --tls=require --tls-certificates="$PKI/server" file disk.img
	"$1" "$PKI/ca"
	nbd_attach attach "nbds://localhost:$PORT/disk"
	DEVICE=$OUT
	rm -rf /etc/ssl/certs/ca-certificates.crt /etc/pkcs11 "$P11_STORE"
	stop_server "$SERVER_PID"
	start nbdkit nbdkit --foreground --ipaddr 127.0.0.1 --port "$PORT" --tls=require \
		--tls-certificates="$PKI/server" file disk.img
	roundtrip "$DEVICE" disk.img
	detach disk
}

another_name() {
	new_disk disk.img 8M
	start_nbdkit --tls=require --tls-certificates="$PKI/other" file disk.img
	attach "$(uri_here localhost)&tls-hostname=other.example"
	roundtrip "$DEVICE" disk.img
	detach disk
}

not_verified() {
	new_disk disk.img 8M
	start_nbdkit --tls=require --tls-certificates="$PKI/expired" file disk.img
	attach "nbds://localhost:$PORT/disk?tls-verify-peer=0"
	roundtrip "$DEVICE" disk.img
	detach disk
}

# What a system's policy may make GnuTLS do by itself is left to the link worker here.
with_ktls() { # DATA-PATH
	new_disk disk.img 8M
	start_nbdkit --tls=require --tls-certificates="$PKI/server" file disk.img
	printf '[global]\nktls = true\n' >gnutls.conf
	export GNUTLS_SYSTEM_PRIORITY_FILE=$PWD/gnutls.conf
	attach --data-path "$1" "$(uri_here localhost)"
	unset GNUTLS_SYSTEM_PRIORITY_FILE
	roundtrip "$DEVICE" disk.img
	detach disk
}

many_writers() {
	local i
	new_disk disk.img 64M
	start_nbdkit --tls=require --tls-certificates="$PKI/server" file disk.img
	attach "$(uri_here localhost)"
	pattern many 64M >expected
	for i in 0 1 2 3 4 5 6 7; do
		dd if=expected of="$DEVICE" bs=64K skip=$((i * 128)) seek=$((i * 128)) count=128 \
			oflag=direct conv=fsync status=none &
	done
	wait_all
	same expected disk.img
	detach disk
}

# The servers are children too: it waits for the writers only.
wait_all() {
	local job
	for job in $(jobs -p); do
		case " ${SERVERS[*]} " in
		*" $job "*) ;;
		*) wait "$job" ;;
		esac
	done
}

it "nbdkit, by name" nbdkit_by localhost 127.0.0.1
it "nbdkit, by an IPv4 address in the certificate" nbdkit_by 127.0.0.1 127.0.0.1
it "nbdkit, by an IPv6 address in the certificate" nbdkit_by '[::1]' ::1
it "qemu-nbd" qemu_nbd
it "nbd-server with TLS 1.2, its default" nbd_server
it "nbd-server with TLS 1.3" nbd_server 'tlsprio = NORMAL:-VERS-TLS-ALL:+VERS-TLS1.3'
it "without a CA given, the system's trust store is asked" trusted_by_system
it "the same, where p11-kit has it" trusted_by_p11_kit
it "the store is gone when a link is replaced" supervised store_is_gone system_trusts
it "the same, with p11-kit" supervised store_is_gone p11_kit_trusts
it "tls-hostname= is the name to find in the certificate" another_name
it "tls-verify-peer=0 takes any certificate" not_verified
it "where GnuTLS is told to give keys to the kernel" with_ktls kernel
it "the same, by a relay" with_ktls relay
it "eight writers at once" many_writers
