#!/bin/sh
# SPDX-License-Identifier: LGPL-2.1-or-later
#
# Attaches the disks that are not attached yet, as far as possible now. dracut calls it again
# and again; and, if it has a root-path, as nbdroot INTERFACE ROOT-PATH.

command -v getarg >/dev/null || . /lib/dracut-lib.sh

# The DHCP server's root-path, from whichever client has asked for it.
find_root_path() {
	for answer in /tmp/dhclient.*.dhcpopts; do
		[ ! -e "$answer" ] || (
			. "$answer"
			# shellcheck disable=SC2154 # dhclient's
			printf '%s\n' "$new_root_path"
		)
	done
	sed -n 's/^ROOT_PATH=//p' /run/systemd/netif/leases/* 2>/dev/null
}

# Name servers, from the network's configuration. systemd-networkd leaves that to
# systemd-resolved, which is not in the image.
write_resolv_conf() {
	[ ! -s /etc/resolv.conf ] || return 0
	for server in $(sed -n 's/^DNS=//p' /run/systemd/network/*.network \
		/run/systemd/netif/leases/* 2>/dev/null); do
		echo "nameserver $server"
	done >/etc/resolv.conf
}

# systemd-networkd requests a root-path only if configured to. There is no D-Bus yet to change
# that while it runs.
ask_for_root_path() {
	asked=
	for network in /run/systemd/network/*.network; do
		[ -e "$network" ] && [ ! -e "$network.d/nbd-attach.conf" ] || continue
		mkdir -p "$network.d"
		printf '[DHCPv4]\nRequestOptions=17\n' >"$network.d/nbd-attach.conf"
		asked=yes
	done
	[ -z "$asked" ] || systemctl try-restart systemd-networkd.service
}

# A root-path may say what to mount and how: for mount.sh, or have generator.sh called again.
mount_so() {
	[ -n "$ROOTPATH" ] && [ ! -e /run/nbd-attach-root-path ] || return 0
	printf '%s\n' "$ROOTPATH" >/run/nbd-attach-root-path
	[ -z "${DRACUT_SYSTEMD-}" ] || systemctl daemon-reload
}

ROOTPATH=${2:-$(find_root_path | grep -m 1 .)}
NBD_ATTACH_CMDLINE=$(getcmdline)
export ROOTPATH NBD_ATTACH_CMDLINE
plan=$(nbd-attach-boot plan) || exit 0
eval "$plan"
[ -z "$NBD_ATTACH_DHCP" ] || ask_for_root_path
need_shutdown
write_resolv_conf
# Known only now, if from a root-path. And dracut must go on while attempts fail.
[ -z "$NBD_ATTACH_ROOT" ] || wait_for_dev -n "$NBD_ATTACH_ROOT"
nbd-attach-boot attach || exit 0

# Not needed any more, if dracut has not found the root-path itself.
# shellcheck disable=SC2154 # dracut's
rm -f "$hookdir/initqueue/finished/dhcp.sh"
mount_so
exit 0
