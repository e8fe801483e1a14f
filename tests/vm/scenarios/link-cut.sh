#!/bin/bash
# SPDX-License-Identifier: LGPL-2.1-or-later
#
# The connection is cut, but the server continues: it completes the requests in flight and
# executes them again when they are sent again.
# Long: left to `tests/run vm`, for the time that all of them take together.

. "${0%/*}/../lib.sh"

# From here on the proxy in between comes and goes, not the server.
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

# The first requests over a new link have the same short timer as later ones.
cut_again() {
	local wait before
	new_disks 4M
	serve "$ONE_BY_ONE" --filter=delay wdelay=10ms
	go_between
	set_up
	for wait in 0.02 0.15 0.35; do
		before=$(links)
		server_down
		sleep 1
		server_up
		within 10 all_new "$before"
		nap "$wait"
		outage 0 4
		sleep 2
	done
	finish
}

# The server's address accepts connections and closes them.
forwarder_goes_on() {
	local way
	WAYS=(plain-1 plain-16)
	new_disks 4M
	serve
	FRONT=$((PORT + 1000))
	start forwarder socat "TCP-LISTEN:$FRONT,bind=127.0.0.1,reuseaddr,fork" \
		"TCP:127.0.0.1:$PORT"
	uri() {
		echo "nbd://localhost:$FRONT/$1"
	}
	set_up
	server_down
	sleep 14
	for way in "${WAYS[@]}"; do
		is "$way" reconnecting || fail "$("$PROGRAM" status "$way")"
	done
	server_up
	recover 4
	finish
}

it "five times, and back at once" supervised cut_often
it "for eight seconds" supervised cut_for_long
it "again, just after an outage" supervised cut_again
it "while what is before the server goes on" supervised forwarder_goes_on
