#!/bin/bash
# SPDX-License-Identifier: LGPL-2.1-or-later
#
# After an outage the server has another address, or cannot be verified to be the same.
# Long: left to `tests/run vm`, for the time that all of them take together.

. "${0%/*}/../lib.sh"

new_address() {
	echo "127.0.0.1 disk-server" >>/etc/hosts
	URI_HOST='disk-server'
	URI_MORE='&tls-hostname=localhost'
	new_disks 4M
	serve
	set_up
	server_down
	sleep 1
	sed -i 's/^127.0.0.1 disk-server$/127.0.0.2 disk-server/' /etc/hosts
	ADDRESS=127.0.0.2
	serve
	server_up
	recover 4
	says plain-1 address 127.0.0.2 || fail "status does not show the new address"
	finish
}

# issue CA: the server gets a new key, and a certificate by that CA.
issue() {
	printf '%s\n' 'cn = localhost' 'dns_name = localhost' tls_www_server signing_key \
		'expiration_days = 1' >template
	certtool --generate-privkey --key-type ecdsa --curve secp256r1 \
		--outfile tls/server-key.pem
	certtool --generate-certificate --template template \
		--load-ca-certificate "$PKI/$1/ca-cert.pem" \
		--load-ca-privkey "$PKI/$1/ca-key.pem" \
		--load-privkey tls/server-key.pem --outfile tls/server-cert.pem
}

own_certificate() {
	WAYS=(tls-1 tls-16)
	mkdir tls
	cp "$PKI/ca/ca-cert.pem" tls
	issue ca
	TLS_FOLDER=tls
	new_disks 4M
	serve
	set_up
}

# The next attempt comes after ten seconds at most.
accepted() {
	local way
	recover 15
	for way in "${WAYS[@]}"; do
		within 5 is "$way" up
	done
}

renewed_certificate() {
	own_certificate
	server_down
	issue ca
	server_up
	recover 4
	finish
}

foreign_certificate() {
	own_certificate
	server_down
	issue wrong
	server_up
	refused certificate
	server_down
	issue ca
	server_up
	accepted
	finish
}

lost_tls() {
	WAYS=(tls-1 tls-16)
	new_disks 4M
	serve
	set_up
	server_down
	serve --tls=off
	server_up
	refused TLS
	server_down
	serve
	server_up
	accepted
	finish
}

it "to another address behind the same name" supervised new_address
it "with another certificate by the same CA" supervised renewed_certificate
it "with a certificate by another CA: refused, until the right one is back" \
	supervised foreign_certificate
it "without TLS: refused, until it is back" supervised lost_tls
