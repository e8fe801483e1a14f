#!/bin/bash
# SPDX-License-Identifier: LGPL-2.1-or-later
#
# A supervisor takes over what that of another release has attached, according to the state file
# which it finds: recorded ones are in tests/unit/states. They are put in place of the running
# attachment's, with its device and sockets. This release's own are left in the scenario's results,
# to be recorded.
# Long: left to `tests/run vm`, for the time that all of them take together.

. "${0%/*}/../lib.sh"

STATES=$TOP/tests/unit/states

options_of() { # WAY
	case $1 in
	tls-links-*) echo --connections 2 ;;
	plain-name-*) echo --no-go ;;
	tls-relay-*) echo --data-path relay ;;
	esac
}

# neutral FILE: with addresses and names that mean nothing; and the way back.
neutral() {
	sed -e "s/127\.0\.0\.1:$PORT/192.0.2.7:10809/g; s/localhost:$PORT/disk.example:10809/g" \
		-e "s,$CLIENT_FOLDER,/etc/nbd-attach/tls,g; s,\"directory\":\"[^\"]*\",\"directory\":\"/\"," "$1"
}

of_this_machine() { # FILE
	sed -e "s/192\.0\.2\.7:10809/127.0.0.1:$PORT/g; s/disk\.example:10809/localhost:$PORT/g" \
		-e "s,/etc/nbd-attach/tls,$CLIENT_FOLDER,g" "$1"
}

# Attached, under load, after an outage.
run_way() { # WAY
	local options
	read -ra options <<<"$(options_of "$1")"
	WAYS=("$1")
	ATTACH_OPTIONS=(--reconnect-timeout infinity "${options[@]}")
	STATE=$RUN_DIR/$1/state.json
	new_disks 8M
	serve
	set_up
	server_down
	server_up
	flows 45
	within 20 is "$1" up
}

# take_over WAY RECORDED [newer]: by a supervisor that finds that file.
take_over() {
	of_this_machine "$2" >recorded
	kill_supervisor "$1"
	"$VM_LIB/adapt-state.py" recorded "$STATE" "${@:3}" >adapted
	cp adapted "$STATE"
	adopt "$1"
	within 20 is "$1" up
	[ "$(since <"$STATE")" = "$(since <recorded)" ] || fail "another state"
	flows 45
	server_down
	server_up
	flows 45
	within 20 is "$1" up
}

since() {
	sed -n '/"links"/q; s/^ *"since": *\([0-9]*\),*$/\1/p'
}

by_each_release() { # KIND
	local way=$1-4 recorded
	run_way "$way"
	mkdir -p "$RESULTS/states"
	neutral "$STATE" >"$RESULTS/states/$1"
	for recorded in "$STATES"/*-"$1"; do
		take_over "$way" "$recorded"
	done
	finish
}

# As if this release were an older one.
newer_file() {
	run_way tls-links-4
	neutral "$STATE" >newer
	take_over tls-links-4 newer newer
	finish
}

# A version that it does not know is not guessed at: the device goes on without a supervisor.
next_version() {
	run_way plain-4
	kill_supervisor plain-4
	cp "$STATE" kept
	"$VM_LIB/adapt-state.py" kept kept next >"$STATE"
	expect_exit 7 attach --name plain-4 "$(uri plain-4)"
	expect_says 'its state in .*/plain-4 is missing or broken: detach it first'
	flows 45
	cp kept "$STATE"
	adopt plain-4
	finish
}

it "plain TCP" supervised by_each_release plain
it "TLS with two links" supervised by_each_release tls-links
it "by EXPORT_NAME" supervised by_each_release plain-name
it "relays" supervised by_each_release tls-relay
it "a newer release has added to it" supervised newer_file
it "a newer release has changed it" supervised next_version
