# SPDX-License-Identifier: LGPL-2.1-or-later
# shellcheck shell=bash
#
# The server is away when the machine starts: with nofail the boot goes on, and the disk is
# mounted once the server is there. A shutdown waits for a server that is away: what was
# written is not lost.
#
# Long: it resembles at-boot.sh.

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

waits_for_it() {
	server_stop vault
	guest 'echo last >>/vault/file; systemctl --no-block poweroff'
	sleep 10
	server_start_again vault
	wait_ended
	fsck_file vault
	[ "$(debugfs -R 'cat /file' vault.img 2>/dev/null)" = "late
last" ] || fail "what was written is lost"
}

set_up
it "boots while the server is away" boots_without
it "attaches and mounts when the server comes" comes
it "goes off clean when the server comes back" waits_for_it
