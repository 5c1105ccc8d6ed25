#!/bin/bash
# SPDX-License-Identifier: ISC
# What the programs do to the hosts that they run on: while they run, the server's
# kernel keeps silent about traffic that is not its own, and its own services go on;
# afterwards both hosts are as they were, also when a program was killed.
#
#   test/lab/test-host.sh
#
# Needs root, build/tether-*, and: test/packages.sh lab
. "$(dirname "$0")/lab.sh"

# ---- the server's kernel and services ----

# What a kernel says about a packet that it knows no socket for: a RST to TCP, and to UDP an ICMP message that quotes
# it (its protocol is byte 9 of the quoted header, behind 8 of ICMP's own). The NAT itself has a word for a SYN that
# nobody met, after six seconds (RFC 5382 REQ-4).
complaints='ip src 203.0.113.10 and
	(tcp[tcpflags] & tcp-rst != 0 or (icmp[icmptype] == icmp-unreach and icmp[17] == 17))'

try_tcp() { lab_exec near curl -s --max-time 2 "http://$SERVER:$1/" >/dev/null 2>&1; } # PORT

try_udp() { # PORT
	lab_exec near "$LAB_PYTHON" "$LAB_TRAFFIC" --echo-port "$1" \
		udp --last 1 --tries 2 --wait 0.5 "$SERVER" >/dev/null 2>&1
}

nothing_captured() { # NAME
	local packets
	packets=$(capture_stop "$1")
	[ -z "$packets" ] || { echo "$packets"; return 1; }
}

something_captured() { ! nothing_captured "$1"; } # NAME

start_services() { # two on ordinary ports, two that lie in the range that the NAT uses
	lab_start services server "$LAB_PYTHON" "$LAB_TRAFFIC" --http-port 8000 --echo-port 7000 serve
	lab_start inside-range server "$LAB_PYTHON" "$LAB_TRAFFIC" --http-port 20500 --echo-port 20501 serve
	lab_wait_listening services server 8000 && lab_wait_listening inside-range server 20500
}

service_answers() { # HTTP-PORT ECHO-PORT
	local ask=(lab_exec phone "$LAB_PYTHON" "$LAB_TRAFFIC" --http-port "$1" --echo-port "$2")
	"${ask[@]}" download "$SERVER" 20000000 && "${ask[@]}" upload "$SERVER" 2000000 &&
		"${ask[@]}" parallel "$SERVER" --count 20 && "${ask[@]}" udp "$SERVER" --last 100
}

server_reaches_web() {
	lab_exec server "$LAB_PYTHON" "$LAB_TRAFFIC" download "$WEB" 2000000
}

test_silence() {
	capture_start before switch server "$complaints"
	try_tcp 25000
	try_udp 25001
	check "without tether-server the kernel complains, and the capture sees it" something_captured before

	check "services of the server's own start" start_services
	check "tether-server, tether-client and tether-relay start" start_all
	lab_passed || return
	capture_start during switch server "$complaints"
	lab_start download laptop "$LAB_PYTHON" "$LAB_TRAFFIC" download "$WEB" 104857600
	check "the server's services answer while it tethers" service_answers 8000 7000
	check "the server's services on ports of the NAT's range answer" service_answers 20500 20501
	check "the server itself reaches the web while it tethers" server_reaches_web
	check "100 MB come through the tether meanwhile" lab_wait download 120
	check "100 MB go through the tether" traffic upload "$WEB" 104857600
	check "the server stays under 8 MB of memory after that" resident_below server 8192
	echo "# server: $(resident_kib server) KiB resident"
	check "datagrams pass the tether" traffic udp "$WEB" --first 1400
	check "many connections pass the tether" traffic parallel "$WEB" --count 50
	try_tcp 25000
	try_udp 25001
	check "the kernel has not complained, not about an unused port either" \
		nothing_captured during
	lab_stop services
	lab_stop inside-range
	lab_stop relay
	check "tether-client ends with status 0" lab_stop client
	check "tether-server ends with status 0" lab_stop server
}

start_all() {
	start_server && start_client && start_relay && tunnel_ready
}

# ---- leaving the hosts as they were ----

changed() { ! unchanged "$1"; } # HOST

route_leads_to() { # HOST ADDRESS INTERFACE
	local route
	route=$(lab_ip "$1" route get "$2") || return
	[[ $route == *" dev $3 "* ]] || { echo "$route"; return 1; }
}

wifi_lifetime_is_limited() {
	local left
	left=$(lab_ip laptop address show dev wifi0 | sed -n "/$LAPTOP/{n;s/.*valid_lft \([0-9]*\)sec.*/\1/p}")
	[ "${left:-0}" -gt 0 ] && [ "$left" -le 60 ] || {
		lab_ip laptop address show dev wifi0
		return 1
	}
}

wifi_address_is_gone() { ! lab_ip laptop address show dev wifi0 | grep "$LAPTOP"; }

laptop_uses_the_tether() {
	[[ $(lab_ip laptop route get "$WEB") == *" src 10.0.0.1 "* ]] || { lab_ip laptop route; return 1; }
}

client_did_not_complain() {
	! grep -iE 'exists|error|fail|cannot' "$(lab_log client)"
}

# Another network of the laptop's, with a default route of its own.
give_laptop_another_network() {
	lab_add_host office 0
	lab_wire laptop eth1 office eth0
	lab_ip laptop address add 172.31.5.2/24 dev eth1
	lab_ip laptop route add default via 172.31.5.1 dev eth1 metric 100
	wait_for 10 addresses_settled laptop server
	remember laptop
	remember server
}

test_undo() {
	local signal
	give_laptop_another_network
	for signal in TERM INT; do
		start_all >/dev/null
		check "while the tether is up, the laptop uses it" laptop_uses_the_tether
		check "while the tether is up, the laptop differs from before" changed laptop
		check "while the tether is up, the server differs from before" changed server
		check "the phone's address is reached outside the tunnel" route_leads_to laptop "$PHONE" wifi0
		check "the phone answers the laptop directly" lab_exec laptop ping -c 1 -W 5 "$PHONE"
		check "tether-client ends with status 0 at SIG$signal" lab_stop client $signal
		check "the laptop is as before, after SIG$signal" unchanged laptop
		check "tether-server ends with status 0 at SIG$signal" lab_stop server $signal
		check "the server is as before, after SIG$signal" unchanged server
		check "tether-relay ends with status 0 at SIG$signal" lab_stop relay $signal
	done

	start_all >/dev/null
	lab_stop client KILL
	lab_stop server KILL
	check "the laptop's own default route is in force again after kill -9" \
		route_leads_to laptop "$WEB" eth1
	check "the server is as before, after kill -9" soon_unchanged server
	check "the laptop is as before but for its Wi-Fi address, after kill -9" soon_unchanged_but_wifi laptop
	check "the Wi-Fi address left behind has a limited lifetime" wifi_lifetime_is_limited
	check "tether-client starts again and takes the address over" start_client
	check "it does so without complaint" client_did_not_complain
	start_server >/dev/null
	check "the tether works again after both were killed" tunnel_ready
	check "tether-client ends with status 0 after that" lab_stop client
	check "the laptop is as before, Wi-Fi address too" unchanged laptop
	lab_stop server
	lab_stop relay
}

# The Wi-Fi address has a lifetime of a minute at most, set anew while the client runs.
test_lifetime() {
	give_laptop_another_network
	start_client >/dev/null
	sleep 62
	check "the Wi-Fi address outlives its first lifetime while tether-client runs" \
		wifi_lifetime_is_limited
	lab_stop client KILL
	check "after kill -9 the Wi-Fi address goes by itself" wait_for 75 wifi_address_is_gone
	check "the laptop is as before, when it has gone" unchanged laptop
}

exec 3>&1 # figures worth showing, past the output that "check" keeps
lab_up
start_targets || lab_die "the web hosts do not start"
# This one only waits, for two minutes: meanwhile, in a lab of its own.
(
	lab_up "$BASHPID"
	test_lifetime
) >"$LAB_DIR/lifetime.out" 2>&1 &
lifetime=$!
test_silence
test_undo
wait $lifetime
cat "$LAB_DIR/lifetime.out"
lab_passed && ! grep -q '^not ok' "$LAB_DIR/lifetime.out"
