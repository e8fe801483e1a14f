#!/bin/bash
# SPDX-License-Identifier: LGPL-2.1-or-later
#
# Debian with its root file system on a server, booted by initramfs-tools.

. "${0%/*}/../lib-root.sh"

makes_image() {
	own_tree
	initramfs_tools
	unpack
}

# Programs that start, with all their libraries; what the kernel needs; whom to trust.
holds_what_is_needed() {
	local program module
	for program in nbd-attachd nbd-attach nbd-attach-boot; do
		chroot unpacked "/usr/sbin/$program" --help >/dev/null
	done
	for module in nbd tls gcm ccm chacha20poly1305 aesni-intel virtio_net; do
		[ -n "$(find unpacked/usr/lib/modules -name "$module.ko*")" ] ||
			fail "no module $module"
	done
	diff unpacked/etc/nbd-attach/initrd/ca-cert.pem "$PKI/ca/ca-cert.pem"
	[ -e unpacked/usr/lib/udev/rules.d/61-nbd-attach.rules ]
	grep -q 'hosts: files dns' unpacked/etc/nsswitch.conf
	[ "$(cat unpacked/usr/lib/nbd-attach/initrd-made)" -gt 1700000000 ]
}

holds_no_more() {
	[ ! -e unpacked/etc/nbd-pki ]
	! find unpacked -name '*-key.pem' -o -name '*.psk' | grep . || fail "keys, unasked for"
	[ ! -e unpacked/etc/ssl/certs/ca-certificates.crt ]
	[ ! -e unpacked/etc/shadow ]
}

boots() {
	boot_on /dev/nbd/by-name/root "nbd.attach=root,$(root_uri)"
	wait_booted
	guest 'findmnt -n -o SOURCE /' | grep /dev/nbd0
}

is_seen() {
	guest 'nbd-attach list; nbd-attach status root' | tee seen
	grep -E '^root +/dev/nbd0 .* up ' seen
	grep 'server verified' seen
	guest 'cat /run/nbd-attach/root/initrd'
	# Its name begins with @, it is in no unit of its own, and holds no file of a disk.
	guest 'tr "\0" " " </proc/$(pgrep nbd-attachd)/cmdline' | grep '^@'
	guest 'cat /proc/$(pgrep nbd-attachd)/cgroup' | grep -x '0::/init.scope'
	guest '! ls -l /proc/$(pgrep nbd-attachd)/fd | grep -E "> /" | grep -v -E "/(dev/null|run/nbd-attach.*)$"'
	guest 'grep VmLck /proc/$(pgrep nbd-attachd)/status' | grep -v ' 0 kB'
}

survives_server() {
	guest 'echo before >/data; sync'
	server_stop root
	guest '(head -c 2M /dev/urandom | tee /data2 | sha256sum; sync; touch /synced) >/sum &'
	sleep 3
	guest '[ ! -e /synced ] && nbd-attach list'
	server_start_again root
	guest_until 30 '[ -e /synced ]'
	guest 'nbd-attach status root' | grep -E 'reconnects: +1'
	guest 'cat /sum' >sum
}

goes_off() {
	poweroff
	server_saw_disc root 1
	fsck_file root
	debugfs -R 'cat /data2' root.img 2>/dev/null | sha256sum | diff - sum
}

it "makes an image" makes_image
it "holds what it needs" holds_what_is_needed
it "holds no more" holds_no_more
start_root
it "boots" boots
it "is seen, and left alone" is_seen
it "survives its server" survives_server
it "goes off clean" goes_off
