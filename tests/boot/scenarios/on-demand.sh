# SPDX-License-Identifier: LGPL-2.1-or-later
# shellcheck shell=bash
#
# Disks that are attached on demand: by an automount, with a network interface, with other
# hardware; and those of nbd-client's nbdtab.
#
# Long: at-boot.sh shows what everything else depends on.

. "$(dirname "${BASH_SOURCE[0]}")/../lib.sh"

set_up() {
	local name
	server_start disk tls=none size=64M
	mkfs.ext4 -q disk.img
	for name in folder any wire stick relayed; do
		guest_file "/etc/nbd-attach/$name.conf" <<-END
			[attach]
			uri=$(server_uri disk)
			read-only=yes
		END
	done
	echo trigger=net >>files/etc/nbd-attach/any.conf
	echo trigger=net:wire0 >>files/etc/nbd-attach/wire.conf
	echo data-path=relay >>files/etc/nbd-attach/relayed.conf
	fstab '/dev/disk/by-id/nbd-folder /folder ext4 ro,noload,_netdev,x-systemd.automount 0 2'
	guest_file /etc/udev/rules.d/99-stick.rules <<-'END'
		ACTION=="add", SUBSYSTEM=="net", KERNEL=="stick", TAG+="systemd", ENV{SYSTEMD_WANTS}+="nbd-attach@stick.service"
	END
	guest_file /etc/nbdtab <<-END
		nbd7 10.0.2.2 disk port=$(cat disk.port)
	END
	boot
}

attached() { # NAME
	guest "nbd-attach list | grep '^$1 '"
}

# Except for the first network interface, which has existed since boot.
only_what_is_wanted() {
	wait_booted
	guest_until 20 "nbd-attach list | grep -q '^any .* up '"
	for name in folder wire stick disk; do
		! attached $name || fail "nobody wanted $name"
	done
}

folder() {
	guest 'ls /folder/lost+found'
	attached folder
	guest 'systemctl is-active nbd-attach@folder folder.mount'
}

interface() {
	guest 'systemctl stop nbd-attach@any; ip link add wire0 type dummy'
	guest_until 15 "nbd-attach list | grep '^wire .* up '"
	guest_until 15 "nbd-attach list | grep '^any .* up '"
}

hardware() {
	! attached stick
	guest 'ip link add stick type dummy'
	guest_until 15 "nbd-attach list | grep '^stick .* up '"
}

nbdtab() {
	guest 'systemctl enable --now nbd-attach@nbd7'
	guest '[ $(cat /sys/block/nbd7/backend) = nbd-attach:disk ]'
	guest 'systemctl stop nbd-attach@nbd7; [ ! -e /sys/block/nbd7/pid ]'
}

relay() {
	local before
	guest 'systemctl start nbd-attach@relayed'
	before=$(guest 'pgrep nbd-relay')
	guest 'systemctl restart nbd-attach@relayed'
	[ "$(guest 'pgrep nbd-relay')" = "$before" ] || fail "the relay is another one"
	guest 'nbd-attach status relayed | grep "reconnects: *0"'
	guest 'systemctl stop nbd-attach@relayed'
	guest_until 5 '! pgrep nbd-relay'
}

goes_off() {
	local before
	before=$(server_discs disk)
	poweroff
	# folder, any, wire and stick
	server_saw_disc disk $((before + 4))
}

set_up
it "boots with nothing but what is wanted" only_what_is_wanted
it "attaches when somebody looks into the folder" folder
it "attaches when an interface comes" interface
it "attaches by a rule of the user's" hardware
it "attaches a line of nbdtab" nbdtab
it "keeps relays across a restart of their supervisor" relay
it "goes off" goes_off
