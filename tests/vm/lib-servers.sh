# SPDX-License-Identifier: LGPL-2.1-or-later
# shellcheck shell=bash disable=SC2034 # its variables are the scenarios'
#
# Servers, each on its own port, ready when the function returns. The functions set PORT and
# SERVER_PID; the servers are stopped at the end of the case.

NEXT_PORT=20000
SERVERS=()

# A free port of loopback.
free_port() {
	while :; do
		NEXT_PORT=$((NEXT_PORT + 1))
		[ -n "$(ss -Hltn "sport = :$NEXT_PORT")" ] || break
	done
	PORT=$NEXT_PORT
}

# start NAME COMMAND…: in its own process group, so that its children end with it.
start() {
	local name=$1
	shift
	setsid "$@" >"$name.log" 2>&1 </dev/null &
	SERVER_PID=$!
	SERVERS+=("$SERVER_PID")
}

# wait_for CONDITION…: until the command succeeds, for 10 seconds at most.
wait_for() {
	local i
	for ((i = 0; i < 200; i++)); do
		! "$@" || return 0
		sleep 0.05
	done
	fail "waited in vain for: $*"
}

listening() {
	kill -0 "$SERVER_PID" 2>/dev/null || fail "the server ended: $(cat ./*.log)"
	[ -n "$(ss -Hltn "sport = :$PORT")" ]
}

listening_at() {
	kill -0 "$SERVER_PID" 2>/dev/null || fail "the server ended: $(cat ./*.log)"
	[ -S "$1" ]
}

# With SIGKILL: nbdkit would wait for its clients to disconnect.
stop_server() { # PID
	kill -KILL -- "-$1" 2>/dev/null || return 0
	wait "$1" 2>/dev/null || :
}

stop_servers() {
	local pid
	for pid in "${SERVERS[@]}"; do
		stop_server "$pid"
	done
	SERVERS=()
}

# start_nbdkit ARGUMENT…: on 127.0.0.1; the arguments are nbdkit's own.
start_nbdkit() {
	start_nbdkit_on 127.0.0.1 "$@"
}

start_nbdkit_on() { # ADDRESS ARGUMENT…
	local address=$1
	shift
	free_port
	start nbdkit nbdkit --foreground --ipaddr "$address" --port "$PORT" "$@"
	wait_for listening
}

start_nbdkit_unix() { # SOCKET ARGUMENT…
	local socket=$1
	shift
	start nbdkit nbdkit --foreground --unix "$socket" "$@"
	wait_for listening_at "$socket"
}

# start_qemu_nbd ARGUMENT…: raw images; the arguments are qemu-nbd's own.
start_qemu_nbd() {
	free_port
	start qemu-nbd qemu-nbd --persistent --format raw --bind 127.0.0.1 --port "$PORT" "$@"
	wait_for listening
}

# qemu_x509 FOLDER yes|no: qemu-nbd's arguments for TLS; does a client need a certificate?
qemu_x509() {
	QEMU_TLS=(--tls-creds tls0 --object
		"tls-creds-x509,id=tls0,endpoint=server,dir=$1,verify-peer=$2")
}

qemu_psk() { # FOLDER with keys.psk
	QEMU_TLS=(--tls-creds tls0 --object "tls-creds-psk,id=tls0,endpoint=server,dir=$1")
}

# start_nbd_server DISK [LINE…]: one export, "disk"; the lines go in [generic], or after a
# "[disk]" among them in that.
start_nbd_server() {
	local disk=$1
	shift
	free_port
	printf '%s\n' >nbd-server.conf \
		'[generic]' "port = $PORT" 'listenaddr = 127.0.0.1' 'allowlist = true' \
		'[disk]' "exportname = $(realpath "$disk")" 'flush = true' 'fua = true' \
		'trim = true' \
		'[generic]' "$@"
	# Its -d would mean: one client, and that in the foreground.
	nbd-server -C "$PWD/nbd-server.conf" -p "$PWD/nbd-server.pid" >nbd-server.log 2>&1
	wait_for [ -s nbd-server.pid ]
	SERVER_PID=$(cat nbd-server.pid)
	SERVERS+=("$SERVER_PID")
	wait_for listening
}

# The lines for TLS. nbd-server (3.24) always requires a client certificate.
nbd_server_tls() { # FOLDER
	NBD_SERVER_TLS=("certfile = $1/server-cert.pem" "keyfile = $1/server-key.pem"
		"cacertfile = $1/ca-cert.pem")
}

# Accepts connections and says nothing.
start_silent_server() {
	free_port
	start silent socat "TCP-LISTEN:$PORT,bind=127.0.0.1,reuseaddr,fork" EXEC:'sleep 600'
	wait_for listening
}

# record FILE: a proxy for the server of $PORT that records what the client sends. PORT becomes
# the proxy's.
record() {
	local server=$PORT
	: >"$1"
	free_port
	start record socat -r "$1" "TCP-LISTEN:$PORT,bind=127.0.0.1,reuseaddr,fork" \
		"TCP:127.0.0.1:$server"
	wait_for listening
}
