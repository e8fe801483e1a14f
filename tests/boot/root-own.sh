# SPDX-License-Identifier: LGPL-2.1-or-later
# shellcheck shell=bash
#
# Cases for scenarios of both frameworks: an image that a machine makes for itself, and for no
# other.

# shellcheck source=tests/boot/lib-root.sh
. "${BASH_SOURCE[0]%/*}/lib-root.sh"

boots() {
	boot_on LABEL=root "nbd.attach=root,$(attach_options root)"
	wait_booted
	is_attached
}

boots_with_image_for_all() {
	own_tree
	make_image
	make_root
	server_start root file=root.img
	boots
}

# In the machine, as its user does: its devices, its loaded modules and what is mounted there
# decide what is in the image; dracut's network depends on modules for QEMU there. With little
# compression, to save time.
makes_own_image() {
	export GUEST_SECONDS=300
	case $FRAMEWORK in
	dracut)
		guest "dracut --force --hostonly --no-early-microcode --compress cat --nostrip \
			--omit '$(needless_dracut_modules | sed 's/qemu[^ ]*//g' | xargs)' /var/own"
		;;
	*)
		guest "cd /etc/initramfs-tools && echo COMPRESSLEVEL=1 >>initramfs.conf &&
			sed -i 's/^MODULES=.*/MODULES=dep/; s/^COMPRESS=.*/COMPRESS=zstd/' initramfs.conf"
		guest "mkinitramfs -o /var/own $(kernel_version)"
		;;
	esac
	goes_off_clean root
	debugfs -R 'dump /var/own initrd' root.img
}

# A virtual machine of another kind has other drivers.
is_for_this_machine() {
	unpack
	image_is_whole
	[ -n "$(find unpacked/usr/lib/modules -name 'virtio_pci.ko*')" ]
	[ -z "$(find unpacked/usr/lib/modules -name 'ena.ko*')" ] || fail "it is for others, too"
}

goes_off_clean_again() {
	poweroff
	server_saw_disc root 2
	fsck_file root
}

own_cases() {
	it "boots with an image for all machines" boots_with_image_for_all
	it "makes an image of its own" makes_own_image
	it "has in it what it needs, and no more" is_for_this_machine
	it "boots with that" boots
	it "goes off clean" goes_off_clean_again
}
