#!/bin/bash
# SPDX-License-Identifier: LGPL-2.1-or-later
#
# What is wrong on the command line: exit code 2, one line, and nothing sent.
# Long: left to `tests/run vm`, for the time that all of them take together.

. "${0%/*}/../lib.sh"

wrong() { # WORD ARGUMENT…
	local word=$1
	shift
	expect_exit 2 "$@"
	expect_says "$word"
}

uris() {
	local attach="attach --no-daemon"
	# shellcheck disable=SC2086 # words
	{
		wrong URI $attach ''
		wrong http $attach http://localhost/
		wrong URI $attach server/export
		wrong port $attach nbd://localhost:99999/
		wrong URI $attach nbd://localhost:x/
		wrong '' $attach 'nbd://[::1/'
		wrong '' $attach 'nbd://localhost/%zz'
		wrong '' $attach 'nbd://localhost/%00'
		wrong colour $attach 'nbd://localhost/?colour=blue'
		wrong socket $attach 'nbd+unix:///disk'
		wrong tls-type $attach 'nbds://localhost/?tls-type=magic'
		wrong tls-verify-peer $attach 'nbds://localhost/?tls-verify-peer=maybe'
	}
}

options() {
	local uri=nbd://127.0.0.1:1/
	wrong attach
	wrong frobnicate frobnicate
	wrong URI attach --no-daemon
	wrong '' attach --no-daemon "$uri" "$uri"
	wrong no-such attach --no-daemon --no-such "$uri"
	wrong connections attach --no-daemon --connections 0 "$uri"
	wrong connections attach --no-daemon --connections 1000 "$uri"
	wrong device attach --no-daemon --device /dev/sda "$uri"
	wrong name attach --no-daemon --name ../etc "$uri"
	wrong connect-timeout attach --no-daemon --connect-timeout soon "$uri"
	wrong block-size attach --no-daemon --block-size 1000 "$uri"
	wrong 'tls' attach --no-daemon --tls maybe "$uri"
	wrong '' detach
	wrong '' detach one two
	wrong '' detach --all one
	wrong '' list one
	wrong '' info
}

tls_files() {
	wrong "$PWD/none" attach --no-daemon "nbds://localhost/?tls-certificates=$PWD/none"
	wrong "$PWD/none" attach --no-daemon --tls-ca "$PWD/none" nbds://localhost/
	wrong "$PWD/none" attach --no-daemon "nbds://a@localhost/?tls-psk-file=$PWD/none"
	wrong priority attach --no-daemon --tls-priority NONSENSE \
		"nbds://localhost/?tls-certificates=$PKI/ca"
	cp -r "$PKI/client" open
	chmod 644 open/client-key.pem
	wrong "$PWD/open/client-key.pem" attach --no-daemon \
		"nbds://localhost/?tls-certificates=$PWD/open"
	echo garbage >open/ca-cert.pem
	wrong "$PWD/open/ca-cert.pem" attach --no-daemon --tls-ca "$PWD/open/ca-cert.pem" \
		nbds://localhost/
}

help() {
	local verb
	nbd_attach --help
	grep -q attach out
	nbd_attach --version
	grep -q -E '[0-9]+\.[0-9]+' out
	for verb in attach detach list info; do
		nbd_attach $verb --help
		[ -n "$OUT" ]
	done
}

it "URIs" uris
it "options" options
it "files for TLS" tls_files
it "--help and --version" help
