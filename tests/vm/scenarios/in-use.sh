#!/bin/bash
# SPDX-License-Identifier: LGPL-2.1-or-later
#
# A disk that is in use stays attached, even if neither a mount table nor a table of descriptors
# shows its user.
# Long: left to `tests/run vm`, for the time that all of them take together.

. "${0%/*}/../lib.sh"

start_and_attach() {
	new_disk disk.img 8M
	start_nbdkit file disk.img
	attach --name disk "nbd://127.0.0.1:$PORT/"
}

# in_use WORD…: it is not detached, the message says this, and the disk is as it was.
in_use() {
	expect_exit 7 detach disk
	expect_says "$@" force
	[ "$(field disk DEVICE)" = "$DEVICE" ] || fail "it is gone"
	dd if="$DEVICE" of=/dev/null bs=4096 count=1 iflag=direct status=none
}

# not_in_use: within a while, since a user may need one to end.
not_in_use() {
	detach disk
	[ -z "$(configured_devices)" ] || fail "left: $(configured_devices)"
}

# in_background COMMAND…: a user of the disk, whose process is USER.
in_background() {
	start user "$@"
	USER=$SERVER_PID
}

user_ends() {
	stop_server "$USER"
}

# The kernel claims such a disk, but no table says for whom.
external_journal() {
	start_and_attach
	mke2fs -q -b 4096 -O journal_dev "$DEVICE"
	modprobe loop
	truncate -s 32M fs.img
	mkfs.ext4 -q -b 4096 -J "device=$DEVICE" fs.img
	mkdir mnt
	mount -o loop fs.img mnt
	in_use journal
	pattern file 1000000 >mnt/file
	umount mnt
	not_in_use
}

# storage_target KIND CONTROL WORD: one kind claims the device, the other merely opens it.
storage_target() {
	local backstore=/sys/kernel/config/target/core/${1}_0/disk
	start_and_attach
	modprobe -a target_core_mod "target_core_${1/io/}"
	mountpoint -q /sys/kernel/config || mount -t configfs none /sys/kernel/config
	mkdir -p "$backstore"
	echo "${2/DEVICE/$DEVICE}" >"$backstore/control"
	echo 1 >"$backstore/enable"
	in_use "$3"
	rmdir "$backstore"
	not_in_use
}

# Of a file system that has no folder in /sys/fs.
unmounted_lazily() {
	start_and_attach
	mkfs.minix "$DEVICE" >/dev/null
	mkdir mnt
	mount -t minix "$DEVICE" mnt
	in_background sh -c 'exec sleep 600 >mnt/file'
	within 5 [ -e mnt/file ]
	umount -l mnt
	in_use sleep "pid $USER"
	user_ends
	not_in_use
}

# A mount namespace that a bind mount keeps.
without_process() {
	start_and_attach
	mkfs.minix "$DEVICE" >/dev/null
	mkdir mnt kept
	mount --bind kept kept
	mount --make-private kept
	: >kept/namespace
	unshare --mount=kept/namespace mount -t minix "$DEVICE" mnt
	in_use 'no process sees'
	umount kept/namespace
	umount kept
	not_in_use
}

# In a mount namespace whose first process sees no mount outside of its root.
beside_chroot() {
	start_and_attach
	mkfs.minix "$DEVICE" >/dev/null
	mkdir -p mnt jail
	in_background unshare --mount sh -c "
		mount --rbind / jail
		{ mount -t minix $DEVICE mnt && : >mounted && exec sleep 600; } &
		exec chroot jail sleep 600"
	within 5 [ -e mounted ]
	in_use "mounted on $PWD/mnt"
	user_ends
	within 5 is_released
	not_in_use
}

# The namespace goes with its last process, a while later.
is_released() {
	! grep -q " $PWD/mnt " /proc/[0-9]*/mountinfo 2>/dev/null
}

# As in a container that has /dev elsewhere.
other_node() {
	start_and_attach
	mkdir jail
	mknod jail/disk b "$(($(stat -c 0x%t "$DEVICE")))" "$(($(stat -c 0x%T "$DEVICE")))"
	in_background sh -c 'exec sleep 600 <jail/disk'
	within 5 [ -e "/proc/$USER/fd/0" ]
	in_use sleep "pid $USER"
	user_ends
	not_in_use
}

mapped() {
	start_and_attach
	in_background python3 -c '
import ctypes, mmap, os, sys, time
call = ctypes.CDLL(None).mmap # the module'"'"'s own keeps a descriptor
call.restype = ctypes.c_void_p
fd = os.open(sys.argv[1], os.O_RDWR)
memory = call(None, ctypes.c_size_t(1 << 20), mmap.PROT_READ | mmap.PROT_WRITE,
              mmap.MAP_SHARED, fd, ctypes.c_long(0))
os.close(fd)
ctypes.memmove(memory, bytes(range(256)) * 4096, 1 << 20)
print("mapped", flush=True)
time.sleep(600)' "$DEVICE"
	within 10 grep -q mapped user.log
	in_use mapped python "pid $USER"
	user_ends
	not_in_use
	python3 -c 'print(bytes(range(256)).decode("latin-1") * 4096, end="")' |
		iconv -t latin1 >expected
	cmp -n 1048576 expected disk.img
}

# closing [PARTITION]: the last close still writes, and its descriptor is no longer visible.
closing() {
	local writer
	expect_in_kernel_log 'READ|async page read' # udev's, after the last close
	new_disk disk.img 8M
	[ -z "${1:-}" ] || echo '2048,' | sfdisk -q disk.img
	start_nbdkit --filter=delay file disk.img wdelay=8
	attach --name disk "nbd://127.0.0.1:$PORT/"
	pattern late 4194304 >expected
	dd if=expected of="$DEVICE${1:-}" bs=1M status=none &
	writer=$!
	within 5 closes $writer
	detach disk
	wait $writer
	cmp -n 4194304 -i "0:${2:-0}" expected disk.img
}

# Where the last close waits within the kernel's lock, an open waits behind it.
closing_behind_mount() {
	local writer mounter
	expect_in_kernel_log 'READ|async page read'
	new_disk disk.img 8M
	start_nbdkit --filter=delay file disk.img wdelay=8
	attach --name disk "nbd://127.0.0.1:$PORT/"
	pattern late 4194304 >expected
	mkdir mnt
	dd if=expected of="$DEVICE" bs=1M status=none &
	writer=$!
	within 5 closes $writer
	mount -i -t minix "$DEVICE" mnt &
	mounter=$!
	nap 0.5
	run "$PROGRAM" detach disk
	wait $writer
	wait $mounter || :
	[ "$CODE" = 0 ] || detach disk
	cmp -n 4194304 expected disk.img
}

# The same while the server is away: requests that wait for a new link are not counted.
closing_in_outage() {
	local writer
	expect_in_kernel_log 'READ|async page read'
	WAYS=(plain-1)
	new_disks 8M
	serve
	server_up
	attach_ways
	DEVICE=${DEVICES[plain-1]}
	server_down
	pattern late 4194304 >expected
	dd if=expected of="$DEVICE" bs=1M status=none &
	writer=$!
	within 10 has_no_descriptor $writer
	nap 3
	run "$PROGRAM" detach plain-1
	[ "$CODE" = 7 ] || fail "exit code $CODE"
	server_up
	wait $writer
	cmp -n 4194304 expected disks/plain-1
	detach plain-1
}

has_no_descriptor() {
	[ "$(cat "/proc/$1/comm")" = dd ] && [ -z "$(find "/proc/$1/fd" -lname "$DEVICE*")" ]
}

# closes PID: it has no descriptor left, but requests are in flight.
closes() {
	grep -q '[1-9]' "/sys/block/${DEVICE#/dev/}"/{,*/}inflight &&
		[ -z "$(find "/proc/$1/fd" -lname "$DEVICE*")" ]
}

loop_device() {
	local loop
	start_and_attach
	modprobe loop
	mknod elsewhere b "$(($(stat -c 0x%t "$DEVICE")))" "$(($(stat -c 0x%T "$DEVICE")))"
	loop=$(losetup --find --show elsewhere)
	rm elsewhere
	in_use "$loop"
	losetup --detach "$loop"
	not_in_use
}

# A descriptor that stands for a path keeps nothing open.
path_only() {
	start_and_attach
	in_background python3 -c '
import os, sys, time
os.open(sys.argv[1], os.O_PATH)
print("opened", flush=True)
time.sleep(600)' "$DEVICE"
	within 10 grep -q opened user.log
	not_in_use
}

# Files of a file system whose server has stopped, one of them under a folder "dev"; and a
# process that it holds up with its memory locked.
others_hang() {
	local server
	start_and_attach
	modprobe fuse
	mkdir -p mnt/dev
	start fuse "$VM_LIB/stalling-fuse.py" "$PWD/mnt/dev"
	server=$SERVER_PID
	wait_for [ -e mnt/dev/file ]
	in_background python3 -c '
import mmap, os, signal, sys
fd = os.open(sys.argv[1], os.O_RDWR)
memory = mmap.mmap(fd, 4096)
memory[:1] = b"x"
os.kill(int(sys.argv[2]), signal.SIGSTOP)
print("stopped", flush=True)
memory.close()' mnt/dev/file "$server"
	within 10 grep -q stopped user.log
	nap 0.5
	takes_at_most 30 detach disk
	stop_server "$server"
	user_ends
	umount -l mnt/dev
}

# The child that a killed attach leaves behind must not affect a user that mounts the disk.
half_attached() {
	new_disk disk.img 8M
	mkfs.minix disk.img >/dev/null
	expect_in_kernel_log 'I/O error' # udev reads yet when it is detached
	start_nbdkit --filter=delay file disk.img delay-read=300ms
	"$PROGRAM" attach --name disk "nbd://127.0.0.1:$PORT/" >attach.log 2>&1 &
	within 20 configured
	pkill -KILL -x nbd-attachd
	wait %+ || :
	DEVICE=$(configured_devices)
	mkdir mnt
	within 60 mount -t minix "$DEVICE" mnt
	pattern file 100000 >mnt/file
	nbd_attach attach --name disk "nbd://127.0.0.1:$PORT/"
	[ "$OUT" = "$DEVICE" ] || fail "it is $OUT now"
	in_use "$PWD/mnt"
	sync -f mnt
	[ "$(field disk STATE)" = up ] || fail "it is $(field disk STATE)"
	umount mnt
	not_in_use
}

configured() {
	[ -n "$(configured_devices)" ]
}

# What --force leaves: the name is free, the device is there until it is closed.
forced() {
	local old
	expect_in_kernel_log 'nbd'
	start_and_attach
	old=$DEVICE
	in_background sh -c "exec sleep 600 <$DEVICE"
	within 5 [ -e "/proc/$USER/fd/0" ]
	nbd_attach detach --force disk
	grep -q "still.*sleep (pid $USER)" err || fail "it does not say who"
	[ "$(field disk STATE)" = detached ] || fail "it is $(field disk STATE)"
	expect_exit 8 detach disk
	expect_exit 8 detach "$old"
	expect_says 'detached already' "pid $USER"
	attach --name disk "nbd://127.0.0.1:$PORT/"
	[ "$DEVICE" != "$old" ] || fail "$old again"
	roundtrip "$DEVICE" disk.img
	expect_exit 8 detach "$old"
	expect_says 'detached already'
	detach disk
	attach --name disk "nbd://127.0.0.1:$PORT/"
	detach disk
	user_ends
	within 5 no_devices
}

no_devices() {
	[ -z "$(configured_devices)" ]
}

# In a PID namespace of its own, the mounts and /run shared: a storage driver's container.
CONTAINED=(unshare --pid --fork --mount-proc)

contained_supervisor() {
	new_disk disk.img 8M
	start_nbdkit file disk.img
	start container "${CONTAINED[@]}" --kill-child "$PROGRAM" attach --foreground --name disk "nbd://127.0.0.1:$PORT/"
	within 20 grep -q /dev/nbd container.log
	DEVICE=$(grep ^/dev/nbd container.log)
	[ "$(field disk STATE)" = up ] || fail "it is $(field disk STATE)"
	in_background sh -c "exec sleep 600 <$DEVICE"
	within 5 [ -e "/proc/$USER/fd/0" ]
	in_use sleep
	user_ends
	not_in_use
}

contained_admin() {
	new_disk disk.img 8M
	start_nbdkit file disk.img
	nbd_attach attach --name disk "nbd://127.0.0.1:$PORT/"
	DEVICE=$OUT
	run "${CONTAINED[@]}" "$PROGRAM" list
	grep -q '^disk .* up ' out || fail "$OUT"
	run "${CONTAINED[@]}" "$PROGRAM" detach disk
	[ "$CODE" = 7 ] || fail "exit code $CODE"
	expect_says 'PID namespace' force
	[ "$(field disk STATE)" = up ] || fail "it is $(field disk STATE)"
	run "${CONTAINED[@]}" "$PROGRAM" attach --name disk "nbd://127.0.0.1:$PORT/"
	[ "$CODE" = 7 ] || fail "exit code $CODE"
	expect_says 'PID namespace'
	run "${CONTAINED[@]}" "$PROGRAM" detach --force disk
	[ "$CODE" = 0 ] || fail "exit code $CODE"
}

it "an ext4's external journal" external_journal
it "a storage target's disk" storage_target iblock udev_path=DEVICE 'storage target'
it "a storage target's file" storage_target fileio \
	fd_dev_name=DEVICE,fd_dev_size=8388608 fileio_0/disk
it "a file on it, unmounted lazily" unmounted_lazily
it "a mount in a namespace without a process" without_process
it "a mount that a chroot does not see" beside_chroot
it "open by a node outside of /dev" other_node
it "mapped, the descriptor closed" mapped
it "written, the last close is yet to end" closing
it "written, and another's attempt to mount it waits for that" closing_behind_mount
it "a partition, the last close is yet to end" closing p1 1048576
it "written during an outage, the last close waits for a server" supervised closing_in_outage
it "used by a loop device" loop_device
it "a descriptor for a path is no use" path_only
it "what hangs is passed over" others_hang
it "mounted while its attach was killed" supervised half_attached
it "--force, still open: the name is free" forced
it "supervised in another PID namespace" supervised contained_supervisor
it "asked from another PID namespace" supervised contained_admin
