#!/bin/bash
# SPDX-License-Identifier: LGPL-2.1-or-later
#
# The connection is cut on its way, while the server goes on: what it was doing is done, and
# done again.
# Long: left to `tests/run vm`, for the time that all of them take together.

. "${0%/*}/../lib.sh"

# From here on it is what is between that comes and goes.
go_between() {
	local server=$PORT
	server_up
	free_port
	SERVER_COMMAND=(socat "TCP-LISTEN:$PORT,bind=127.0.0.1,reuseaddr,fork"
		"TCP:127.0.0.1:$server")
}

cut_often() {
	new_disks 4M
	serve "$ONE_BY_ONE" --filter=delay wdelay=10ms
	go_between
	set_up
	for _ in 1 2 3 4 5; do
		outage 0 4
		sleep 2
	done
	finish
}

cut_for_long() {
	new_disks 4M
	serve "$ONE_BY_ONE" --filter=delay wdelay=10ms
	go_between
	set_up
	outage 8 4
	finish
}

# The kernel's timer takes half a second to be quick again after a time without a server:
# what was under way in that time may have to wait for half a minute.
cut_again() {
	new_disks 4M
	serve "$ONE_BY_ONE" --filter=delay wdelay=10ms
	go_between
	set_up
	outage 1 4
	outage 0 33
	finish
}

it "five times, and back at once" supervised cut_often
it "for eight seconds" supervised cut_for_long
it "again, just after an outage: no errors" supervised cut_again
