#!/bin/bash
# SPDX-License-Identifier: LGPL-2.1-or-later
#
# The supervisor is killed, at any moment, and another one takes over.
# Long: left to `tests/run vm`, for the time that all of them take together.

. "${0%/*}/../lib.sh"

nap_a_while() { # MILLISECONDS at most
	nap "$(printf '0.%03d' $((RANDOM % $1)))"
}

# The supervisor alone; or the link just before, or just after; or when it has just been
# taken over.
kill_at_random() { # WAY
	local how=$((RANDOM % 4))
	echo "$1: way $how to die"
	[ $how != 1 ] || { server_down; nap_a_while 400; }
	kill_supervisor "$1"
	[ $how != 2 ] || { server_down; nap_a_while 200; }
	[ $how = 0 ] || [ $how = 3 ] || server_up
	adopt "$1"
	[ $how != 3 ] || { server_down; server_up; }
}

at_random() {
	local i
	RANDOM=${SEED:=$((EPOCHSECONDS % 32768))}
	echo "SEED=$SEED"
	WAYS=(plain-16 tls-16)
	new_disks 4M
	serve --filter=delay wdelay=20ms
	set_up
	for ((i = 0; i < 32; i++)); do
		nap_a_while 700
		kill_at_random "${WAYS[i % 2]}"
	done
	# A link that dies young may take its requests with it for half a minute.
	flows 45
	echo "the longest gap: $(longest_gap) s"
	within 15 n_supervisors 2
	finish
}

it "at 32 random moments, links too" supervised at_random
