#!/bin/bash
# SPDX-License-Identifier: LGPL-2.1-or-later
#
# Proxies that know nothing of NBD: they accept connections while the server behind them is away,
# and end those that are idle. And a firewall that forgets idle connections.
# Long: left to `tests/run vm`, for the time that idle connections take.

. "${0%/*}/../lib.sh"

WAYS=(plain-1 tls-1)

# ---- proxies: each on $PORT, in front of the server on $BACK ----

# haproxy [SECONDS]: how long a connection may be idle.
haproxy_starts() {
	printf '%s\n' >haproxy.cfg defaults 'mode tcp' 'timeout connect 2s' \
		"timeout client ${1-1h}" "timeout server ${1-1h}" \
		'listen nbd' "bind 127.0.0.1:$PORT" "server nbd 127.0.0.1:$BACK"
	start haproxy haproxy -db -f haproxy.cfg
}

socat_starts() {
	start socat socat "TCP-LISTEN:$PORT,bind=127.0.0.1,reuseaddr,fork" "TCP:127.0.0.1:$BACK"
}

socket_proxyd_starts() {
	start socket-proxyd systemd-socket-activate --listen="127.0.0.1:$PORT" \
		/usr/lib/systemd/systemd-socket-proxyd "127.0.0.1:$BACK"
}

# proxy NAME [ARGUMENT…]: PORT, which was the server's, becomes the proxy's.
proxy() {
	BACK=$PORT
	free_port
	"$1_starts" "${@:2}"
	wait_for listening
}

back_up() {
	local front=$PORT
	PORT=$BACK
	server_up
	PORT=$front
}

# behind NAME [ARGUMENT…]: all ways are attached through that proxy.
behind() {
	new_disks 4M
	serve "$ONE_BY_ONE"
	proxy "$@"
	back_up
	attach_ways
}

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

reconnects() { # WAY
	"$PROGRAM" status --json "$1" | sed -n 's/^ *"reconnects": *\([0-9]*\).*/\1/p'
}

made_again() { # WAY TIMES
	[ "$(reconnects "$1")" -ge "$2" ]
}

told() { # TEXT
	sed 's/<[0-9]*>/\n/g' syslog | grep -a -c -e "plain-1: .*$1" || :
}

told_what_it_is() {
	[ "$(told 'whenever it is idle')" = 1 ] || fail "not told once what it is"
	[ "$(told 'lost$')" -le 3 ] && [ "$(told 'restored after')" -le 3 ] || fail "told each time"
}

# haproxy_cuts SECONDS TIMES: haproxy ends idle connections, TIMES of them while nothing is done.
# Each is restored, which is reported until the reason is clear, and I/O always works.
haproxy_cuts() {
	local start=$SECONDS before
	behind haproxy "$1s"
	within $(($1 * $2 + 10)) made_again plain-1 "$2"
	[ "$(reconnects plain-1)" -le $(((SECONDS - start) / $1 + 1)) ] ||
		fail "made again too often: $(reconnects plain-1) in $((SECONDS - start)) s"
	# sooner than after 3 s a link may as well be one that never works
	[ "$1" -le 3 ] || told_what_it_is
	! says plain-1 state refused || fail "the server was refused"
	before=$(reconnects plain-1)
	start_loads
	flows 5
	sleep $(($1 * 2))
	[ "$(reconnects plain-1)" -le $((before + 1)) ] || fail "links were cut under load"
	finish
}

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

for name in haproxy socat socket_proxyd; do
	it "$name: the server behind it is away: not reached" no_server $name
	it "$name: the server behind it comes back" supervised server_comes_back $name
done
it "socat: a unix socket whose server is away: not reached" no_server_behind_a_unix_socket
it "haproxy ends connections that are idle for 5 s" supervised haproxy_cuts 5 6
it "haproxy ends connections that are idle for a second" supervised haproxy_cuts 1 6
it "a firewall forgets connections that are idle for 20 s: keepalive" supervised firewall_forgets 20
