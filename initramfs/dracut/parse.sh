#!/bin/sh
# SPDX-License-Identifier: LGPL-2.1-or-later
#
# Sourced by dracut, with its functions, root and netroot: decides what to attach.

nbd_attach_plan=$(NBD_ATTACH_CMDLINE=$(getcmdline) nbd-attach-boot plan)
case $? in
0)
	eval "$nbd_attach_plan"
	echo rd.neednet=1 >/etc/cmdline.d/nbd-attach.conf
	if [ -n "$NBD_ATTACH_ROOT" ]; then
		root=block:$NBD_ATTACH_ROOT
		rootok=1
		unset netroot
		# dracut does so by itself only for what it understands of root=
		wait_for_dev -n "$NBD_ATTACH_ROOT"
	fi
	# Again and again, until the root device exists.
	/sbin/initqueue --settled --unique --name nbd-attach /sbin/nbdroot
	;;
8) ;; # nothing to attach
*) die "nbd-attach: cannot tell what to attach: see above" ;;
esac
# dracut asks whether any module handles such a root-path.
case $netroot in
nbd:* | nbds:*) rootok=1 ;;
esac
