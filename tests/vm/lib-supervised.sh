# SPDX-License-Identifier: LGPL-2.1-or-later
# shellcheck shell=bash disable=SC2034 # its variables are the scenarios'
#
# Attachments with a supervisor, under load while things go wrong. Each is called a "way": its
# name says transport and queue depth (plain-1, tls-16), and it has a disk, a device and a load
# of that name. One server exports the disks of all ways, so that one outage tests them all.
#
#	supervised FUNCTION [ARGUMENT…]    in a case: runs it and shows the supervisors' log

TOOLS=$TOP/build/tests/vm
WAYS=(plain-1 plain-16 tls-1 tls-16)
declare -A DEVICES=() LOADS=()
# Options for all ways.
ATTACH_OPTIONS=()
LOAD_OPTIONS=()
# The server's name in URIs; more parameters for URIs with TLS.
URI_HOST=localhost
URI_MORE=
# The client's and the server's TLS files, and the address that the server listens on.
CLIENT_FOLDER=$PKI/ca
TLS_FOLDER=$PKI/server
ADDRESS=127.0.0.1
N_STARTS=0
# For servers that must outlive their links: nbdkit (1.32) fails an assertion when a link is cut
# while it handles several requests.
ONE_BY_ONE=--threads=1
# When the server went away, and how long a request may take at most.
DOWN_AT=
WORST=0

supervised() {
	trap 'end_all; wipe_up; stop_servers' EXIT
	start syslog socat -u UNIX-RECV:/dev/log,unlink-early OPEN:syslog,creat,append
	within 5 [ -S /dev/log ]
	"$@"
}

end_all() {
	local way
	for way in "${!LOADS[@]}"; do
		hanging "$way"
		kill -KILL "${LOADS[$way]}" 2>/dev/null || :
	done
	echo "the supervisors' log:"
	[ ! -s syslog ] || sed 's/<[0-9]*>/\n/g' syslog
	echo
	tail -n 5 server-*.log 2>/dev/null || :
}

# What a load is waiting for.
hanging() { # WAY
	local task
	echo "$1: in flight $(cat "/sys/block/${DEVICES[$1]#/dev/}/inflight")"
	for task in "/proc/${LOADS[$1]}/task"/*; do
		echo "$(awk '$1 == "State:" { print $2 }' "$task/status")" \
			"$(tr '\n' ' ' <"$task/stack")"
	done | sort | uniq -c
} 2>/dev/null

# ---- time ----

exec {NAP_FD}<> <(:)

# nap SECONDS: sleeps without a process, which takes long to start on a busy machine.
nap() {
	read -rt "$1" <&"$NAP_FD" || :
}

# holds CONDITION…, where ! negates it.
holds() {
	if [ "$1" = ! ]; then
		shift
		! "$@"
	else
		"$@"
	fi
}

# soon SECONDS CONDITION…: whether it holds within that time, or four times that, because the
# host may be busy.
soon() {
	local end=$((${EPOCHREALTIME/./} + $1 * 4000000))
	shift
	until holds "$@"; do
		[ "${EPOCHREALTIME/./}" -lt $end ] || return 1
		nap 0.02
	done
}

within() { # SECONDS CONDITION…
	soon "$@" || fail "not within $1 s: ${*:2}"
}

ended() { # PID; whether it was waited for or not
	! kill -0 "$1" 2>/dev/null || grep -q '^State:.Z' "/proc/$1/status" 2>/dev/null
}

# difference TIME TIME: the second minus the first, in seconds.
difference() {
	awk -v a="$1" -v b="$2" 'BEGIN { printf "%.2f\n", b - a }'
}

at_most() { # NUMBER LIMIT
	awk -v a="$1" -v b="$2" 'BEGIN { exit !(a <= b) }'
}

# takes_at_most SECONDS COMMAND…
takes_at_most() {
	local limit=$1 start=$EPOCHREALTIME took
	shift
	"$@"
	took=$(difference "$start" "$EPOCHREALTIME")
	echo "took $took s: $*"
	at_most "$took" "$limit" || fail "took $took s: $*"
}

# ---- a server that comes and goes ----

new_disks() { # SIZE
	local way
	mkdir -p disks
	for way in "${WAYS[@]}"; do
		new_disk "disks/$way" "$1"
	done
	free_port
}

# serve [OPTION…] [PARAMETER=VALUE…]: the server will be nbdkit, with optional TLS.
serve() {
	local word options=() parameters=()
	for word; do
		case $word in
		-*) options+=("$word") ;;
		*) parameters+=("$word") ;;
		esac
	done
	SERVER_COMMAND=(nbdkit --foreground --ipaddr "$ADDRESS" --port "$PORT" --tls=on
		--tls-certificates="$TLS_FOLDER"
		"${options[@]}" file dir=disks "${parameters[@]}")
}

# listens PID PORT: in the network namespace of that process.
listens() {
	local port local_address state
	printf -v port %04X "$2"
	while read -r _ local_address _ state _; do
		[[ $local_address != *:"$port" || $state != 0A ]] || return 0
	done 2>/dev/null <"/proc/$1/net/tcp"
	return 1
}

up_or_ended() {
	listens "$SERVER_PID" "$PORT" || ended "$SERVER_PID"
}

# UP_AT is when it listens.
server_up() {
	N_STARTS=$((N_STARTS + 1))
	start "server-$N_STARTS" "${SERVER_COMMAND[@]}"
	within 20 up_or_ended
	UP_AT=$EPOCHREALTIME
	listens "$SERVER_PID" "$PORT" || fail "the server ended: $(cat "server-$N_STARTS.log")"
}

# From now on no request can complete. `recover` ends this.
down_now() {
	DOWN_AT=${DOWN_AT:-$EPOCHREALTIME}
}

# The server is gone at once, as if its machine had been reset.
server_down() {
	down_now
	stop_server "$SERVER_PID"
}

# All ways are attached and under load; `serve` goes before.
set_up() {
	server_up
	attach_ways
	start_loads
	sleep 1
}

# ---- attachments ----

uri() { # WAY
	case $1 in
	tls-*) echo "nbds://$URI_HOST:$PORT/$1?tls-certificates=$CLIENT_FOLDER$URI_MORE" ;;
	*) echo "nbd://$URI_HOST:$PORT/$1" ;;
	esac
}

attach_way() { # WAY
	nbd_attach attach --name "$1" "${ATTACH_OPTIONS[@]}" "$(uri "$1")"
	[ -b "$OUT" ] || fail "'$OUT' is not a block device"
	DEVICES[$1]=$OUT
}

attach_ways() {
	local way
	for way in "${WAYS[@]}"; do
		attach_way "$way"
	done
}

# Another supervisor takes the device over.
adopt() { # WAY
	local device=${DEVICES[$1]}
	attach_way "$1"
	[ "${DEVICES[$1]}" = "$device" ] || fail "$1 was $device and is ${DEVICES[$1]}"
}

# The supervisor's PID; its children have the same name.
supervisor() { # WAY
	"$PROGRAM" status "$1" |
		awk '$1 == "supervisor:" { print $3; found = 1 } END { exit !found }'
}

# Their children, of the same name, end soon.
n_supervisors() { # WANTED
	[ "$(pgrep -c -x nbd-attachd)" = "$1" ]
}

kill_supervisor() { # WAY
	local pid
	pid=$(supervisor "$1") || fail "$1 has no supervisor"
	kill -KILL "$pid"
	within 5 ended "$pid"
}

is() { # WAY STATE, as in list
	[ "$(field "$1" STATE)" = "$2" ]
}

# says WAY FIELD WORD: status has WORD in the line FIELD (regular expressions).
says() {
	"$PROGRAM" status "$1" | grep -E "^ *$2:" | grep -q -i -E -e "$3"
}

# The client's addresses of all links to the server: a new link has another one.
links() {
	ss -Htn state established "dport = :$PORT" | awk '{ print $3 }' | sort
}

n_links() { # WANTED
	[ "$(links | wc -l)" = "$1" ]
}

# all_new BEFORE: there are as many links as before, and none of those.
all_new() {
	n_links "$(wc -l <<<"$1")" && [ -z "$(comm -12 <(echo "$1") <(links))" ]
}

# ---- load ----

start_load() { # WAY
	"$TOOLS/load" "${DEVICES[$1]}" 0 --depth "${1##*-}" --block 16K --ledger "ledger-$1" \
		"${LOAD_OPTIONS[@]}" >"load-$1" 2>&1 &
	LOADS[$1]=$!
}

start_loads() {
	local way
	for way in "${WAYS[@]}"; do
		start_load "$way"
	done
}

# end_load WAY: its exit code in CODE.
end_load() {
	local pid=${LOADS[$1]}
	kill -TERM "$pid" 2>/dev/null || :
	within 40 ended "$pid"
	CODE=0
	wait "$pid" || CODE=$?
	unset "LOADS[$1]"
	echo "$1: $(cat "load-$1")"
}

check_disk() { # WAY
	"$TOOLS/load" --check "ledger-$1" "disks/$1"
}

# Fails if there was an I/O error, a wrong byte, or a request that took too long.
finish() {
	local way longest
	for way in "${WAYS[@]}"; do
		end_load "$way"
		[ "$CODE" = 0 ] || fail "the load of $way ended with $CODE: $(tail -n 1 "load-$way")"
		longest=$(sed -n 's/.* longest=\([0-9.]*\) .*/\1/p' "load-$way")
		[ "$WORST" = 0 ] || at_most "$longest" "$WORST" ||
			fail "$way: a request took $longest s, which is more than $WORST s"
	done
	for way in "${WAYS[@]}"; do
		detach "$way"
		check_disk "$way"
	done
}

# How many requests of a device the kernel has completed.
completed() { # WAY
	local stat
	read -ra stat <"/sys/block/${DEVICES[$1]#/dev/}/stat"
	echo $((stat[0] + stat[4]))
}

more_completed() { # WAY NUMBER
	[ "$(completed "$1")" -gt "$2" ]
}

# flows SECONDS [N]: each load completes N more requests within that time. The default is more
# than those that were under way.
flows() {
	local way
	for way in "${WAYS[@]}"; do
		within "$1" more_completed "$way" $(($(completed "$way") + ${2:-${way##*-} + 10}))
	done
}

# stands SECONDS: no request completes in that time.
stands() {
	local way before
	before=$(for way in "${WAYS[@]}"; do completed "$way"; done)
	sleep "$1"
	[ "$before" = "$(for way in "${WAYS[@]}"; do completed "$way"; done)" ] ||
		fail "requests were completed"
}

# refused WORD: the supervisor refuses the server; status says why, and all requests wait.
refused() {
	local way
	for way in "${WAYS[@]}"; do
		within 10 is "$way" refused
		says "$way" 'last error' "$1" || fail "status says nothing of $1: $("$PROGRAM" status "$way")"
	done
	stands 3
}

# ---- measurements ----

# The time of the first operation that succeeded after a gap, and after TIME.
end_of_gap() { # WAY TIME
	awk -F '[= ]' -v time="$2" '$1 == "gap" && $4 > time { print $4; exit }' "load-$1"
}

# recovery WAY: seconds from UP_AT until the first operation succeeded; 0 if there was no
# gap at all.
recovery() {
	local end
	end=$(end_of_gap "$1" "$(difference 0.5 "$UP_AT")")
	difference "$UP_AT" "${end:-$UP_AT}"
}

# recover LIMIT: checks each way, and appends the time to the file recovery-WAY. Requests that
# were under way may not take longer either: `finish` checks that.
recover() {
	local way took worst
	worst=$(awk -v time="$(difference "$DOWN_AT" "$UP_AT")" -v limit="$1" \
		'BEGIN { print time + limit }')
	at_most "$worst" "$WORST" || WORST=$worst
	DOWN_AT=
	flows 45
	for way in "${WAYS[@]}"; do
		took=$(recovery "$way")
		echo "$took" >>"recovery-$way"
		echo "$way: I/O goes on $took s after the server is back"
		at_most "$took" "$1" || fail "$way: recovery took $took s"
	done
}

# outage SECONDS LIMIT: the server is away for SECONDS; recovery may take LIMIT.
outage() {
	server_down
	sleep "$1"
	server_up
	recover "$2"
}

median() { # FILE
	sort -n "$1" | awk '{ line[NR] = $1 } END { print line[int((NR + 1) / 2)] }'
}

# The longest time without a success, of all loads.
longest_gap() {
	cat load-* | awk -F '[= ]' '$1 == "gap" && $2 > max { max = $2 } END { print max + 0 }'
}
