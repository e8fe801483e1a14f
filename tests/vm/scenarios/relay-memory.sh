#!/bin/bash
# SPDX-License-Identifier: LGPL-2.1-or-later
#
# Memory is short and most of it is dirty pages of the remote disk: the relay continues without
# allocating more, as kernel TLS does.
# Long: writing without memory is slow.

. "${0%/*}/../lib.sh"

N_BYTES=100000000
LEFT_KB=61440

available() {
	sed -n 's/^MemAvailable: *\([0-9]*\) kB/\1/p' /proc/meminfo
}

# On a tmpfs without swap, so it stays in memory.
fill_memory() {
	local excess=$(($(available) - LEFT_KB))
	[ "$excess" -gt 0 ] || fail "only $(available) kB are left as it is"
	mkdir -p full
	mount -t tmpfs -o size=100% none full
	trap 'end_all; umount -l mnt full 2>/dev/null || :; wipe_up; stop_servers' EXIT
	head -c "${excess}K" /dev/zero >full/file
	echo "available: $(available) kB"
}

# The pages of the server's disk are there already, and stay: nothing makes holes in it.
writeback() { # DATA-PATH WAY
	! sanitized || return 0
	ATTACH_OPTIONS=(--data-path "$1")
	WAYS=("$2")
	mkdir disks mnt
	head -c 160M /dev/zero >"disks/$2"
	free_port
	# On another machine it would neither take our memory nor be in danger.
	serve --threads=1 --filter=nozero
	SERVER_COMMAND=(choom -n -1000 -- "${SERVER_COMMAND[@]}")
	server_up
	attach_ways
	mkfs.ext4 -q -E nodiscard "${DEVICES[$2]}"
	mount "${DEVICES[$2]}" mnt
	fill_memory
	# Writeback begins late, so that the kernel needs the relay to get memory. Later still, and
	# it would kill processes.
	sysctl -q -w vm.dirty_background_ratio=40 vm.dirty_ratio=60
	pattern memory $N_BYTES | dd of=mnt/file bs=1M iflag=fullblock status=none
	echo "written; $(grep -E '^(MemFree|Dirty|Writeback):' /proc/meminfo | tr -s ' \n' ' ')"
	sync
	umount mnt
	says "$2" reconnects ' 0$' || fail "reconnects: $("$PROGRAM" status "$2")"
	umount full
	detach "$2"
	fsck.ext4 -f -n "disks/$2"
	debugfs -R 'cat /file' "disks/$2" | cmp - <(pattern memory $N_BYTES)
}

it "writeback through the relay, TLS" supervised writeback relay tls-16
it "writeback through the relay, plain" supervised writeback relay plain-16
it "writeback through kernel TLS" supervised writeback kernel tls-16
