# SPDX-License-Identifier: LGPL-2.1-or-later
# shellcheck shell=bash
#
# Trees of Debian, of any release, that are made from this machine's own package source, and
# commands that run in them. $TOP is the checkout. Needs root.

# shellcheck source=tests/report.sh
. "$TOP/tests/report.sh"
# shellcheck source=tests/lib-sources.sh
. "$TOP/tests/lib-sources.sh"

trees=$TOP/build/everywhere

# What makes a tree of another kind than the one that is there. Releases move: a stable one not
# much, sid each day, and what is a week old may be gone from the package source.
tree_key() { # FOLDER-OF-SOURCES SUITE [MMDEBSTRAP-OPTION…]
	{
		cat "$1"/*.list "$1"/*.sources
		declare -f new_tree
		shift
		echo "$@"
		date +%G-%V
	} 2>/dev/null | sha256sum
}

# make_tree NAME SUITE "PACKAGE …" [MMDEBSTRAP-OPTION…]: build/everywhere/NAME is a tree of that
# release with those packages and what they depend on. It is made once; packages that it lacks
# are added.
make_tree() {
	local name=$1 suite=$2 packages=$3 tree=$trees/$1 work key status=0
	shift 3
	work=$(mktemp -d)
	exec 9>"$tree.lock"
	flock 9
	if ! sources_for "$suite" "$work"; then
		echo "apt has no source of packages for this release" >&2
		status=1
	else
		key=$(tree_key "$work" "$suite" "$@")
		if [ "$(cat "$tree.key" 2>/dev/null)" != "$key" ]; then
			new_tree "$work" "$tree" "$suite" "$packages" "$@" &&
				echo "$key" >"$tree.key"
		else
			add_packages "$tree" "$packages"
		fi || status=1
	fi
	rm -rf "$work"
	exec 9>&-
	return $status
}

new_tree() { # FOLDER-OF-SOURCES TREE SUITE PACKAGES [MMDEBSTRAP-OPTION…]
	local work=$1 tree=$2 suite=$3 packages=$4 sources
	shift 4
	rm -rf "$tree" "$tree.key"
	sources=$work/one-line.list
	[ -s "$sources" ] || sources=$work/paragraphs.sources
	# How this machine fetches them: proxies and the like.
	apt-config dump | grep '^Acquire::' >"$work/apt.conf"
	# Nobody reads these there.
	printf 'path-exclude=/usr/share/%s/*\n' locale info >"$work/excludes"
	# shellcheck disable=SC2086 # lists of words
	timeout -k 5 1500 mmdebstrap --mode=root --variant=minbase --format=directory \
		--aptopt="$work/apt.conf" --aptopt='APT::Install-Recommends "false"' \
		--dpkgopt=force-unsafe-io \
		--essential-hook="cp $work/excludes \"\$1/etc/dpkg/dpkg.cfg.d/excludes\"" \
		--include="$(echo $packages | tr ' ' ',')" "$@" \
		"$suite" "$tree" "$sources" >"$tree.log" 2>&1 && return
	cat "$tree.log" >&2
	return 1
}

add_packages() { # TREE PACKAGES
	local missing
	# shellcheck disable=SC2016,SC2086 # dpkg-query's own; a list of words
	missing=$(chroot "$1" dpkg-query -W \
		-f '${Package} ${Architecture} ${db:Status-Status}\n' 2>/dev/null |
		awk -v wanted="$2" '
			$3 == "installed" { have[$1] = have[$1 ":" $2] = 1 }
			END {
				n = split(wanted, names, " ")
				for (i = 1; i <= n; i++) if (!(names[i] in have)) print names[i]
			}')
	[ -z "$missing" ] || apt_install "$1" "$missing"
}

apt_install() { # TREE PACKAGES
	# mmdebstrap leaves no lists of packages.
	ONLINE=yes in_tree "$1" apt-get update -q || return
	# shellcheck disable=SC2086 # a list of words
	ONLINE=yes in_tree "$1" apt-get install -y -q --no-install-recommends $2
}

# in_tree TREE COMMAND…: as root in the tree, in namespaces of its own: no process outlives it,
# and there is no network but loopback, unless $ONLINE is set. /dev and /sys are this machine's.
in_tree() {
	local tree=$1 net=--net
	[ -z "${ONLINE-}" ] || net=
	shift
	# shellcheck disable=SC2016,SC2086 # expanded by that shell; an option or none
	env -i PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin HOME=/root \
		LC_ALL=C.UTF-8 DEBIAN_FRONTEND=noninteractive ONLINE="${ONLINE-}" \
		unshare --mount --pid --ipc --uts $net --fork --kill-child /bin/bash -c '
			set -e
			tree=$1
			shift
			[ -n "$ONLINE" ] || ip link set lo up
			mount -t proc proc "$tree/proc"
			mount --rbind /sys "$tree/sys"
			mount --rbind /dev "$tree/dev"
			exec chroot "$tree" /bin/sh -c "cd /src 2>/dev/null; exec \"\$@\"" sh "$@"
		' bash "$tree" "$@"
}

# The sources become /src of the tree, where in_tree begins; what was there is gone.
put_sources() { # TREE
	rm -rf "$1/src"
	"$TOP/tests/copy-tree" "$1/src"
}
