#!/bin/bash
# SPDX-License-Identifier: LGPL-2.1-or-later
#
# Of several links one dies, or all do. Requests that were under way are sent again when
# --io-timeout is over.
# Long: left to `tests/run vm`, for the time that all of them take together.

. "${0%/*}/../lib.sh"

# Each link has a process of its own between here and the server.
four() { # WAY
	local server
	WAYS=("$1")
	ATTACH_OPTIONS=(--connections 4 --io-timeout 3s)
	new_disks 4M
	serve "$ONE_BY_ONE" --filter=multi-conn --filter=delay wdelay=10ms
	server_up
	server=$PORT
	free_port
	SERVER_COMMAND=(socat "TCP-LISTEN:$PORT,bind=127.0.0.1,reuseaddr,fork"
		"TCP:127.0.0.1:$server")
	set_up
	n_links 4 || fail "links: $(links)"
}

one_new() { # BEFORE
	n_links 4 && [ "$(comm -12 <(echo "$1") <(links) | wc -l)" = 3 ]
}

# The first link is the one that carries the load where there is one processor.
one() { # WAY
	local before which
	four "$1"
	for which in -o -n; do
		before=$(links)
		kill -KILL "$(pgrep $which -P "$SERVER_PID")"
		down_now
		UP_AT=$DOWN_AT
		recover 6
		within 10 one_new "$before"
		sleep 3
	done
	finish
}

all() { # WAY
	local before
	four "$1"
	before=$(links)
	outage 2 6
	within 10 all_new "$before"
	finish
}

for way in plain-16 tls-16; do
	it "$way: one of four, the first and the last" supervised one $way
	it "$way: all four" supervised all $way
done
