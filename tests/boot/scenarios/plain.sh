#!/bin/bash
# SPDX-License-Identifier: LGPL-2.1-or-later
#
# Debian boots with nbd-attach installed, and disks are attached by hand, with the
# distribution's kernel, udev and systemd.
#
# Long: at-boot.sh shows most of it, too.

. "${0%/*}/../lib.sh"

boots() {
	boot
	wait_booted
	guest 'systemd-analyze; networkctl status --no-pager; cat /proc/cmdline'
}

# The data goes through a file system to the server's own file and back.
keeps_data() { # NAME
	guest "nbd-attach attach --name=$1 '$(server_uri "$1")'"
	guest "nbd-attach list; nbd-attach status $1"
	guest_until 10 "[ -b /dev/nbd/by-name/$1 ]"
	guest "mkfs.ext4 -q /dev/nbd/by-name/$1 && mkdir -p /mnt/$1 &&
		mount /dev/nbd/by-name/$1 /mnt/$1"
	guest "head -c 8M /dev/urandom >/mnt/$1/data && sync /mnt/$1/data &&
		umount /mnt/$1 && mount /dev/nbd/by-name/$1 /mnt/$1 &&
		sha256sum </mnt/$1/data" >"$1.sum"
	guest "umount /mnt/$1 && nbd-attach detach $1"
	guest_until 10 "[ ! -e /dev/nbd/by-name/$1 ]"

	server_saw_disc "$1" 1
	fsck_file "$1"
	debugfs -R 'cat /data' "$1.img" 2>/dev/null | sha256sum | diff - "$1.sum"
}

in_the_kernel() {
	guest 'lsmod' | grep -q '^tls ' || fail "no module tls"
	! guest 'journalctl -k' | grep -E 'nbd.*(Dead|I/O error)|BUG|WARNING|Oops' ||
		fail "the kernel has had trouble"
}

goes_off() {
	poweroff
	journal_says 'Reached target (poweroff.target|System Power Off)'
}

server_start certificate
server_start key tls=psk
it "boots, and no unit fails" boots
it "keeps data on a disk behind a certificate" keeps_data certificate
it "keeps data on a disk behind a shared key" keeps_data key
it "does so in the kernel, which is content" in_the_kernel
it "powers off" goes_off
