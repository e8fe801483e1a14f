#!/bin/bash
# SPDX-License-Identifier: LGPL-2.1-or-later
#
# Attaching by name, as configured in /etc/nbd-attach or in nbd-client's /etc/nbdtab.
# Long: left to `tests/run vm`, for the time that all of them take together.

. "${0%/*}/../lib.sh"

CONFIG=/etc/nbd-attach

configured() { # NAME LINE…
	mkdir -p $CONFIG
	printf '%s\n' '[attach]' "${@:2}" >"$CONFIG/$1.conf"
}

attach_name() { # NAME [OPTION…]
	nbd_attach attach "${@:2}" "$1"
	DEVICES[$1]=$OUT
}

by_name() {
	WAYS=(tls-1)
	new_disks 4M
	serve
	server_up
	configured tls-1 "uri=$(uri tls-1)" io-timeout=20s
	nbd_attach check tls-1
	attach_name tls-1
	says tls-1 io-timeout 20s || fail "$("$PROGRAM" status tls-1)"
	roundtrip "${DEVICES[tls-1]}" disks/tls-1
	server_down
	nap 1
	server_up
	within 10 is tls-1 up
	kill_supervisor tls-1
	configured tls-1 "uri=$(uri tls-1)" io-timeout=10s
	attach_name tls-1
	says tls-1 io-timeout 10s || fail "$("$PROGRAM" status tls-1)"
	reads_back "${DEVICES[tls-1]}" disks/tls-1
	detach tls-1
	# the command line stands above the file
	attach_name tls-1 --io-timeout 5s
	says tls-1 io-timeout 5s || fail "$("$PROGRAM" status tls-1)"
	kill_supervisor tls-1
	# without the file there is still the state
	rm "$CONFIG/tls-1.conf"
	attach_name tls-1
	says tls-1 io-timeout 5s || fail "$("$PROGRAM" status tls-1)"
	detach tls-1
	expect_exit 8 attach tls-1
	expect_says tls-1 "$CONFIG" nbdtab
}

broken() {
	configured good uri=nbd://127.0.0.1/x
	configured bad 'uri=nbd://127.0.0.1/x' colour=blue
	expect_exit 2 attach bad
	expect_says "$CONFIG/bad.conf:3" colour
	run "$PROGRAM" check
	[ "$CODE" = 2 ] || fail "exit code $CODE"
	grep -q -x 'good: ok' out
	grep -q '^bad: .*bad.conf:3' out
	rm -r $CONFIG
	nbd_attach check
}

# A client certificate that expired in 2020, by a configuration and by a line of nbdtab.
expired() {
	local cert=$PKI/expired/server-cert.pem key=$PKI/expired/server-key.pem
	configured old uri=nbds://localhost/x "tls-cert=$cert" "tls-key=$key"
	expect_exit 2 check old
	expect_says "$cert" 'expired on 2020-12-31'
	rm -r $CONFIG
	echo "nbd7 localhost old certfile=$cert,keyfile=$key" >/etc/nbdtab
	expect_exit 2 check old
	expect_says 'expired on 2020-12-31'
	rm /etc/nbdtab
}

nbdtab() {
	WAYS=(plain-1)
	new_disks 4M
	serve
	server_up
	echo "nbd7 127.0.0.1 plain-1 port=$PORT,persist,timeout=20" >/etc/nbdtab
	attach_name plain-1
	[ "${DEVICES[plain-1]}" = /dev/nbd7 ] || fail "it is ${DEVICES[plain-1]}"
	roundtrip /dev/nbd7 disks/plain-1
	detach nbd7
	nbd_attach attach nbd7
	is plain-1 up
	detach plain-1
	nbd_attach check plain-1
	nbd_attach check nbd7
	expect_exit 8 check nbd8
	expect_says nbdtab
	printf '%s\n' "nbd8 127.0.0.1 odd bs=blue" \
		"nbd9 127.0.0.1 plain-1 port=$PORT,colour=blue" >>/etc/nbdtab
	expect_exit 2 check odd
	expect_says nbdtab:2: 'option bs'
	run "$PROGRAM" check nbd9
	[ "$CODE" = 0 ] || fail "exit code $CODE"
	expect_says nbdtab:3: colour
	# the supervisor's warning reaches the user
	run "$PROGRAM" attach nbd9
	[ "$CODE" = 0 ] || fail "exit code $CODE"
	expect_says nbdtab:3: colour
	detach nbd9
}

# Two servers have an export of that name.
nbdtab_twins() {
	local first
	WAYS=(plain-1)
	new_disks 4M
	serve
	server_up
	first=$PORT
	mkdir other
	new_disk other/plain-1 8M
	free_port
	start other nbdkit --foreground --ipaddr 127.0.0.1 --port "$PORT" file dir=other
	wait_for listening
	printf '%s\n' "nbd7 127.0.0.1 plain-1 port=$first" \
		"nbd8 127.0.0.1 plain-1 port=$PORT" >/etc/nbdtab
	attach_name plain-1-nbd8
	attach_name plain-1
	[ "${DEVICES[*]}" = "/dev/nbd7 /dev/nbd8" ] ||
		[ "${DEVICES[*]}" = "/dev/nbd8 /dev/nbd7" ]
	[ "$(field plain-1 DEVICE)" = /dev/nbd7 ]
	[ "$(field plain-1-nbd8 DEVICE)" = /dev/nbd8 ]
	roundtrip /dev/nbd7 disks/plain-1
	roundtrip /dev/nbd8 other/plain-1
	detach nbd8
	attach_name nbd8
	[ "$(field plain-1-nbd8 SIZE)" = $((8 << 20)) ]
	detach plain-1-nbd8
	detach plain-1
}

# Those with auto=yes: each is tried, and what is attached is left alone.
all_automatic() {
	WAYS=(tls-1 plain-1)
	new_disks 4M
	serve
	server_up
	configured tls-1 "uri=$(uri tls-1)" auto=yes
	configured plain-1 "uri=$(uri plain-1)" auto=yes
	configured by-hand "uri=$(uri plain-1)"
	configured broken uri=nonsense auto=yes
	expect_exit_all 2
	expect_says broken
	is tls-1 up && is plain-1 up || fail "$("$PROGRAM" list)"
	[ -z "$(field by-hand STATE)" ] || fail "by-hand is attached"
	rm $CONFIG/broken.conf
	nbd_attach attach --all
	[ -z "$OUT" ] || fail "attached again: $OUT"
	kill_supervisor tls-1
	nbd_attach attach --all
	is tls-1 up || fail "not taken over"
	expect_exit 2 attach --all tls-1
	expect_exit 2 attach --all --read-only
	rm -r $CONFIG
	detach --all
}

# Some of them are attached, and printed.
expect_exit_all() { # CODE
	run "$PROGRAM" attach --all
	[ "$CODE" = "$1" ] && [ "$(wc -l <err)" = 1 ] && [ "$(wc -l <out)" = 2 ] ||
		fail "exit code $CODE"
}

it "by the name of a file" supervised by_name
it "broken files" supervised broken
it "a client certificate that has expired" supervised expired
it "a line of nbdtab, by export and by device" supervised nbdtab
it "lines of nbdtab with one export on two servers" supervised nbdtab_twins
it "attaches all with auto=yes" supervised all_automatic
