# SPDX-License-Identifier: LGPL-2.1-or-later
# shellcheck shell=bash
#
# Disks that are attached at boot: one with a file system that fstab mounts, one under load.
# Whatever happens to server, network and supervisors, users of the disks do not notice; and
# after power-off everything is clean.

. "$(dirname "${BASH_SOURCE[0]}")/../lib.sh"

DISKS=(vault raw)

set_up() {
	server_start vault tls=psk size=64M
	server_start raw size=64M
	mkfs.ext4 -q vault.img
	guest_file /etc/nbd-attach/vault.conf <<-END
		[attach]
		uri=nbds://alice@10.0.2.2:$(cat vault.port)/vault
		tls-psk-file=credential:psk
		auto=yes
	END
	guest_file /etc/credstore/nbd-attach.vault.psk 600 <"$PKI/psk/keys.psk"
	guest_file /etc/nbd-attach/raw.conf <<-END
		[attach]
		uri=$(server_uri raw)
		auto=yes
	END
	fstab '/dev/nbd/by-name/vault /vault ext4 _netdev 0 2'
	# What would be wrong with it is told.
	fstab '/dev/nbd/by-name/nowhere /nowhere ext4 _netdev,noauto 0 2'
	boot
}

is_attached() {
	wait_booted
	guest 'systemd-analyze critical-chain remote-fs.target --no-pager'
	guest 'nbd-attach list --json'
	guest 'systemctl is-active nbd-attach@vault nbd-attach@raw nbd-attach.target vault.mount'
	guest 'mountpoint /vault && echo first >/vault/file'
	guest "[ \$(nbd-attach list | grep -c ' up .*TLS1.3') = 2 ]"
	guest 'systemctl is-active "dev-nbd-by\x2dname-vault.device"'
	guest 'journalctl -b | grep "nbd-attach-generator.* /nowhere .*nothing will attach it"'
}

# Link workers run as a user without a shell and a home.
has_its_user() {
	guest 'getent passwd nbd-attach | grep nologin'
}

start_load() {
	guest "systemd-run --unit=load -p StandardOutput=file:/run/load.out \
		load /dev/nbd/by-name/raw 0 --depth 2 --pause 50 --ledger /run/ledger"
	# A file on the mounted disk that grows, a line each time that it is on the disk.
	guest_file_writer
	moves_on
}

guest_file_writer() {
	guest "systemd-run --unit=writer -p StandardOutput=file:/run/writer.out \
		bash -c 'while sleep 0.1; do date +%s >>/vault/file && sync /vault/file &&
			echo written; done'"
}

# All links are up, and both disks take data.
moves_on() {
	guest_until 30 '[ $(nbd-attach list | grep -c " up ") = 2 ]'
	guest 'disk=$(basename "$(realpath /dev/nbd/by-name/raw)")
		written=$(stat -c %s /run/writer.out) sectors=$(cat "/sys/block/$disk/stat")
		until [ "$(stat -c %s /run/writer.out)" != "$written" ] &&
			[ "$(cat "/sys/block/$disk/stat")" != "$sectors" ]
		do sleep 0.5; done'
}

servers_restart() {
	local disk
	for disk in "${DISKS[@]}"; do
		server_stop "$disk"
	done
	sleep 2
	guest_until 10 "nbd-attach status vault | grep -q reconnecting"
	for disk in "${DISKS[@]}"; do
		server_start_again "$disk"
	done
	moves_on
}

pid_of() { # DISK
	guest "systemctl show -P MainPID nbd-attach@$1"
}

# Our end of each connection to its server.
links_of() { # DISK
	guest "ss -Htn dport = :$(cat "$1.port")" | awk '{ print $4 }'
}

in_store() { # DISK
	guest "systemctl show -P NFileDescriptorStore nbd-attach@$1"
}

# Only the kernel, its supervisor and systemd hold the link.
is_kept() { # DISK
	local pid
	pid=$(pid_of "$1") &&
		guest "ss -Htnp dport = :$(cat "$1.port")" >links &&
		[ "$(wc -l <links)" = 1 ] && grep "pid=$pid," links &&
		grep '"systemd",pid=1,' links && [ "$(in_store "$1")" = 1 ]
}

is_kept_no_more() { # DISK
	[ -z "$(links_of "$1")" ] && [ "$(in_store "$1")" = 0 ]
}

links_are_kept() {
	local disk
	for disk in "${DISKS[@]}"; do
		wait_for 10 is_kept "$disk"
	done
}

note_links() {
	local disk
	for disk in "${DISKS[@]}"; do
		links_of "$disk" >"$disk.link"
	done
}

# The links are alive, and the next supervisors got them from systemd.
links_are_the_same() {
	local disk
	for disk in "${DISKS[@]}"; do
		links_of "$disk" | diff "$disk.link" - || fail "$disk has another link"
	done
	links_are_kept
}

restart() {
	local before
	links_are_kept
	note_links
	before=$(pid_of vault)
	guest 'systemctl restart nbd-attach@vault nbd-attach.target'
	guest_until 15 'systemctl is-active nbd-attach@vault nbd-attach@raw'
	[ "$(pid_of vault)" != "$before" ] || fail "the supervisor is the same"
	moves_on
	links_are_the_same
}

crash() {
	guest 'systemctl kill -s KILL nbd-attach@vault nbd-attach@raw; sleep 0.5; mountpoint /vault'
	guest_until 20 'systemctl is-active nbd-attach@vault nbd-attach@raw'
	moves_on
	links_are_the_same
}

# systemd executes itself again, as after an upgrade.
reexecute() {
	guest 'systemctl daemon-reexec'
	moves_on
	links_are_the_same
}

upgrade() {
	local before
	before=$(pid_of vault)
	GUEST_SECONDS=90 guest 'dpkg --install /var/cache/nbd-attach/nbd-attach_*.deb'
	guest_until 15 'systemctl is-active nbd-attach@vault nbd-attach@raw'
	[ "$(pid_of vault)" != "$before" ] || fail "the supervisor is the old one"
	! guest "readlink /proc/$(pid_of vault)/exe" | grep deleted
	moves_on
	links_are_the_same
}

# Links that were taken over are replaced like any other.
reload() {
	local before
	before=$(pid_of vault)
	guest 'systemctl reload nbd-attach@vault nbd-attach@raw'
	guest_until 15 'nbd-attach status vault | grep -q replaced &&
		nbd-attach status raw | grep -q replaced'
	[ "$(pid_of vault)" = "$before" ] || fail "another supervisor came"
	moves_on
	! links_of vault | diff vault.link - || fail "the link is the old one"
	links_are_kept
	note_links
}

network_comes_back() {
	link_down
	sleep 4
	link_up
	moves_on
	guest 'ip link set enp0s1 down; sleep 3; ip link set enp0s1 up; networkctl reconfigure enp0s1'
	moves_on
}

refuses() {
	! guest 'systemctl stop nbd-attach@vault' || fail "it stopped"
	guest 'mountpoint /vault'
	guest_until 15 'systemctl is-active nbd-attach@vault'
	guest 'nbd-attach detach vault; [ $? = 7 ]'
	journal_says 'is in use: mounted on /vault'
	moves_on
	links_are_kept
}

end_load() {
	guest 'systemctl stop writer; systemctl kill load'
	guest_until 20 '! systemctl is-active load'
	guest 'cat /run/load.out' | tee load.out
	grep -q 'errors=0 mismatches=0' load.out
	guest 'cat /run/ledger' >ledger
	guest 'cp /vault/file /run/file; cat /run/file' >file
	! guest 'journalctl -k' | grep -E 'I/O error|EXT4-fs error|BUG|Oops'
}

stops() {
	guest 'systemctl stop nbd-attach@raw'
	guest 'nbd-attach list | grep -q raw && exit 1; [ ! -e /dev/nbd/by-name/raw ]'
	guest_until 10 '! systemctl is-active "dev-nbd-by\x2dname-raw.device"'
	is_kept_no_more raw
	"$IMAGE/tree/usr/local/bin/load" --check ledger raw.img
	guest 'systemctl --failed --no-legend' | diff - /dev/null
	guest 'systemctl start nbd-attach@raw && [ -b /dev/nbd/by-name/raw ]'
	wait_for 10 is_kept raw
	guest 'nbd-attach detach raw'
	wait_for 10 is_kept_no_more raw
	guest 'systemctl start nbd-attach@raw && [ -b /dev/nbd/by-name/raw ]'
}

goes_off_clean() {
	local vault raw
	vault=$(server_discs vault) raw=$(server_discs raw)
	poweroff
	server_saw_disc vault $((vault + 1))
	server_saw_disc raw $((raw + 1))
	fsck_file vault
	debugfs -R 'cat /file' vault.img 2>/dev/null | diff - file
}

set_up
it "attaches and mounts at boot" is_attached
it "has its user" has_its_user
it "takes load" start_load
it "goes on when the servers were away" servers_restart
it "goes on upon systemctl restart, with the same links" restart
it "goes on with them when its supervisors are killed" crash
it "goes on with them when systemd is executed anew" reexecute
it "goes on with them while its package is updated" upgrade
it "has other links upon systemctl reload" reload
it "goes on when the network was away" network_comes_back
it "is not stopped while it is mounted" refuses
it "has lost nothing" end_load
it "is detached by systemctl stop" stops
it "goes off clean" goes_off_clean
