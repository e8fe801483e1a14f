#!/bin/bash
# SPDX-License-Identifier: LGPL-2.1-or-later
#
# What nbd-attach-boot tells the hooks that make an initramfs to put into it: whom the system
# trusts, and its crypto policy, wherever distributions keep them.

. "${0%/*}/../lib.sh"

BOOT=${PROGRAM%/*}/nbd-attach-boot
STORES=(/etc/ssl/cert.pem /etc/ssl/ca-bundle.pem /etc/pki/tls/certs/ca-bundle.crt
	/etc/pki/ca-trust/extracted/pem/tls-ca-bundle.pem /etc/ssl/certs/ca-certificates.crt)

files() {
	run "$BOOT" files
	[ "$CODE" = 0 ] || fail "exit code $CODE"
	rm -f list
	sed -n 's/^file //p' out >list
}

# A later one comes before those that are there.
store() {
	local store
	mkdir -p /etc/nbd-attach/initrd
	rm -f "${STORES[@]}"
	files
	[ ! -s list ] || fail "there is something"
	grep -q 'install ca-certificates' err || fail "nothing is said of the store"
	for store in "${STORES[@]}"; do
		mkdir -p "${store%/*}"
		cp "$PKI/ca/ca-cert.pem" "$store"
		files
		[ "$(cat list)" = "$store" ] || fail "not $store"
	done
	# not for a certificate of one's own
	install -m 644 "$PKI/ca/ca-cert.pem" /etc/nbd-attach/initrd
	files
	[ "$(cat list)" = /etc/nbd-attach/initrd/ca-cert.pem ] || fail "another file"
}

# As Fedora has it: GnuTLS was built with another path, which links to a third.
policy() {
	mkdir -p /etc/nbd-attach/initrd /etc/crypto-policies/back-ends
	install -m 644 "$PKI/ca/ca-cert.pem" /etc/nbd-attach/initrd
	echo '[overrides]' >policy
	ln -s "$PWD/policy" /etc/crypto-policies/back-ends/gnutls.config
	GNUTLS_SYSTEM_PRIORITY_FILE=/etc/crypto-policies/back-ends/gnutls.config files
	grep -qx /etc/crypto-policies/back-ends/gnutls.config list || fail "no policy"
	mkdir -p /etc/gnutls
	cp policy /etc/gnutls/config
	files
	grep -qx /etc/gnutls/config list || fail "no policy"
}

it "the trust store" store
it "the crypto policy" policy
