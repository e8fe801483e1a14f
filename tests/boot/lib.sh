# SPDX-License-Identifier: LGPL-2.1-or-later
# shellcheck shell=bash
#
# What scenarios are written in. A scenario is a script of the host's that drives servers,
# which are the host's too, and a machine that runs Debian. In its cases
#
#	it "does something" function [ARGUMENT…]
#
# the first command that fails ends the case; a case finds what those before it left.
#
# Servers, each on a port of its own:
#	server_start NAME [KEY=VALUE…] [ARGUMENT…]	lib-servers.sh tells the keys
#	server_uri NAME		its URI for the guest, with all about TLS
#	server_stop NAME	killed; server_start_again NAME: with the same disk and port
#	server_freeze NAME	stopped, its connections stay; server_thaw NAME
#	server_saw_disc NAME N	N connections ended with NBD_CMD_DISC, since the beginning;
#				server_discs NAME: how many did
#	fsck_file NAME		its disk has a clean file system
#	NAME.img, NAME.log	its disk and what it says
#
# The machine's files, put in before it is booted next:
#	guest_file PATH [MODE]	with stdin's content
#	guest_link PATH TARGET	a symbolic link
#	fstab LINE
#	/etc/nbd-pki		has what tests/vm/make-pki makes, in each image
#
# The machine:
#	boot			returns when commands can be run, which is early
#	wait_booted		until the boot is over; fails if a unit did
#	guest COMMAND		as root: its output, its exit code; in GUEST_SECONDS (30)
#	guest_until SECONDS COMMAND	until it succeeds
#	poweroff		by itself, in POWEROFF_SECONDS (60); reboot is that and boot
#	power_cut		no goodbye
#	MACHINE_RTC=DATE, MACHINE_NET=…	its clock, and QEMU's kind of network
#	link_down, link_up	the guest's network card has no carrier
#	host_down, host_up	packets from and to all servers vanish; the carrier stays
#	journal_says REGEX	what the guest's journal has had, also after its end
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
# All seconds that a scenario names are what a quiet host needs; a busy one may take that
# many times as long.
PATIENCE=3
# The folder of the scenario, that of the images, and that of the keys on the host.
: "${WORK:?}" "${IMAGE:?}" "${PKI:?}"
cd "$WORK"

# shellcheck source=tests/lib-cases.sh
. "$BOOT_LIB/../lib-cases.sh"
# shellcheck source=tests/boot/lib-servers.sh
. "$BOOT_LIB/lib-servers.sh"
# shellcheck source=tests/boot/lib-machine.sh
. "$BOOT_LIB/lib-machine.sh"

# Whatever a case changes has to be in files: it has a shell of its own.
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

# Nothing of the host's network is seen from here.
ip link set lo up
