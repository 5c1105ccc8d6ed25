#!/bin/bash
# SPDX-License-Identifier: ISC
# Super-packets: what the laptop's kernel has not cut, and what the server's has put together, crosses the tether
# whole, and what nobody has put together crosses it too. With the offloads of the hosts' links on and off, of the
# laptop's TUN device on and off, and in open mode, where the far end takes none; every byte is checked, and nothing
# is dropped for what is to be done on it.
#
#   test/lab/test-offload.sh
#
# Needs root, build/tether-*, and: test/packages.sh lab
. "$(dirname "$0")/lab.sh"

size=8388608 # 8 MB
host_port=8081
LAB_MODE=keyed

host_serves() {
	lab_start traffic-server server "$LAB_PYTHON" "$LAB_TRAFFIC" --http-port $host_port serve
	lab_wait_listening traffic-server server $host_port
}

start_all() {
	start_server && start_client --tun tether0 || return
	start_relay
	tunnel_ready 60
}

stop_all() {
	lab_stop relay
	lab_stop client
	lab_stop server
}

tun_offloads() { # on|off
	lab_exec laptop ethtool -K tether0 tx "$1" tso "$1" gso "$1" >/dev/null || return
	# Only Linux 6.2 and later know this one.
	lab_exec laptop ethtool -K tether0 tx-udp-segmentation "$1" >/dev/null 2>&1 || true
}

# Runs the command, and sees that the client counts more super-packets of this way, or none. "Any": segments
# that wait side by side become some, also where no offload makes them.
with_super_packets() { # some|any|no up|down COMMAND...
	local wanted=$1 counter=super_packets_$2 before after
	shift 2
	before=$(status_of client "$counter") && "$@" && after=$(status_of client "$counter") || return
	echo "$counter: $before, then $after"
	[ "$wanted" != any ] || return 0
	if [ "$wanted" = some ]; then [ "$after" -gt "$before" ]; else [ "$after" -eq "$before" ]; fi
}

# What both ends have counted is the same, but for what is on its way.
ends_agree() {
	local way client server
	for way in up down; do
		client=$(status_of client super_packets_$way) && server=$(status_of server super_packets_$way) || return
		[ "$client" = "$server" ] || { echo "super_packets_$way: $client and $server"; return 1; }
	done
}

nothing_is_wrong() {
	local counter
	for counter in bad_message bad_offload tun_write; do
		status_is client drops.$counter 0 || return
	done
	for counter in bad_message bad_offload bad_capture send_failed host_write bad_packet; do
		status_is server drops.$counter 0 || return
	done
}

both_ways() { # WHEN SOME-ANY-OR-NO-UP AND-DOWN
	check "8 MB go to a web host, whole, with $2 super-packets up ($1)" \
		with_super_packets "$2" up traffic upload "$WEB" $size
	check "8 MB come from a web host, whole, with $3 super-packets down ($1)" \
		with_super_packets "$3" down traffic download "$WEB" $size
	check "bursts of datagrams go and come back, whole ($1)" traffic bursts "$NEAR"
}

lab_up
start_targets || lab_die "the web hosts do not start"
host_serves || lab_die "the web host on the server does not start"
check "the tether is up" start_all
lab_passed || exit 1

both_ways "all offloads on" some some
check "8 MB go to the server itself, whole" traffic --http-port $host_port upload "$SERVER" $size
check "8 MB come from the server itself, whole" traffic --http-port $host_port download "$SERVER" $size
check "the offloads of the laptop's TUN device can be switched off" tun_offloads off
both_ways "the TUN device's off" any some
lab_offloads off || not_ok "the links' offloads can be switched off" "ethtool failed"
both_ways "all off" any any
check "the offloads of the laptop's TUN device can be switched on" tun_offloads on
both_ways "the links' off" some any
check "nothing was dropped for what was to be done on it" nothing_is_wrong
check "both ends have counted the same super-packets" wait_for 10 ends_agree

stop_all
lab_offloads on || not_ok "the links' offloads can be switched on" "ethtool failed"
LAB_MODE=open
check "the tether is up in open mode" start_all
both_ways "open mode" no no
check "nothing was dropped for what was to be done on it, in open mode" nothing_is_wrong
lab_passed
