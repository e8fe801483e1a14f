#!/bin/bash
# SPDX-License-Identifier: LGPL-2.1-or-later
#
# Servers that are told to end (SIGTERM) and start again: nbd-server and qemu-nbd just close
# their connections. nbdkit answers requests with the error ESHUTDOWN first, and the kernel
# makes I/O errors of that; see nbd-attach(8), "Stopping a server".
# Long: left to `tests/run vm`, for the time that all of them take together.

. "${0%/*}/../lib.sh"

terminate() {
	down_now
	kill -TERM "$SERVER_PID"
	within 10 ended "$SERVER_PID"
	stop_server "$SERVER_PID" # what is left of its group
}

nbd_server_up() {
	rm -f nbd-server.pid
	nbd-server -C "$PWD/nbd-server.conf" -p "$PWD/nbd-server.pid"
	within 10 [ -s nbd-server.pid ]
	SERVER_PID=$(cat nbd-server.pid)
	SERVERS+=("$SERVER_PID")
	within 10 listens "$SERVER_PID" "$PORT"
	UP_AT=$EPOCHREALTIME
}

nbd_server() {
	local way
	WAYS=(plain-1 plain-16 tls-1 tls-16)
	CLIENT_FOLDER=$PKI/client
	new_disks 4M
	nbd_server_tls "$PKI/server"
	printf '%s\n' '[generic]' "port = $PORT" 'listenaddr = 127.0.0.1' \
		"${NBD_SERVER_TLS[@]}" >nbd-server.conf
	for way in "${WAYS[@]}"; do
		printf '%s\n' "[$way]" "exportname = $PWD/disks/$way" 'flush = true' 'fua = true'
	done >>nbd-server.conf
	nbd_server_up
	attach_ways
	start_loads
	sleep 2
	terminate
	sleep 2
	nbd_server_up
	recover 4
	finish
}

qemu_nbd() { # WAY
	WAYS=("$1")
	QEMU_TLS=()
	[[ $1 != tls-* ]] || qemu_x509 "$PKI/server" no
	new_disks 4M
	SERVER_COMMAND=(qemu-nbd --persistent --shared 0 --format raw --bind 127.0.0.1
		--port "$PORT" --export-name "$1" "${QEMU_TLS[@]}" "disks/$1")
	set_up
	terminate
	sleep 2
	server_up
	recover 4
	finish
}

# The device heals, too, but those who used it have seen errors.
nbdkit_server() {
	local way
	expect_in_kernel_log 'I/O error'
	new_disks 4M
	serve --filter=delay wdelay=20ms
	set_up
	terminate
	sleep 2
	server_up
	recover 4
	for way in "${WAYS[@]}"; do
		end_load "$way"
		grep -q 'mismatches=0 ' "load-$way" || fail "$way: wrong data"
	done
	for way in "${WAYS[@]}"; do
		detach "$way"
		check_disk "$way"
	done
}

it "nbd-server: no errors" supervised nbd_server
it "qemu-nbd in plaintext: no errors" supervised qemu_nbd plain-16
it "qemu-nbd with TLS: no errors" supervised qemu_nbd tls-16
it "nbdkit: errors while it ends, no wrong data" supervised nbdkit_server
