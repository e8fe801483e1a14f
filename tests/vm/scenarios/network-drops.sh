#!/bin/bash
# SPDX-License-Identifier: LGPL-2.1-or-later
#
# The network silently drops everything, in both directions.
# Long: noticing that takes a minute.

. "${0%/*}/../lib.sh"

modprobe veth
modprobe sch_netem

# The server's machine is a network namespace.
far_server() {
	ip netns add far
	ip link add near type veth peer name far netns far
	ip address add 10.77.0.1/24 dev near
	ip link set near up
	ip -n far address add 10.77.0.2/24 dev far
	ip -n far link set far up
	ADDRESS=10.77.0.2
	URI_HOST=10.77.0.2
	URI_MORE='&tls-hostname=localhost'
	new_disks 4M
	serve "$ONE_BY_ONE" --filter=delay wdelay=10ms
	SERVER_COMMAND=(ip netns exec far "${SERVER_COMMAND[@]}")
}

drop() {
	down_now
	tc qdisc add dev near root netem loss 100%
	tc -n far qdisc add dev far root netem loss 100%
}

pass() {
	tc qdisc del dev near root
	tc -n far qdisc del dev far root
	UP_AT=$EPOCHREALTIME
}

leave() {
	ip link del near
	stop_servers
	ip netns del far
}

# TCP itself recovers.
short() {
	local before
	far_server
	set_up
	before=$(links)
	drop
	sleep 5
	pass
	recover 8
	[ "$(links)" = "$before" ] || fail "links were replaced"
	finish
	leave
}

long() {
	far_server
	set_up
	drop
	sleep 60
	pass
	recover 8
	finish
	leave
}

it "for five seconds: the links stay" supervised short
it "for a minute" supervised long
