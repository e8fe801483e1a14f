# SPDX-License-Identifier: LGPL-2.1-or-later
# shellcheck shell=bash
#
# Machines whose root file system is on a server. See lib.sh, and lib-image.sh.
#
#	make_root		root.img: the image's disk, for such a machine
#	attach_options SERVER	for nbd.attach=: its URI, and how its certificate is checked
#	boot_on ROOT WORDS…	boots with root=ROOT, and these words
#	starts_on ROOT WORDS…	does so in the background; wait_started: until it has
#	refuses_to_boot REGEX ROOT WORDS…	it does not mount, and says why on the console

# shellcheck source=tests/boot/lib.sh
. "${BASH_SOURCE[0]%/*}/lib.sh"
# shellcheck source=tests/boot/lib-image.sh
. "${BASH_SOURCE[0]%/*}/lib-image.sh"

ADDRESS=10.0.2.15::10.0.2.2:255.255.255.0::enp0s1:off
export BOOT_SECONDS=${BOOT_SECONDS:-150} POWEROFF_SECONDS=${POWEROFF_SECONDS:-120}

# For the mounted root: what configures the network later must not first remove the existing
# configuration, nor configure what systemd in the image has configured; the standby supervisor
# needs the files that the image was made from; and dracut returns to its image at shutdown.
settle_root() {
	guest_file /etc/systemd/network/10-test.network <<-'END'
		[Match]
		Type=ether

		[Network]
		Address=10.0.2.15/24
		Gateway=10.0.2.2
		LinkLocalAddressing=no
		IPv6AcceptRA=no
		KeepConfiguration=yes
	END
	guest_file /etc/nbd-attach/initrd/ca-cert.pem <"$PKI/ca/ca-cert.pem"
	guest_link /etc/systemd/system/systemd-network-generator.service /dev/null
	[ "$FRAMEWORK" != dracut ] || guest_file "/boot/initrd.img-$(kernel_version)" 600 <initrd
}

make_root() {
	settle_root
	root_disk root.img
}

attach_options() { # SERVER
	echo "nbds://10.0.2.2:$(cat "$1.port")/$1,tls-ca=/etc/nbd-attach/initrd/ca-cert.pem"
}

boot_on() { # ROOT WORDS…
	rm -f console.log
	boot_root "$IMAGE/vmlinuz" initrd "root=$1 ${IP:-ip=$ADDRESS} ${*:2}"
}

starts_on() { # ROOT WORDS…
	boot_on "$@" >boot.log 2>&1 &
	echo $! >boot.pid
}

# Waits for the boot that starts_on has started.
wait_started() {
	wait "$(cat boot.pid)" || fail "$(cat boot.log)"
}

console_says() {
	grep -s -q -a -E -e "$1" console.log
}

# When it gives up, it offers a shell that nobody uses.
refuses_to_boot() { # REGEX ROOT WORDS…
	local regex=$1
	shift
	starts_on "$@" rootdelay=5 rd.retry=5
	wait_for "$BOOT_SECONDS" console_says "$regex"
	wait_for "$BOOT_SECONDS" console_says '(Dropping to a shell|Could not boot|emergency)'
	! console_says 'is attached as' || fail "it was attached"
	# it may be ending by itself
	monitor '{"execute": "quit"}' || :
	wait_ended
	! wait "$(cat boot.pid)" || fail "it booted"
}

# ---- checks for each machine that has booted so ----

is_attached() {
	[ "$(guest 'findmnt -n -o MAJ:MIN /' | cut -d: -f1)" -ge 43 ]
	guest 'nbd-attach list; nbd-attach status root' | tee seen
	grep -E '^root +/dev/nbd[0-9]+ .* up ' seen
	grep 'server verified' seen
}

root_supervisor() {
	guest 'nbd-attach status root' | awk '$1 == "supervisor:" { print $3 }'
}

# The supervisor's name begins with @, it is in no unit, it has no file of a disk open, and the
# booted system starts no other supervisor. Newer versions of systemd mount /run once more in the
# root, and what is open of the image's own mount has a path that begins there.
is_left_alone() {
	local pid
	guest 'test -e /run/nbd-attach/root/initrd'
	pid=$(root_supervisor)
	guest "tr '\0' ' ' </proc/$pid/cmdline" | grep '^@'
	guest "cat /proc/$pid/cgroup" | grep -x -E '0::/(init.scope)?'
	guest "ls -l /proc/$pid/fd" >fds
	grep -q '> /dev/null$' fds
	! grep '> /' fds | grep -v -E ' /(dev/null|(run/)?nbd-attach(/.*)?)$' || fail "files are open"
	guest "grep VmLck /proc/$pid/status" | grep -v ' 0 kB'
	[ "$(guest 'systemctl is-active nbd-attach@root || :')" = inactive ]
}

is_supervised_by_another() { # PID
	local pid
	pid=$(root_supervisor)
	[ -n "$pid" ] && [ "$pid" != "$1" ]
}

# The standby supervisor takes its place.
is_replaced_if_killed() {
	local pid
	[ "$(guest 'systemctl is-active nbd-attach-standby@root')" = active ]
	pid=$(root_supervisor)
	guest "kill -KILL $pid"
	wait_for 20 is_supervised_by_another "$pid"
	guest_until 20 'nbd-attach list | grep -E "^root .* up "'
	is_attached
	is_left_alone
	guest '[ ! -e /.nbd-attach ]'
}

# SERVER is the server of its root, whose disk is one file system.
goes_off_clean() { # SERVER
	poweroff
	server_saw_disc "$1" 1
	fsck_file "$1"
}
