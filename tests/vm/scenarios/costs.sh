#!/bin/bash
# SPDX-License-Identifier: LGPL-2.1-or-later
#
# What attach and detach cost, counted in system calls, which no busy machine changes.

. "${0%/*}/../lib.sh"

# How often the calls that match were made.
count() { # FILE REGULAR-EXPRESSION
	grep -c -E -e "$2" "$1" || :
}

expect_count() { # NUMBER FILE REGULAR-EXPRESSION
	local found
	found=$(count "$2" "$3")
	[ "$found" = "$1" ] || fail "$found calls instead of $1: $3"
}

printed() {
	grep -q -x '/dev/nbd[0-9]*' printed
}

# Only what it counts stops a process.
trace() { # FILE COMMAND…
	local file=$1
	shift
	strace -f --seccomp-bpf -e trace=execve,openat -o "$file" "$@"
}

# The supervisor is traced, too, until the disk is detached.
traced() { # URI
	local tracer
	trace attach.trace "$PROGRAM" attach "$1" >printed 2>said &
	tracer=$!
	within 60 printed
	trace detach.trace "$PROGRAM" detach disk
	wait "$tracer"
}

# The first attach loads the modules; the second does not even read their indexes.
once() {
	local uri
	new_disk disk 8M
	start_nbdkit --tls=require --tls-certificates="$PKI/server" file dir=.
	uri="nbds://localhost:$PORT/disk?tls-certificates=$PKI/ca"
	nbd_attach attach "$uri"
	detach disk
	traced "$uri"
	# the command, the supervisor, and the link's worker
	expect_count 3 attach.trace 'execve.* = 0$'
	expect_count 0 attach.trace '/modules\.dep'
	expect_count 1 attach.trace '/etc/passwd'
	expect_count 1 attach.trace '/ca-cert.pem'
	expect_count 1 detach.trace 'execve.* = 0$'
	expect_count 0 detach.trace '/modules\.dep|/etc/passwd'
}

it "attach and detach: nothing is done twice" supervised once
