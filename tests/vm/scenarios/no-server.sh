#!/bin/bash
# SPDX-License-Identifier: LGPL-2.1-or-later
#
# Servers that do not exist, say nothing, or do not have the export.

. "${0%/*}/../lib.sh"

nobody_listens() {
	free_port
	expect_no_attach 3 "nbd://127.0.0.1:$PORT/"
	expect_says "127.0.0.1:$PORT" refused
}

no_such_socket() {
	expect_no_attach 3 "nbd+unix:///?socket=$PWD/none"
	expect_says "$PWD/none"
}

no_such_name() {
	expect_no_attach 3 --connect-timeout 5 "nbd://no-such-host.invalid/"
	expect_says no-such-host.invalid
}

silent() {
	local start=$SECONDS
	start_silent_server
	expect_no_attach 3 --connect-timeout 2 "nbd://127.0.0.1:$PORT/"
	[ $((SECONDS - start)) -le 6 ] || fail "took $((SECONDS - start)) seconds"
}

# On a terminal, while it waits.
told_while_waiting() {
	start_silent_server
	script --quiet --return --command \
		"$PROGRAM attach --connect-timeout 5 nbd://127.0.0.1:$PORT/" typescript || [ $? = 3 ]
	grep -q "waiting for 127.0.0.1:$PORT, which has accepted the connection, but sent" typescript
}

no_nbd_server() {
	free_port
	start web socat "TCP-LISTEN:$PORT,bind=127.0.0.1,reuseaddr,fork" \
		'SYSTEM:echo HTTP/1.1 400 Bad Request; echo; sleep 1'
	wait_for listening
	expect_no_attach 6 "nbd://127.0.0.1:$PORT/"
}

# nbdkit's own plugin decides by name; the other two have one export.
no_such_export_nbdkit() {
	new_disk disk.img 1M
	start_nbdkit --filter=exportname file disk.img exportname=disk exportname-strict=true
	expect_no_attach 4 "nbd://127.0.0.1:$PORT/none"
	expect_says none
}

no_such_export_qemu() {
	new_disk disk.img 1M
	start_qemu_nbd --export-name disk disk.img
	expect_no_attach 4 "nbd://127.0.0.1:$PORT/none"
	expect_says none
}

no_such_export_nbd_server() {
	new_disk disk.img 1M
	start_nbd_server disk.img
	expect_no_attach 4 "nbd://127.0.0.1:$PORT/none"
	expect_says none
}

it "nobody listens" nobody_listens
it "there is no such socket" no_such_socket
it "there is no such name" no_such_name
it "a silent server: --connect-timeout" silent
it "a silent server: a word on the terminal" told_while_waiting
it "something that is no NBD server" no_nbd_server
it "nbdkit has no such export" no_such_export_nbdkit
it "qemu-nbd has no such export" no_such_export_qemu
it "nbd-server has no such export" no_such_export_nbd_server
