#!/bin/bash
# SPDX-License-Identifier: LGPL-2.1-or-later
#
# A server's addresses: some are dead, name servers are dead, or one needs an interface.
# Long: left to `tests/run vm`, for the time that all of them take together.

. "${0%/*}/../lib.sh"

modprobe veth

# Dead addresses that getaddrinfo(3) puts before the server's, because they have more bits in
# common with ours.
DEAD=(10.77.0.2 10.77.0.3 10.77.0.4)
ADDRESS=10.77.0.9

# The server's machine is a network namespace.
far_server() {
	local mac address
	ip netns add far
	trap 'end_all; wipe_up; leave' EXIT
	ip link add near type veth peer name far netns far
	ip address add 10.77.0.1/24 dev near
	ip address add fe80::1/64 dev near nodad
	ip link set near up
	ip -n far address add $ADDRESS/24 dev far
	ip -n far address add fe80::9/64 dev far nodad
	ip -n far link set far up
	mac=$(ip -n far link show far | awk '$1 == "link/ether" { print $2 }')
	for address in "${DEAD[@]}"; do
		ip neigh add "$address" lladdr "$mac" dev near nud permanent
	done
	new_disk disk.img 4M
	free_port
	serve_far
}

serve_far() {
	start server ip netns exec far nbdkit --foreground --port "$PORT" file disk.img
	within 20 listens "$SERVER_PID" "$PORT"
}

leave() {
	ip link del near
	stop_servers
	ip netns del far
}

disk_server() { # ADDRESS…
	sed '/ disk-server$/d' /etc/hosts >hosts
	[ $# = 0 ] || printf '%s disk-server\n' "$@" >>hosts
	cat hosts >/etc/hosts
}

attach_far() { # URI [OPTION…]
	nbd_attach attach --name disk "${@:2}" "$1"
	DEVICE=$OUT
}

# Each costs a quarter of a second (but the host may be busy), not many seconds.
dead() { # N
	far_server
	disk_server "${DEAD[@]:0:$1}" $ADDRESS
	takes_at_most 12 attach_far "nbd://disk-server:$PORT/"
	says disk address "$ADDRESS:$PORT" || fail "another address"
	takes_at_most 12 "$PROGRAM" info "nbd://disk-server:$PORT/"
	roundtrip "$DEVICE" disk.img
	detach disk
}

# The server comes back long before an attempt at the dead address ends.
back_beside_dead() {
	far_server
	disk_server "${DEAD[0]}" $ADDRESS
	attach_far "nbd://disk-server:$PORT/" --connect-timeout 120s
	stop_server "$SERVER_PID"
	within 10 is disk reconnecting
	sleep 2
	serve_far
	within 10 is disk up
	roundtrip "$DEVICE" disk.img
	detach disk
}

# The server comes back long before a name server answers.
no_name_server() {
	far_server
	disk_server $ADDRESS
	attach_far "nbd://disk-server:$PORT/" --connect-timeout 60s
	disk_server
	printf 'nameserver %s\noptions timeout:30 attempts:2\n' "${DEAD[0]}" >/etc/resolv.conf
	! timeout 3 getent ahosts disk-server || fail "it is still known"
	stop_server "$SERVER_PID"
	within 10 is disk reconnecting
	serve_far
	within 5 is disk up
	: >/etc/resolv.conf
	roundtrip "$DEVICE" disk.img
	detach disk
}

# A link-local address, which means nothing without its interface.
zone() {
	far_server
	expect_exit 3 attach --name disk "nbd://[fe80::9]:$PORT/"
	expect_says 'fe80::1%25eth0'
	attach_far "nbd://[fe80::9%25near]:$PORT/" --connections 2
	stop_server "$SERVER_PID"
	within 10 is disk reconnecting
	serve_far
	within 5 is disk up
	[ "$("$PROGRAM" status disk | grep -c "address: *\\[fe80::9%near\\]:$PORT$")" = 3 ] ||
		fail "$("$PROGRAM" status disk)"
	roundtrip "$DEVICE" disk.img
	detach disk
}

it "the first of two addresses is dead" supervised dead 1
it "three of four addresses are dead" supervised dead 3
it "the first of two addresses is dead, when the server is back" supervised back_beside_dead
it "no name server, when the server is back" supervised no_name_server
it "an IPv6 address with a zone" supervised zone
