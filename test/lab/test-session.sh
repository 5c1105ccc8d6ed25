#!/bin/bash
# SPDX-License-Identifier: ISC
# The session outlives the phone: while a download, an idle connection and a stream of datagrams go on,
# the phone comes and goes in every way that it can.
#
#   test/lab/test-session.sh
#
# Needs root, build/tether-*, and: test/packages.sh lab
. "$(dirname "$0")/lab.sh"
LAB_MODE=keyed
server_name=tether-server.example
other=203.0.113.11 # the server's other address

# The phone knows the server by a name, which leads to one address at a time.
name_leads_to() { # ADDRESS
	mkdir -p "/etc/netns/$(lab_ns phone)" &&
		printf '127.0.0.1 localhost\n%s %s\n' "$1" $server_name >"/etc/netns/$(lab_ns phone)/hosts"
}

forget_name() { rm -rf "/etc/netns/$(lab_ns phone)"; }

start_named_relay() { # NAME
	lab_start "$1" phone "$LAB_BUILD/tether-relay" --laptop "ws://$LAPTOP:6354/websocket" \
		--server "ws://$server_name:8080/websocket"
}

# The phone keeps its Wi-Fi, and nothing passes on the cellular side.
cut_cell() { lab_exec router ip route add blackhole "198.51.100.2/32" &&
	lab_exec router sysctl -q -w net.ipv4.conf.to-phone.forwarding=0; }
mend_cell() { lab_exec router ip route delete blackhole "198.51.100.2/32" &&
	lab_exec router sysctl -q -w net.ipv4.conf.to-phone.forwarding=1; }

start_traffic() {
	lab_start download laptop "$LAB_PYTHON" "$LAB_TRAFFIC" download "$WEB" $((96 * 1048576)) \
		--rate 1048576
	lab_start idle laptop "$LAB_PYTHON" "$LAB_TRAFFIC" idle "$WEB" --until "$LAB_DIR/idle-goes-on"
	lab_start stream laptop "$LAB_PYTHON" "$LAB_TRAFFIC" stream "$WEB" --until "$LAB_DIR/stream-ends"
	wait_for 20 grep -q waiting "$(lab_log idle)"
}

ended_well() { # NAME; says what it measured
	lab_wait "$1" 150
	local status=$?
	cat "$(lab_log "$1")"
	[ $status -eq 0 ]
}

no_resets() { # of connections that the laptop or a web host has, seen on the web host
	local resets
	resets=$(capture_stop resets)
	[ -z "$resets" ] || { echo "$resets"; return 1; }
}

# No session but the first, and those that follow it after two minutes each (SESSION_REKEY_MS).
sessions_are_one() {
	local count most=$((1 + (SECONDS - began) / 120))
	count=$(status_of client session.sessions) && [ "$count" -ge 1 ] && [ "$count" -le $most ] && return
	echo "session.sessions is $count, after $((SECONDS - began)) s"
	return 1
}

hundred_drops() {
	local i
	for i in $(seq 100); do
		lab_stop relay KILL
		start_named_relay relay
		sleep 0.0$((i % 10))
		[ $((i % 10)) -ne 0 ] || tunnel_ready 30 || return
	done
}

lab_up
trap 'forget_name; lab_down' EXIT
start_targets || lab_die "the web hosts do not start"
lab_ip server address add "$other/24" dev eth0
name_leads_to "$SERVER"
check "tether-server starts" start_server
began=$SECONDS
check "tether-client starts" start_client
start_named_relay relay
check "the laptop reaches a host" tunnel_ready
lab_passed || exit 1
capture_start resets web eth0 'tcp[tcpflags] & tcp-rst != 0'
check "a download, an idle connection and a stream of datagrams begin" start_traffic

lab_stop relay
start_named_relay relay
check "the phone's page is loaded again" tunnel_ready

cut_cell
check "the cellular connection is cut, and the client says that nobody answers" \
	wait_for 20 grep -q 'does not answer' "$(lab_log client)"
sleep 25
mend_cell
check "after half a minute it returns" tunnel_ready

LAB_PID["first"]=${LAB_PID[relay]}
start_named_relay relay
check "a second phone takes over while the first is connected" \
	wait_for 20 grep -q 'closed the connection (status 4001)' "$(lab_log relay)"
check "and the laptop reaches a host through it" tunnel_ready
lab_stop first

name_leads_to "$other"
lab_exec server iptables -I INPUT -d "$SERVER" -p tcp --dport 8080 -j DROP
check "the server's name moves to another of its addresses" tunnel_ready 60
check "and the phone is connected there" [ -n "$(lab_exec phone ss -Htn state established dst "$other")" ]

check "a hundred phones drop in a row" hundred_drops
check "all that under one session" sessions_are_one

touch "$LAB_DIR/idle-goes-on" "$LAB_DIR/stream-ends"
check "the stream of datagrams goes on" ended_well stream
check "the idle connection goes on" ended_well idle
check "the download ends with the right checksum" ended_well download
check "no TCP connection was reset" no_resets
tail -n 1 "$(lab_log stream)" | sed 's/^/# /'
lab_passed
