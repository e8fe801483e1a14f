#!/bin/bash
# SPDX-License-Identifier: LGPL-2.1-or-later
#
# What happens between CONNECT and the moment when the device can be used: servers that are
# slow, silent, restarted or broken just then; and somebody who uses it before that.
# Long: slow servers have to be waited for.

. "${0%/*}/../lib.sh"

cp "$TOP/udev/61-nbd-attach.rules" /etc/udev/rules.d

declare -A HOW=([supervised]='' [alone]=--no-daemon)

attach_behind() { # supervised|alone [OPTION…]: its pid in ATTACH
	local how=${HOW[$1]}
	shift
	# A shell has what it starts in the background ignore SIGINT.
	env --default-signal=INT "$PROGRAM" attach ${how:+$how} --name disk "$@" \
		"nbd://127.0.0.1:$PORT/" >out 2>err &
	ATTACH=$!
}

# ends CODE [WORD]: attach does, with one line on stderr, and nothing on stdout but what
# OUT becomes.
ends() {
	local code=0
	within 60 ended "$ATTACH"
	wait "$ATTACH" || code=$?
	cat out err
	OUT=$(cat out)
	[ $code = "$1" ] || fail "exit code $code instead of $1"
	[ "$1" = 0 ] || [ -z "$OUT" ] || fail "something on stdout"
	[ -z "${2-}" ] || expect_says "$2"
}

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
	expect_in_kernel_log 'Possible stuck'
	partitioned_disk
	start_nbdkit --filter=log --filter=delay file disk.img rdelay=3 logfile=reads
	attach_behind "$1" --io-timeout 10s
	ends 0
	has_partitions
	# What udev looks at is read at once, not one block after the other.
	[ "$(grep -c ' Read ' reads)" -le 60 ] || fail "$(grep -c ' Read ' reads) reads"
	takes_at_most 15 detach disk
}

# It has agreed to all, and answers no request.
silent() { # supervised|alone
	expect_in_kernel_log 'Possible stuck|I/O error|timed out|nbd0'
	new_disk disk.img 8M
	start_nbdkit --filter=delay file disk.img rdelay=600
	attach_behind "$1" --io-timeout 3s
	ends 3 "--io-timeout"
	assert_clean
}

# Reads fail; or the first ones only, all of a scan, and the kernel does not say so.
broken() { # supervised|alone
	expect_in_kernel_log 'I/O error|Possible stuck'
	start_nbdkit eval get_size='echo 16M' pread='echo EIO broken >&2; exit 1'
	attach_behind "$1"
	ends 7 "partition table"
	assert_clean
}

broken_at_first() { # supervised|alone
	expect_in_kernel_log 'I/O error|Possible stuck'
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
	expect_in_kernel_log 'Possible stuck|Receive control'
	partitioned_disk
	start_nbdkit --filter=delay file disk.img rdelay=2
	attach_behind supervised
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

# udev gives the names, and is then at work for long: time to use them.
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

# A service manager's TERM ends the supervisor, too; the next one finds the disk as it is.
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

# The kernel does not get such a link; or there is no end of them, and no reply.
after_go() { # byte|end|later plain|tls CODE WORD
	local uri
	expect_in_kernel_log 'I/O error|Possible stuck'
	free_port
	start after-go "$VM_LIB/after-go.py" "$PORT" "$PKI" "$1" "$2"
	wait_for listening
	uri=nbd://localhost:$PORT/disk
	[ "$2" = plain ] || uri="nbds://localhost:$PORT/disk?tls-certificates=$PKI/ca"
	expect_exit "$3" attach --io-timeout 5s "$uri"
	expect_says "$4"
	assert_clean
}

# It is attached, and nobody says so.
answer_lost() { # supervised|alone
	! sanitized || return 0
	new_disk disk.img 8M
	start_nbdkit file disk.img
	LD_PRELOAD=$TOOLS/lost-answer.so attach_behind "$1"
	ends 0
	roundtrip "$OUT" disk.img
	detach disk
}

it "a server that takes 3 s a read" supervised slow supervised
it "the same without a supervisor" supervised slow alone
it "a server that answers no request" supervised silent supervised
it "the same without a supervisor" supervised silent alone
it "a server that answers reads with errors" supervised broken supervised
it "the same without a supervisor" supervised broken alone
it "a first scan that fails" supervised broken_at_first supervised
it "the same without a supervisor" supervised broken_at_first alone
it "the server is restarted while its disk is attached" supervised restarted
for signal in INT TERM; do
	it "SIG$signal when it is mounted already" supervised mounted_early $signal supervised
	it "the same without a supervisor" supervised mounted_early $signal alone
done
it "SIGTERM of a service manager" supervised mounted_early_in_foreground
for transport in plain tls; do
	it "$transport: a byte behind the server's last reply" \
		supervised after_go byte $transport 6 'nobody asked for'
	it "$transport: the server leaves after its last reply" \
		supervised after_go end $transport 3 'closed the connection'
	it "$transport: the server leaves a little later, each time" \
		supervised after_go later $transport 3 '--io-timeout'
done
it "the kernel's answer gets lost" supervised answer_lost supervised
it "the same without a supervisor" supervised answer_lost alone
