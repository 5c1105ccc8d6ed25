#!/bin/sh
# SPDX-License-Identifier: ISC
# Unpacks Debian packages into build/resolvers/ without installing them: to install them would start their
# services, or put another /etc/resolv.conf in place.
#
#   test/unpack.sh       needs apt-get and dpkg; what is there already is left alone
set -eu
cd "$(dirname "$0")/.."
packages='systemd-resolved libnss-resolve libsystemd-shared unbound dnsmasq-base'
[ "$(cat build/resolvers/packages 2>/dev/null)" != "$packages" ] || exit 0
rm -rf build/resolvers
mkdir -p build/resolvers
cd build/resolvers
# shellcheck disable=SC2086 # a list of names
said=$(apt-get -qq download $packages 2>&1 || { apt-get -qq update && apt-get -qq download $packages; } 2>&1) || {
	echo "$said" >&2
	echo "test/unpack.sh: apt-get could not download $packages" >&2
	exit 1
}
for package in *.deb; do dpkg -x "$package" .; done
rm ./*.deb
echo "$packages" >packages
