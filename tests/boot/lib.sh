# SPDX-License-Identifier: LGPL-2.1-or-later
# shellcheck shell=bash
#
# The functions for scenarios. A scenario is a script on the host that controls servers, also on
# the host, and a machine that runs Debian. In its cases
#
#	it "does something" function [ARGUMENT…]
#
# the first command that fails ends the case; later cases see what earlier ones have left. The
# machine's Debian may be any release from bookworm on.
#
# Servers, each on its own port:
#	server_start NAME [KEY=VALUE…] [ARGUMENT…]	lib-servers.sh tells the keys
#	server_uri NAME		its URI for the guest, with the parameters for TLS
#	server_stop NAME	killed; server_start_again NAME: with the same disk and port
#	server_freeze NAME	stopped, its connections stay; server_thaw NAME
#	server_saw_disc NAME N	N connections ended with NBD_CMD_DISC, since the beginning;
#				server_discs NAME: how many did
#	fsck_file NAME		checks that its disk has a clean file system
#	NAME.img, NAME.log	its disk and its output
#
# Files for the machine, added before its next boot:
#	guest_file PATH [MODE]	with stdin's content
#	guest_link PATH TARGET	a symbolic link
#	fstab LINE
#	/etc/nbd-pki		the files of tests/vm/make-pki, in each image
#
# The machine:
#	boot			returns when commands can be run, which is early
#	wait_booted		until the boot is complete; fails if a unit failed
#	guest COMMAND		as root, in GUEST_SECONDS (30): its output, its exit code
#	guest_until SECONDS COMMAND	until it succeeds
#	poweroff		cleanly, within POWEROFF_SECONDS (60); reboot: that, then boot
#	power_cut		at once, without a shutdown
#	MACHINE_RTC=DATE, MACHINE_NET=…	its clock, and QEMU's kind of network
#	link_down, link_up	carrier of the guest's network card
#	host_down, host_up	packets from and to all servers vanish; the carrier stays
#	journal_says REGEX	the guest's journal has it, also after power-off
#
# What a command leaves running in the guest should be a unit: systemd-run --unit=load …
# Its journal is in the file journal.log, the console in console.log.
#
# Root on an attached disk:
#	root_disk FILE		the machine's disk, with the files above put in
#	server_start root file=FILE …
#	boot_root KERNEL INITRD APPEND	without a disk; $IMAGE/vmlinuz is the kernel of
#				$IMAGE/tree, where an initrd can be made with chroot.
#				The root's fstab says LABEL=root.

set -Eeuo pipefail

BOOT_LIB=$(dirname "$(realpath "${BASH_SOURCE[0]}")")
# Times in scenarios are for an idle host; on a busy one they are multiplied by this.
PATIENCE=3
# The folders of the scenario, of the images, and of the keys on the host.
: "${WORK:?}" "${IMAGE:?}" "${PKI:?}"
cd "$WORK"

# shellcheck source=tests/lib-cases.sh
. "$BOOT_LIB/../lib-cases.sh"
# shellcheck source=tests/boot/lib-servers.sh
. "$BOOT_LIB/lib-servers.sh"
# shellcheck source=tests/boot/lib-machine.sh
. "$BOOT_LIB/lib-machine.sh"

# A case has its own shell: what it leaves for later cases has to be in files.
it() {
	local name=$1 start=$EPOCHREALTIME verdict=ok code
	shift
	echo "--- $name"
	set +e
	(
		end_at_failure
		"$@"
	)
	code=$?
	set -e
	[ $code = 0 ] || verdict=FAILED
	note_case cases $verdict "$start" "$name"
}

# wait_for SECONDS COMMAND…: until the command succeeds.
wait_for() {
	local end=$((SECONDS + PATIENCE * $1))
	shift
	until "$@"; do
		[ "$SECONDS" -lt "$end" ] || fail "waited in vain for: $*"
		sleep 0.1
	done
}

# A separate network namespace: the host's network is not visible.
ip link set lo up
