#!/bin/bash
# SPDX-License-Identifier: LGPL-2.1-or-later
#
# Certificates and keys that are replaced while disks are attached and under load: in the wrong
# order, half written, with SIGHUP in between and without any.
# Long: each case waits for outages and for files to be read again.

. "${0%/*}/../lib.sh"

# Our own files, as Kubernetes and certbot lay them out: symlinks into a folder that is
# exchanged. The server wants a client's certificate.
set_up_files() { # WAY…
	WAYS=("$@")
	new_disks 4M
	mkdir client
	CLIENT_FOLDER=$PWD/client
	rotate "$PKI/client"
	ln -s ..data/{ca-cert,client-cert,client-key}.pem client
	serve "$ONE_BY_ONE" --tls-verify-peer
	set_up
}

rotate() { # FOLDER
	rm -rf client/new
	cp -r "$1" client/new
	mv client/new "client/v$((++VERSION))"
	ln -s "v$VERSION" client/..new
	mv -T client/..new client/..data
}
VERSION=0

told() { # WORDS [TIMES]: so often by each supervisor
	[ "$(sed 's/<[0-9]*>/\n/g' syslog | grep -a -c -E "$1")" = $((${2:-1} * ${#WAYS[@]})) ]
}

reload() {
	local way
	for way in "${WAYS[@]}"; do
		kill -HUP "$(supervisor "$way")"
	done
}

half_way() {
	local before
	set_up_files tls-1 tls-16
	before=$(links)
	cp "$PKI/wrong/client-key.pem" client/..data/client-key.pem
	reload
	within 10 told 'credentials stay as they were: .*client-(key|cert)\.pem'
	truncate -s 200 client/..data/ca-cert.pem # in place
	reload
	within 10 told 'credentials stay as they were: .*ca-cert\.pem'
	rm client/..data
	reload
	within 10 told 'credentials stay as they were: .*No such file'
	[ "$(links)" = "$before" ] || fail "links were replaced"
	flows 20
	sleep 3
	outage 1 4 # the old ones are good
	told 'must not be used' 0 || fail "the server was blamed"
	before=$(links)
	rotate "$PKI/client"
	within 10 told 'credentials read anew'
	within 20 all_new "$before"
	flows 20
	finish
}

# A CA and certificates of it, on both sides, and no signal at all.
new_authority() {
	set_up_files tls-1 tls-16
	server_down
	TLS_FOLDER=$PKI/foreign
	serve "$ONE_BY_ONE" --tls-verify-peer
	server_up
	refused 'not accepted'
	rotate "$PKI/wrong"
	recover 40 # since the server was changed; a busy machine
	told 'because their files have changed' || fail "the files were not read again"
	finish
}

new_key() {
	WAYS=(tls-1)
	new_disks 4M
	mkdir keys
	cp "$PKI/psk/keys.psk" keys/client.psk
	cp "$PKI/psk/keys.psk" keys/server.psk
	serve "$ONE_BY_ONE"
	SERVER_COMMAND=("${SERVER_COMMAND[@]/#--tls-certificates=*/--tls-psk=$PWD/keys/server.psk}")
	server_up
	nbd_attach attach --name tls-1 "nbds://alice@localhost:$PORT/tls-1?tls-psk-file=$PWD/keys/client.psk"
	DEVICES[tls-1]=$OUT
	start_loads
	: >keys/client.psk # just begun
	reload
	within 10 told 'credentials stay as they were: .*client\.psk'
	sleep 3
	server_down
	cp "$PKI/psk/wrong.psk" keys/server.psk
	server_up
	within 10 is tls-1 refused
	cp "$PKI/psk/wrong.psk" keys/new
	mv keys/new keys/client.psk
	recover 40
	finish
}

# A supervisor that adopts a disk finds files that do not match: it reports them, does not blame
# the server, and continues as soon as they match.
our_fault() {
	set_up_files tls-1
	cp "$PKI/wrong/client-key.pem" client/..data/client-key.pem
	kill_supervisor tls-1
	adopt tls-1
	sleep 3
	server_down
	server_up
	within 10 says tls-1 'last error' 'client-(key|cert)\.pem'
	is tls-1 reconnecting || fail "not reconnecting: $("$PROGRAM" list)"
	stands 3
	told 'must not be used' 0 || fail "the server was blamed"
	rotate "$PKI/client"
	recover 30
	finish
}

it "SIGHUP half-way: the old ones stay in use, and the new ones are waited for" \
	supervised half_way
it "a new authority, without SIGHUP" supervised new_authority
it "a new pre-shared key, without SIGHUP" supervised new_key
it "files that do not fit are not the server's fault" supervised our_fault
