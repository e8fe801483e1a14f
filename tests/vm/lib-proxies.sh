# SPDX-License-Identifier: LGPL-2.1-or-later
# shellcheck shell=bash disable=SC2034 # its variables are the scenarios'
#
# Proxies between the ways of lib-supervised.sh and their server. A scenario reads this after
# lib.sh.

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

# It reports to Docker through descriptor 3.
docker_proxy_starts() {
	start docker-proxy bash -c 'exec "$@" 3>ready' - \
		"$TOP/build/vm-cache/docker-proxy" -proto tcp -host-ip 127.0.0.1 \
		-host-port "$PORT" -container-ip 127.0.0.1 -container-port "$BACK"
}

# What ends the connections is OpenSSH's client; the SSH server only refuses to connect further.
ssh_starts() {
	local front=$PORT known=(-o UserKnownHostsFile=/dev/null -o StrictHostKeyChecking=no)
	free_port
	dropbearkey -t ed25519 -f host-key
	ssh-keygen -q -t ed25519 -N '' -f user-key
	mkdir -p /root/.ssh
	chmod 700 /root/.ssh
	cp user-key.pub /root/.ssh/authorized_keys
	start sshd dropbear -F -E -s -p "127.0.0.1:$PORT" -r host-key
	wait_for listening
	start ssh ssh -F none -N -i user-key -p "$PORT" "${known[@]}" \
		-L "127.0.0.1:$front:127.0.0.1:$BACK" root@127.0.0.1
	PORT=$front
}

# kubectl's, imitated; and one that ends at each failure, and is started again by its user.
port_forward_starts() {
	start port-forward python3 "$TOP/tests/vm/port-forward.py" "$PORT" "$BACK"
}

port_forwards_starts() {
	start port-forwards bash -c \
		'while :; do python3 "$@" ends; sleep 1; done' - "$TOP/tests/vm/port-forward.py" "$PORT" "$BACK"
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

# ---- connections that they end ----

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
	[ "$(told 'lost$')" -le 2 ] && [ "$(told 'restored after')" -le 2 ] || fail "told each time"
}

same_links() { # BEFORE
	[ "$1" = "$(links)" ]
}

# reads_after_cut SECONDS: what is read at the moment when an idle connection was ended.
reads_after_cut() {
	local way before start
	for way in "${WAYS[@]}"; do
		before=$(links)
		within "$1" ! same_links "$before"
		start=$EPOCHREALTIME
		dd if="${DEVICES[$way]}" of=/dev/null bs=4k count=1 iflag=direct status=none
		echo "$way: a read after the cut took $(difference "$start" "$EPOCHREALTIME") s"
		n_links ${#WAYS[@]} || within 5 n_links ${#WAYS[@]}
	done
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
	reads_after_cut $(($1 + 5))
	before=$(reconnects plain-1)
	start_loads
	flows 5
	sleep $(($1 * 2))
	[ "$(reconnects plain-1)" -le $((before + 1)) ] || fail "links were cut under load"
	finish
}
