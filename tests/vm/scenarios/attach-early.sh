#!/bin/bash
# SPDX-License-Identifier: LGPL-2.1-or-later
#
# A disk is used before its attach is complete; its server exits right after its last reply;
# the kernel's answer is lost.
# Long: left to `tests/run vm`, for the time that all of them take together.

. "${0%/*}/../lib.sh"
# shellcheck source=tests/vm/lib-attach.sh
. "$VM_LIB/lib-attach.sh"

# udev creates the names and then stays busy, so that there is time to use them.
busy_udev() {
	echo 'KERNEL=="nbd0", TEST=="pid", RUN+="/bin/sleep 15"' >/etc/udev/rules.d/90-busy.rules
	udevadm control --reload
}

idle_udev() {
	rm /etc/udev/rules.d/90-busy.rules
	udevadm control --reload
}

mounted_early() { # SIGNAL supervised|alone
	new_disk disk.img 16M
	mke2fs -q disk.img
	start_nbdkit file disk.img
	busy_udev
	attach_behind "$2"
	within 10 [ -e /dev/nbd/by-name/disk ]
	mkdir mnt
	mount /dev/nbd/by-name/disk mnt
	pattern "$1" 1000000 >mnt/file
	! ended "$ATTACH" || fail "attach has ended already"
	kill "-$1" "$ATTACH"
	ends 1 "interrupted.*stays attached.*mounted on $PWD/mnt"
	idle_udev
	if [ "$2" = supervised ]; then
		is disk up || fail "it is $(field disk STATE)"
	else
		is disk unsupervised || fail "it is $(field disk STATE)"
	fi
	umount mnt
	detach disk
	debugfs -R "dump file file" disk.img
	same file <(pattern "$1" 1000000)
}

# A service manager's SIGTERM ends the supervisor; the next one finds the disk unchanged.
mounted_early_in_foreground() {
	new_disk disk.img 16M
	mke2fs -q disk.img
	start_nbdkit file disk.img
	busy_udev
	attach_behind supervised --foreground
	within 10 [ -e /dev/nbd/by-name/disk ]
	mkdir mnt
	mount /dev/nbd/by-name/disk mnt
	kill -TERM "$ATTACH"
	ends 1 "interrupted.*stays attached"
	idle_udev
	is disk unsupervised || fail "it is $(field disk STATE)"
	nbd_attach attach --name disk "nbd://127.0.0.1:$PORT/"
	is disk up || fail "it is $(field disk STATE)"
	umount mnt
	detach disk
}

# On a busy machine udev begins late, and nothing shows until then that it has work.
late_udev() { # supervised|alone
	local udev early=no
	new_disk disk.img 8M
	start_nbdkit file disk.img
	udev=$(pgrep -o -x systemd-udevd)
	kill -STOP "$udev"
	attach_behind "$1"
	within 10 [ -e /sys/block/nbd0/pid ]
	nap 1
	! ended "$ATTACH" || early=yes
	kill -CONT "$udev"
	[ $early = no ] || fail "attach has not waited for udev"
	ends 0
	[ -b /dev/nbd/by-name/disk ] || fail "udev has given no name"
	detach disk
}

# The server sends a byte too many after GO, or ends TLS, or closes at once, or later without any
# reply.
after_go() { # byte|end|goodbye|later plain|tls CODE WORD
	local uri
	expect_in_kernel_log 'I/O error'
	free_port
	start after-go "$VM_LIB/after-go.py" "$PORT" "$PKI" "$1" "$2"
	wait_for listening
	uri=nbd://localhost:$PORT/disk
	[ "$2" = plain ] || uri="nbds://localhost:$PORT/disk?tls-certificates=$PKI/ca"
	expect_exit "$3" attach --io-timeout 5s "$uri"
	expect_says "$4"
	assert_clean
}

# The kernel has attached the device, but its answer is lost.
answer_lost() { # supervised|alone
	! sanitized || return 0
	new_disk disk.img 8M
	start_nbdkit file disk.img
	LD_PRELOAD=$TOOLS/lost-answer.so attach_behind "$1"
	ends 0
	roundtrip "$OUT" disk.img
	detach disk
}

for signal in INT TERM; do
	it "SIG$signal when it is mounted already" supervised mounted_early $signal supervised
	it "the same without a supervisor" supervised mounted_early $signal alone
done
it "SIGTERM of a service manager" supervised mounted_early_in_foreground
it "udev begins late" supervised late_udev supervised
it "the same without a supervisor" supervised late_udev alone
for transport in plain tls; do
	it "$transport: a byte behind the server's last reply" \
		supervised after_go byte $transport 6 'sent unexpected data'
	it "$transport: the server leaves after its last reply" \
		supervised after_go end $transport 3 'closed the connection'
	it "$transport: the server leaves a little later, each time" \
		supervised after_go later $transport 3 '--io-timeout'
done
it "tls: the server says good-bye after its last reply" \
	supervised after_go goodbye tls 3 'closed the connection'
it "the kernel's answer gets lost" supervised answer_lost supervised
it "the same without a supervisor" supervised answer_lost alone
