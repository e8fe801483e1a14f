# SPDX-License-Identifier: LGPL-2.1-or-later
# shellcheck shell=bash
#
# Cases for scenarios of both frameworks: a machine that shuts down while its root file system
# has no server, and one whose root has a relay.

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

# poweroff or reboot: what is not in memory cannot be read any more.
ends_without_server() { # VERB LAST-WORDS KERNEL'S-LAST-WORDS
	guest "echo before >/before; sync; echo 3 >/proc/sys/vm/drop_caches; echo lost >/data; systemctl --no-block $1"
	server_stop root
	POWEROFF_SECONDS=240 wait_ended
	server_saw_disc root 0
	console_says 'the system is shutting down, and its disk.s server is away'
	console_says "the server of the system's disk is away: $2"
	console_says "reboot: $3"
	fsck.ext4 -f -p root.img || [ $? = 1 ] # what its journal holds
}

# The files there are of before.
boots_again() {
	server_start_again root
	boot_on LABEL=root "nbd.attach=root,$(attach_options root),data-path=relay"
	wait_booted
	guest 'grep before /before'
	is_attached
	is_left_alone
	guest 'nbd-attach status root' >status
	grep -E '^data path: +relay: ' status
	grep -E '^ *reconnects: +0$' status
	relay_is_left_alone
}

# There is one.
root_relay() {
	guest 'pgrep nbd-relay' | tee relay.pid
	[ "$(wc -l <relay.pid)" = 1 ]
}

# The relay's name begins with @ and its real user is root, so that systemd spares it at
# shutdown, but it acts as nobody; it is in no unit.
relay_is_left_alone() {
	local pid
	pid=$(root_relay)
	guest "tr '\0' ' ' </proc/$pid/cmdline" | grep '^@'
	guest "grep ^Uid: /proc/$pid/status" | grep -P '^Uid:\t0\t[1-9]\d*\t'
	guest "cat /proc/$pid/cgroup" | grep -x -E '0::/(init.scope)?'
}

keeps_its_relay() {
	local before
	before=$(root_relay)
	is_replaced_if_killed
	[ "$(root_relay)" = "$before" ] || fail "the relay is another one"
	guest 'nbd-attach status root' | grep -E '^ *reconnects: +0$'
}

has_another_relay() {
	local before
	before=$(root_relay)
	server_stop root
	guest '(head -c 2M /dev/urandom | tee /data | sha256sum; sync; touch /synced) >/sum &'
	sleep 3
	server_start_again root
	guest_until 30 '[ -e /synced ]'
	guest 'cat /sum' >sum
	[ "$(root_relay)" != "$before" ] || fail "the relay is the same"
	relay_is_left_alone
	is_attached
}

# The relay lives until the file system is unmounted, and the server is told.
goes_off_with_relay() {
	goes_off_clean root
	debugfs -R 'cat /data' root.img 2>/dev/null | sha256sum | diff - sum
}

end_cases() { # VERB LAST-WORDS KERNEL'S-LAST-WORDS
	it "boots, told in old words" boots_in_old_words
	it "ends without a server" ends_without_server "$@"
	it "boots again, with a relay" boots_again
	it "keeps it when its supervisor is killed" keeps_its_relay
	it "has another one when its server was away" has_another_relay
	it "goes off clean" goes_off_with_relay
}
