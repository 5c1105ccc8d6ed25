#!/bin/bash
# SPDX-License-Identifier: ISC
# What becomes of the server's network interface while tether-server runs: its address goes and comes
# back, its link goes down, its MTU changes; it gets another address, or is made anew.
#
#   test/lab/test-interface.sh
#
# Needs root, build/tether-*, and: test/packages.sh lab nat
. "$(dirname "$0")/lab.sh"
LAB_MODE=keyed

SECOND=203.0.113.11 # of the server's addresses
ANOTHER=203.0.113.12

laptop() { lab_exec laptop "$@"; }

says() { # PATTERN COMMAND...
	local output
	output=$("${@:2}" 2>&1)
	grep -qE "$1" <<<"$output" || { echo "$output"; return 1; }
}

server_says() { # PATTERN
	wait_for 10 grep -q "$1" "$(lab_log server)" || { tail -n 3 "$(lab_log server)"; return 1; }
}

says_once() { # PATTERN
	local count
	count=$(grep -c "$1" "$(lab_log server)")
	[ "$count" -eq 1 ] || { echo "it is said $count times"; return 1; }
}

take_address() { lab_ip server address delete "$1/24" dev eth0; } # ADDRESS

give_address() { # ADDRESS; its routes went with it
	lab_ip server address add "$1/24" dev eth0 && lab_ip server route replace default via 203.0.113.1
}

start_all() { start_server && start_client && start_relay && tunnel_ready; }

stays() { # SECONDS
	sleep "$1"
	lab_running server || { tail -n 1 "$(lab_log server)"; return 1; }
}

# ---- its address goes and comes back ----

test_address_returns() {
	check "a connection is open and quiet" hold_connection
	check "the address is taken away" take_address "$SERVER"
	check "the server says that it waits for the address" server_says 'eth0 has lost its address 203.0.113.10'
	check "the host gives itself a link-local address" lab_ip server address add 169.254.7.7/16 dev eth0
	check "the server waits all the same" stays 2.5
	check "it has said so once" says_once 'has lost its address'
	lab_ip server address delete 169.254.7.7/16 dev eth0
	check "the address is given back" give_address "$SERVER"
	check "the server says that it has the address again" server_says 'eth0 has its address 203.0.113.10 again'
	check "the tether works again" tunnel_ready
	check "the connection goes on" connection_goes_on
}

test_link_flap() {
	check "a connection is open and quiet before the link goes down" hold_connection
	lab_ip server link set eth0 down
	check "the server waits while the link is down" stays 2.5
	lab_ip server link set eth0 up
	lab_ip server route replace default via 203.0.113.1
	check "the tether works when the link is up again" tunnel_ready
	check "the connection goes on when the link is up again" connection_goes_on
}

# ---- its MTU changes ----

set_mtu() { # BYTES
	lab_ip router link set eth0 mtu "$1" && lab_ip server link set eth0 mtu "$1" &&
		server_says "the MTU of eth0 .* is $1 now"
}

test_mtu() {
	check "a packet of 1500 bytes passes" laptop ping -c 1 -W 5 -M do -s 1472 "$WEB"
	check "the MTU becomes 1400, and the server says so" set_mtu 1400
	check "\"Frag needed\" names the new MTU" \
		says 'Frag needed.*mtu = 1400' laptop ping -c 1 -W 5 -M do -s 1472 "$WEB"
	laptop ip route flush cache
	check "tracepath finds the new MTU" says 'Resume: pmtu 1400' laptop tracepath -n "$WEB"
	laptop ip route flush cache
	check "a ping of 4000 bytes passes the new MTU" laptop ping -c 1 -W 5 -s 4000 "$WEB"
	check "an upload passes the new MTU" traffic upload "$WEB" 2000000
	check "a download passes the new MTU" traffic download "$WEB" 2000000
	check "no frame was too long for the interface" status_is server drops.send_failed 0
	check "the MTU becomes 1500 again" set_mtu 1500
	laptop ip route flush cache
	check "a packet of 1500 bytes passes again" laptop ping -c 1 -W 5 -M do -s 1472 "$WEB"
}

# ---- a host with two addresses ----

no_route_counted() { [ "$(status_of server drops.no_route)" -ge 1 ]; }

# The phone comes by the second address, so the laptop's packets come while the first is away.
test_second_address() {
	lab_exec server sysctl -q -w net.ipv4.conf.eth0.promote_secondaries=1
	lab_ip server address add "$SECOND/24" dev eth0
	check "tether-server starts on a host with two addresses" start_server
	check "tether-client starts" start_client
	lab_start relay phone "$LAB_BUILD/tether-relay" --laptop "ws://$LAPTOP:6354/websocket" \
		--server "ws://$SECOND:8080/websocket"
	check "the phone comes by the second address" tunnel_ready
	check "the first address is taken away" take_address "$SERVER"
	check "the server waits for its address, though there is the other" \
		server_says 'eth0 has lost its address 203.0.113.10'
	laptop ping -c 3 -i 0.2 -W 1 "$NEAR" >/dev/null
	check "what laptops send meanwhile is dropped and counted" no_route_counted
	check "the first address is given back" give_address "$SERVER"
	check "the tether works with both addresses again" tunnel_ready
	lab_stop relay
	lab_stop client
	check "tether-server ends with status 0 after that" lab_stop server
	take_address "$SECOND"
}

# ---- it cannot go on ----

ends_with_1() {
	lab_wait server 15
	local status=$?
	[ $status -eq 1 ] || { echo "its status is $status"; return 1; }
}

no_table_is_left() { ! lab_exec server nft list ruleset | grep tether; }

test_another_address() {
	check "tether-server starts" start_server
	check "the address is taken away for another" take_address "$SERVER"
	give_address "$ANOTHER"
	check "the server ends with status 1" ends_with_1
	check "it says what the address was and what it is now" \
		server_says 'the address of eth0 was 203.0.113.10 and is 203.0.113.12 now'
	check "none of its rules is left" no_table_is_left
	take_address "$ANOTHER"
	give_address "$SERVER"
}

test_made_anew() {
	check "tether-server starts again" start_server
	lab_ip server link delete eth0
	lab_wire server eth0 switch server
	check "the server ends with status 1 when its interface is made anew" ends_with_1
	check "it says that of its interface" server_says 'the network interface eth0 \(was made anew\|is gone\)'
	check "none of its rules is left then" no_table_is_left
}

lab_up
start_targets || lab_die "the web hosts do not start"
check "the tether starts" start_all
lab_passed || exit 1
test_address_returns
test_link_flap
test_mtu
check "tether-server has run all the while, and ends with status 0" lab_stop server
lab_stop relay
lab_stop client
test_second_address
test_another_address
test_made_anew
lab_passed
