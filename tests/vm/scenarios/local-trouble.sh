#!/bin/bash
# SPDX-License-Identifier: LGPL-2.1-or-later
#
# The server is well, but this machine lacks something for a while: processes, keys, space
# in /run, memory to listen to the driver. It is tried again soon, and the server is not blamed.
# Long: left to `tests/run vm`, for the time that all of them take together.

. "${0%/*}/../lib.sh"

one_way() { # WAY
	WAYS=("$1")
	new_disks 4M
	serve
	set_up
}

# Longer than the longest back-off for a fault of the server.
no_process() {
	local group=/run/pids/one
	mkdir -p /run/pids
	mount -t cgroup2 cgroup2 /run/pids
	echo +pids >/run/pids/cgroup.subtree_control
	one_way plain-1
	mkdir $group
	supervisor plain-1 >$group/cgroup.procs
	echo 1 >$group/pids.max
	server_down
	server_up
	within 10 says plain-1 'last error' 'cannot start a link worker'
	is plain-1 reconnecting || fail "$("$PROGRAM" list)"
	sleep 14
	echo max >$group/pids.max
	UP_AT=$EPOCHREALTIME
	recover 3
	finish
	rmdir $group
	umount /run/pids
}

no_keys() {
	CLIENT_FOLDER=$PWD/keys
	cp -r "$PKI/ca" keys
	one_way tls-1
	kill_supervisor tls-1
	mv keys hidden
	server_down
	adopt tls-1
	server_up
	within 10 says tls-1 'last error' 'cannot read'
	is tls-1 reconnecting || fail "$("$PROGRAM" list)"
	sleep 14
	mv hidden keys
	UP_AT=$EPOCHREALTIME
	recover 3
	finish
}

small_run() {
	mkdir -p "$RUN_DIR"
	mount -t tmpfs -o size=64k tmpfs "$RUN_DIR"
}

fill_run() {
	dd if=/dev/zero of="$RUN_DIR/filler" bs=4k status=none 2>/dev/null || :
}

new_link() {
	local before
	before=$(links)
	server_down
	server_up
	flows 10
	within 10 all_new "$before"
	sleep 1
}

# No further event would cause the state to be written.
written_later() {
	small_run
	one_way plain-1
	fill_run
	new_link
	says plain-1 reconnects ' 0$' || fail "it was written"
	rm "$RUN_DIR/filler"
	within 10 says plain-1 reconnects ' 1$'
	finish
	umount "$RUN_DIR"
}

# The state that the next supervisor reads describes a link that is long gone.
never_written() {
	small_run
	one_way plain-1
	fill_run
	new_link
	kill_supervisor plain-1
	rm "$RUN_DIR/filler"
	adopt plain-1
	within 15 is plain-1 up
	flows 5
	within 5 n_links 1
	sleep 6
	is plain-1 up || fail "$("$PROGRAM" list)"
	# the end of such a link is noticed all the same
	new_link
	within 10 is plain-1 up
	finish
	umount "$RUN_DIR"
}

# ---- nobody can listen to the driver ----

deaf() { # COMMAND…
	touch /run/deaf
	LD_PRELOAD=$TOOLS/deaf.so "$@"
}

# A disk that cannot be supervised is not attached.
deaf_at_attach() {
	! sanitized || return 0
	expect_in_kernel_log 'I/O error'
	WAYS=(plain-1)
	new_disks 4M
	serve
	server_up
	deaf expect_exit 7 attach --name plain-1 "$(uri plain-1)"
	expect_says "cannot listen.*No buffer space"
	assert_clean
	rm /run/deaf
}

configured() {
	[ -n "$(configured_devices)" ]
}

# It is in use by then, so it stays and is supervised.
deaf_in_use() {
	local code=0 attach user
	! sanitized || return 0
	WAYS=(plain-1)
	new_disks 4M
	serve
	server_up
	touch /run/deaf
	LD_PRELOAD=$TOOLS/deaf.so "$PROGRAM" attach --name plain-1 "$(uri plain-1)" \
		>out 2>err &
	attach=$!
	within 10 configured
	sleep 600 3</dev/nbd0 &
	user=$!
	wait $attach || code=$?
	cat err
	[ $code = 7 ] || fail "exit code $code"
	expect_says "cannot listen.*stays attached"
	DEVICES[plain-1]=/dev/nbd0
	deaf_but_mended
	kill $user
	wait $user || :
	rm /run/deaf
	detach plain-1
}

# A supervisor is there, and makes a new link.
deaf_but_mended() {
	local before
	within 5 supervisor plain-1
	before=$(links)
	server_down
	server_up
	within 10 all_new "$before"
	within 10 is plain-1 up
}

# If it refuses to detach, it checks all links again; so does the next supervisor.
deaf_later() {
	! sanitized || return 0
	WAYS=(plain-1)
	new_disks 4M
	serve
	server_up
	rm -f /run/deaf
	LD_PRELOAD=$TOOLS/deaf.so attach_ways
	start_loads
	touch /run/deaf
	kill -INT "$(supervisor plain-1)"
	within 10 grep -q 'cannot listen' syslog
	deaf_but_mended
	kill_supervisor plain-1
	deaf adopt plain-1
	deaf_but_mended
	rm /run/deaf
	sleep 6
	deaf_but_mended
	finish
}

it "no process can be started" supervised no_process
it "keys cannot be read" supervised no_keys
it "/run is full: the state is written later" supervised written_later
it "/run is full, and the supervisor is killed" supervised never_written
it "nobody can listen to the driver: nothing is attached" supervised deaf_at_attach
it "… but what is in use by then is looked after" supervised deaf_in_use
it "… and so is what was attached before" supervised deaf_later
