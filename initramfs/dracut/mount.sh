#!/bin/sh
# SPDX-License-Identifier: LGPL-2.1-or-later
#
# Sourced by dracut's own init, in an image without systemd, before its script that mounts the
# root file system: says what that is, and how to mount it, if root= is nbd:… or dhcp.
# shellcheck disable=SC2034 # dracut's

ROOTPATH=$(cat /run/nbd-attach-root-path 2>/dev/null)
export ROOTPATH
nbd_attach_plan=$(NBD_ATTACH_CMDLINE=$(getcmdline) nbd-attach-boot plan) || nbd_attach_plan=
eval "$nbd_attach_plan"
if [ -n "${NBD_ATTACH_ROOT-}" ]; then
	root=block:$NBD_ATTACH_ROOT
	fstype=${NBD_ATTACH_FSTYPE:-$fstype}
	if [ -n "$NBD_ATTACH_FLAGS" ]; then
		rflags=$NBD_ATTACH_FLAGS
		! getargbool 0 ro || rflags=$rflags,ro
		! getargbool 0 rw || rflags=$rflags,rw
	fi
fi
