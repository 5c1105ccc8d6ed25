#!/bin/bash
# SPDX-License-Identifier: ISC
# For suites about the macOS client: a lab whose laptop is in the phone's hotspot, and has what a Mac has
# (test/darwin/README.md). Source it after lab.sh and names-lab.sh.

LAB_MODE=keyed
MAC=$LAB_ROOT/build/darwin/tether-client
LAPTOP=127.0.0.1 # where the laptop itself asks for status.json
AT=$HOTSPOT.5

start_configd() { # NAME SOCKET RESOLV_CONF; in the laptop's files, where it has such
	rm -f "$2"
	start_in "$1" laptop "$LAB_PYTHON" "$LAB_ROOT/test/darwin/configd.py" "$2" "$3"
	wait_for 10 [ -S "$2" ]
}

# Hosts, targets, a resolver in the Internet, and a server; the phone's own resolver knows no names.
macos_lab_up() {
	lab_up
	mkdir "$LAB_DIR/empty"
	own_files laptop && own_files server || lab_die "no files of the laptop's own"
	resolv_conf laptop "$HOTSPOT.1"
	resolv_conf server 192.0.2.81
	start_targets || lab_die "the web hosts do not start"
	start_authority public web 192.0.2.81 || lab_die "the resolver does not start"
	start_in server server "$LAB_BUILD/tether-server" --key-file "$LAB_DIR/key"
	lab_wait_server || lab_die "tether-server does not start"
	lab_ip phone address add "$HOTSPOT.1/24" dev wifi0
	change_address "$AT"
	start_configd configd "$LAB_DIR/configd.socket" /etc/resolv.conf || lab_die "configd does not start"
	wait_for 10 addresses_settled laptop
}

# The layer's record of what the client asked for. What it refuses is an error of the client.
new_record() { : >"$LAB_DIR/record" && chmod 666 "$LAB_DIR/record"; }
nothing_refused() { ! grep -e '^refused' "$LAB_DIR/record"; }

start_mac() { # [NAME=VALUE...] [ARGUMENTS...]
	local settings=()
	while [[ ${1:-} == *=* ]]; do settings+=("$1") && shift; done
	start_in client laptop env DARWIN_RECORD="$LAB_DIR/record" DARWIN_CONFIGD="$LAB_DIR/configd.socket" \
		DARWIN_EMPTY="$LAB_DIR/empty" "${settings[@]}" "$MAC" --key-file "$LAB_DIR/key" --server "$SERVER" "$@"
	lab_wait_listening client laptop 6354
}

start_mac_relay() {
	lab_start relay phone "$LAB_BUILD/tether-relay" --laptop "ws://$AT:6354/websocket" \
		--server "ws://$SERVER:8080/websocket"
}

by_getent() { in_host laptop timeout 20 getent ahostsv4 "$SITE" | grep "$WEB"; }
store_is_empty() { tail -n 1 "$(lab_log configd)" | grep -qx 'now: {}'; }
change_address() { # ADDRESS
	lab_ip laptop address flush dev wifi0 scope global
	lab_ip laptop address add "$1/24" dev wifi0
	lab_ip laptop route replace default via "$HOTSPOT.1"
}
shows() { wait_for "${2:-20}" grep -q "open http://$1:6354/" "$(lab_log client)"; } # ADDRESS [SECONDS]
answers_at() { lab_exec phone curl -sS --max-time 5 -o /dev/null --fail "http://$1:6354/"; } # ADDRESS
no_answer_at() { ! answers_at "$1" 2>&1; } # ADDRESS
