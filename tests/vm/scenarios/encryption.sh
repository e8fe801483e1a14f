#!/bin/bash
# SPDX-License-Identifier: LGPL-2.1-or-later
#
# That the kernel encrypts is verified; and what happens if it does not. The supervisor here was
# built to find no TLS records while the file /run/plaintext exists.
# Long: left to `tests/run vm`, for the time that all of them take together.

. "${0%/*}/../lib.sh"

AES=(--tls-priority NORMAL:-CIPHER-ALL:+AES-128-GCM)
ENCRYPTS='kernel TLS, seen to encrypt'

seen() { # ATTACH-OPTION…
	WAYS=(tls-1 plain-1)
	new_disks 4M
	serve
	server_up
	attach_way plain-1
	ATTACH_OPTIONS=("$@")
	attach_way tls-1
	says tls-1 'data path' "$ENCRYPTS" || fail "$("$PROGRAM" status tls-1)"
	says plain-1 'data path' 'kernel$' || fail "$("$PROGRAM" status plain-1)"
	server_down
	server_up
	within 10 says tls-1 reconnects ' 1$'
	within 10 is tls-1 up
	reads_back "${DEVICES[tls-1]}" disks/tls-1
	within 10 says tls-1 'data path' "$ENCRYPTS"
	detach --all
}

several() {
	local queues
	WAYS=(tls-16)
	ATTACH_OPTIONS=(--connections 3)
	new_disks 4M
	serve
	server_up
	attach_ways
	# A link without a processor of its own sends nothing.
	queues=("/sys/block/${DEVICES[tls-16]#/dev/}/mq"/*)
	"$PROGRAM" status --json tls-16 >told
	[ "$(grep -c '"encrypts": *true' told)" = ${#queues[@]} ] || fail "$(cat told)"
	detach --all
}

plain_kernel() {
	local server=$SERVER_PID
	start supervisor "$TOOLS/plain-kernel/nbd-attachd" "${ATTACH_OPTIONS[@]}" \
		--name tls-1 "$(uri tls-1)"
	SUPERVISOR_PID=$SERVER_PID
	SERVER_PID=$server
	DEVICES[tls-1]=/dev/nbd0
}

# Exit code 7; the device is removed before it can be used.
not_attached() {
	local code=0
	expect_in_kernel_log 'I/O error'
	WAYS=(tls-1)
	new_disks 4M
	serve
	server_up
	touch /run/plaintext
	plain_kernel
	within 20 ended "$SUPERVISOR_PID"
	wait "$SUPERVISOR_PID" || code=$?
	rm /run/plaintext
	[ $code = 7 ] || fail "exit code $code: $(cat supervisor.log)"
	grep -q 'in plaintext' supervisor.log || fail "$(cat supervisor.log)"
	assert_clean
	# the same supervisor on a kernel that does
	plain_kernel
	within 20 is tls-1 up
	detach tls-1
}

# udev creates the names and stays busy; attach waits for it.
busy_udev() {
	touch /run/busy
	printf '#!/bin/sh\nwhile [ -e /run/busy ]; do sleep 0.1; done\n' >busy
	chmod +x busy
	echo "KERNEL==\"nbd0\", TEST==\"pid\", RUN+=\"$PWD/busy\"" >/etc/udev/rules.d/90-busy.rules
	udevadm control --reload
}

idle_udev() {
	rm /run/busy /etc/udev/rules.d/90-busy.rules
	udevadm control --reload
}

# The device is open, so it stays, but without a link: pending requests are not sent.
not_attached_in_use() {
	expect_in_kernel_log 'I/O error|nbd'
	WAYS=(tls-1)
	new_disks 4M
	serve
	server_up
	busy_udev
	plain_kernel
	within 20 [ -e /sys/block/nbd0/pid ]
	exec 7</dev/nbd0
	touch /run/plaintext
	server_down
	server_up 7<&- # not for the server, too
	dd if=/dev/nbd0 of=/dev/null bs=4k count=1 iflag=direct status=none 7<&- &
	within 30 is tls-1 refused
	grep -q 'in plaintext.*stays attached' supervisor.log || fail "$(cat supervisor.log)"
	sleep 3
	n_links 0 || fail "a link was made"
	says tls-1 reconnects ' 1$' || fail "a link was made: $("$PROGRAM" status tls-1)"
	idle_udev
	rm /run/plaintext
	exec 7<&-
	detach --force tls-1
	wait %dd || :
}

# The kernel encrypts during attach, but not afterwards.
attached_before_plaintext() {
	expect_in_kernel_log 'I/O error|nbd'
	WAYS=(tls-1)
	new_disks 4M
	serve
	server_up
	plain_kernel
	within 20 is tls-1 up
	touch /run/plaintext
}

# The first request, which waited for the link, shows it; all later ones wait, and no further
# link is made.
not_reconnected() {
	local waiting=()
	attached_before_plaintext
	server_down
	dd if=/dev/nbd0 of=/dev/null bs=4k count=1 iflag=direct status=none &
	waiting+=($!)
	server_up
	within 20 says tls-1 reconnects ' 1$'
	within 20 is tls-1 refused
	says tls-1 'last error' 'in plaintext' || fail "$("$PROGRAM" status tls-1)"
	dd if=/dev/nbd0 of=/dev/null bs=4k count=1 skip=1 iflag=direct status=none &
	waiting+=($!)
	sleep 3
	n_links 0 || fail "a link was made"
	is tls-1 refused || fail "$("$PROGRAM" list)"
	rm /run/plaintext
	detach --force tls-1
	wait "${waiting[@]}" || :
}

# It is noticed even without any request from a user.
not_reconnected_idle() {
	attached_before_plaintext
	server_down
	server_up
	within 20 says tls-1 reconnects ' 1$'
	within 2 is tls-1 refused
	says tls-1 'last error' 'in plaintext' || fail "$("$PROGRAM" status tls-1)"
	rm /run/plaintext
	takes_at_most 15 detach tls-1
}

it "it is seen, with ChaCha20" supervised seen
it "… and with AES-GCM" supervised seen "${AES[@]}"
it "… on several links" supervised several
it "a kernel that does not: nothing is attached" supervised not_attached
it "… nor, where it is in use by then, is a link made" supervised not_attached_in_use
it "a kernel that does not any more: no link is made again" supervised not_reconnected
it "… nor where the disk is idle" supervised not_reconnected_idle
