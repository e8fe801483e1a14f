# SPDX-License-Identifier: LGPL-2.1-or-later
# shellcheck shell=bash disable=SC2034 # its variables are the scenarios'
#
# Attachments whose data goes through a relay. A scenario reads this after lib.sh.

RELAY=nbd-relay
ATTACH_OPTIONS=(--data-path relay)

relays() {
	pgrep -x "$RELAY"
}

n_relays() { # WANTED
	[ "$(relays | wc -l)" = "$1" ]
}

goes_by_relay() { # WAY [WHY]
	says "$1" 'data path' "relay: .*${2-}" || fail "status: $("$PROGRAM" status "$1")"
}

no_reconnects() {
	local way
	for way in "${WAYS[@]}"; do
		says "$way" reconnects ' 0$' || fail "$way: $("$PROGRAM" status "$way")"
	done
}

finish_relays() {
	finish
	within 10 n_relays 0
}

# attach_at WAY URI [WHY]: expects a relay, whatever the options say, and one line with WHY.
attach_at() {
	nbd_attach attach --name "$1" "${ATTACH_OPTIONS[@]}" "$2"
	DEVICES[$1]=$OUT
	[ "$(wc -l <err)" = 1 ] || fail "not one line on stderr"
	expect_says 'user space' "${3-}"
	goes_by_relay "$1" "${3-}"
}

# Every byte, then zeros again, which the load's check expects.
roundtrip_way() { # WAY
	roundtrip "${DEVICES[$1]}" "disks/$1"
	dd if=/dev/zero of="${DEVICES[$1]}" bs=1M count="$(($(stat -c %s "disks/$1") >> 20))" \
		oflag=direct conv=fsync status=none
}

roundtrip_and_load() {
	local way
	for way in "${WAYS[@]}"; do
		roundtrip_way "$way"
	done
	start_loads
	sleep 2
	flows 20
	no_reconnects
	finish_relays
}

# front [TLS-FRONT-OPTION…]: server-2 is tls-front, before server-1, which gets FRONT_MORE.
FRONT_MORE=()
front() {
	local server
	WAYS=(tls-1 tls-16)
	new_disks 4M
	serve "$ONE_BY_ONE" -v --tls=off "${FRONT_MORE[@]}"
	server_up
	server=$PORT
	free_port
	SERVER_COMMAND=("$TOOLS/tls-front" "$PORT" "$server" "$PKI/server" "$@")
	set_up
}
