#!/bin/bash
# SPDX-License-Identifier: LGPL-2.1-or-later
#
# The names that udev gives: there when attach returns, gone when detach does.

. "${0%/*}/../lib.sh"

mkdir -p /etc/udev/rules.d
cp "$TOP/udev/61-nbd-attach.rules" /etc/udev/rules.d
udevadm control --reload

leads_to() { # LINK DEVICE
	[ -L "$1" ] || fail "there is no $1: $(ls -R /dev/nbd /dev/disk/by-id 2>&1)"
	[ "$(realpath "$1")" = "$2" ] || fail "$1 leads to $(realpath "$1")"
}

no_links() {
	local left
	left=$(find /dev -type l -path '*nbd*' -print)
	[ -z "$left" ] || fail "still there: $left"
}

whole() {
	new_disk disk 8M
	start_nbdkit file dir=.
	for _ in 1 2 3; do
		nbd_attach attach "nbd://127.0.0.1:$PORT/disk"
		leads_to /dev/nbd/by-name/disk "$OUT"
		leads_to /dev/disk/by-id/nbd-disk "$OUT"
		detach disk
		no_links
	done
}

partitions() {
	new_disk disk 64M
	sfdisk -q disk <<-'END'
		label: gpt
		size=16M
		size=16M
	END
	start_nbdkit file dir=.
	nbd_attach attach --name my.disk_1 "nbd://127.0.0.1:$PORT/disk"
	leads_to /dev/nbd/by-name/my.disk_1 "$OUT"
	leads_to /dev/nbd/by-name/my.disk_1-part2 "${OUT}p2"
	leads_to /dev/disk/by-id/nbd-my.disk_1-part1 "${OUT}p1"
	detach my.disk_1
	no_links
}

# A disk that was detached by force while it was open no longer has its names, which the next
# disk of that name needs.
forced() {
	local old
	expect_in_kernel_log 'I/O error' # udev's, which looks at each change
	new_disk disk 64M
	printf 'label: gpt\nsize=16M\n' | sfdisk -q disk
	start_nbdkit file dir=.
	nbd_attach attach "nbd://127.0.0.1:$PORT/disk"
	old=$OUT
	exec 9<"$old"
	detach --force disk
	no_links
	nbd_attach attach "nbd://127.0.0.1:$PORT/disk"
	[ "$OUT" != "$old" ]
	leads_to /dev/nbd/by-name/disk "$OUT"
	leads_to /dev/nbd/by-name/disk-part1 "${OUT}p1"
	echo change >"/sys/block/${old#/dev/}/uevent"
	udevadm settle
	leads_to /dev/nbd/by-name/disk "$OUT"
	exec 9<&-
	within 5 [ ! -e "/sys/block/${old#/dev/}/pid" ]
	udevadm settle
	leads_to /dev/nbd/by-name/disk "$OUT"
	detach disk
	no_links
	nbd_attach attach --device "$old" "nbd://127.0.0.1:$PORT/disk"
	leads_to /dev/nbd/by-name/disk "$old"
	leads_to /dev/nbd/by-name/disk-part1 "${old}p1"
	detach disk
	no_links
}

# They have no identifier.
others() {
	new_disk disk 8M
	start_nbdkit file dir=.
	nbd-client -N disk 127.0.0.1 "$PORT" /dev/nbd3 >/dev/null
	udevadm settle
	no_links
	nbd-client -d /dev/nbd3
}

# A udev rule's program is part of the queue, so waiting for the queue would never end.
from_a_rule() {
	new_disk disk 8M
	start_nbdkit file dir=.
	cat >from-rule <<-END
		#!/bin/sh
		exec "$PROGRAM" attach "nbd://127.0.0.1:$PORT/disk" >"$PWD/printed" 2>"$PWD/said"
	END
	chmod +x from-rule
	echo "KERNEL==\"null\", ACTION==\"change\", RUN+=\"$PWD/from-rule\"" \
		>/etc/udev/rules.d/90-from-rule.rules
	udevadm control --reload
	udevadm trigger --settle --action=change /sys/class/mem/null
	rm /etc/udev/rules.d/90-from-rule.rules
	udevadm control --reload
	cat said
	grep -q -x '/dev/nbd[0-9]*' printed || fail "not attached"
	! grep -q busy said || fail "it has waited for its own queue"
	leads_to /dev/nbd/by-name/disk "$(cat printed)"
	detach disk
}

# A program of a rule's that does not end keeps the queue full; that is nothing to a disk.
while_udev_is_busy() {
	new_disk disk 64M
	printf 'label: gpt\nsize=16M\n' | sfdisk -q disk
	start_nbdkit file dir=.
	cat >busy <<-END
		#!/bin/sh
		while [ ! -e "$PWD/enough" ]; do sleep 0.2; done
	END
	chmod +x busy
	echo "KERNEL==\"null\", ACTION==\"change\", RUN+=\"$PWD/busy\"" \
		>/etc/udev/rules.d/90-busy.rules
	udevadm control --reload
	udevadm trigger --action=change /sys/class/mem/null
	wait_for [ -e /run/udev/queue ]
	nbd_attach attach "nbd://127.0.0.1:$PORT/disk"
	[ -e /run/udev/queue ] || fail "udev is no longer busy"
	! grep -q busy err || fail "it has waited for other devices"
	leads_to /dev/nbd/by-name/disk "$OUT"
	leads_to /dev/disk/by-id/nbd-disk-part1 "${OUT}p1"
	touch enough
	rm /etc/udev/rules.d/90-busy.rules
	udevadm control --reload
	udevadm settle
	detach disk
	no_links
}

it "of a whole disk" supervised whole
it "of partitions" supervised partitions
it "of a disk that is forced off: none" supervised forced
it "of other programs' devices: none" supervised others
it "attached by a program of a rule's" supervised from_a_rule
it "while udev is busy with another device" supervised while_udev_is_busy
