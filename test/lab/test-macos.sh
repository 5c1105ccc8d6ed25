#!/bin/bash
# SPDX-License-Identifier: ISC
# The macOS client in the lab: its own files for Darwin (OS=darwin), with Linux beneath them
# (test/darwin/README.md says how, and what that cannot show). The laptop is in the phone's hotspot.
#
#   test/lab/test-macos.sh
#
# Needs root, build/tether-server, build/tether-relay, and: test/packages.sh build lab names browser
LAB_ROOT=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
"$LAB_ROOT/test/unpack.sh" || exit 1
. "$(dirname "$0")/lab.sh"
. "$(dirname "$0")/names-lab.sh"
. "$(dirname "$0")/macos-lab.sh"
SIZE=20971520 # 20 MB

make_mac() { make -s -C "$LAB_ROOT" build/darwin/layer build/darwin/tether-client; }

# The layer alone, which says itself what it tests.
layer() {
	local status
	echo 'nameserver 192.0.2.9' >"$LAB_DIR/layer.resolv"
	start_configd configd-layer "$LAB_DIR/layer.socket" "$LAB_DIR/layer.resolv"
	DARWIN_CONFIGD=$LAB_DIR/layer.socket unshare --net sh -c 'ip link set lo up && exec "$0"' \
		"$LAB_ROOT/build/darwin/layer" 2>/dev/null
	status=$?
	lab_stop configd-layer
	return $status
}

no_name() { ! in_host laptop timeout 5 getent ahostsv4 "$SITE"; }
chromium_loads() { # on the laptop, by name
	in_host laptop timeout 60 "$LAB_ROOT/test/lab/browser.sh" print "$LAB_DIR/profile" "http://$SITE/" \
		2>"$LAB_DIR/chromium.err" | grep '3 of 3 pictures are shown'
}
done_so() { grep -qx "done: $1" "$LAB_DIR/record" || { cat "$LAB_DIR/record"; return 1; }; } # WHAT
names_are() { status_is client session.names "\"$1\""; } # STATE
dropped() { [ "$(status_of client "$1")" -gt 0 ]; } # COUNTER

sockets_of_laptop() { lab_exec laptop ss -Hltnu | awk '{ print $1, $5 }' | sort; }
remember_mac() { remember laptop; sockets_of_laptop >"$LAB_DIR/sockets"; cp "$LAB_DIR/laptop/etc/resolv.conf" "$LAB_DIR/resolv"; }
is_as_before() {
	soon_unchanged laptop && diff "$LAB_DIR/sockets" <(sockets_of_laptop) &&
		wait_for 10 diff "$LAB_DIR/resolv" "$LAB_DIR/laptop/etc/resolv.conf" && store_is_empty
}

user_of_client() { awk '/^Uid:/ { print $3 }' "/proc/${LAB_PID[client]}/status"; } # the effective one

macos_lab_up
new_record
check "the macOS client is built for the stand-in" make_mac
layer || LAB_FAILED=1
remember_mac
lab_passed || exit 1

# ---- a page on the phone ----

coproc DRIVER { lab_exec phone node "$LAB_ROOT/test/browser/driver.js" 2>"$(lab_log driver)"; }
exec 7<&"${DRIVER[0]}" 8>&"${DRIVER[1]}"
check "without the tether no name resolves" no_name
check "the macOS client starts in the phone's hotspot" start_mac
lab_passed || exit 1
check "it shows its address there" shows "$AT"
check "the page loads in Chromium on the phone" page open "http://$AT:6354/"
check "the page says that the laptop is online" page says "The laptop is online"
check "the laptop reaches a host" tunnel_ready 60
check "the phone's connection is bound to its interface" done_so "socket bound to wifi0"
check "20 MB come through the page, whole" traffic download "$WEB" $SIZE
check "20 MB go through the page, whole" traffic upload "$WEB" $SIZE
check "names resolve" by_getent
check "the client says that they do" wait_for 30 names_are work
check "a page loads in Chromium on the laptop, by its name" chromium_loads
check "the client is not root any more" [ "$(user_of_client)" != 0 ]
check "it sees no file" [ "$(readlink "/proc/${LAB_PID[client]}/root")" = "$LAB_DIR/empty" ]

change_address "$HOTSPOT.77"
check "another address that the phone gives is shown" shows "$HOTSPOT.77"
check "the page is there" answers_at "$HOTSPOT.77"
check "the one that went is not served" no_answer_at "$AT"
change_address "$AT"

check "Ctrl-C ends it with status 0" lab_stop client INT
check "the laptop is as before then: routes, addresses, sockets, resolver" is_as_before

# ---- a relay, and a device that is full now and then ----

check "it starts with a utun that often has no room" start_mac DARWIN_FULL=200
start_mac_relay
check "the laptop reaches a host through a relay" tunnel_ready 60
check "20 MB come all the same, whole" traffic download "$WEB" $SIZE
check "20 MB go all the same, whole" traffic upload "$WEB" $SIZE
check "what had no room is counted" dropped drops.tun_write
lab_stop client KILL
check "after kill -9 the laptop is as before: routes, addresses, sockets, resolver" is_as_before
check "it starts again" start_mac
check "the laptop reaches a host again" tunnel_ready 60
check "a datagram of 1472 bytes goes and comes back, in fragments" lab_exec laptop ping -M dont -c 2 -W 5 -s 1472 "$WEB"
check "200 TCP connections exchange data at the same time" traffic parallel "$WEB"
check "it ends with status 0" lab_stop client
check "the laptop is as before" is_as_before
lab_stop relay

# ---- some routes alone ----

start_with_routes() { start_mac --route 192.0.2.0/24 --route "$NEAR"; }
routes_are() { # the laptop's into the utun
	diff <(lab_ip laptop route show dev utun0 | cut -d' ' -f1 | sort) <(printf '%s\n' "$@" | sort)
}
check "it starts with the routes of a network and of a host" start_with_routes
check "these lead into the utun, and no others" routes_are 192.0.2.0/24 "$NEAR"
check "names are left alone then" store_is_empty
check "it ends with status 0 again" lab_stop client
check "the laptop is as before, again" is_as_before

check "nothing that the client asked of Darwin was refused" nothing_refused
lab_passed
