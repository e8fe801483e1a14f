#!/bin/bash
# SPDX-License-Identifier: LGPL-2.1-or-later
#
# Server and supervisor are killed together, and another supervisor takes over.

. "${0%/*}/../lib.sh"

# back_with ORDER: server and supervisors are killed together; ORDER says which is back first.
back_with() {
	local way
	WAYS=(plain-1 tls-16)
	new_disks 4M
	serve --filter=delay wdelay=20ms
	set_up
	server_down
	for way in "${WAYS[@]}"; do
		kill_supervisor "$way"
	done
	sleep 3
	[ "$1" != server ] || server_up
	for way in "${WAYS[@]}"; do
		adopt "$way"
	done
	[ "$1" != supervisor ] || { sleep 2; server_up; }
	flows 5
	finish
}

it "together with the server, which is back first" supervised back_with server
it "together with the server, which is back last" supervised back_with supervisor
