#!/bin/bash
# SPDX-License-Identifier: ISC
# The whole tether, end to end: every kind of traffic through laptop, phone and server.
#
#   test/lab/test-tether.sh [relay|chromium]     what plays the phone
#
# Each kind of traffic goes once with the server's segmentation and checksum
# offloads on, and once with them off; the two look very different to a program
# that captures packets. Meanwhile one TCP connection says nothing for a minute.
# Needs root, build/tether-*, and: test/packages.sh lab browser
. "$(dirname "$0")/lab.sh"

phone=${1:-relay}
size=104857600 # 100 MB
idle_s=60

nothing_gets_through() { ! lab_exec laptop ping -c 2 -W 1 "$NEAR"; }

pings() { lab_exec laptop ping -c 5 -i 0.2 -W 5 "$1"; } # ADDRESS

all_traffic() { # WHEN: how the names of the tests end
	check "100 MB come from a web host, whole ($1)" traffic download "$WEB" $size
	check "100 MB go to a web host, whole ($1)" traffic upload "$WEB" $size
	check "10 MB come from a host on the server's own link, whole ($1)" \
		traffic download "$NEAR" 10485760
	check "datagrams of 1 to 1472 bytes go and come back ($1)" traffic udp "$WEB"
	check "200 TCP connections exchange data at the same time ($1)" traffic parallel "$WEB"
	check "a host behind the router answers a ping ($1)" pings "$WEB"
	check "a host on the server's own link answers a ping ($1)" pings "$NEAR"
}

idle_connection_lived() {
	lab_wait idle $((idle_s + 120)) || { cat "$(lab_log idle)"; return 1; }
}

counted() { # client|server COUNTER
	local n
	n=$(status_of "$1" "$2") && [ "$n" -ge $((2 * size)) ] ||
		{ echo "$1: $2 is ${n:-not there}"; return 1; }
}

lab_up
start_targets || lab_die "the web hosts do not start"
check "tether-server starts" start_server
check "tether-client starts" start_client
check "without a phone the laptop reaches nobody" nothing_gets_through
start_phone "$phone"
check "with $phone as the phone the laptop reaches a host" tunnel_ready 60
lab_passed || exit 1

lab_start idle laptop "$LAB_PYTHON" "$LAB_TRAFFIC" idle "$WEB" --seconds $idle_s
all_traffic "through $phone, server's offloads on"
lab_offloads off || not_ok "offloads can be switched off" "ethtool failed"
all_traffic "through $phone, server's offloads off"
check "a TCP connection that said nothing for $idle_s s still works" idle_connection_lived
for counter in bytes_up bytes_down; do
	check "the client counted what went through it in $counter" counted client $counter
	check "the server counted what went through it in $counter" counted server $counter
done
check "tether-client ends with status 0 when it is asked to" lab_stop client
check "tether-server ends with status 0 when it is asked to" lab_stop server
lab_passed
