# SPDX-License-Identifier: LGPL-2.1-or-later
# shellcheck shell=bash
#
# The server is away when the machine starts: with nofail the boot goes on, and the disk is
# mounted once the server is there. One that is away when the machine goes off does not
# hold it up for long.

. "$(dirname "${BASH_SOURCE[0]}")/../lib.sh"

set_up() {
	server_start vault size=64M
	mkfs.ext4 -q vault.img
	server_stop vault
	guest_file /etc/nbd-attach/vault.conf <<-END
		[attach]
		uri=$(server_uri vault)
		auto=yes
	END
	fstab '/dev/nbd/by-name/vault /vault ext4 _netdev,nofail,x-systemd.device-timeout=5s 0 2'
	boot
}

boots_without() {
	wait_booted
	guest '! mountpoint -q /vault'
	guest 'systemctl is-active remote-fs.target multi-user.target'
	guest '[ "$(systemctl show -P SubState nbd-attach@vault)" != running ]'
	journal_says '10.0.2.2:[0-9]*: .*refused'
}

comes() {
	server_start_again vault
	guest_until 40 'mountpoint /vault'
	guest 'echo late >/vault/file; sync /vault/file'
	guest 'systemctl is-active nbd-attach@vault vault.mount nbd-attach.target'
}

# Only what cannot be written is waited for, and that in vain.
goes_off_without() {
	server_stop vault
	POWEROFF_SECONDS=150 poweroff
}

set_up
it "boots while the server is away" boots_without
it "attaches and mounts when the server comes" comes
it "goes off while the server is away" goes_off_without
