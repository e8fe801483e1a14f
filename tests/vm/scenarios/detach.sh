#!/bin/bash
# SPDX-License-Identifier: LGPL-2.1-or-later
#
# All ways to detach. Each leaves no device, process or file, which every case of every scenario
# checks at its end.

. "${0%/*}/../lib.sh"

two_disks() {
	new_disk one.img 8M
	new_disk two.img 8M
	start_nbdkit file one.img
	attach --name one "nbd://127.0.0.1:$PORT/"
	ONE=$DEVICE
	start_nbdkit file two.img
	attach --name two "nbd://127.0.0.1:$PORT/"
	TWO=$DEVICE
}

by_name_and_device() {
	two_disks
	roundtrip "$ONE" one.img
	detach one
	roundtrip "$TWO" two.img
	detach "$TWO"
}

all() {
	two_disks
	[ "$("$PROGRAM" list | grep -c /dev/nbd)" = 2 ]
	detach --all
	detach --all
}

no_process_meanwhile() {
	two_disks
	[ -z "$(our_processes)" ] || fail "processes: $(our_processes)"
	detach --all
}

unknown() {
	expect_exit 8 detach none
	expect_says none
	expect_exit 8 detach /dev/nbd7
	expect_says nbd7
}

twice() {
	new_disk disk.img 1M
	start_nbdkit file disk.img
	attach "nbd://127.0.0.1:$PORT/disk"
	detach disk
	expect_exit 8 detach disk
}

# Devices of nbd-client are not detached.
of_others() {
	new_disk disk.img 1M
	start_nbdkit file disk.img
	nbd-client 127.0.0.1 "$PORT" /dev/nbd5
	expect_exit 8 detach /dev/nbd5
	detach --all
	[ -e /sys/block/nbd5/pid ] || fail "it is gone"
	nbd-client -d /dev/nbd5
}

dead_server() {
	local start
	new_disk disk.img 1M
	start_nbdkit file disk.img
	attach "nbd://127.0.0.1:$PORT/disk"
	stop_server "$SERVER_PID"
	start=$SECONDS
	detach disk
	[ $((SECONDS - start)) -le 20 ] || fail "took $((SECONDS - start)) seconds"
}

# n_good_byes WANTED: how many links the server has heard NBD_CMD_DISC on.
n_good_byes() {
	[ "$(grep -c 'client sent NBD_CMD_DISC' nbdkit.log)" = "$1" ]
}

good_bye() {
	new_disk disk.img 8M
	start_nbdkit --verbose file disk.img
	attach "nbd://127.0.0.1:$PORT/disk"
	roundtrip "$DEVICE" disk.img
	detach disk
	wait_for n_good_byes 1
}

good_bye_tls() {
	new_disk disk.img 8M
	start_nbdkit --verbose --tls=require --tls-certificates="$PKI/server" file disk.img
	attach --connections 2 "nbds://localhost:$PORT/disk?tls-certificates=$PKI/ca"
	roundtrip "$DEVICE" disk.img
	detach disk
	wait_for n_good_byes 2
}

# The links exist before attach finds that the name is taken.
good_bye_without_device() {
	new_disk disk.img 8M
	start_nbdkit --verbose --tls=require --tls-certificates="$PKI/server" file disk.img
	attach --name taken --connections 1 "nbds://localhost:$PORT/?tls-certificates=$PKI/ca"
	expect_exit 7 attach --no-daemon --name taken --connections 2 \
		"nbds://localhost:$PORT/?tls-certificates=$PKI/ca"
	wait_for n_good_byes 2
	detach taken
	wait_for n_good_byes 3
}

# The device is open, which the kernel logs.
forced() {
	expect_in_kernel_log 'nbd'
	new_disk disk.img 8M
	start_nbdkit file disk.img
	attach "nbd://127.0.0.1:$PORT/disk"
	sleep 600 9<"$DEVICE" &
	expect_exit 7 detach disk
	detach --force disk
	kill %+
	wait %+ || :
	# The device is free as soon as no process has it open.
	attach --device "$DEVICE" "nbd://127.0.0.1:$PORT/disk"
	roundtrip "$DEVICE" disk.img
	detach disk
}

closed() { # PORT
	[ -z "$(ss -Htn state established "dport = :$1")" ]
}

# Each is detached or, as the message says, is not. Each is held open, for which detach waits
# a second. That no other is begun with is in the unit test of side-by-side.c.
interrupted() {
	local disk first pid code=0 wanted=0 users=()
	expect_in_kernel_log 'nbd'
	for disk in one two three; do
		new_disk $disk.img 8M
		start_nbdkit file $disk.img
		attach --name $disk "nbd://127.0.0.1:$PORT/"
		[ $disk != one ] || first=$PORT
		sleep 600 9<"$DEVICE" &
		users+=($!)
	done
	env --default-signal=INT "$PROGRAM" detach --all --force >out 2>err &
	pid=$!
	wait_for closed "$first"
	kill -INT $pid
	wait $pid || code=$?
	cat err
	for disk in one two three; do
		if grep -q "interrupted; not detached: .*$disk" err; then
			wanted=1
			[ "$(field $disk STATE)" = unsupervised ] ||
				fail "$disk is $(field $disk STATE)"
		else
			[ "$(field $disk STATE)" != unsupervised ] ||
				fail "it does not say that $disk is left"
		fi
	done
	[ $code = $wanted ] || fail "exit code $code"
	kill "${users[@]}"
	wait "${users[@]}" || :
	detach --all
}

it "by name, and by device" by_name_and_device
it "--all, also when there are none" all
it "no process is needed in between" no_process_meanwhile
it "an attachment that is not there" unknown
it "twice" twice
it "somebody else's device stays" of_others
it "with a server that has died" dead_server
it "the server hears good-bye" good_bye
it "the server hears good-bye on each link, with kernel TLS" good_bye_tls
it "the server hears good-bye from an attach that fails" good_bye_without_device
it "--force, with the device open" forced
it "--all, interrupted: it says which are left" interrupted
