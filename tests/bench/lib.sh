# shellcheck shell=bash
# SPDX-License-Identifier: LGPL-2.1-or-later
#
# For the measurements in this folder, which source it: what their machines need, and reports.

TOP=$(realpath "$(dirname "$0")/../..")
# shellcheck source=tests/report.sh
. "$TOP/tests/report.sh"

export VM_PROGRAM=${VM_PROGRAM:-$TOP/build/nbd-attach/nbd-attach}
export VM_PKI=$TOP/build/vm-pki

has_keys() {
	timed "vm: keys and certificates" "$TOP/tests/vm/make-pki" "$VM_PKI"
}

has_kernel() { # KERNEL
	timed "vm: kernel $1" "$TOP/tests/vm/kernel" "$1"
}

# report_claims PREFIX: of the lines that it reads, claims that hold or not are reported; the
# others are shown.
report_claims() {
	local line
	while IFS= read -r line; do
		case $line in
		"ok "* | "FAILED "*) report "${line%% *}" "$1: ${line#* }" 0 ;;
		*) echo "$line" ;;
		esac
	done
}
