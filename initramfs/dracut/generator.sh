#!/bin/sh
# SPDX-License-Identifier: LGPL-2.1-or-later
#
# Generates the mount unit of the root file system if root= is nbd:… or dhcp, which systemd would
# not turn into a device. The device is waited for as long as dracut waits. attach.sh has this
# called again when it knows a root-path.

command -v getarg >/dev/null || . /lib/dracut-lib.sh

ROOTPATH=$(cat /run/nbd-attach-root-path 2>/dev/null)
export ROOTPATH
plan=$(NBD_ATTACH_CMDLINE=$(getcmdline) nbd-attach-boot plan 2>/dev/null) || exit 0
eval "$plan"
case $NBD_ATTACH_DHCP$(getarg root=) in
yes | yesdhcp | yesdhcp6) NBD_ATTACH_ROOT=/dev/nbd/by-name/root ;; # the name of a disk from DHCP
esac
[ -n "$NBD_ATTACH_ROOT" ] || exit 0

place=$2
unit=$(dev_unit_name "$NBD_ATTACH_ROOT").device
flags=${NBD_ATTACH_FLAGS:-$(getarg rootflags=)}
! getargbool 0 ro || flags=$flags${flags:+,}ro
! getargbool 0 rw || flags=$flags${flags:+,}rw

mkdir -p "$place/$unit.d" "$place/initrd-root-fs.target.requires"
printf '[Unit]\nJobTimeoutSec=0\nJobRunningTimeoutSec=0\n' >"$place/$unit.d/timeout.conf"
cat >"$place/sysroot.mount" <<END
[Unit]
Before=initrd-root-fs.target

[Mount]
What=$NBD_ATTACH_ROOT
Where=/sysroot
Type=${NBD_ATTACH_FSTYPE:-$(getarg rootfstype=)}
Options=$flags
END
ln -sf ../sysroot.mount "$place/initrd-root-fs.target.requires/sysroot.mount"
