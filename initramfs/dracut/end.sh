#!/bin/sh
# SPDX-License-Identifier: LGPL-2.1-or-later
#
# Sourced by dracut, back in its image, after the root file system was unmounted.

nbd-attach-boot end
