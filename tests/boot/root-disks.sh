# SPDX-License-Identifier: LGPL-2.1-or-later
# shellcheck shell=bash
#
# Cases for scenarios of both frameworks: where a root file system may be on a server's disk, and
# how a machine may learn of it.

# shellcheck source=tests/boot/lib-root.sh
. "${BASH_SOURCE[0]%/*}/lib-root.sh"

PASSPHRASE=correct-horse

# How each framework unlocks the disk.
add_luks_key() {
	echo -n $PASSPHRASE | tee passphrase | tree_file /etc/keys/root.key 600
	echo "cryptroot /dev/nbd/by-name/luks /etc/keys/root.key luks,initramfs" |
		tree_file /etc/crypttab
	echo 'KEYFILE_PATTERN="/etc/keys/*.key"' |
		tree_file /etc/cryptsetup-initramfs/conf-hook
	echo UMASK=0077 >>tree/etc/initramfs-tools/initramfs.conf
	DRACUT_ARGUMENTS=(--install '/etc/crypttab /etc/keys/root.key')
}

makes_image() {
	own_tree
	add_luks_key
	make_image
	make_root
}

# DISK: where a partition or a volume begins there.
put_root() {
	dd if=root.img of="$1" bs=1M seek=1 conv=notrunc,sparse status=none
}

# DISK DISCONNECTS: the file system that was put there is clean.
goes_off_with() {
	poweroff
	server_saw_disc "$1" "$2"
	dd if="$1.img" of=plain.img bs=1M skip=1 conv=sparse status=none
	fsck_file plain
}

# By the name of its partition, which udev derives from the disk's.
boots_from_partition() {
	truncate -s 800M partitioned.img
	echo 'start=2048, type=L' | sfdisk -q partitioned.img
	put_root partitioned.img
	server_start partitioned file=partitioned.img
	boot_on /dev/nbd/by-name/root-part1 rd.luks=0 \
		"nbd.attach=root,$(attach_options partitioned)"
	wait_booted
	is_attached
}

# The volume fills its disk, and begins at 1 MiB. It is activated with its disk.
makes_volume() {
	server_start volume size=800M
	guest "nbd-attach attach --name=volume '$(server_uri volume)'"
	guest 'pvcreate /dev/nbd/by-name/volume && vgcreate remote /dev/nbd/by-name/volume &&
		lvcreate -W n -Z n -l 100%FREE -n root remote'
	# which is in use as long as that is active
	guest 'nbd-attach detach volume; [ $? = 7 ]'
	guest 'vgchange -an remote && nbd-attach detach volume'
	guest "nbd-attach attach --name=volume '$(server_uri volume)'"
	guest_until 20 '[ -b /dev/remote/root ]'
	guest 'vgchange -an remote && nbd-attach detach volume'
	server_saw_disc volume 2
	put_root volume.img
}

boots_from_volume() {
	boot_on /dev/mapper/remote-root rd.luks=0 rd.lvm.lv=remote/root \
		"nbd.attach=volume,$(attach_options volume)"
	wait_booted
	guest 'findmnt -n -o SOURCE /' | grep remote-root
	guest 'nbd-attach list' | grep -E '^volume .* up '
	goes_off_with volume 3
}

# Made by qemu-img, because the host's kernel may not support LUKS. On a fast host it may fail
# to measure the time of an iteration.
make_luks() {
	qemu-img convert -O luks --object secret,id=key,file=passphrase \
		-o key-secret=key,iter-time=10 root.img luks.img
}

boots_from_luks() {
	wait_for 60 make_luks
	server_start luks file=luks.img
	boot_on /dev/mapper/cryptroot "nbd.attach=luks,$(attach_options luks)"
	wait_booted
	guest 'findmnt -n -o SOURCE /' | grep cryptroot
	guest 'nbd-attach list' | grep -E '^luks .* up '
	guest 'echo there >/data; sync'
	poweroff
	server_saw_disc luks 1
	qemu-img convert --object secret,id=key,file=passphrase --image-opts \
		driver=luks,file.filename=luks.img,key-secret=key -O raw plain.img
	fsck_file plain
	[ "$(debugfs -R 'cat /data' plain.img 2>/dev/null)" = there ]
}

# The host is the network, and its only machine.
start_dhcp() { # ROOT-PATH
	ip tuntap add tap0 mode tap
	ip addr add 10.0.2.2/24 dev tap0
	ip link set tap0 up
	setsid dnsmasq --no-daemon --user=root --conf-file=/dev/null --port=0 \
		--interface=tap0 --bind-interfaces --dhcp-range=10.0.2.15,10.0.2.15,1h \
		--dhcp-leasefile="$PWD/dhcp.leases" "--dhcp-option=option:root-path,$1" \
		>dhcp.log 2>&1 </dev/null &
}

# In the syntax of dracut, and in that of Debian's nbd-client.
boots_by_dhcp() {
	server_start dhcp file=root.img
	start_dhcp "nbd:10.0.2.2:$(cat dhcp.port)/root:ext4:noatime"
	export IP=ip=dhcp MACHINE_NET=tap,ifname=tap0,script=no,downscript=no
	server_stop dhcp
	starts_on dhcp rd.luks=0 nbd.options=tls-ca=/etc/nbd-attach/initrd/ca-cert.pem
	wait_for "$BOOT_SECONDS" console_says 'cannot attach root: .*Connection refused'
	sleep 3
	server_start_again dhcp
	wait_started
	wait_booted
	is_attached
	guest 'findmnt -n -o OPTIONS /' | grep noatime
	goes_off_clean dhcp
}

disk_cases() {
	it "makes an image" makes_image
	it "boots from a partition" boots_from_partition
	it "makes a volume of LVM" makes_volume
	it "goes off clean" goes_off_with partitioned 1
	it "boots from a volume of LVM" boots_from_volume
	it "boots from LUKS" boots_from_luks
	it "boots by a DHCP server's word" boots_by_dhcp
}
