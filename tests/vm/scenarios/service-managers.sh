#!/bin/bash
# SPDX-License-Identifier: LGPL-2.1-or-later
#
# The services for OpenRC and runit: started with what they depend on, killed, restarted,
# reloaded, stopped while the disk is in use and when it is not.
# Prepare: service-managers
# Long: left to `tests/run vm`, for the time that all of them take together.

. "${0%/*}/../lib.sh"

CONFIG=/etc/nbd-attach

tar -c -C "$TOP/build/vm-cache/service-managers" . | tar -x --keep-directory-symlink -C /
rm -f /etc/init.d/* # LSB scripts, which OpenRC would read
mkdir -p /etc/udev/rules.d
cp "$TOP/udev/61-nbd-attach.rules" /etc/udev/rules.d
udevadm control --reload
udevadm control --ping
mkdir -p /usr/local/sbin
ln -sf "$PROGRAM" /usr/local/sbin/nbd-attach
ln -sf "${PROGRAM}d" /usr/local/sbin/nbd-attachd
PATH=$PATH:/usr/local/sbin

configured() { # NAME LINE…
	mkdir -p $CONFIG
	printf '%s\n' '[attach]' "uri=$(uri "$1")" "${@:2}" >"$CONFIG/$1.conf"
}

# ---- OpenRC ----

service() { # NAME, with its functions on standard input
	{ echo '#!/sbin/openrc-run'; cat; } >"/etc/init.d/$1"
	chmod +x "/etc/init.d/$1"
}

# A machine with one service of ours, between the network and netmount.
openrc_machine() { # SERVICE DISK
	rm -rf /run/openrc /etc/runlevels
	mkdir -p /etc/runlevels/{default,off} /mnt/disk
	cp "$TOP/build/openrc/nbd-attach" /etc/init.d/nbd-attach
	chmod +x /etc/init.d/nbd-attach
	[ "$1" = nbd-attach ] || ln -sfn nbd-attach "/etc/init.d/$1"
	service net <<-'END'
		start() { :; }
	END
	service netmount <<-END
		start() { mount /dev/nbd/by-name/$2 /mnt/disk; }
		stop() { umount /mnt/disk; }
	END
	for name in netmount "$1" net; do
		rc-update add "$name" default
	done
	openrc off
}

set_up_disk() {
	WAYS=(tls-1)
	new_disks 16M
	mkfs.ext4 -q disks/tls-1
	serve
	server_up
}

device_of() {
	DEVICES[tls-1]=$(field tls-1 DEVICE)
	[ -b "${DEVICES[tls-1]}" ] || fail "$("$PROGRAM" list)"
}

pid_of() {
	supervisor tls-1 2>/dev/null
}

another_supervisor() { # PID
	is tls-1 up && [ "$(pid_of)" != "$1" ]
}

openrc_disk() {
	local pid
	set_up_disk
	configured tls-1
	openrc_machine nbd-attach.tls-1 tls-1
	openrc default
	mountpoint /mnt/disk
	device_of
	rc-service nbd-attach.tls-1 status
	grep -q tls-1 syslog || fail "its log is not in the system's"

	pid=$(pid_of)
	kill -KILL "$pid"
	within 15 another_supervisor "$pid"
	pid=$(pid_of)
	rc-service nbd-attach.tls-1 reload
	within 10 grep -q "SIGHUP\|new connection\|replac" syslog
	[ "$(pid_of)" = "$pid" ] || fail "reload is another supervisor"
	rc-service nbd-attach.tls-1 restart
	within 15 another_supervisor "$pid"
	mountpoint /mnt/disk
	! rc-service nbd-attach.tls-1 stop || fail "stopped while mounted"
	within 15 is tls-1 up
	openrc off
	[ -z "$(field tls-1 STATE)" ] || fail "$("$PROGRAM" list)"
	no_processes_left
}

openrc_late_server() {
	set_up_disk
	server_down
	configured tls-1
	openrc_machine nbd-attach.tls-1 tls-1
	rc-update del netmount default
	mkdir -p /etc/conf.d
	echo nbd_attach_wait=1 >/etc/conf.d/nbd-attach.tls-1
	rc-service nbd-attach.tls-1 start
	[ -z "$(field tls-1 DEVICE)" ] || fail "without a server"
	server_up
	within 15 is tls-1 up
	rc-service nbd-attach.tls-1 stop
	no_processes_left
	echo nonsense=1 >>$CONFIG/tls-1.conf
	! rc-service nbd-attach.tls-1 start || fail "with such a configuration"
}

openrc_all() {
	set_up_disk
	configured tls-1 auto=yes
	openrc_machine nbd-attach tls-1
	openrc default
	mountpoint /mnt/disk
	device_of
	rc-service nbd-attach restart
	is tls-1 up || fail "restart has detached it"
	openrc off
	[ -z "$(field tls-1 STATE)" ] || fail "$("$PROGRAM" list)"
}

no_processes_left() {
	within 10 nothing_runs
}

nothing_runs() {
	[ -z "$(our_processes)" ]
}

# ---- runit ----

begin_runit() {
	mkdir -p services
	start runsvdir runsvdir "$PWD/services"
	RUNSVDIR=$SERVER_PID
}

runit_service() { # NAME
	cp -R "$TOP/runit/nbd-attach" "$PWD/$1"
	ln -s "$PWD/$1" services/
	within 15 [ -e "$1/supervise/ok" ]
}

end_runit() {
	kill -HUP "$RUNSVDIR"
	within 10 ended "$RUNSVDIR"
}

runit_disk() {
	local pid service=$PWD/services/nbd-attach-tls-1
	set_up_disk
	configured tls-1
	begin_runit
	runit_service nbd-attach-tls-1
	sv -w 30 start "$service"
	is tls-1 up || fail "sv start does not wait"
	device_of
	pid=$(pid_of)
	kill -KILL "$pid"
	within 15 another_supervisor "$pid"
	mkdir -p /mnt/disk
	mount "${DEVICES[tls-1]}" /mnt/disk
	pid=$(pid_of)
	sv restart "$service" || :
	within 15 another_supervisor "$pid"
	pid=$(pid_of)
	sv -w 2 stop "$service" || :
	is tls-1 up || fail "stopped while mounted"
	[ "$(pid_of)" = "$pid" ] || fail "another supervisor"
	umount /mnt/disk
	sv -w 30 stop "$service"
	[ -z "$(field tls-1 STATE)" ] || fail "$("$PROGRAM" list)"
	no_processes_left
	end_runit
}

runit_all() {
	set_up_disk
	server_down
	configured tls-1 auto=yes
	begin_runit
	runit_service nbd-attach
	nap 3
	server_up
	within 20 is tls-1 up
	device_of
	sv -w 30 stop "$PWD/services/nbd-attach"
	[ -z "$(field tls-1 STATE)" ] || fail "$("$PROGRAM" list)"
	end_runit
}

it "is one disk's service of OpenRC" supervised openrc_disk
it "waits for a late server under OpenRC" supervised openrc_late_server
it "attaches what has auto=yes under OpenRC" supervised openrc_all
it "is one disk's service of runit" supervised runit_disk
it "attaches what has auto=yes under runit" supervised runit_all
