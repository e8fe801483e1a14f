#!/bin/bash
# SPDX-License-Identifier: LGPL-2.1-or-later
#
# Servers that do not answer, or slowly: they keep their links, because a new one would be no
# better.
# Long: left to `tests/run vm`, for the time that all of them take together.

. "${0%/*}/../lib.sh"

# Meanwhile new connections are tried again and again, without success.
stopped() {
	ATTACH_OPTIONS=(--io-timeout 3s)
	new_disks 4M
	serve --filter=delay wdelay=20ms
	set_up
	down_now
	kill -STOP "$SERVER_PID"
	sleep 1
	stands 11
	kill -CONT "$SERVER_PID"
	UP_AT=$EPOCHREALTIME
	recover 4
	finish
}

# Each write takes five seconds; nothing is completed more often than that.
slow() {
	local before
	WAYS=(plain-1 tls-16)
	new_disks 4M
	serve --filter=delay wdelay=5
	set_up
	before=$(links)
	sleep 12
	flows 12 1
	[ "$(links)" = "$before" ] || fail "links were replaced"
	finish
}

# The user wants an answer in three seconds, and the server needs five: the supervisor
# learns.
slower_than_wanted() {
	WAYS=(plain-1 tls-1)
	ATTACH_OPTIONS=(--io-timeout 3s)
	new_disks 4M
	serve "$ONE_BY_ONE" --filter=delay wdelay=5
	set_up
	sleep 12
	flows 20 1
	finish
}

it "stopped for longer than --io-timeout" supervised stopped
it "slow, but within --io-timeout: the links stay" supervised slow
it "slower than --io-timeout" supervised slower_than_wanted
