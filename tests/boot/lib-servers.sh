# SPDX-License-Identifier: LGPL-2.1-or-later
# shellcheck shell=bash
#
# NBD servers on the host's loopback: nbdkit. See lib.sh. The files NAME.* belong to the server
# NAME.

# server_start NAME [KEY=VALUE…] [ARGUMENT…]:
#	size=64M	of a new, empty disk
#	file=FILE	or: an existing disk
#	tls=x509	a certificate; client: requires a client certificate, too; psk; none
#	pki=FOLDER	the server's folder, made by make-pki
# Other arguments are passed to nbdkit.
server_start() {
	local name=$1 size=64M file='' tls=x509 pki='' arguments=()
	shift
	while [ $# != 0 ]; do
		case $1 in
		size=*) size=${1#*=} ;;
		file=*) file=${1#*=} ;;
		tls=*) tls=${1#*=} ;;
		pki=*) pki=${1#*=} ;;
		*) arguments+=("$1") ;;
		esac
		shift
	done
	if [ -z "$file" ]; then
		truncate -s "$size" "$name.img"
	elif [ "$file" != "$name.img" ]; then
		ln -s "$(realpath "$file")" "$name.img"
	fi
	case $tls in
	x509) arguments+=(--tls=require --tls-certificates="$PKI/${pki:-server}") ;;
	client) arguments+=(--tls=require --tls-certificates="$PKI/${pki:-server}"
		--tls-verify-peer) ;;
	psk) arguments+=(--tls=require --tls-psk="$PKI/${pki:-psk}/keys.psk") ;;
	none) arguments+=(--tls=off) ;;
	*) fail "tls=$tls?" ;;
	esac
	free_port >"$name.port"
	echo "$tls" >"$name.tls"
	# It tells of the protocol, but not of each request.
	printf '%s\0' --verbose -D nbdkit.backend.datapath=0 "${arguments[@]}" \
		file "$name.img" >"$name.arguments"
	server_start_again "$name"
}

server_start_again() {
	local arguments
	mapfile -t -d '' arguments <"$1.arguments"
	rm -f "$1.pid"
	# nbdkit ends with its parent, and a case ends before the scenario does.
	setsid bash -c '"$@"; :' - nbdkit --foreground --pidfile "$1.pid" --ipaddr 0.0.0.0 \
		--port "$(cat "$1.port")" "${arguments[@]}" >>"$1.log" 2>&1 </dev/null &
	wait_for 20 [ -s "$1.pid" ]
	wait_for 20 listening "$1"
}

server_uri() {
	local at
	at=10.0.2.2:$(cat "$1.port")/$1
	case $(cat "$1.tls") in
	x509) echo "nbds://$at?tls-certificates=/etc/nbd-pki/ca" ;;
	client) echo "nbds://$at?tls-certificates=/etc/nbd-pki/client" ;;
	psk) echo "nbds://alice@$at?tls-psk-file=/etc/nbd-pki/psk/keys.psk" ;;
	none) echo "nbd://$at" ;;
	esac
}

# A free port that no other server of this scenario has.
free_port() {
	local port=10809
	while [ -n "$(ss -Hltn "sport = :$port")" ] || grep -q -s -x $port ./*.port; do
		port=$((port + 1))
	done
	echo $port
}

listening() {
	kill -0 "$(cat "$1.pid")" 2>/dev/null || fail "$1 ended: $(tail -n 5 "$1.log")"
	[ -n "$(ss -Hltn "sport = :$(cat "$1.port")")" ]
}

not_listening() {
	[ -z "$(ss -Hltn "sport = :$(cat "$1.port")")" ]
}

# With SIGKILL: nbdkit would wait for its clients to disconnect.
server_stop() {
	kill -KILL "$(cat "$1.pid")"
	wait_for 5 not_listening "$1"
}

server_freeze() {
	kill -STOP "$(cat "$1.pid")"
}

server_thaw() {
	kill -CONT "$(cat "$1.pid")"
}

server_discs() { # NAME
	grep -c 'client sent NBD_CMD_DISC' "$1.log" || :
}

server_saw_disc() { # NAME N
	local seen
	seen=$(server_discs "$1")
	[ "$seen" = "$2" ] || fail "$1 saw $seen NBD_CMD_DISC instead of $2"
}

# Neither damaged, nor in need of a journal replay.
fsck_file() {
	! dumpe2fs -h "$1.img" 2>/dev/null | grep needs_recovery ||
		fail "the file system of $1 was not unmounted"
	fsck.ext4 -f -n "$1.img"
}

# Loopback keeps its addresses; no packet gets through any more.
host_down() {
	ip link set lo down
}

host_up() {
	ip link set lo up
}
