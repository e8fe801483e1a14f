#!/bin/bash
# SPDX-License-Identifier: LGPL-2.1-or-later
#
# Keys are only in their files and in memory: not in output, logs, state or a core dump. The
# scenario first checks that its own search finds them.
# Long: left to `tests/run vm`, for the time that all of them take together.

. "${0%/*}/../lib.sh"

# What would reveal a key: each line of the PEM file's body, its bytes, the PSK.
secrets_of() { # FILE
	case $1 in
	*.psk) cut -d : -f 2 "$1" ;;
	*) sed -n '/^-----BEGIN/,/^-----END/p' "$1" | grep -v -e ---- ;;
	esac
}

holds_secret() { # FILE-WITH-SECRETS FILE…
	local secrets=$1
	shift
	grep -q -a -i -F -f <(secrets_of "$secrets") "$@" 2>/dev/null
}

# What everyone, or only root, can read at run time.
collect() { # NAME
	local pid
	mkdir -p seen
	"$PROGRAM" status "$1" >seen/status
	"$PROGRAM" status --json "$1" >seen/status.json
	"$PROGRAM" list --json >seen/list.json
	for pid in $(pgrep -x "$OURS"); do
		# some helpers end meanwhile
		cat "/proc/$pid/cmdline" "/proc/$pid/environ" >"seen/process-$pid" || :
	done
	[ -s "seen/process-$(supervisor "$1")" ] || fail "the supervisor was not seen"
	cp -r "$RUN_DIR" seen/run
	cp syslog monitor.log out err seen
	dmesg >seen/kernel
}

gave_nothing_away() { # FILE-WITH-SECRETS
	local seen
	holds_secret "$1" "$1" || fail "the search does not find what it is for"
	while read -r seen; do
		! holds_secret "$1" "$seen" || fail "$seen holds a key"
	done < <(find seen -type f)
	[ "$(find seen -type f | wc -l)" -ge 10 ] || fail "hardly anything was looked at"
}

leaves_no_core() { # PID
	kill -ABRT "$1"
	within 10 ended "$1"
	[ -z "$(find cores -type f)" ] || fail "a core dump: $(ls cores)"
}

# The same signal does leave one of a process without keys.
with_cores() {
	mkdir -m 777 cores
	echo "$PWD/cores/core.%p" >/proc/sys/kernel/core_pattern
	ulimit -c unlimited
	sleep 60 &
	# before exec it is a bash, which may survive the signal
	within 10 grep -qx sleep "/proc/$!/comm"
	kill -ABRT $!
	wait $! || :
	[ -n "$(find cores -type f)" ] || fail "no core dump of a common process"
	rm cores/*
}

# The memory of PID, except unchanged mappings of files.
memory_of() { # PID FILE
	python3 - "$1" >"$2" <<-'EOF'
		import re, sys
		pid = sys.argv[1]
		with open(f"/proc/{pid}/maps") as maps, open(f"/proc/{pid}/mem", "rb", 0) as memory:
		    for line in maps:
		        start, end, mode = re.match(r"(\w+)-(\w+) (\S+)", line).groups()
		        if mode[0] != "r" or line.rstrip().endswith(("[vvar]", "[vsyscall]")):
		            continue
		        try:
		            memory.seek(int(start, 16))
		            sys.stdout.buffer.write(memory.read(int(end, 16) - int(start, 16)))
		        except OSError:
		            pass
	EOF
}

# As hexadecimal digits: the private number, or what both sides share.
digits_of() { # FILE-WITH-SECRETS
	case $1 in
	*.psk) secrets_of "$1" ;;
	*) certtool --key-info --infile "$1" | sed -n '/^private key:/,/^\t$/p' | tail -n +2 ;;
	esac | tr -dc 0-9a-f
}

# GnuTLS computes with words in the machine's byte order, so numbers may be stored reversed.
holds_bytes() { # DIGITS FILE
	[ ${#1} -ge 32 ] || fail "no key: $1"
	python3 - "$1" "$2" <<-'EOF'
		import sys
		key, memory = bytes.fromhex(sys.argv[1]), open(sys.argv[2], "rb").read()
		sys.exit(not (key in memory or key[::-1] in memory))
	EOF
}

# A relay lives for months with its session's keys; only the supervisor keeps the others.
relay_has_forgotten() { # FILE-WITH-SECRETS WAY
	local relay digits
	relay=$(pgrep -x nbd-relay) || return 0
	digits=$(digits_of "$1")
	memory_of "$(supervisor "$2")" supervisor.memory
	memory_of "$relay" relay.memory
	holds_secret "$1" supervisor.memory || fail "the search does not find what it is for"
	! holds_secret "$1" relay.memory || fail "the relay's memory holds the file"
	! holds_bytes "$digits" relay.memory || fail "the relay's memory holds the key"
	# malloc() overwrites the first bytes of free memory
	! holds_bytes "${digits: -32}" relay.memory || fail "the relay's memory holds half the key"
	echo "the relay's memory: $(stat -c %s relay.memory) bytes"
	rm supervisor.memory relay.memory
}

# The address of the program in a process's memory.
place_of() { # PID
	sed -n "1s/-.*//p" "/proc/$1/maps"
}

# An executed worker has neither the supervisor's memory layout nor its environment. Where the
# program may be on the disk itself, the worker is only forked.
starts_afresh() {
	local supervisor first second
	WAYS=(tls-1)
	new_disks 4M
	serve
	server_up
	for how in '' --lock-memory; do
		SOMEBODYS_SECRET=12345 LD_SOME=thing nbd_attach attach --name tls-1 \
			--data-path relay $how "$(uri tls-1)"
		DEVICES[tls-1]=$(tail -n 1 out)
		supervisor=$(supervisor tls-1)
		grep -q -z SECRET "/proc/$supervisor/environ"
		first=$(pgrep -x nbd-relay)
		echo "$how: $(place_of "$supervisor") $(place_of "$first")"
		kill -KILL "$first"
		within 10 pgrep -x nbd-relay >/dev/null
		within 10 is tls-1 up
		second=$(pgrep -x nbd-relay)
		if [ -z "$how" ]; then
			[ "$(place_of "$supervisor")" != "$(place_of "$first")" ]
			[ "$(place_of "$first")" != "$(place_of "$second")" ]
			grep -q -z LD_SOME "/proc/$second/environ"
			! grep -q -z SECRET "/proc/$second/environ" || fail "the relay has the caller's secret"
		else
			[ "$(place_of "$supervisor")" = "$(place_of "$second")" ]
		fi
		roundtrip "${DEVICES[tls-1]}" disks/tls-1
		detach tls-1
	done
}

# An upgrade may take away what the supervisor, which stays, was started with.
without_libraries() {
	local library
	WAYS=(tls-1)
	new_disks 4M
	serve
	set_up
	library=$(ldd "$PROGRAM" | awk '/libnl-genl/ { print $3 }')
	trap 'mv "$library.away" "$library"; end_all; wipe_up; stop_servers' EXIT
	mv "$library" "$library.away"
	! "$PROGRAM" --version 2>/dev/null || fail "it does without $library"
	server_down
	server_up
	flows 45
	mv "$library.away" "$library"
	trap 'end_all; wipe_up; stop_servers' EXIT
	flows 20
	finish
}

keeps_secret() { # FILE-WITH-SECRETS WAY URI [OPTION…]
	local secrets=$1 way=$2
	with_cores
	start monitor "$PROGRAM" monitor --json
	server_up
	nbd_attach attach --verbose --name "$way" "${@:4}" "$3"
	DEVICES[$way]=$(tail -n 1 out)
	roundtrip "${DEVICES[$way]}" "disks/$way"
	relay_has_forgotten "$secrets" "$way"
	kill -HUP "$(supervisor "$way")"
	within 10 grep -q 'credentials read anew' syslog
	server_down
	nap 1
	server_up
	within 20 is "$way" up
	roundtrip "${DEVICES[$way]}" "disks/$way"
	relay_has_forgotten "$secrets" "$way"
	collect "$way"
	gave_nothing_away "$secrets"
	leaves_no_core "$(supervisor "$way")"
	nbd_attach attach --name "$way" "${@:4}" "$3"
	within 10 is "$way" up
	pkill -TERM -x nbd-attach
	detach "$way"
	cp syslog seen/syslog.2
	gave_nothing_away "$secrets"
}

client_key() { # DATA-PATH
	WAYS=(tls-1)
	new_disks 4M
	serve --tls-verify-peer
	keeps_secret "$PKI/client/client-key.pem" tls-1 \
		"nbds://localhost:$PORT/tls-1?tls-certificates=$PKI/client" --data-path "$1"
}

psk() {
	WAYS=(tls-1)
	new_disks 4M
	serve
	SERVER_COMMAND=("${SERVER_COMMAND[@]/#--tls-certificates=*/--tls-psk=$PKI/psk/keys.psk}")
	keeps_secret "$PKI/psk/keys.psk" tls-1 \
		"nbds://alice@localhost:$PORT/tls-1?tls-psk-file=$PKI/psk/keys.psk" --data-path "$1"
}

it "a client's key, kernel TLS" supervised client_key kernel
it "a client's key, by a relay" supervised client_key relay
it "a key that both sides share, kernel TLS" supervised psk kernel
it "a key that both sides share, by a relay" supervised psk relay
it "a relay is executed anew" supervised starts_afresh
it "a worker that cannot be executed is forked" supervised without_libraries
