#!/bin/bash
# SPDX-License-Identifier: LGPL-2.1-or-later
#
# `info` asks the server and touches no device.
# Long: left to `tests/run vm`, for the time that all of them take together.

. "${0%/*}/../lib.sh"

# A member of the JSON on stdout.
json() {
	python3 -c 'import json, sys; print(json.load(open("out"))'"$1"')'
}

tells() {
	new_disk disk.img 8M
	start_nbdkit --readonly --tls=require --tls-certificates="$PKI/server" file disk.img
	nbd_attach info "nbds://localhost:$PORT/disk?tls-certificates=$PKI/ca"
	grep -q 8388608 out
	grep -q -i read-only out
	grep -q 'TLS.\?1.3' out
	assert_clean
}

tells_json() {
	new_disk disk.img 8M
	start_nbdkit file disk.img
	nbd_attach info --json "nbd://localhost:$PORT/disk"
	[ "$(json '["size"]')" = 8388608 ]
	assert_clean
}

lists() {
	mkdir folder
	new_disk folder/one.img 1M
	new_disk folder/two.img 2M
	start_nbdkit file dir=folder
	nbd_attach info --list "nbd://localhost:$PORT/"
	grep -q one.img out
	grep -q two.img out
	nbd_attach info --list --json "nbd://localhost:$PORT/"
	json '' | grep two.img
}

lists_nbd_server() {
	new_disk disk.img 1M
	start_nbd_server disk.img
	nbd_attach info --list "nbd://localhost:$PORT/"
	grep -q disk out
}

lists_of_attachments() {
	new_disk disk.img 8M
	start_nbdkit file disk.img
	nbd_attach list
	nbd_attach list --json
	[ "$(json '')" = '[]' ]
	attach "nbd://127.0.0.1:$PORT/disk"
	nbd_attach list --json
	[ "$(json '[0]["name"]')" = disk ]
	[ "$(json '[0]["device"]')" = "$DEVICE" ]
	[ "$(json '[0]["size"]')" = 8388608 ]
	detach disk
}

# Characters that a terminal would act on: C1's CSI, DEL, a right-to-left override, zero width.
shows_bad_words() {
	local bad=$'a\u009b31m\x7fb\u202ec\u200bd' bytes=$'\u009b|\x7f|\u202e|\u200b' how
	new_disk disk.img 1M
	start_qemu_nbd --export-name disk --description "$bad" disk.img
	for how in '' --json '--list' '--list --json'; do
		# shellcheck disable=SC2086 # words
		nbd_attach info $how "nbd://localhost:$PORT/disk"
		! grep -q -E "$bytes" out || fail "info $how shows control characters"
		[[ $how != *--json ]] || grep -q 'a\\u009b31m\\u007fb\\u202ec\\u200bd' out
	done
	[ "$(json '["exports"][0]["description"]')" = "$bad" ]
}

it "size, read-only-ness and TLS" tells
it "--json" tells_json
it "--list" lists
it "--list, of nbd-server" lists_nbd_server
it "a description with control characters" shows_bad_words
it "list and list --json, of attachments" lists_of_attachments
