# SPDX-License-Identifier: LGPL-2.1-or-later
# shellcheck shell=bash
#
# The machine: QEMU without hardware acceleration. See lib.sh. Its disk is machine.img in the
# scenario's folder; files that are not on it yet are in the folder files.

guest_file() { # PATH [MODE]
	mkdir -p "files$(dirname "$1")"
	cat >"files$1"
	chmod "${2:-644}" "files$1"
}

guest_link() { # PATH TARGET
	mkdir -p "files$(dirname "$1")"
	ln -s "$2" "files$1"
}

fstab() {
	mkdir -p files/etc
	[ -e files/etc/fstab ] || cp "$IMAGE/tree/etc/fstab" files/etc
	echo "$1" >>files/etc/fstab
}

# Commands for debugfs, which needs no driver on the host. It damages the file system if it makes
# a folder that exists.
commands_for_files() { # IMAGE
	local folder
	find files -mindepth 1 -type d -printf '%P\n' | sort | while read -r folder; do
		debugfs -R "stat \"/$folder\"" "$1" 2>/dev/null | grep -q '^Inode:' ||
			echo "mkdir \"/$folder\""
	done
	find files ! -type d -printf 'rm "/%P"\n'
	find files -type l -printf 'symlink "/%P" "%l"\n'
	find files -type f -printf \
		'write "files/%P" "/%P"\nset_inode_field "/%P" mode 0100%m\n'
}

put_files() { # IMAGE
	[ -d files ] || return 0
	commands_for_files "$1" >debugfs.commands
	debugfs -w -f debugfs.commands "$1" >debugfs.log 2>&1
	# Old files were removed first, if there were any.
	! grep -v -E -e '^debugfs' -e '^Allocated inode' -e '^$' -e '^rm: File not found' \
		debugfs.log || fail "cannot put files into $1"
	rm -rf files
}

root_disk() { # FILE
	[ -e "$1" ] || cp --sparse=always "$IMAGE/root.ext4" "$1"
	put_files "$1"
}

# start_machine KERNEL APPEND [ARGUMENT…]: returns when the guest's shell is ready.
start_machine() {
	local kernel=$1 append=$2
	shift 2
	local quiet='rw quiet loglevel=4 systemd.show_status=0 panic=-1 mitigations=off'
	quiet+=' tsc=reliable no_timer_check'
	local machine=(
		-M "q35,vmport=off" -accel "tcg,thread=multi" -smp 2 -m 1024
		# AES in hardware, but not all that QEMU knows: that is slower. And no CMPXCHG16B:
		# QEMU 7.2 takes its other flags from an earlier instruction, so that some builds
		# of 6.12 trap in SLUB, and panic.
		-cpu "Nehalem,+aes,+pclmulqdq,+rdrand,-cx16"
		-nodefaults -display none -no-reboot
		-chardev "file,id=console,path=console.log,append=on" -serial chardev:console
		-serial "unix:shell,server=on,wait=on"
		-chardev "file,id=journal,path=journal.log,append=on" -serial chardev:journal
		-qmp "unix:monitor,server=on,wait=off"
		-pidfile machine.pid -rtc "base=${MACHINE_RTC:-utc}"
		-netdev "${MACHINE_NET:-user,ipv6=off},id=net"
		-device "virtio-net-pci,netdev=net,id=nic,addr=1,romfile=" -device virtio-rng-pci
		-kernel "$kernel" -append "console=ttyS0 $quiet $append"
	)
	end_machine
	rm -f machine.exit shell
	# as long as the scenario may take
	start_in_background timeout -k 5 1800 qemu-system-x86_64 "${machine[@]}" "$@"
	wait_for 20 [ -S shell ]
	"$BOOT_LIB/talk.py" ready shell $((PATIENCE * ${BOOT_SECONDS:-90}))
}

# A failed case may have left one.
end_machine() {
	[ -e machine.pid ] && [ ! -s machine.exit ] || return 0
	kill "$(cat machine.pid)" 2>/dev/null || :
	wait_for 10 [ -s machine.exit ]
}

# Its exit code goes to a file: the shell that waits for it may not be its parent.
start_in_background() {
	{
		local code=0
		"$@" >>qemu.log 2>&1 </dev/null || code=$?
		echo $code >machine.exit
	} &
}

boot() {
	root_disk machine.img
	start_machine "$IMAGE/vmlinuz" "root=/dev/nvme0n1 ${BOOT_APPEND-}" \
		-drive "file=machine.img,format=raw,if=none,id=disk,cache=unsafe" \
		-device "nvme,drive=disk,serial=disk"
}

boot_root() { # KERNEL INITRD APPEND
	start_machine "$1" "$3" -initrd "$2"
}

guest() {
	"$BOOT_LIB/talk.py" run shell $((PATIENCE * ${GUEST_SECONDS:-30})) "$1"
}

guest_until() { # SECONDS COMMAND
	GUEST_SECONDS=$1 guest "until { $2
		} >/dev/null 2>&1; do sleep 0.2; done" || fail "waited in vain for: $2"
}

wait_booted() {
	local state
	state=$(GUEST_SECONDS=90 guest 'systemctl is-system-running --wait') || {
		guest 'systemctl --no-pager --failed; systemctl --no-pager list-jobs' || :
		fail "the machine is $state"
	}
}

poweroff() {
	guest 'systemctl --no-block poweroff'
	wait_ended
}

wait_ended() {
	wait_for "${POWEROFF_SECONDS:-60}" [ -s machine.exit ]
	[ "$(cat machine.exit)" = 0 ] || fail "QEMU's exit code is $(cat machine.exit)"
}

power_cut() {
	monitor '{"execute": "quit"}'
	wait_ended
}

link_down() {
	monitor '{"execute": "set_link", "arguments": {"name": "nic", "up": false}}'
}

link_up() {
	monitor '{"execute": "set_link", "arguments": {"name": "nic", "up": true}}'
}

monitor() {
	"$BOOT_LIB/talk.py" monitor monitor 10 "$1"
}

journal_says() {
	grep -q -a -E -e "$1" journal.log || fail "the journal says nothing of $1"
}
