#!/bin/bash
# SPDX-License-Identifier: LGPL-2.1-or-later
#
# A name with two addresses, of two servers whose data differs: all links of a disk go to the
# same server, as long as it is there.

. "${0%/*}/../lib.sh"
. "${0%/*}/../lib-twins.sh"

plain() {
	serve_twins
	stays_then_moves 4
}

# The order changes with each query, as with real name servers.
take_turns() {
	while sleep 0.01; do
		twins $SECOND $FIRST
		sleep 0.01
		twins $FIRST $SECOND
	done
}

attached_in_turns() {
	local at_first
	serve_twins
	export -f take_turns twins
	export FIRST SECOND
	start turns bash -c take_turns
	attach_twins --connections 8
	at_first=$(ss -Htn state established "dst $FIRST and dport = :$PORT" | wc -l)
	stop_server "$SERVER_PID"
	[ "$at_first" = 8 ] || [ "$at_first" = 0 ] || fail "$at_first of 8 links go to $FIRST"
	n_links 8 || fail "links: $(links)"
	detach disk
}

# The next supervisor knows where the links went, though none is left.
adopted() {
	serve_twins
	attach_twins --connections 2
	twins $SECOND $FIRST
	kill_supervisor disk
	stop_server "${TWIN[$FIRST]}"
	serve_twin $FIRST
	attach_twins --connections 2
	all_at $FIRST 2
	detach disk
}

it "four links stay together" supervised plain
it "a name server takes turns while links are made" supervised attached_in_turns
it "another supervisor stays there, too" supervised adopted
