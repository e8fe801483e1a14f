# SPDX-License-Identifier: LGPL-2.1-or-later
# shellcheck shell=bash
#
# The cases of a machine that is to end while its root file system has no server, for
# scenarios of both frameworks.

# shellcheck source=tests/boot/lib-root.sh
. "${BASH_SOURCE[0]%/*}/lib-root.sh"

boots() {
	own_tree
	make_image
	make_root
	server_start root file=root.img
	boot_on LABEL=root "nbd.attach=root,$(attach_options root)"
	wait_booted
	is_attached
}

# poweroff or reboot: what is not in memory can be had no more.
ends_without_server() { # VERB KERNEL'S-LAST-WORDS
	guest "sync; echo 3 >/proc/sys/vm/drop_caches; echo lost >/data; systemctl --no-block $1"
	server_stop root
	POWEROFF_SECONDS=240 wait_ended
	console_says 'the system is to end, and its disk has no server'
	console_says "reboot: $2"
	fsck.ext4 -f -p root.img || [ $? = 1 ] # what its journal holds
}

# The files there are of before.
boots_again() {
	server_start_again root
	boot_on LABEL=root "nbd.attach=root,$(attach_options root)"
	wait_booted
	goes_off_clean root
}
