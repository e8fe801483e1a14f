# SPDX-License-Identifier: LGPL-2.1-or-later
# shellcheck shell=bash
#
# The cases of a machine that is to end while its root file system has no server, for
# scenarios of both frameworks.

# shellcheck source=tests/boot/lib-root.sh
. "${BASH_SOURCE[0]%/*}/lib-root.sh"

# As before nbd-attach.
old_words() {
	case $FRAMEWORK in
	dracut) echo "nbd:10.0.2.2:$(cat root.port)/root:ext4:noatime" ;;
	*) echo "/dev/nbd0 nbdroot=10.0.2.2:$(cat root.port)/root rootflags=noatime" ;;
	esac
}

boots_in_old_words() {
	own_tree
	make_image
	make_root
	server_start root file=root.img
	# shellcheck disable=SC2046 # words
	boot_on $(old_words) nbd.options=tls-ca=/etc/nbd-attach/initrd/ca-cert.pem
	wait_booted
	is_attached
	guest 'findmnt -n -o OPTIONS /' | grep noatime
}

# poweroff or reboot: what is not in memory can be had no more.
ends_without_server() { # VERB LAST-WORDS KERNEL'S-LAST-WORDS
	guest "echo before >/before; sync; echo 3 >/proc/sys/vm/drop_caches; echo lost >/data; systemctl --no-block $1"
	server_stop root
	POWEROFF_SECONDS=240 wait_ended
	server_saw_disc root 0
	console_says 'the system is to end, and its disk has no server'
	console_says "no server for the system's disk: $2"
	console_says "reboot: $3"
	fsck.ext4 -f -p root.img || [ $? = 1 ] # what its journal holds
}

# The files there are of before.
boots_again() {
	server_start_again root
	boot_on LABEL=root "nbd.attach=root,$(attach_options root)"
	wait_booted
	guest 'grep before /before'
	goes_off_clean root
}
