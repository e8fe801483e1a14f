# SPDX-License-Identifier: LGPL-2.1-or-later
# shellcheck shell=bash
#
# Supervisors that were started by hand and are killed: no service manager keeps their links'
# sockets, but a distribution's kernel can end a link for the next supervisor. So that one
# replaces the links that it has taken over, also when it is a service.
#
# Long: links that were taken over are rare.

. "$(dirname "${BASH_SOURCE[0]}")/../lib.sh"

few=/usr/local/lib/few-records/nbd-attachd
aes=NORMAL:-CIPHER-ALL:+AES-128-GCM

set_up() {
	server_start single size=64M
	server_start several size=64M
	# A supervisor for which a link's keys are used up after a thousand records.
	guest_file $few 755 <"$BOOT_LIB/../../build/tests/vm/few-records/nbd-attachd"
	boot
}

# Without a service manager that would keep the sockets.
supervise() { # UNIT PROGRAM ARGUMENT…
	guest "systemd-run --unit=$1 -p KillMode=process $(printf ' %q' "${@:2}")"
}

attached() {
	wait_booted
	supervise first $few --name single --tls-priority $aes "$(server_uri single)"
	supervise pair nbd-attachd --name several --tls-priority $aes --connections 2 \
		"$(server_uri several)"
	guest_until 20 '[ $(nbd-attach list | grep -c " up ") = 2 ]'
	for name in single several; do
		guest "systemd-run --unit=load-$name -p StandardOutput=file:/run/load-$name.out \
			load /dev/nbd/by-name/$name 0 --depth 2 --pause 5 \
			--ledger /run/ledger-$name"
	done
}

supervisor_of() { # NAME
	guest "nbd-attach status $1" | awk '$1 == "supervisor:" { print $3 }'
}

kill_supervisor() { # NAME
	guest "kill -KILL $(supervisor_of "$1")"
}

# The records that were not counted, and those of the next link.
renewed_by_records() {
	kill_supervisor single
	supervise second $few single
	guest_until 60 '[ $(journalctl -u second | grep -c "replaced$") -ge 2 ]'
	guest 'journalctl -u second' >second.log
	grep 'may have been used for many records' second.log
	! grep -E 'lost|another supervisor' second.log || fail "the link was not replaced"
	guest "kill -HUP $(supervisor_of single)" # it is its own by now
}

# Links are replaced on request, as with new credentials; a service can do so, too.
renewed_by_service() {
	kill_supervisor single
	guest 'systemctl start nbd-attach@single && systemctl reload nbd-attach@single'
	guest_until 30 'journalctl -u nbd-attach@single | grep "replaced$"'
	! guest 'journalctl -u nbd-attach@single' | grep -E 'lost|another supervisor' ||
		fail "the link was not replaced"
}

each_of_several_renewed() {
	kill_supervisor several
	supervise successor nbd-attachd several
	guest_until 10 'journalctl -u successor | grep "taken over" ||
		nbd-attach status several | grep "taken over"'
	guest "kill -HUP $(supervisor_of several)"
	guest_until 30 '[ $(journalctl -u successor | grep -c "replaced$") = 2 ]'
	! guest 'journalctl -u successor' | grep -E 'lost|another supervisor' ||
		fail "a link was not replaced"
}

lost_nothing() {
	for name in single several; do
		guest "systemctl kill load-$name"
		guest_until 20 "! systemctl is-active load-$name"
		guest "cat /run/load-$name.out" | tee load.out
		grep -q 'errors=0 mismatches=0' load.out
		guest "cat /run/ledger-$name" >ledger
		guest "nbd-attach detach $name"
		"$IMAGE/tree/usr/local/bin/load" --check ledger $name.img
	done
	! guest 'journalctl -k' | grep -E 'I/O error|BUG|WARNING|Oops'
}

set_up
it "has disks attached by hand" attached
it "renews a link whose records nobody has counted" renewed_by_records
it "renews a link that a service took over" renewed_by_service
it "renews each of several links" each_of_several_renewed
it "has lost nothing" lost_nothing
