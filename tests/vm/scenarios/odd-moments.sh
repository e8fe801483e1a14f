#!/bin/bash
# SPDX-License-Identifier: LGPL-2.1-or-later
#
# Two things go wrong at once, or something that has nothing to do with the server does.
# Long: such moments have to be waited for.

. "${0%/*}/../lib.sh"

one_way() { # WAY SIZE
	WAYS=("$1")
	new_disks "$2"
	serve
}

# Newer kernels let a change of size wait for all requests, and links wait for that.
dies_while_it_grows() {
	WAYS=(plain-16)
	new_disks 4M
	serve --filter=delay wdelay=3
	LOAD_OPTIONS=(--size 2M)
	set_up
	sleep 2
	server_down
	truncate -s 6M disks/*
	server_up
	within 10 is plain-16 up
	sleep 0.7
	server_down
	sleep 1
	server_up
	flows 20
	end_load plain-16
	[ "$CODE" = 0 ] || fail "the load ended with $CODE"
	within 20 has_grown
	detach plain-16
}

has_grown() {
	[ "$(cat /sys/block/nbd0/size)" = 12288 ]
}

# Another program detaches the device and attaches its own disk there; we no longer touch it.
belongs_to_another() {
	local ours
	expect_in_kernel_log 'I/O error|nbd'
	one_way plain-1 4M
	server_up
	ours=$PORT
	attach_ways
	server_down
	new_disk theirs.img 4M
	start_nbdkit file theirs.img
	nbd-client -d /dev/nbd0
	nbd-client 127.0.0.1 "$PORT" /dev/nbd0
	stop_server "$SERVER_PID"
	PORT=$ours
	server_up
	within 10 ! supervisor plain-1
	n_links 0 || fail "their device leads to our server"
	nbd-client -d /dev/nbd0
	within 5 no_devices
}

detached_by_another_in_use() {
	local tries pid
	expect_in_kernel_log 'nbd'
	one_way plain-1 4M
	server_up
	attach_ways
	pid=$(supervisor plain-1)
	exec 7</dev/nbd0
	nbd-client -d /dev/nbd0
	within 10 ended "$pid" # status would ask the driver, too
	tries=$(dmesg | grep -c 'cannot reconfigure')
	[ "$tries" -le 5 ] || fail "it tried $tries times"
	exec 7<&-
	within 5 no_devices
}

no_devices() {
	[ -z "$(configured_devices)" ]
}

# A server that reads nothing blocks NBD_CMD_DISC, and with it the driver.
detach_stuck_and_another_device() {
	local server other
	expect_in_kernel_log 'I/O error|nbd'
	one_way plain-1 16M
	server_up
	attach_ways
	other=$SERVER_PID
	new_disk stuck.img 64M
	start_nbdkit_unix "$PWD/stuck" file stuck.img
	server=$SERVER_PID
	nbd_attach attach --name stuck "nbd+unix:///?socket=$PWD/stuck"
	kill -STOP "$server"
	dd if=/dev/zero of="$OUT" bs=1M count=32 oflag=direct status=none &
	sleep 1
	takes_at_most 15 detach --force stuck
	SERVER_PID=$other
	server_down
	server_up
	within 10 is plain-1 up
	reads_back "${DEVICES[plain-1]}" disks/plain-1
	detach plain-1
	kill -CONT "$server"
	wait %dd || :
}

# The reader of the log may be on the disk whose server is away.
log_is_stuck() {
	local log
	one_way plain-1 4M
	set_up
	log=$(pgrep -o -f 'socat -u UNIX-RECV')
	kill -STOP "$log"
	yes line | head -n 300 | timeout 5 logger -u /dev/log -d || :
	server_down
	sleep 1
	server_up
	flows 5
	kill -CONT "$log"
	finish
}

# A link without a descriptor hangs, and its request is checked every 30 s only.
adopted_link_hangs() {
	local server connection
	expect_in_kernel_log 'nbd'
	one_way plain-1 4M
	server_up
	server=$PORT
	free_port
	start front socat "TCP-LISTEN:$PORT,bind=127.0.0.1,reuseaddr,fork" \
		"TCP:127.0.0.1:$server"
	wait_for listening
	ATTACH_OPTIONS=(--io-timeout 3s)
	attach_ways
	echo 30000 >/sys/block/nbd0/queue/io_timeout
	connection=$(pgrep -n -x socat)
	kill -STOP "$connection"
	dd if=/dev/nbd0 of=one bs=4k count=1 iflag=direct status=none &
	sleep 0.5
	kill_supervisor plain-1
	adopt plain-1
	within 50 ended $!
	wait $!
	same one <(head -c 4096 disks/plain-1)
	within 10 is plain-1 up
	detach plain-1
	kill -KILL "$connection"
}

# As after switch_root; the root that is seen then belongs to another machine.
sys_is_away() {
	one_way plain-1 4M
	set_up
	umount -l /sys
	sleep 7
	mount -t sysfs sysfs /sys
	supervisor plain-1 >/dev/null || fail "the supervisor is gone"
	server_down
	server_up
	flows 5
	finish
}

# A timeout of a second, as it is while the server is away, would have ended it.
slow_request_ends_no_link() {
	local before
	nap 3
	before=$(links)
	kill -STOP "$SERVER_PID"
	dd if=/dev/nbd0 of=one bs=4k count=1 iflag=direct status=none &
	sleep 4
	kill -CONT "$SERVER_PID"
	wait $!
	[ "$before" = "$(links)" ] || fail "a slow request has ended the link"
	within 15 is_ticking
}

# What has to be restored after a reconnect is not forgotten.
interrupted_after_reconnect() {
	one_way plain-1 4M
	server_up
	attach_ways
	server_down
	sleep 1
	server_up
	within 10 is plain-1 up
	exec 9</dev/nbd0
	refused_to_detach
	slow_request_ends_no_link
	exec 9<&-
	detach plain-1
}

# A new check of everything does not know that the timeout had to be restored.
timeout_is_short() { # COMMAND…: which makes somebody do so
	one_way plain-1 4M
	server_up
	attach_ways
	exec 9</dev/nbd0
	"$VM_LIB/set-timeout.py" 0 1 nbd-attach:plain-1
	"$@"
	slow_request_ends_no_link
	exec 9<&-
	detach plain-1
}

refused_to_detach() {
	kill -INT "$(supervisor plain-1)"
	within 5 grep -q 'is in use' syslog
}

another_supervisor() {
	kill_supervisor plain-1
	adopt plain-1
}

is_ticking() {
	[ "$(cat /sys/block/nbd0/queue/io_timeout)" = 1000 ]
}

it "the server dies again while the device grows" supervised dies_while_it_grows
it "the device is another program's now" supervised belongs_to_another
it "another program detaches it while it is open" supervised detached_by_another_in_use
it "a detach that gets stuck holds nobody up" supervised detach_stuck_and_another_device
it "nobody takes the log's lines" supervised log_is_stuck
it "a link that was taken over hangs" supervised adopted_link_hangs
it "/sys is not there for a while" supervised sys_is_away
it "refused to detach just after a reconnect" supervised interrupted_after_reconnect
it "the same, and nobody has put the timeout right" supervised timeout_is_short refused_to_detach
it "a short timeout is left to the next supervisor" supervised timeout_is_short another_supervisor
