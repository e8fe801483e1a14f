# SPDX-License-Identifier: LGPL-2.1-or-later
# shellcheck shell=bash
#
# Cases for scenarios of both frameworks: a server that has an IPv6 address only.

# shellcheck source=tests/boot/lib-root.sh
. "${BASH_SOURCE[0]%/*}/lib-root.sh"

# QEMU's name for the host; a router there tells machines the rest.
HOST6='[fec0::2]'

makes_image() {
	own_tree
	make_image
	settle_root
	guest_file /etc/systemd/network/10-test.network <<-'END'
		[Match]
		Type=ether

		[Network]
		KeepConfiguration=yes
	END
	root_disk root.img
	server_start root file=root.img --ipaddr ::1
}

attach_options6() {
	echo "nbds://$HOST6:$(cat root.port)/root,tls-hostname=localhost,tls-ca=/etc/nbd-attach/initrd/ca-cert.pem"
}

# initramfs-tools configures IPv4, and IPv6 configures itself as soon as the interface is up.
boot_on6() {
	export MACHINE_NET=user
	if [ "$FRAMEWORK" = dracut ]; then
		MACHINE_NET=user,ipv4=off IP=${IP-ip=auto6}
		export IP
	fi
	boot_on LABEL=root "nbd.attach=root,$(attach_options6)"
	wait_booted
	is_attached
	grep -F "$HOST6" seen
}

boots_from_address6() {
	boot_on6
	goes_off_clean root
}

ipv6_cases() {
	it "makes an image" makes_image
	it "boots from an IPv6 address, and goes off clean" boots_from_address6
}
