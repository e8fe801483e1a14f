# SPDX-License-Identifier: LGPL-2.1-or-later
# shellcheck shell=bash disable=SC2034 # its variables are the scenarios'
#
# A name with two addresses, of two servers whose data differs. A scenario reads this after lib.sh.

FIRST=127.0.0.2
SECOND=127.0.0.3
declare -A TWIN=()
# Of nbdkit.
FILTER=()
PARAMETERS=()

# The name's addresses, in this order.
twins() {
	sed '/ twins$/d' /etc/hosts >/etc/hosts.new
	printf '%s twins\n' "$@" >>/etc/hosts.new
	mv /etc/hosts.new /etc/hosts
}

listens_at() { # ADDRESS PORT
	[ -n "$(ss -Hltn "src $1 and sport = :$2")" ]
}

# Each link has a process of its own between here and the server.
serve_twin() { # ADDRESS
	start "proxy-$1" socat "TCP-LISTEN:$PORT,bind=$1,reuseaddr,fork" "TCP:$1:$BEHIND"
	TWIN[$1]=$SERVER_PID
	within 20 listens_at "$1" "$PORT"
}

# From now on links to that one never work, while there is a file "resets".
serve_resetting_twin() { # ADDRESS
	stop_server "${TWIN[$1]}"
	start "proxy-$1" "$VM_LIB/resetting-proxy.py" "$PORT" "$BEHIND" "$1"
	TWIN[$1]=$SERVER_PID
	within 20 listens_at "$1" "$PORT"
}

serve_twins() {
	local address
	free_port
	BEHIND=$PORT
	free_port
	for address in $FIRST $SECOND; do
		pattern "$address" 4M >"disk-$address"
		start "server-$address" nbdkit --foreground --ipaddr "$address" --port "$BEHIND" \
			--tls-certificates="$PKI/server" "${FILTER[@]}" file "disk-$address" "${PARAMETERS[@]}"
		within 20 listens_at "$address" "$BEHIND"
		serve_twin "$address"
	done
	twins $FIRST $SECOND
	TWINS="nbd://twins:$PORT/"
}

attach_twins() { # [OPTION…]
	nbd_attach attach --name disk "${ATTACH_OPTIONS[@]}" "$@" "$TWINS"
	DEVICE=$OUT
}

n_links_at() { # N ADDRESS
	[ "$(ss -Htn state established "dst $2 and dport = :$PORT" | wc -l)" = "$1" ]
}

# all_at ADDRESS N: all N links go there, status says so, and the data is that server's.
all_at() {
	local other=$FIRST
	[ "$1" != $FIRST ] || other=$SECOND
	within 20 n_links_at "$2" "$1"
	n_links_at 0 $other || fail "links go to $other, too"
	within 20 is disk up
	"$PROGRAM" status disk | grep "^address: *$1:$PORT$" ||
		fail "another address: $("$PROGRAM" status disk)"
	reads_back "$DEVICE" "disk-$1"
}

# An event in the output of `status`.
happened() { # KIND
	"$PROGRAM" status --json disk | grep -q "\"kind\": *\"$1\""
}

renew() {
	local before
	before=$(links)
	kill -HUP "$(supervisor disk)"
	within 20 all_new "$before"
}

# One link is lost, and the server is still there.
cut_one() {
	local before
	before=$(links)
	kill -KILL "$(pgrep -o -P "${TWIN[$FIRST]}")"
	within 20 has_new "$before"
}

has_new() { # BEFORE
	n_links "$(wc -l <<<"$1")" && [ "$1" != "$(links)" ]
}

stays_then_moves() { # N
	attach_twins --connections "$1"
	all_at $FIRST "$1"
	# as a round-robin name server does
	twins $SECOND $FIRST
	renew
	all_at $FIRST "$1"
	cut_one
	all_at $FIRST "$1"
	! happened moved || fail "an event without a reason"

	stop_server "${TWIN[$FIRST]}"
	all_at $SECOND "$1"
	happened moved || fail "no event: $("$PROGRAM" status --json disk)"
	grep -q "$SECOND.* instead of .*$FIRST" syslog || fail "the log does not say so"
	# the first one is back, but no link moves
	serve_twin $FIRST
	twins $FIRST $SECOND
	renew
	all_at $SECOND "$1"
	detach disk
}
