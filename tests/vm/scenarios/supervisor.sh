#!/bin/bash
# SPDX-License-Identifier: LGPL-2.1-or-later
#
# The supervisor while all is well: what it costs, and links replaced as planned (SIGHUP).
# Long: left to `tests/run vm`, for the time that all of them take together.

. "${0%/*}/../lib.sh"

# Not so soon that it looks like an unstable link.
replace_all() {
	local before way
	before=$(links)
	for way in "${WAYS[@]}"; do
		kill -HUP "$(supervisor "$way")"
	done
	within 10 all_new "$before"
	sleep 4
}

idle() {
	new_disks 4M
	serve
	server_up
	attach_ways
	replace_all
	replace_all
	start_loads
	flows 5
	finish
}

# felt WAY: how often a request waited for the driver's timer. Shorter gaps are a busy
# machine's: up to 0.7 s were seen, also where nothing was replaced.
felt() {
	awk -F '[= ]' '$1 == "gap" && $2 >= 0.9 { n++ } END { print n + 0 }' "load-$1"
}

# A request is under way four fifths of the time, so a link that is cut without waiting for an
# idle moment mostly loses one. A request that begins in that very moment is lost and sent again
# a second later: that is rare, and allowed once.
light() {
	local way
	WAYS=(plain-1 tls-1)
	LOAD_OPTIONS=(--pause 10)
	new_disks 4M
	serve --filter=delay wdelay=40ms
	set_up
	for _ in 1 2 3 4; do
		replace_all
	done
	finish
	for way in "${WAYS[@]}"; do
		[ "$(felt "$way")" -le 1 ] || fail "$way: $(cat "load-$way")"
	done
	at_most "$(longest_gap)" 2 || fail "it stood still for $(longest_gap) s"
}

# Without such moments a delay is allowed, but not an error.
moderate() {
	WAYS=(plain-16 tls-16)
	new_disks 4M
	serve "$ONE_BY_ONE" --filter=delay rdelay=1ms wdelay=4ms
	set_up
	for _ in 1 2; do
		replace_all
	done
	echo "the longest gap: $(longest_gap) s"
	finish
}

status_of() { # PID FIELD
	awk -v field="$2:" '$1 == field { print $2 }' "/proc/$1/status"
}

cost() {
	local way pid before switches fds
	new_disks 4M
	serve
	server_up
	attach_ways
	sleep 6
	before=$(for way in "${WAYS[@]}"; do
		status_of "$(supervisor "$way")" voluntary_ctxt_switches
	done)
	sleep 15
	for way in "${WAYS[@]}"; do
		pid=$(supervisor "$way")
		fds=$(find "/proc/$pid/fd" -mindepth 1 | wc -l)
		switches=$(($(status_of "$pid" voluntary_ctxt_switches) - ${before%%$'\n'*}))
		before=${before#*$'\n'}
		echo "$way: RssAnon $(status_of "$pid" RssAnon) kB," \
			"VmLck $(status_of "$pid" VmLck) kB, $fds descriptors," \
			"$switches context switches in 15 s"
		sanitized || [ "$(status_of "$pid" RssAnon)" -lt 1536 ] || fail "$way: too much memory"
		[ "$(status_of "$pid" VmLck)" = 0 ] || fail "$way: locked memory"
		[ "$(cat "/proc/$pid/oom_score_adj")" = -1000 ] || fail "$way: not protected"
		[ "$fds" -lt 20 ] || fail "$way: too many descriptors"
		[ $switches -le 6 ] || fail "$way: too busy"
	done
	detach --all
}

it "idle: little memory, few descriptors, hardly ever awake" supervised cost
it "SIGHUP replaces idle links" supervised idle
it "SIGHUP under light load: hardly felt" supervised light
it "SIGHUP under load: no errors" supervised moderate
