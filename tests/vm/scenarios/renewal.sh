#!/bin/bash
# SPDX-License-Identifier: LGPL-2.1-or-later
#
# Links are replaced before a server asks for new keys: the supervisor here was built to do so
# after a thousand records. Under light load no gap is noticed.
# Long: a thousand records take their time.

. "${0%/*}/../lib.sh"

# Gaps of a second or more, from the kernel's timer: a link was cut with something in flight.
n_felt() {
	cat load-* | awk -F '[= ]' '$1 == "gap" && $2 > 0.9 { n++ } END { print n + 0 }'
}

worn() { # WAY FELT-AT-MOST TLS-PRIORITY
	WAYS=("$1")
	new_disks 4M
	serve
	server_up
	start supervisor "$TOOLS/few-records/nbd-attachd" --name "$1" --tls-priority "$3" \
		"$(uri "$1")"
	within 10 grep -q /dev/nbd supervisor.log
	DEVICES[$1]=$(grep /dev/nbd supervisor.log)
	[[ $1 != *-1 ]] || LOAD_OPTIONS=(--pause 5)
	start_load "$1"
	within 90 renewed 3
	[ "$(grep -c lost supervisor.log)" = 0 ] || fail "a link was lost"
	[ "$(n_felt)" -le "$2" ] || fail "$(n_felt) gaps: $(cat load-*)"
	at_most "$(longest_gap)" 4 || fail "a gap of $(longest_gap) s"
	finish
}

renewed() {
	[ "$(grep -c replaced supervisor.log)" -ge "$1" ]
}

# A supervisor that is killed, under a service manager that keeps its links' sockets: the
# next one counts their records and renews them.
taken_over() {
	local before
	WAYS=(tls-1)
	new_disks 4M
	serve
	server_up
	start supervisor "$VM_LIB/fd-store.py" "$PWD/notify" "$TOOLS/few-records/nbd-attachd" \
		--name tls-1 --tls-priority "$aes" "$(uri tls-1)"
	within 10 grep -q /dev/nbd supervisor.log
	DEVICES[tls-1]=/dev/nbd0
	LOAD_OPTIONS=(--pause 5)
	start_load tls-1
	within 90 renewed 1
	within 5 is tls-1 up
	sleep 1
	before=$(grep -c replaced supervisor.log)
	kill_supervisor tls-1
	within 10 has_taken_over
	within 10 is tls-1 up
	within 90 renewed $((before + 2))
	! grep -E 'lost|another supervisor' supervisor.log || fail "the link was not at hand"
	finish
}

has_taken_over() {
	"$PROGRAM" status tls-1 | grep -q 'taken over'
}

# A supervisor that was started by hand: the link's socket was not kept, but its traffic is
# known. If the kernel can end the socket, the link is renewed; if not, one warning says so.
by_hand() { # TLS-PRIORITY
	WAYS=(tls-1)
	new_disks 4M
	serve
	server_up
	start supervisor "$few" --name tls-1 --tls-priority "$1" "$(uri tls-1)"
	within 10 grep -q /dev/nbd supervisor.log
	DEVICES[tls-1]=/dev/nbd0
	LOAD_OPTIONS=(--pause 5)
	start_load tls-1
	kill_supervisor tls-1
	start successor "$few" tls-1
	within 10 has_taken_over
	within 10 is tls-1 up
}

is_judged() {
	grep -q -E 'replaced$|CONFIG_INET_DIAG_DESTROY' successor.log
}

taken_over_by_hand() {
	by_hand "$aes"
	within 60 grep -q 'may have been used for many records' successor.log
	within 20 is_judged
	flows 10 400
	if grep -q CONFIG_INET_DIAG_DESTROY successor.log; then
		nap 6
		[ "$(grep -c -E 'may have|another supervisor' successor.log)" = 2 ] ||
			fail "it was told more than once"
		is tls-1 up
	fi
	! grep lost successor.log || fail "the link was lost"
	finish
}

lasting_by_hand() {
	by_hand NORMAL:-CIPHER-ALL:+CHACHA20-POLY1305
	flows 60 2000
	nap 6
	! grep -E 'may have|replaced' successor.log || fail "ChaCha20 does not wear out"
	finish
}

lasting() {
	WAYS=(tls-1)
	new_disks 4M
	serve
	server_up
	start supervisor "$TOOLS/few-records/nbd-attachd" --name tls-1 "$(uri tls-1)"
	within 10 grep -q /dev/nbd supervisor.log
	DEVICES[tls-1]=/dev/nbd0
	start_load tls-1
	within 60 more_completed tls-1 3000
	nap 6
	! renewed 1 || fail "ChaCha20 does not wear out"
	finish
}

few=$TOOLS/few-records/nbd-attachd
aes=NORMAL:-CIPHER-ALL:+AES-128-GCM
it "light load: not felt" supervised worn tls-1 1 $aes
it "full load: no errors" supervised worn tls-16 99 $aes
it "light load, TLS 1.2" supervised worn tls-1 1 $aes:-VERS-TLS1.3
it "a supervisor that was killed: the next one renews, too" supervised taken_over
it "… by hand: the link is renewed, or it is told why not" supervised taken_over_by_hand
it "a cipher that does not wear out is kept" supervised lasting
it "… also when it was taken over" supervised lasting_by_hand
