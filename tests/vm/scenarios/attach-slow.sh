#!/bin/bash
# SPDX-License-Identifier: LGPL-2.1-or-later
#
# Servers that are slow, silent, restarted or broken while their disk is attached.
# Long: slow servers have to be waited for.

. "${0%/*}/../lib.sh"
# shellcheck source=tests/vm/lib-attach.sh
. "$VM_LIB/lib-attach.sh"

partitioned_disk() {
	new_disk disk.img 16M
	printf 'label: gpt\nsize=4M\nsize=8M\n' | sfdisk --quiet disk.img
}

has_partitions() {
	[ -b "${OUT}p1" ] && [ -b "${OUT}p2" ] || fail "no partitions: $(ls "$OUT"*)"
	[ -L /dev/nbd/by-name/disk-part2 ] || fail "no link to a partition"
}

configured() {
	[ -n "$(configured_devices)" ]
}

# Each reply takes a while, and all of them together much longer than one may.
slow() { # supervised|alone
	partitioned_disk
	start_nbdkit --filter=log --filter=delay file disk.img rdelay=3 logfile=reads
	attach_behind "$1" --io-timeout 10s
	ends 0
	has_partitions
	# udev reads in large requests, not block by block.
	[ "$(grep -c ' Read ' reads)" -le 60 ] || fail "$(grep -c ' Read ' reads) reads"
	takes_at_most 15 detach disk
}

# The server completes the negotiation, and answers no request.
silent() { # supervised|alone
	expect_in_kernel_log 'I/O error|timed out|nbd0'
	new_disk disk.img 8M
	start_nbdkit --filter=delay file disk.img rdelay=600
	attach_behind "$1" --io-timeout 3s
	ends 3 "--io-timeout|was lost" # without a supervisor the driver has that patience, too
	assert_clean
}

# … or no longer, when the partition table is read again, which no signal ends.
silent_later() { # supervised|alone
	expect_in_kernel_log 'I/O error|timed out|nbd0'
	new_disk disk.img 8M
	cat >answer <<-END
		[ "\$4" != 0 ] || echo >>"$PWD/begun"
		[ "\$(wc -l <"$PWD/begun")" -lt 2 ] || sleep 600
		dd if="$PWD/disk.img" skip="\$4" count="\$3" iflag=skip_bytes,count_bytes status=none
	END
	start_nbdkit eval get_size="stat -c %s $PWD/disk.img" pread=". $PWD/answer"
	attach_behind "$1" --io-timeout 3s
	ends 3 "--io-timeout|was lost" # without a supervisor the driver has that patience, too
	assert_clean
}

# Reads fail; or the first ones only, all of a scan, and the kernel does not say so.
broken() { # supervised|alone
	expect_in_kernel_log 'I/O error'
	start_nbdkit eval get_size='echo 16M' pread='echo EIO broken >&2; exit 1'
	attach_behind "$1"
	ends 7 "partition table"
	assert_clean
}

broken_at_first() { # supervised|alone
	expect_in_kernel_log 'I/O error'
	partitioned_disk
	cat >answer <<-END
		echo >>"$PWD/read"
		[ "\$(wc -l <"$PWD/read")" -gt 12 ] || { echo EIO >&2; exit 1; }
		dd if="$PWD/disk.img" skip="\$4" count="\$3" iflag=skip_bytes,count_bytes status=none
	END
	start_nbdkit eval get_size="stat -c %s $PWD/disk.img" pread=". $PWD/answer"
	attach_behind "$1"
	ends 0
	has_partitions
	detach disk
}

# The link dies while the partition table is read: another takes its place.
restarted() {
	expect_in_kernel_log 'Receive control'
	partitioned_disk
	start_nbdkit --filter=delay file disk.img rdelay=2
	attach_behind supervised --io-timeout 20s
	wait_for configured
	nap 1
	stop_server "$SERVER_PID"
	nap 1
	start nbdkit nbdkit --foreground --ipaddr 127.0.0.1 --port "$PORT" file disk.img
	ends 0
	has_partitions
	"$PROGRAM" status disk | grep -E 'reconnects: +[1-9]' || fail "it was not reconnected"
	detach disk
}

# … with what somebody has asked for before the device is brought up: that, too, is sent
# again by the new link, and not only after the driver's 30 s.
restarted_at_once() {
	local reader
	! sanitized || return 0
	expect_in_kernel_log 'Receive control'
	partitioned_disk
	start_nbdkit --filter=delay file disk.img rdelay=600
	modprobe nbd
	LD_PRELOAD=$TOOLS/late-bring-up.so attach_behind supervised --io-timeout 20s
	until configured; do nap 0.01; done
	dd if=/dev/nbd0 of=first bs=4096 count=1 iflag=direct status=none &
	reader=$!
	within 5 grep -q '[1-9]' /sys/block/nbd0/inflight
	stop_server "$SERVER_PID"
	nap 1
	start nbdkit nbdkit --foreground --ipaddr 127.0.0.1 --port "$PORT" file disk.img
	ends 0
	wait $reader
	cmp -n 4096 first disk.img
	detach disk
}

# It does not come back. What was asked for waits for a link, which newer kernels do not count:
# those are reads, which keep nothing attached.
gone() {
	expect_in_kernel_log 'Receive control|timed out|I/O error|nbd0'
	partitioned_disk
	start_nbdkit --filter=delay file disk.img rdelay=600
	attach_behind supervised --io-timeout 5s
	wait_for configured
	within 5 grep -q '[1-9]' /sys/block/nbd0/inflight
	stop_server "$SERVER_PID"
	ends 3 "--io-timeout"
	assert_clean
}

# Without a supervisor nothing replaces the link.
lost() {
	expect_in_kernel_log 'Receive control|I/O error|nbd0'
	partitioned_disk
	start_nbdkit --filter=delay file disk.img rdelay=2
	attach_behind alone
	wait_for configured
	nap 1
	stop_server "$SERVER_PID"
	ends 3 "was lost"
	assert_clean
}

it "a server that takes 3 s a read" supervised slow supervised
it "the same without a supervisor" supervised slow alone
it "a server that answers no request" supervised silent supervised
it "the same without a supervisor" supervised silent alone
it "a server that answers no more when it is read again" \
	supervised silent_later supervised
it "the same without a supervisor" supervised silent_later alone
it "a server that answers reads with errors" supervised broken supervised
it "the same without a supervisor" supervised broken alone
it "a first scan that fails" supervised broken_at_first supervised
it "the same without a supervisor" supervised broken_at_first alone
it "the server is restarted while its disk is attached" supervised restarted
it "… before the device is brought up" supervised restarted_at_once
it "the server leaves for good" supervised gone
it "the same without a supervisor: it fails" supervised lost
