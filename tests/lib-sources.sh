# SPDX-License-Identifier: LGPL-2.1-or-later
# shellcheck shell=bash
#
# Where packages of other suites of Debian come from: this machine's own package source.

# The release that this machine runs.
own_suite() {
	sed -n 's/^VERSION_CODENAME=//p' /etc/os-release
}

# sources_for SUITE FOLDER: this machine's package source for its own suite (main), rewritten
# for another: the same place, the same keys. Left in FOLDER as one-line.list or as
# paragraphs.sources; false if there is none.
sources_for() {
	local own
	own=$(own_suite)
	cat /etc/apt/sources.list /etc/apt/sources.list.d/*.list 2>/dev/null |
		awk -v own="$own" -v suite="$1" '
			$1 == "deb" {
				i = 2
				if ($2 ~ /^\[/) while ($i !~ /\]$/ && i < NF) i++
				if ($2 ~ /^\[/) i++
				main = 0
				for (j = i + 2; j <= NF; j++) if ($j == "main") main = 1
				if ($(i + 1) != own || !main) next
				$(i + 1) = suite
				NF = i + 1
				print $0, "main"
				exit
			}' >"$2/one-line.list"
	# Paragraphs of "Field: value" lines.
	[ -s "$2/one-line.list" ] ||
		for file in /etc/apt/sources.list.d/*.sources; do
			[ ! -e "$file" ] || { cat "$file"; echo; }
		done | grep -v '^#' | awk -v own="$own" -v suite="$1" '
			BEGIN { RS = ""; FS = "\n" }
			function has(field, word) {
				return $0 ~ "(^|\n)" field ":([^\n]*[ \t])?" word "([ \t\n]|$)"
			}
			has("Types", "deb") && has("Suites", own) && has("Components", "main") &&
			!has("Enabled", "no") {
				for (i = 1; i <= NF; i++) {
					if ($i ~ /^Types:/) $i = "Types: deb"
					if ($i ~ /^Suites:/) $i = "Suites: " suite
					if ($i ~ /^Components:/) $i = "Components: main"
					print $i
				}
				exit
			}' >"$2/paragraphs.sources"
	[ -s "$2/one-line.list" ] || [ -s "$2/paragraphs.sources" ]
}
