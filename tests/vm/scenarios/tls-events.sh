#!/bin/bash
# SPDX-License-Identifier: LGPL-2.1-or-later
#
# What a server may send in a TLS session besides data. The kernel's nbd driver cannot handle
# it and ends the link; a new one is made.
# Long: left to `tests/run vm`, for the time that all of them take together.

. "${0%/*}/../lib.sh"

front() { # [TLS-FRONT-OPTION…]
	local server
	WAYS=(tls-1 tls-16)
	new_disks 4M
	serve "$ONE_BY_ONE" --filter=delay wdelay=10ms --tls=off
	server_up
	server=$PORT
	free_port
	SERVER_COMMAND=("$TOOLS/tls-front" "$PORT" "$server" "$PKI/server" "$@")
	set_up
}

event() { # SIGNAL [TLS-FRONT-OPTION…]
	local before
	front "${@:2}"
	before=$(links)
	down_now
	UP_AT=$DOWN_AT
	kill "-$1" "$SERVER_PID"
	within 5 all_new "$before"
	recover 4
	finish
}

it "KeyUpdate" supervised event USR1
it "KeyUpdate that asks for another" supervised event USR2
it "NewSessionTicket" supervised event HUP
it "a warning alert" supervised event WINCH
it "close_notify" supervised event ALRM
it "close_notify, with TLS 1.2" supervised event ALRM --priority NORMAL:-VERS-TLS1.3
