#!/bin/bash
# SPDX-License-Identifier: LGPL-2.1-or-later
#
# The server is killed and comes back: no I/O error, and I/O goes on soon after it is back.
# Long: left to `tests/run vm`, for the time that all of them take together.

. "${0%/*}/../lib.sh"

short() {
	new_disks 4M
	serve --filter=delay rdelay=5ms wdelay=20ms
	set_up
	outage 1 4
	finish
}

# The median of three: below half a second on an idle machine, and seconds without the short
# timeout. The limit is in between, for a busy machine. Between two outages the kernel's timer is
# made short again: see link-cut.sh.
medium() { # WAY…
	local way median
	WAYS=("$@")
	new_disks 4M
	serve --filter=delay rdelay=5ms wdelay=20ms
	set_up
	for _ in 1 2 3; do
		outage 5 4
		sleep 4
	done
	finish
	for way in "${WAYS[@]}"; do
		median=$(median "recovery-$way")
		echo "$way: median $median s of $(tr '\n' ' ' <"recovery-$way")"
		at_most "$median" 1.5 || fail "$way: the median is $median s"
	done
}

it "for a second" supervised short
it "for five seconds, three times, one request at a time" supervised medium plain-1 tls-1
it "for five seconds, three times, 16 requests at a time" supervised medium plain-16 tls-16
