#!/bin/bash
# SPDX-License-Identifier: LGPL-2.1-or-later
#
# A proxy that ends connections which are idle for a minute, as many do by default.
# Long: four minutes in which nothing is done.

. "${0%/*}/../lib.sh"
. "${0%/*}/../lib-proxies.sh"

# Probes are sent every 10 seconds, but the proxy counts the bytes that it passes on.
probes_are_due() {
	[ "$(ss -Htno state established "dport = :$PORT" | grep -c 'timer:(keepalive,')" = ${#WAYS[@]} ] ||
		fail "no keepalive: $(ss -Htno "dport = :$PORT")"
}

a_minute() {
	behind haproxy 60s
	sleep 30
	probes_are_due
	within 170 made_again plain-1 3
	told_what_it_is
	says plain-1 events 'idle for 60 s' || grep -a -q 'idle for 60 s' syslog || fail "not 60 s"
	reads_after_cut 65
	start_loads
	flows 5
	finish
}

it "haproxy ends connections that are idle for a minute: nothing is lost" supervised a_minute
