# SPDX-License-Identifier: LGPL-2.1-or-later
# shellcheck shell=bash
#
# What `status` says of links that keep failing. A scenario reads this after lib.sh.

all_say() { # WORD
	local way
	for way in "${WAYS[@]}"; do
		within 20 says "$way" 'last error' "$1"
	done
}

no_error() { # WAY
	! says "$1" 'last error' .
}

has_event() { # WAY KIND
	"$PROGRAM" status --json "$1" | grep -q '"kind": *"'"$2"'"'
}
