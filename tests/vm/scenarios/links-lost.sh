#!/bin/bash
# SPDX-License-Identifier: LGPL-2.1-or-later
#
# One of several links dies, or all do. Requests in flight are sent again after --io-timeout,
# and so are those that take longer.
# Long: left to `tests/run vm`, for the time that all of them take together.

. "${0%/*}/../lib.sh"

# Each link has a process of its own between here and the server.
four() { # WAY
	local server
	WAYS=("$1")
	ATTACH_OPTIONS=(--connections 4 --io-timeout 3s)
	new_disks 4M
	serve "$ONE_BY_ONE" --filter=multi-conn --filter=delay wdelay=10ms
	server_up
	server=$PORT
	free_port
	SERVER_COMMAND=(socat "TCP-LISTEN:$PORT,bind=127.0.0.1,reuseaddr,fork"
		"TCP:127.0.0.1:$server")
	set_up
	n_links 4 || fail "links: $(links)"
}

one_new() { # BEFORE
	n_links 4 && [ "$(comm -12 <(echo "$1") <(links) | wc -l)" = 3 ]
}

# With one processor the first link carries the load.
one() { # WAY
	local before which
	four "$1"
	for which in -o -n; do
		before=$(links)
		kill -KILL "$(pgrep $which -P "$SERVER_PID")"
		down_now
		UP_AT=$DOWN_AT
		recover 6
		within 10 one_new "$before"
		sleep 3
	done
	finish
}

all() { # WAY
	local before
	four "$1"
	before=$(links)
	outage 2 6
	within 10 all_new "$before"
	finish
}

# The server finishes what it is doing first, which is nothing here; then it holds all requests.
hold() { # p|r: pause, resume
	printf '%s' "$1" | socat -t 5 - UNIX-CONNECT:control
}

# The first slow request is sent again until the server is fast; later ones are waited for.
slow() {
	expect_in_kernel_log 'nbd0: Connection timed out|timed out|Receive control'
	new_disk disk.img 4M
	start_nbdkit --filter=multi-conn --filter=pause file disk.img pause-control="$PWD/control"
	nbd_attach attach --connections 2 --io-timeout 4s "nbd://127.0.0.1:$PORT/disk"
	DEVICE=$OUT
	hold p
	dd if=/dev/urandom of="$DEVICE" bs=4k count=1 oflag=direct status=none &
	within 20 told_slow
	hold r
	wait %dd
	hold p
	"$PROGRAM" status --json disk >before
	dd if=/dev/urandom of="$DEVICE" bs=4k seek=1 count=1 oflag=direct status=none &
	nap 6
	hold r
	wait %dd
	"$PROGRAM" status --json disk >after
	diff <(grep repeated before) <(grep repeated after) || fail "it was sent again"
	roundtrip "$DEVICE" disk.img
	detach disk
}

told_slow() {
	"$PROGRAM" status disk | grep 'may take 8 s'
}

for way in plain-16 tls-16; do
	it "$way: one of four, the first and the last" supervised one $way
	it "$way: all four" supervised all $way
done
it "a server that is slower than --io-timeout" supervised slow
