#!/bin/bash
# SPDX-License-Identifier: ISC
# Interworking with the classic recipe: each of our programs among peers that
# know only base64 text with one packet a message (classic_*.py beside this file).
#
#   test/interop/test-classic.sh
#
# Needs root, build/tether-*, and: test/packages.sh lab
. "$(dirname "$0")/../lab/lab.sh"
here=$LAB_ROOT/test/interop

start_classic_laptop() {
	lab_wifi_address
	lab_start client laptop "$LAB_PYTHON" "$here/classic_laptop.py"
	lab_wait_listening client laptop 6354
}

# The recipe knows only packets as they are on the wire: without offloads.
start_classic_server() {
	lab_offloads off
	lab_exec server iptables -A OUTPUT -p tcp --tcp-flags RST RST -j DROP
	lab_start server server "$LAB_PYTHON" "$here/classic_server.py" eth0
	lab_wait_listening server server 8080
}

start_classic_relay() {
	lab_start relay phone "$LAB_PYTHON" "$here/classic_relay.py" \
		"ws://$LAPTOP:6354/websocket" "ws://$SERVER:8080/websocket"
}

# Makes a lab, starts the three programs given, and sends traffic through them.
scenario() { # NAME START-SERVER START-CLIENT START-RELAY
	lab_up
	start_targets || lab_die "the web hosts do not start"
	check "$1: the server starts" "$2"
	check "$1: the laptop's program starts" "$3"
	"$4"
	check "$1: a ping comes back" tunnel_ready
	check "$1: 2 MB come by HTTP, whole" traffic download "$WEB" 2000000
	check "$1: 2 MB go by HTTP, whole" traffic upload "$WEB" 2000000
	check "$1: 20 TCP connections at the same time" traffic parallel "$WEB" --count 20
	check "$1: datagrams of 1 to 1472 bytes go and come back" traffic udp "$WEB"
	lab_down
}

scenario "tether-server with a classic laptop" start_server start_classic_laptop start_relay
scenario "tether-client with a classic server" start_classic_server start_client start_relay
scenario "tether-client and tether-server with a classic relay" \
	start_server start_client start_classic_relay
lab_passed
