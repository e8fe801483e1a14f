#!/bin/bash
# SPDX-License-Identifier: LGPL-2.1-or-later
#
# Proxies that know nothing of NBD: they accept connections while the server behind them is away,
# and end those that are idle. And a firewall that forgets idle connections.
# Prepare: docker-proxy
# Long: left to `tests/run vm`, for the time that idle connections take.

. "${0%/*}/../lib.sh"
. "${0%/*}/../lib-proxies.sh"

# ---- the server is away ----

no_server() { # NAME
	local uri
	free_port
	proxy "$1"
	for uri in "nbd://127.0.0.1:$PORT/" "nbds://localhost:$PORT/?tls-certificates=$PKI/ca"; do
		expect_no_attach 3 "$uri"
		expect_says greeting proxy
		expect_exit 3 attach "$uri"
		expect_exit 3 info "$uri"
		expect_says greeting proxy
	done
}

no_server_behind_a_unix_socket() {
	free_port
	start socat socat "UNIX-LISTEN:$PWD/socket,fork" "TCP:127.0.0.1:$PORT"
	wait_for listening_at socket
	expect_no_attach 3 "nbd+unix:///?socket=$PWD/socket"
	expect_says greeting proxy
	expect_exit 3 info "nbd+unix:///?socket=$PWD/socket"
}

server_comes_back() { # NAME
	behind "$1"
	start_loads
	sleep 1
	server_down
	sleep 6
	back_up
	recover 4
	! grep -a -q 'must not be used' syslog || fail "the server was refused"
	finish
}

# ---- idle connections ----

# In the server's network namespace: drops what belongs to no connection that is known.
drop_unknown() {
	local filter=(filter add dev far)
	tc qdisc add dev far clsact
	tc "${filter[@]}" egress protocol ip matchall action ct
	tc "${filter[@]}" ingress protocol ip flower action ct pipe action goto chain 1
	filter+=(ingress chain 1 protocol ip)
	tc "${filter[@]}" prio 1 flower ct_state +trk+est action pass
	tc "${filter[@]}" prio 2 flower ip_proto tcp tcp_flags 0x02/0x17 ct_state +trk+new \
		action ct commit
	tc "${filter[@]}" prio 3 matchall action drop
}

# firewall SECONDS: in front of a server in a network namespace. It forgets a connection after so
# many seconds without a packet.
firewall() {
	local module
	for module in veth sch_ingress cls_flower cls_matchall act_ct act_gact; do
		modprobe $module
	done
	ip netns add far
	ip link add near type veth peer name far netns far
	ip address add 10.77.0.1/24 dev near
	ip link set near up
	ip -n far address add 10.77.0.2/24 dev far
	ip -n far link set far up
	export -f drop_unknown
	ip netns exec far bash -e -c drop_unknown
	ip netns exec far sysctl -q net.netfilter.nf_conntrack_tcp_timeout_established="$1"
	ADDRESS=10.77.0.2
	URI_HOST=10.77.0.2
	URI_MORE='&tls-hostname=localhost'
}

leave() {
	ip link del near
	stop_servers
	ip netns del far
}

# Keepalive begins after 10 s, which keeps links for a longer memory than that.
firewall_forgets() { # SECONDS
	local before
	firewall "$1"
	new_disks 4M
	serve "$ONE_BY_ONE"
	SERVER_COMMAND=(ip netns exec far "${SERVER_COMMAND[@]}")
	server_up
	attach_ways
	before=$(links)
	sleep $(($1 * 2))
	[ "$(links)" = "$before" ] || fail "links were replaced"
	start_loads
	flows 10
	[ "$(links)" = "$before" ] || fail "links were replaced"
	finish
	leave
}

for name in haproxy socat socket_proxyd docker_proxy ssh port_forward; do
	it "$name: the server behind it is away: not reached" no_server $name
	it "$name: the server behind it comes back" supervised server_comes_back $name
done
it "port_forward, which ends with the server behind it, and is started again" \
	supervised server_comes_back port_forwards
it "socat: a unix socket whose server is away: not reached" no_server_behind_a_unix_socket
it "haproxy ends connections that are idle for 5 s" supervised haproxy_cuts 5 6
it "haproxy ends connections that are idle for a second" supervised haproxy_cuts 1 6
it "a firewall forgets connections that are idle for 20 s: keepalive" supervised firewall_forgets 20
