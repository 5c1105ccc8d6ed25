#!/bin/bash
# SPDX-License-Identifier: ISC
# The QR codes of addresses, read back by zbarimg.
#
#   test/interop/test-qr.sh
#
# Needs build/qr-pbm, and: test/packages.sh terminal
set -u
cd "$(dirname "$0")/../.." || exit 1
status=0
work=$(mktemp -d) || exit 1
trap 'rm -rf "$work"' EXIT

# Draws every text of the file, and has all of the pictures read.
read_back() { # NAME FILE OF TEXTS
	local pictures=() text
	rm -f "$work"/*.pbm
	while read -r text; do
		pictures+=("$work/${#pictures[@]}.pbm")
		build/qr-pbm "$text" >"${pictures[-1]}"
	done <"$2"
	zbarimg -q --nodbus --raw "${pictures[@]}" >"$2.read" 2>"$2.said"
	if diff "$2" "$2.read"; then
		echo "ok - zbarimg reads $1 (${#pictures[@]} of them)"
	else
		cat "$2.said"
		echo "not ok - zbarimg reads $1: it does not"
		status=1
	fi
}

# All that --listen can name, from the shortest to the longest.
{
	echo "http://1.2.3.4/"
	for host in 1.2.3.4 10.0.0.1 192.168.1.77 169.254.134.89 198.51.100.200 \
		'[::1]' '[fe80::1]' '[2001:db8::77]' '[fe80::1234:5678]' '[fdff:1:2:3::abcd]' \
		'[fe80::9abc:def0:1234:5678]' '[2001:db8:1:22:333::4444]' '[2001:db8:0:1:22:333:4444:5555]' \
		'[2001:db8:1234:5678:9abc:def0:1234:5678]' '[ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff]'; do
		for port in 1 80 443 6354 65535; do
			echo "http://$host:$port/"
		done
	done
} >"$work/addresses"
read_back "addresses of all kinds" "$work/addresses"

text='http://[ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff]:65535/and-what-else-there-may-be'
for length in {1..78}; do
	echo "${text:0:length}"
done >"$work/lengths"
read_back "texts of all lengths" "$work/lengths"
exit $status
