# SPDX-License-Identifier: LGPL-2.1-or-later
# shellcheck shell=bash
#
# Cases for scenarios of both frameworks: one boot, and all that may happen to its server.

# shellcheck source=tests/boot/lib-root.sh
. "${BASH_SOURCE[0]%/*}/lib-root.sh"

makes_image() {
	own_tree
	make_image
	unpack
}

# As a kernel that was built without it.
refuses_kernel_without_driver() {
	find tree/usr/lib/modules -name 'nbd.ko*' -delete
	chroot tree depmod "$(kernel_version)"
	refuses_image 'nbd-attach: the kernel .* has no driver nbd'
}

# The server starts late, and goes away again after the first files were read.
boots_with_late_server() {
	make_root
	server_start root file=root.img
	server_stop root
	starts_on LABEL=root "nbd.attach=root,$(attach_options root)"
	wait_for "$BOOT_SECONDS" console_says 'cannot attach root: .*Connection refused'
	server_start_again root
	wait_for "$BOOT_SECONDS" grep -q 'dataport is encrypted\|using TLS' root.log
	sleep 3
	server_stop root
	sleep 3
	server_start_again root
	wait_started
	wait_booted
	guest 'nbd-attach status root' | grep -E 'reconnects: +[1-9]'
}

survives_server() {
	guest 'echo before >/data; sync'
	server_stop root
	guest '(head -c 2M /dev/urandom | tee /data2 | sha256sum; sync; touch /synced) >/sum &'
	sleep 3
	guest '[ ! -e /synced ] && nbd-attach list'
	server_start_again root
	guest_until 30 '[ -e /synced ]'
	guest 'nbd-attach status root' | grep -E 'reconnects: +[1-9]'
	guest 'cat /sum' >sum
	guest dmesg >kernel.log
	grep -q 'block nbd0' kernel.log
	! grep -i 'I/O error' kernel.log || fail "I/O errors"
}

# The server is away while units are stopped and file systems are unmounted.
goes_off_with_late_server() {
	guest 'systemctl --no-block poweroff'
	wait_for 60 grep -q -a 'Stopped target' journal.log
	server_stop root
	server_saw_disc root 0
	sleep 6
	server_start_again root
	wait_ended
	server_saw_disc root 1
	fsck_file root
	debugfs -R 'cat /data2' root.img 2>/dev/null | sha256sum | diff - sum
}

root_cases() {
	it "makes an image" makes_image
	it "holds what it needs" image_is_whole
	it "holds no more" image_is_private
	it "is not made for a kernel without nbd" refuses_kernel_without_driver
	it "boots, with a server that comes late and goes" boots_with_late_server
	it "is attached" is_attached
	it "is left alone" is_left_alone
	it "survives its server" survives_server
	it "has another supervisor if that is killed" is_replaced_if_killed
	it "goes off clean, with a server that goes" goes_off_with_late_server
}
