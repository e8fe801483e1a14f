# SPDX-License-Identifier: LGPL-2.1-or-later
# shellcheck shell=bash
#
# Twenty attachments at once: more than the driver makes devices for when it is loaded.
#
# Long: emulated, each attachment takes some seconds.

. "$(dirname "${BASH_SOURCE[0]}")/../lib.sh"

set_up() {
	local n
	server_start disk size=8M
	for n in {1..20}; do
		guest_file "/etc/nbd-attach/disk$n.conf" <<-END
			[attach]
			uri=$(server_uri disk)
			auto=yes
			connect-timeout=2min
		END
	done
	boot
}

all_are_there() {
	wait_booted
	guest_until 90 '[ $(nbd-attach list | grep -c " up ") = 20 ]'
	guest_until 10 'systemctl is-active nbd-attach.target'
	guest '[ $(ls /dev/nbd/by-name | wc -l) = 20 ]
		[ $(ls /dev/disk/by-id | grep -c ^nbd-disk) = 20 ]'
	guest 'nbd-attach check' | grep -c ': ok' | grep -x 20
}

all_go() {
	GUEST_SECONDS=90 guest 'nbd-attach detach --all'
	guest_until 20 '[ $(nbd-attach list | wc -l) = 1 ]'
	guest_until 20 '! ls /dev/nbd/by-name/* /dev/disk/by-id/nbd-*'
	guest_until 20 '[ $(systemctl list-units --no-legend --state=active "nbd-attach@*" | wc -l) = 0 ]'
	server_saw_disc disk 20
}

again() {
	guest 'systemctl --no-block start nbd-attach.target'
	guest_until 90 '[ $(nbd-attach list | grep -c " up ") = 20 ]'
}

goes_off() {
	poweroff
	server_saw_disc disk 40
}

set_up
it "attaches all at boot" all_are_there
it "detaches all" all_go
it "attaches them again" again
it "goes off" goes_off
