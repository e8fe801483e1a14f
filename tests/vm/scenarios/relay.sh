#!/bin/bash
# SPDX-License-Identifier: LGPL-2.1-or-later
#
# The data path through user space: a process for links that the kernel's nbd driver cannot use
# directly.
# Long: left to `tests/run vm`, for the time that all of them take together.

. "${0%/*}/../lib.sh"
. "$VM_LIB/lib-relay.sh"

# ---- what it is ----

status_of() { # PID FIELD
	sed -n "s/^$2:[[:space:]]*//p" "/proc/$1/status"
}

is_caged() { # PID
	local set
	grep -E '^(Name|Uid|Gid|Groups|Cap|NoNewPrivs|Seccomp:|VmLck|VmRSS)' "/proc/$1/status"
	for set in Uid Gid; do
		[[ $(status_of "$1" $set) != *$'\t0'* && $(status_of "$1" $set) != 0* ]] ||
			fail "$set of root"
	done
	[ -z "$(status_of "$1" Groups | tr -d ' ')" ] || fail "in groups"
	for set in CapInh CapPrm CapEff CapAmb; do
		[ "$((16#$(status_of "$1" $set)))" = 0 ] || fail "$set is not empty"
	done
	[ "$(status_of "$1" NoNewPrivs)" = 1 ] || fail "it may get new privileges"
	[ "$(status_of "$1" Seccomp)" = 2 ] || fail "without a filter of system calls"
	sanitized || [ "$(status_of "$1" VmLck | tr -dc 0-9)" -gt 0 ] || fail "its memory is not locked"
	[ "$(readlink "/proc/$1/ns/net")" != "$(readlink /proc/self/ns/net)" ] ||
		fail "in our network"
	grep -q '^Max address space *[0-9]' "/proc/$1/limits" || fail "it may take all the memory"
	[ "$(cat "/proc/$1/oom_score_adj")" = -1000 ] || fail "the OOM killer may have it"
}

asked_for() {
	local way pid
	WAYS=(plain-16 tls-16)
	new_disks 4M
	serve
	server_up
	for way in "${WAYS[@]}"; do
		attach_at "$way" "$(uri "$way")" 'data-path relay was asked for'
	done
	n_relays 2 || fail "relays: $(relays)"
	for pid in $(relays); do
		is_caged "$pid"
	done
	roundtrip_and_load
}

# ---- the disk that the system runs from ----

# systemd spares root's processes with such a name at shutdown. It checks the real user.
spared() { # PID
	[ "$(head -c 1 "/proc/$1/cmdline")" = @ ] && [[ $(status_of "$1" Uid) == 0$'\t'* ]]
}

acts_as_nobody() { # PID
	[[ $(status_of "$1" Uid) != 0$'\t'0* && $(status_of "$1" CapPrm) =~ ^0+$ ]]
}

for_the_system() {
	local pid killed=
	WAYS=(tls-16)
	new_disks 4M
	serve
	server_up
	start supervisor "${PROGRAM}d" --initrd --name tls-16 "${ATTACH_OPTIONS[@]}" "$(uri tls-16)"
	within 20 is tls-16 up
	DEVICES[tls-16]=$(field tls-16 DEVICE)
	roundtrip_way tls-16
	for _ in first second; do
		within 20 n_relays 1
		pid=$(relays)
		[ "$pid" != "$killed" ] || fail "the same relay"
		spared "$pid" || fail "it would be killed: $(grep Uid "/proc/$pid/status")"
		acts_as_nobody "$pid" || fail "it acts as root: $(grep -E 'Uid|Cap' "/proc/$pid/status")"
		killed=$pid
		kill -KILL "$pid"
		within 20 ended "$pid"
	done
	within 20 n_relays 1
	roundtrip_way tls-16
	detach tls-16
	within 10 n_relays 0
}

# ---- where the kernel cannot do it ----

# The whole guest lacks the module while the case runs.
no_tls_module() {
	local folder=$MODULES/kernel/net/tls
	[ -d "$folder" ] || fail "there is no $folder"
	modprobe -r tls || :
	[ ! -e /sys/module/tls ] || fail "the module is in use"
	mount -t tmpfs none "$folder"
	trap 'end_all; wipe_up; stop_servers; umount "$MODULES/kernel/net/tls"' EXIT
}

without_tls_module() {
	ATTACH_OPTIONS=()
	WAYS=(tls-16)
	no_tls_module
	new_disks 4M
	serve
	server_up
	expect_no_attach 7 --data-path kernel "$(uri tls-16)"
	expect_says tls
	attach_at tls-16 "$(uri tls-16)" tls
	roundtrip_and_load
}

unix_socket() {
	ATTACH_OPTIONS=()
	WAYS=(tls-16)
	new_disks 4M
	start nbdkit nbdkit --foreground --unix "$PWD/socket" --tls=require \
		--tls-certificates="$TLS_FOLDER" file dir=disks
	within 20 [ -S socket ]
	attach_at tls-16 "nbds+unix:///tls-16?socket=$PWD/socket&tls-hostname=localhost$(
	)&tls-certificates=$CLIENT_FOLDER" 'unix socket'
	roundtrip_and_load
}

vsock() {
	local more="tls-certificates=$CLIENT_FOLDER&tls-hostname=localhost"
	ATTACH_OPTIONS=()
	WAYS=(plain-16 tls-16)
	new_disks 4M
	start nbdkit nbdkit --foreground --vsock --port "$PORT" --pidfile "$PWD/nbdkit.pid" \
		--tls=on --tls-certificates="$TLS_FOLDER" file dir=disks
	within 20 [ -s nbdkit.pid ]
	attach_at plain-16 "nbd+vsock://1:$PORT/plain-16" vsock
	attach_at tls-16 "nbds+vsock://1:$PORT/tls-16?$more" vsock
	roundtrip_and_load
}

# ---- the end ----

n_lines() { # WANTED PATTERN FILE
	[ "$(grep -c "$2" "$3")" = "$1" ]
}

# A server that has exited by then could not receive it.
good_bye() { # [TLS-FRONT-OPTION…]
	FRONT_MORE=(--filter=delay delay-close=2)
	front "$@"
	finish_relays
	within 5 n_lines 2 'client sent NBD_CMD_DISC' server-1.log
	within 5 n_lines 2 'the client has ended: politely' server-2.log
}

good_bye_plain() {
	WAYS=(plain-1 plain-16)
	new_disks 4M
	serve -v
	set_up
	finish_relays
	within 5 n_lines 2 'client sent NBD_CMD_DISC' server-1.log
}

# ---- both directions at once ----

both_ways() {
	LOAD_OPTIONS=(--block 1M)
	WAYS=(plain-16 tls-16)
	new_disks 32M
	serve
	set_up
	sleep 5
	flows 30
	no_reconnects
	finish_relays
}

it "a kernel without TLS" supervised without_tls_module
it "asked for: plain and TLS, in a cage" supervised asked_for
it "of the disk that the system runs from: it is let live" supervised for_the_system
it "TLS over a unix socket" supervised unix_socket
if modprobe -q vsock_loopback; then
	it "vsock, plain and TLS" supervised vsock
fi
it "detach: the server hears good-bye, through TLS" supervised good_bye
it "detach: the server hears good-bye, with TLS 1.2" supervised good_bye \
	--priority NORMAL:-VERS-TLS1.3
it "detach: the server hears good-bye" supervised good_bye_plain
it "both ways at once, large blocks" supervised both_ways
