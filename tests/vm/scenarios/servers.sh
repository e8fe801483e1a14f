#!/bin/bash
# SPDX-License-Identifier: LGPL-2.1-or-later
#
# Old and odd servers, packaged or imitated: info, its list, attach, data, and a reconnect.
# Long: left to `tests/run vm`, for the time that all of them take together.

. "${0%/*}/../lib.sh"

odd_server() { # SERVER
	free_port
	start "$1" "$TOP/tests/vm/odd-servers.py" "$1" "$PORT" disk.img
	wait_for listening
}

plain() {
	echo "nbd://127.0.0.1:$PORT/disk"
}

# The same server on the same port: the device must come back in the way that worked.
restart() { # COMMAND…
	stop_server "$SERVER_PID"
	start again "$@"
	wait_for listening
	within 30 is disk up
}

lists() { # NAME…
	nbd_attach info --list --plain "$(plain)"
	printf '%s\n' "$@" | same - out
}

attach_supervised() { # OPTION…
	nbd_attach attach "$@" --name disk "$(plain)"
	DEVICE=$OUT
}

imitated() { # SERVER NAMES WAY [OPTION…]
	local server=$1 names=$2 way=$3
	shift 3
	new_disk disk.img 8M
	odd_server "$server"
	nbd_attach info "$@" "$(plain)"
	grep -q 8388608 out
	# shellcheck disable=SC2086 # words
	[ "$names" = - ] || lists $names
	attach_supervised "$@"
	grep -q "\"by-name\": *$way" $RUN_DIR/disk/state.json
	roundtrip "$DEVICE" disk.img
	restart "$TOP/tests/vm/odd-servers.py" "$server" "$PORT" disk.img
	roundtrip "$DEVICE" disk.img
	detach disk
}

told_of_old() {
	new_disk disk.img 8M
	odd_server nbd_server_3_13
	nbd_attach info "$(plain)"
	expect_says 'EXPORT_NAME worked: --no-go'
	expect_no_attach 4 "nbd://127.0.0.1:$PORT/other"
	expect_says 'no such export'
	# with TLS, EXPORT_NAME is not tried
	expect_no_attach 5 --tls-ca "$PKI/ca/ca-cert.pem" "nbds://127.0.0.1:$PORT/disk"
	expect_no_attach 6 --tls prefer --tls-ca "$PKI/ca/ca-cert.pem" "$(plain)"
	expect_says '--tls off'
}

no_flags() {
	new_disk disk.img 8M
	odd_server go_nbd_single
	expect_no_attach 6 "$(plain)"
	expect_says HAS_FLAGS 'authors'
}

no_export_name() {
	new_disk disk.img 8M
	odd_server go_nbd
	expect_no_attach 4 --no-go "$(plain)"
	expect_says 'do not use --no-go'
}

no_export_of_benji() {
	new_disk disk.img 8M
	odd_server benji
	expect_no_attach 4 "nbd://127.0.0.1:$PORT/none"
	expect_says 'no export "none"'
}

no_tls_but_a_close() {
	new_disk disk.img 8M
	odd_server rust_nbd_vi
	expect_no_attach 6 --tls-ca "$PKI/ca/ca-cert.pem" "nbds://127.0.0.1:$PORT/disk"
	expect_says 'if it has none, use --tls off'
}

# Of a user with Latin-1, and a file system with such names.
latin1() {
	new_disk disk.img 8M
	start_qemu_nbd --export-name disk --description $'caf\xe9' disk.img
	nbd_attach info "$(plain)"
	grep -q 'caf?' out
	attach "$(plain)"
	roundtrip "$DEVICE" disk.img
	detach disk
	mkdir folder
	new_disk folder/disk 8M
	: >$'folder/caf\xe9'
	: >folder/$'line\nbreak "x"'
	start_nbdkit file dir=folder
	nbd_attach info --list --plain "$(plain)"
	sort out >sorted
	printf '%s\n' caf%E9 disk line%0Abreak%20%22x%22 | sort | same - sorted
	nbd_attach info --list "$(plain)"
	grep -q -x '"caf?"' out
	attach "$(plain)"
	detach disk
}

storage_daemon() { # PORT: serves disk.img
	qemu-storage-daemon --blockdev "driver=file,filename=disk.img,node-name=disk" \
		--nbd-server "addr.type=inet,addr.host=127.0.0.1,addr.port=$1" \
		--export "type=nbd,id=e,node-name=disk,name=disk,writable=on"
}

qemu_storage_daemon() {
	new_disk disk.img 8M
	free_port
	export -f storage_daemon
	start qsd bash -c "storage_daemon $PORT"
	wait_for listening
	nbd_attach info "$(plain)"
	lists disk
	attach_supervised
	roundtrip "$DEVICE" disk.img
	restart bash -c "storage_daemon $PORT"
	roundtrip "$DEVICE" disk.img
	detach disk
}

nbd_server_no_go() {
	new_disk disk.img 8M
	start_nbd_server disk.img
	nbd_attach info --no-go "$(plain)"
	grep -q 8388608 out
	attach --no-go "$(plain)"
	roundtrip "$DEVICE" disk.img
	detach disk
}

it "nbd-server 3.13 (3.8 and later): by EXPORT_NAME" supervised imitated nbd_server_3_13 disk true
it "nbd-server 3.13, with --no-go" supervised imitated nbd_server_3_13 disk true --no-go
it "nbd-server 3.13: what is said, and no way around TLS" told_of_old
it "nbd-server 3.17, which dies of INFO" supervised imitated nbd_server_3_17 - false
it "xnbd-wrapper" supervised imitated xnbd_wrapper - false
it "go-nbd" supervised imitated go_nbd "disk other" false
it "go-nbd without HAS_FLAGS is refused, and the message says why" no_flags
it "go-nbd has no EXPORT_NAME" no_export_name
it "ZeroFS" supervised imitated zerofs disk false
it "Benji, backy2, swift-nbd-server" supervised imitated benji disk false
it "Benji: an export that is not there" no_export_of_benji
it "rust-nbd of tchajed: GO, within the largest request that it takes" supervised imitated rust_nbd_tchajed default false
it "rust-nbd of vi: STARTTLS ends info" supervised imitated rust_nbd_vi rustnbd false
it "rust-nbd of vi: no TLS, and a word on it" no_tls_but_a_close
it "tokio-nbd" supervised imitated tokio_nbd disk false
it "lwNBD" supervised imitated lwnbd disk false
it "qemu-storage-daemon" supervised qemu_storage_daemon
it "nbd-server of this system, with --no-go" nbd_server_no_go
it "qemu-nbd and nbdkit with text in Latin-1" latin1
