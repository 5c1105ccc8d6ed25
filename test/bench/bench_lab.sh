#!/bin/bash
# SPDX-License-Identifier: ISC
# The lab of the benchmarks: that of test/lab/lab.sh, with an emulated cellular link between the phone and
# its router, and the programs that Tether is compared with.
#
#   laptop ··wifi0·· phone ··cell0·· cell ··to-phone·· router ── ...
#
# As a library:   . test/bench/bench_lab.sh; lab_up; lab_cellular 3g
# As a command:   bench_lab.sh serve      makes a lab and obeys: a command of this shell a line on standard
#                 input; answers each on standard output with a line "=STATUS", after what it printed
#                 bench_lab.sh link LINK     prints the emulator's arguments for a link; fails if there is no such
#                 link here: recorded ones need their traces, in TRACES. random:SEED is one that nobody chose
# Needs root, build/tether-* and build/bench/*, and the packages of: test/packages.sh lab bench
. "$(dirname "${BASH_SOURCE[0]}")/../lab/lab.sh"

BENCH=$LAB_ROOT/test/bench
TRACES=${TRACES:-$LAB_ROOT/../shared/traces}

# What each link is like, as the emulator's arguments: rates in kbit/s, the delay of one way in ms, and the
# bytes that wait for the link, more than are good for it, as in real networks.
link_arguments() { # LINK
	case $1 in
	3g) echo --down-rate 1600 --up-rate 768 --delay 75 --down-queue 262144 --up-queue 262144 ;;
	lte) echo --down-rate 20000 --up-rate 8000 --delay 25 --down-queue 1048576 --up-queue 1048576 ;;
	umts-trace) trace_arguments TMobile-UMTS-driving ;;
	evdo-trace) trace_arguments Verizon-EVDO-driving ;;
	lte-trace) trace_arguments Verizon-LTE-short ;;
	tmobile-lte-trace) trace_arguments TMobile-LTE-short ;;
	att-lte-trace) trace_arguments ATT-LTE-driving-2016 ;;
	random:*[!0-9]* | random:) return 1 ;;
	random:*) "$LAB_BUILD/bench/cell_make" "${1#*:}" "$LAB_BUILD/bench/random-${1#*:}" ;;
	*) return 1 ;;
	esac
}

trace_arguments() { # NAME
	[ -r "$TRACES/$1.down" ] && [ -r "$TRACES/$1.up" ] || return
	echo --down-trace "$TRACES/$1.down" --up-trace "$TRACES/$1.up" --delay 50 \
		--down-queue 1048576 --up-queue 1048576
}

# Puts a namespace "cell" into the wire between phone and router: the router's end of the wire becomes
# the emulator's side towards the phone, and the router gets a new one of the same name.
lab_splice_cell() {
	lab_add_host cell 0 || return
	lab_exec cell sysctl -q -w net.ipv6.conf.all.disable_ipv6=1 net.ipv6.conf.default.disable_ipv6=1
	lab_ip router link set to-phone netns "$(lab_ns cell)" name phone &&
		lab_ip cell link set phone up &&
		lab_wire router to-phone cell network &&
		lab_ip router address add 198.51.100.1/24 dev to-phone || return
	local end
	for end in phone:cell0 cell:phone cell:network router:to-phone; do
		lab_exec "${end%:*}" ethtool -K "${end#*:}" tx off rx off tso off gso off gro off \
			>/dev/null || return
	done
}

# The cellular link of this lab; "fast" is a wire without any limit. To be called once, before traffic.
# Its statistics are in $(lab_log cellular), its timeline and its commands' FIFO in the lab's directory.
lab_cellular() { # LINK [MORE-ARGUMENTS...]
	local arguments
	[ "$1" != fast ] || return 0
	arguments=$(link_arguments "$1") || { echo "no such link: $1"; return 1; }
	lab_splice_cell || return
	# shellcheck disable=SC2086 # a list of words
	lab_start cellular cell "$LAB_BUILD/bench/cellular" --phone phone --network network $arguments \
		--control "$LAB_DIR/cellular.control" --timeline "$LAB_DIR/cellular.timeline" "${@:2}"
	wait_for 10 grep -q start_ms "$(lab_log cellular)" &&
		wait_for 10 lab_exec phone ping -c 1 -W 2 198.51.100.1
}

# The hosts send with this congestion control, unless a program asks for another itself; "machine" leaves
# it at the machine's own. It is set on the routes: a namespace may not choose each of them as its default.
lab_congestion() { # NAME HOST...
	local host route
	[ "$1" != machine ] || return 0
	for host in "${@:2}"; do
		lab_ip "$host" -4 route show | while read -r route; do
			# shellcheck disable=SC2086 # a list of words
			lab_ip "$host" route change $route congctl "$1" || return
		done || return
	done
}

# ---- what Tether is compared with ----

# Plain TCP through a user-space hop on the phone, at port 9001.
start_socat() { # PORT-ON-WEB
	lab_start socat phone socat TCP-LISTEN:9001,fork,reuseaddr "TCP:$WEB:$1"
	lab_wait_listening socat phone 9001
}

# OpenVPN over TCP, nothing encrypted, from the phone itself to the web host (10.8.0.1): a hop less than Tether.
start_openvpn() {
	local common=(--dev tunvpn --dev-type tun --cipher none --auth none --verb 1)
	lab_start vpn-web web openvpn "${common[@]}" --proto tcp-server --port 1194 \
		--ifconfig 10.8.0.1 10.8.0.2
	lab_wait_listening vpn-web web 1194 || return
	lab_start vpn-phone phone openvpn "${common[@]}" --proto tcp-client --remote "$WEB" 1194 \
		--ifconfig 10.8.0.2 10.8.0.1
	wait_for 30 lab_exec phone ping -c 1 -W 1 10.8.0.1
}

# Chromium on the phone, with the page that only copies: from one WebSocket to another.
start_barest() { # NAME URL URL
	local encoded
	encoded=$(printf '%s&%s' "${2//[?]/%3F}" "${3//[?]/%3F}")
	lab_start "$1" phone "$LAB_ROOT/test/lab/browser.sh" stay "$LAB_DIR/barest-profile" \
		"http://$LAPTOP:7000/?$encoded"
}

# Both ends of that page's ceiling, and the page: at port 7000 of laptop and server.
start_ws_flows() {
	lab_start ws-laptop laptop "$LAB_BUILD/bench/ws-flow" "$LAPTOP:7000" "$BENCH/barest" &&
		lab_wait_listening ws-laptop laptop 7000 &&
		lab_start ws-server server "$LAB_BUILD/bench/ws-flow" "$SERVER:7000" "$BENCH/barest" &&
		lab_wait_listening ws-server server 7000
}

# The classic recipe of test/interop with a browser: Tornado on the laptop, Tornado and Scapy on the server.
start_classic() {
	local interop=$LAB_ROOT/test/interop
	lab_wifi_address
	lab_offloads off
	lab_exec server iptables -A OUTPUT -p tcp --tcp-flags RST RST -j DROP
	lab_start client laptop "$LAB_PYTHON" "$interop/classic_laptop.py"
	lab_start server server "$LAB_PYTHON" "$interop/classic_server.py" eth0
	lab_wait_listening client laptop 6354 && lab_wait_listening server server 8080 &&
		start_ws_flows || return
	start_barest browser "ws://$LAPTOP:6354/websocket" "ws://$SERVER:8080/websocket"
	tunnel_ready 60
}

# A generated web site on all addresses of the web host, at port 80.
start_site() { # [BYTES of the only object]
	SITE_BYTES=${1:-} "$LAB_PYTHON" "$BENCH/site.py" "$LAB_DIR/site" "$WEB" 192.0.2.81 192.0.2.82 &&
		lab_start nginx web nginx -p "$LAB_DIR/site" -c nginx.conf -e stderr &&
		lab_wait_listening nginx web 80
}

# ---- as a command ----

bench_serve() {
	lab_up
	echo "$LAB_ID $LAB_DIR"
	local line status
	while IFS= read -r line; do
		eval "$line" </dev/null
		status=$?
		echo "=$status"
	done
}

if [ "${BASH_SOURCE[0]}" = "$0" ]; then
	case ${1:-} in
	serve) bench_serve ;;
	link) [ "$2" = fast ] || link_arguments "$2" ;;
	*) lab_die "usage: bench_lab.sh serve | link LINK" ;;
	esac
fi
