# SPDX-License-Identifier: LGPL-2.1-or-later
# shellcheck shell=bash
#
# Machines whose root file system is on a server, and the images that boot them. See lib.sh.
#
#	own_tree		a copy of the tree for this scenario: in the folder tree
#	tree_file PATH [MODE]	with stdin's content
#	initramfs_tools, dracut	makes the image: initrd, from what is in tree/etc/nbd-attach
#	unpack			the image, into the folder unpacked
#	start_root [KEY=VALUE…]	the server of root.img, made of $IMAGE's if need be
#	boot_on ROOT ATTACH…	boots with root=ROOT and these words
#	refuses_to_boot REGEX ROOT ATTACH…	it does not mount; the console says so

# shellcheck source=tests/boot/lib.sh
. "${BASH_SOURCE[0]%/*}/lib.sh"

ADDRESS=10.0.2.15::10.0.2.2:255.255.255.0::enp0s1:off

own_tree() {
	mkdir -p upper work tree
	mount -t overlay overlay -o "lowerdir=$IMAGE/tree,upperdir=upper,workdir=work" tree
	mount -t proc proc tree/proc
	mkdir -p tree/etc/nbd-attach/initrd
	cp "$PKI/ca/ca-cert.pem" tree/etc/nbd-attach/initrd
	chmod 644 tree/etc/nbd-attach/initrd/ca-cert.pem
}

tree_file() { # PATH [MODE]
	mkdir -p "tree$(dirname "$1")"
	cat >"tree$1"
	chmod "${2:-644}" "tree$1"
}

kernel_version() {
	ls tree/lib/modules
}

# What this machine needs, beside what our hook asks for.
initramfs_tools() {
	cp -a tree/etc/initramfs-tools tree/tmp/conf
	printf '%s\n' virtio_pci virtio_net dm_crypt >tree/tmp/conf/modules
	sed -i -e 's/^MODULES=.*/MODULES=list/' -e 's/^COMPRESS=.*/COMPRESS=zstd/' \
		tree/tmp/conf/initramfs.conf
	echo COMPRESSLEVEL=1 >>tree/tmp/conf/initramfs.conf
	chroot tree mkinitramfs -d /tmp/conf -o /tmp/initrd "$(kernel_version)" || return
	rm -rf tree/tmp/conf
	mv tree/tmp/initrd .
}

unpack() {
	rm -rf unpacked tree/tmp/unpacked
	cp initrd tree/tmp/initrd
	chroot tree unmkinitramfs /tmp/initrd /tmp/unpacked
	mv tree/tmp/unpacked .
	[ ! -d unpacked/main ] || { mv unpacked/main whole; rm -rf unpacked; mv whole unpacked; }
}

# Who configures the network later must not take away first what it finds.
keep_network() {
	guest_file /etc/systemd/network/10-test.network <<-'END'
		[Match]
		Type=ether

		[Network]
		Address=10.0.2.15/24
		Gateway=10.0.2.2
		LinkLocalAddressing=no
		IPv6AcceptRA=no
		KeepConfiguration=yes
	END
}

start_root() {
	keep_network
	root_disk root.img
	server_start root file=root.img "$@"
}

root_at() {
	echo "10.0.2.2:$(cat root.port)"
}

# The URI and the certificate, for nbd.attach=.
root_uri() {
	echo "nbds://$(root_at)/root,tls-ca=/etc/nbd-attach/initrd/ca-cert.pem"
}

boot_on() { # ROOT WORDS…
	BOOT_SECONDS=${BOOT_SECONDS:-150} boot_root "$IMAGE/vmlinuz" initrd \
		"root=$1 ${IP:-ip=$ADDRESS} ${*:2}"
}

console_says() {
	grep -q -a -E -e "$1" console.log || fail "the console says nothing of $1"
}

# What it prints stays on the console; nobody is at the shell that it offers.
refuses_to_boot() { # REGEX ROOT WORDS…
	local regex=$1
	shift
	rm -f console.log
	# It is ended from here, before its patience is at an end.
	boot_on "$@" "rootdelay=20" &
	wait_for "${BOOT_SECONDS:-150}" grep -q -a -E -e "$regex" console.log
}
