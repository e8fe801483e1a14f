#!/bin/bash
# SPDX-License-Identifier: LGPL-2.1-or-later
#
# Debian with its root file system on a server, booted by dracut without systemd in the image:
# dracut's own scripts do all, with its older tools for the network.
# Long: several boots.

export FRAMEWORK=dracut WITHOUT_SYSTEMD=yes
# shellcheck source=tests/boot/root-disks.sh
. "${0%/*}/../root-disks.sh"

# Nobody gives interfaces other names there.
export IP=ip=${ADDRESS/enp0s1/eth0}

makes_image_without_systemd() {
	own_tree
	make_image
	unpack
	[ ! -e unpacked/usr/lib/systemd/systemd ] || fail "the image has systemd"
	make_root
}

boots() {
	server_start root file=root.img
	boot_on LABEL=root "nbd.attach=root,$(attach_options root)"
	wait_booted
	is_attached
	is_left_alone
}

it "makes an image" makes_image_without_systemd
it "holds what it needs" image_is_whole
it "boots" boots
it "has another supervisor if that is killed" is_replaced_if_killed
it "goes off clean" goes_off_clean root
it "boots by a DHCP server's word" boots_by_dhcp
