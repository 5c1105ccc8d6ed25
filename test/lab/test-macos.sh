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
LAB_MODE=keyed
MAC=$LAB_ROOT/build/darwin/tether-client
LAPTOP=127.0.0.1 # where the laptop itself asks for status.json
AT=$HOTSPOT.5
SIZE=20971520 # 20 MB

make_mac() { make -s -C "$LAB_ROOT" "$MAC"; }
layer() { unshare --net sh -c 'ip link set lo up && exec "$0"' "$LAB_ROOT/build/darwin/layer" 2>/dev/null; }

start_configd() {
	rm -f "$LAB_DIR/configd.socket"
	start_in configd laptop "$LAB_PYTHON" "$LAB_ROOT/test/darwin/configd.py" "$LAB_DIR/configd.socket" /etc/resolv.conf
	wait_for 10 [ -S "$LAB_DIR/configd.socket" ]
}

# What the layer refuses is an error of the program, whatever comes of it.
start_mac() { # [NAME=VALUE...] [ARGUMENTS...]
	local settings=()
	while [[ ${1:-} == *=* ]]; do settings+=("$1") && shift; done
	start_in client laptop env DARWIN_RECORD="$LAB_DIR/record" DARWIN_CONFIGD="$LAB_DIR/configd.socket" "${settings[@]}" \
		"$MAC" --key-file "$LAB_DIR/key" --server "$SERVER" "$@"
	lab_wait_listening client laptop 6354
}

start_mac_relay() {
	lab_start relay phone "$LAB_BUILD/tether-relay" --laptop "ws://$AT:6354/websocket" \
		--server "ws://$SERVER:8080/websocket"
}

# One command for the phone's browser (see driver.js); prints the value that it answers.
page() { # COMMAND...
	local status value
	echo "$*" >&8
	read -r -t 120 status value <&7 || { echo "the browser does not answer"; return 1; }
	echo "$value"
	[ "$status" = ok ]
}

nothing_refused() { ! grep -e '^refused' "$LAB_DIR/record"; }
done_so() { grep -q "^done: $1" "$LAB_DIR/record" || { cat "$LAB_DIR/record"; return 1; }; } # PATTERN

by_getent() { in_host laptop timeout 20 getent ahostsv4 "$SITE" | grep "$WEB"; }
no_name() { ! in_host laptop timeout 5 getent ahostsv4 "$SITE"; }
chromium_loads() { # on the laptop, by name
	in_host laptop timeout 60 "$LAB_ROOT/test/lab/browser.sh" print "$LAB_DIR/profile" "http://$SITE/" \
		2>"$LAB_DIR/chromium.err" | grep '3 of 3 pictures are shown'
}
names_are() { status_is client session.names "\"$1\""; } # STATE
dropped() { [ "$(status_of client "$1")" -gt 0 ]; } # COUNTER

sockets_of_laptop() { lab_exec laptop ss -Hltnu | awk '{ print $1, $5 }' | sort; }
store_is_empty() { tail -n 1 "$(lab_log configd)" | grep -qx 'now: {}'; }
remember_mac() { remember laptop; sockets_of_laptop >"$LAB_DIR/sockets"; cp "$LAB_DIR/laptop/etc/resolv.conf" "$LAB_DIR/resolv"; }
is_as_before() {
	soon_unchanged laptop && diff "$LAB_DIR/sockets" <(sockets_of_laptop) &&
		wait_for 10 diff "$LAB_DIR/resolv" "$LAB_DIR/laptop/etc/resolv.conf" && store_is_empty
}

user_of_client() { awk '/^Uid:/ { print $3 }' "/proc/${LAB_PID[client]}/status"; } # the effective one

new_address() { lab_ip laptop address replace "$1/24" dev wifi0; } # ADDRESS
shows() { wait_for 20 grep -q "open http://$1:6354/" "$(lab_log client)"; } # ADDRESS
answers_at() { lab_exec phone curl -sS --max-time 5 -o /dev/null --fail "http://$1:6354/"; } # ADDRESS

lab_up
touch "$LAB_DIR/record" && chmod 666 "$LAB_DIR/record"
check "the macOS client is built for the stand-in" make_mac
layer || LAB_FAILED=1 # it says what it tests
own_files laptop && own_files server || lab_die "no files of the laptop's own"
resolv_conf laptop "$HOTSPOT.1" # the phone, who knows no names
resolv_conf server 192.0.2.81
start_targets || lab_die "the web hosts do not start"
start_authority public web 192.0.2.81 || lab_die "the resolver does not start"
start_in server server "$LAB_BUILD/tether-server" --key-file "$LAB_DIR/key"
lab_wait_server || lab_die "tether-server does not start"
lab_ip phone address add "$HOTSPOT.1/24" dev wifi0
lab_ip laptop address add "$AT/24" dev wifi0
lab_ip laptop route add default via "$HOTSPOT.1"
start_configd || lab_die "configd does not start"
wait_for 10 addresses_settled laptop
remember_mac
lab_passed || exit 1

# ---- a page on the phone ----

coproc DRIVER { lab_exec phone node "$LAB_ROOT/test/browser/driver.js" 2>"$(lab_log driver)"; }
exec 7<&"${DRIVER[0]}" 8>&"${DRIVER[1]}"
check "without the tether no name resolves" no_name
check "the macOS client starts in the phone's hotspot" start_mac
check "it shows its address there" shows "$AT"
check "the page loads in Chromium on the phone" page open "http://$AT:6354/"
check "the page says that the laptop is online" page says "The laptop is online"
check "the laptop reaches a host" tunnel_ready 60
check "20 MB come through the page, whole" traffic download "$WEB" $SIZE
check "20 MB go through the page, whole" traffic upload "$WEB" $SIZE
check "names resolve" by_getent
check "the client says that they do" wait_for 30 names_are work
check "a page loads in Chromium on the laptop, by its name" chromium_loads
check "the client is not root any more" [ "$(user_of_client)" != 0 ]

new_address "$HOTSPOT.77"
check "another address of the laptop's is shown" shows "$HOTSPOT.77"
check "the page is there" answers_at "$HOTSPOT.77"
lab_ip laptop address delete "$HOTSPOT.77/24" dev wifi0
lab_ip laptop address replace "$AT/24" dev wifi0
lab_ip laptop route replace default via "$HOTSPOT.1"

check "Ctrl-C ends it with status 0" lab_stop client INT
check "the laptop is as before then: routes, addresses, sockets, resolver" is_as_before

# ---- a relay, and a device that is full now and then ----

check "it starts with a utun that often has no room" start_mac DARWIN_FULL=200
start_mac_relay
check "the laptop reaches a host through a relay" tunnel_ready 60
check "20 MB come all the same, whole" traffic download "$WEB" $SIZE
check "20 MB go all the same, whole" traffic upload "$WEB" $SIZE
check "what had no room is counted" dropped drops.tun_write
check "datagrams of all sizes go and come back" traffic udp "$WEB"
lab_stop client KILL
check "after kill -9 the laptop is as before: routes, addresses, sockets, resolver" is_as_before
check "it starts again" start_mac
check "the laptop reaches a host again" tunnel_ready 60
check "it ends with status 0" lab_stop client
check "the laptop is as before" is_as_before
lab_stop relay

check "nothing that the client asked of Darwin was refused" nothing_refused
lab_passed
