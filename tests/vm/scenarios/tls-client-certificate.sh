#!/bin/bash
# SPDX-License-Identifier: LGPL-2.1-or-later
#
# Servers that want a client certificate. With TLS 1.3 a client learns that it was rejected
# only after its own handshake has ended: that is still a TLS failure.
# Long: left to `tests/run vm`, for the time that all of them take together.

. "${0%/*}/../lib.sh"

uri_with() { # CERTIFICATES
	echo "nbds://localhost:$PORT/disk?tls-certificates=$PKI/$1"
}

nbdkit() {
	start_nbdkit --tls=require --tls-certificates="$PKI/server" --tls-verify-peer \
		file disk.img
}

qemu_nbd() {
	qemu_x509 "$PKI/server" yes
	start_qemu_nbd "${QEMU_TLS[@]}" --export-name disk disk.img
}

nbd_server() {
	nbd_server_tls "$PKI/server"
	start_nbd_server disk.img "${NBD_SERVER_TLS[@]}" \
		'tlsprio = NORMAL:-VERS-ALL:+VERS-TLS1.2:+VERS-TLS1.3'
}

accepted() { # SERVER
	new_disk disk.img 8M
	"$1"
	attach "$(uri_with client)"
	roundtrip "$DEVICE" disk.img
	detach disk
}

turned_down() { # SERVER CERTIFICATES VERSION
	new_disk disk.img 8M
	"$1"
	expect_no_attach 5 --tls-ca "$PKI/ca/ca-cert.pem" \
		--tls-priority "NORMAL:-VERS-ALL:+VERS-TLS$3" "$(uri_with "$2")"
	expect_says 'certificate|other credentials'
}

for server in nbdkit qemu_nbd nbd_server; do
	it "$server takes a certificate by its CA" accepted $server
done
for server in nbdkit qemu_nbd nbd_server; do
	for version in 1.2 1.3; do
		it "$server turns down a client without one, TLS $version" \
			turned_down $server ca $version
	done
done
it "nbdkit turns down one by another CA, TLS 1.2" turned_down nbdkit wrong 1.2
it "nbdkit turns down one by another CA, TLS 1.3" turned_down nbdkit wrong 1.3
