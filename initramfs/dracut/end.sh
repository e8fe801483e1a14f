#!/bin/sh
# SPDX-License-Identifier: LGPL-2.1-or-later
#
# Sourced by dracut, back in its image, when the root file system is unmounted.

nbd-attach-boot end
