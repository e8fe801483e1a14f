#!/bin/bash
# SPDX-License-Identifier: LGPL-2.1-or-later
#
# What a server may send in a TLS session besides data. A relay handles it; the kernel's nbd
# driver would lose the link.
# Long: left to `tests/run vm`, for the time that all of them take together.

. "${0%/*}/../lib.sh"
. "$VM_LIB/lib-relay.sh"

event() { # SIGNAL [TLS-FRONT-OPTION…]
	local before i
	front "${@:2}"
	before=$(links)
	for ((i = 1; i <= 5; i++)); do
		kill "-$1" "$SERVER_PID"
		within 45 n_events $((2 * i))
		flows 10
	done
	[ "$before" = "$(links)" ] || fail "links before: $before; after: $(links)"
	no_reconnects
	finish_relays
}

n_events() { # WANTED
	[ "$(grep -c ': Success' server-2.log)" = "$1" ]
}

# The session ends, and a new one is made.
ending() { # SIGNAL [TLS-FRONT-OPTION…]
	local before
	front "${@:2}"
	before=$(links)
	kill "-$1" "$SERVER_PID"
	within 10 all_new "$before"
	flows 45
	finish_relays
}

it "KeyUpdate" supervised event USR1
it "KeyUpdate that asks for another" supervised event USR2
it "NewSessionTicket" supervised event HUP
it "a warning alert, with TLS 1.2" supervised event WINCH --priority NORMAL:-VERS-TLS1.3
it "close_notify" supervised ending ALRM
it "close_notify, with TLS 1.2" supervised ending ALRM --priority NORMAL:-VERS-TLS1.3
# By RFC 8446, section 6, every alert there ends the session, except "user canceled", which
# close_notify follows; GnuTLS (3.7.9, and still in 2026) ends at that one, too.
it "a warning alert, with TLS 1.3" supervised ending WINCH
