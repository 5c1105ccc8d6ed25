#!/bin/bash
# SPDX-License-Identifier: ISC
# The NAT as it is seen from the Internet: packets that Scapy crafts, and what comes
# of them at real sockets of the laptop.
#
#   test/lab/test-nat-packets.sh [PART-OF-A-TEST-FUNCTION'S-NAME]
#
# Needs root, build/tether-*, and: test/packages.sh lab
. "$(dirname "$0")/lab.sh"

# Addresses that no kernel owns are at web's interface.
give_nobody_a_place() {
	local mac address
	mac=$(lab_exec web cat /sys/class/net/eth0/address)
	for address in 192.0.2.90 192.0.2.91 192.0.2.92; do
		lab_ip router neighbour replace $address lladdr "$mac" dev to-web || return
	done
}

start_tether() {
	start_server && start_client && start_relay && tunnel_ready
}

lab_up
lab_offloads off
give_nobody_a_place || lab_die "the router does not take its neighbours"
check "the tether starts" start_tether
"$LAB_PYTHON" "$LAB_ROOT/test/lab/nat-scapy.py" "$(lab_ns laptop)" "$(lab_ns web)" "$(lab_ns server)" "$@" ||
	LAB_FAILED=$((LAB_FAILED + 1))
check "the server ends well after all that" lab_stop server
lab_passed
