#!/bin/bash
# SPDX-License-Identifier: ISC
# The lab: the hosts of a tether, each one a network namespace of this machine.
#
#   laptop ··wifi0·· phone ··cell0·· router ──┬── switch ──┬── server   203.0.113.10
#   (169.254.134.89)  169.254.1.1    .1       │            └── near     203.0.113.20
#                     198.51.100.2            └── web 192.0.2.80, .81, .82
#
# Every wire is a veth pair. The phone has an address on both sides and forwards
# nothing; the laptop's Wi-Fi is up and has no address until tether-client (or
# lab_wifi_address) gives it one. The server reaches "near" on its own link and
# "web" through the router. Only the router forwards.
#
# As a library:   . test/lab/lab.sh; lab_up; lab_exec laptop ping 192.0.2.80 ...
#   The lab belongs to the shell that called lab_up and goes when that shell ends.
#   Namespaces are named tether-PID-HOST, so that many labs run side by side;
#   lab_up also removes the labs of shells that died without cleaning up.
# As a command:   lab.sh up       makes a lab that stays, until   lab.sh down
#                 lab.sh exec HOST COMMAND...
# Needs root and the packages of: test/packages.sh lab

LAB_ROOT=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
LAB_BUILD=${LAB_BUILD:-$LAB_ROOT/build}
LAB_PYTHON=/usr/bin/python3
LAB_TRAFFIC=$LAB_ROOT/test/lab/traffic.py
LAB_STANDING=/run/tether-lab # holds the id of the lab made by "lab.sh up"

LAPTOP=169.254.134.89
PHONE=169.254.1.1
SERVER=203.0.113.10
NEAR=203.0.113.20
WEB=192.0.2.80

declare -A LAB_PID # program's name -> its process id
LAB_FAILED=0

# ---- reporting ----

ok() { echo "ok - $1"; }

not_ok() { # NAME WHY
	echo "not ok - $1: $2"
	LAB_FAILED=$((LAB_FAILED + 1))
}

# Runs the command (in this shell, so that it may start and stop programs);
# the last line of its output says why, when it fails.
check() { # NAME COMMAND...
	local name=$1 said=$LAB_DIR/check.out
	shift
	if "$@" >"$said" 2>&1; then
		ok "$name"
	else
		[ -s "$said" ] || echo "$* failed" >"$said"
		sed 's/^/#   /' "$said"
		not_ok "$name" "$(tail -n 1 "$said")"
	fi
}

lab_passed() { [ "$LAB_FAILED" -eq 0 ]; } # a suite's last command

lab_die() {
	echo "lab: $*" >&2
	exit 1
}

# ---- making and removing hosts ----

lab_ns() { echo "tether-$LAB_ID-$1"; } # HOST

lab_exec() { # HOST COMMAND...
	local host=$1
	shift
	ip netns exec "$(lab_ns "$host")" "$@"
}

lab_ip() { # HOST ARGUMENTS-OF-IP...
	local host=$1
	shift
	ip -n "$(lab_ns "$host")" "$@"
}

lab_add_host() { # HOST FORWARDS(0|1)
	local ns
	ns=$(lab_ns "$1")
	ip netns add "$ns" || return
	ip -n "$ns" link set lo up
	# A namespace inherits these from the machine it is made on: say them all.
	ip netns exec "$ns" sysctl -q -w net.ipv4.ip_forward="$2" \
		net.ipv4.conf.all.rp_filter=2 net.ipv4.conf.default.rp_filter=2 \
		net.ipv4.tcp_syncookies=1 net.core.somaxconn=4096
}

lab_wire() { # HOST1 INTERFACE1 HOST2 INTERFACE2
	ip link add "$2" netns "$(lab_ns "$1")" type veth peer name "$4" netns "$(lab_ns "$3")" &&
		lab_ip "$1" link set "$2" up && lab_ip "$3" link set "$4" up
}

# A laptop and its phone; the phone's cellular network is NET.0/24.
lab_add_pair() { # LAPTOP PHONE NET
	lab_add_host "$1" 0 && lab_add_host "$2" 0 || return
	lab_wire "$1" wifi0 "$2" wifi0 && lab_wire "$2" cell0 router "to-$2" || return
	lab_ip "$2" address add "$PHONE/16" dev wifi0
	lab_ip "$2" address add "$3.2/24" dev cell0
	lab_ip router address add "$3.1/24" dev "to-$2"
	lab_ip "$2" route add default via "$3.1"
}

# The address that tether-client --wifi would add, for a laptop without it.
lab_wifi_address() { # [LAPTOP]
	lab_ip "${1:-laptop}" address add "$LAPTOP/16" dev wifi0
}

lab_make_hosts() {
	local host
	lab_add_host router 1 || return
	lab_add_pair laptop phone 198.51.100 || return
	for host in switch server near web; do
		lab_add_host "$host" 0 || return
	done

	lab_exec switch sysctl -q -w net.ipv6.conf.all.disable_ipv6=1 net.ipv6.conf.default.disable_ipv6=1
	lab_ip switch link add bridge type bridge && lab_ip switch link set bridge up || return
	for host in router server near; do
		lab_wire "$host" eth0 switch "$host" || return
		lab_ip switch link set "$host" master bridge
	done
	lab_ip router address add 203.0.113.1/24 dev eth0
	lab_ip server address add "$SERVER/24" dev eth0
	lab_ip near address add "$NEAR/24" dev eth0
	lab_ip server route add default via 203.0.113.1 initcwnd 40 # as tether-server.service has it,
	lab_exec server sysctl -q -w net.ipv4.tcp_slow_start_after_idle=0 # and this, too
	lab_ip near route add default via 203.0.113.1

	lab_wire web eth0 router to-web || return
	lab_ip router address add 192.0.2.1/24 dev to-web
	for host in "$WEB" 192.0.2.81 192.0.2.82; do
		lab_ip web address add "$host/24" dev eth0
	done
	lab_ip web route add default via 192.0.2.1
}

lab_namespaces() { ip netns list | sed -n "s/^\(tether-$1-[^ ]*\).*/\1/p"; } # ID

# Sends a signal to all that runs in the namespaces of lab ID; fails if nothing does.
lab_signal() { # ID SIGNAL
	local ns pids=
	for ns in $(lab_namespaces "$1"); do
		pids="$pids $(ip netns pids "$ns" | tr '\n' ' ')"
	done
	# shellcheck disable=SC2086 # a list of numbers
	kill "-$2" $pids 2>/dev/null
}

lab_is_empty() { ! lab_signal "$1" 0; } # ID

# Ends what runs in the namespaces of lab ID, and removes them.
lab_remove() { # ID
	local ns
	if lab_signal "$1" TERM; then
		wait_for 5 lab_is_empty "$1" || lab_signal "$1" KILL
	fi
	for ns in $(lab_namespaces "$1"); do
		ip netns delete "$ns"
	done
}

lab_remove_leftovers() {
	local id
	for id in $(ip netns list | sed -n 's/^tether-\([0-9]\+\)-.*/\1/p' | sort -u); do
		[ -d "/proc/$id" ] && continue
		lab_remove "$id"
		rm -rf "${TMPDIR:-/tmp}/tether-lab-$id".*
	done
}

lab_up() { # [ID: the process that the lab belongs to]
	[ "$(id -u)" -eq 0 ] || lab_die "network namespaces need root"
	LAB_ID=${1:-$$}
	LAB_DIR=$(mktemp -d "${TMPDIR:-/tmp}/tether-lab-$LAB_ID.XXXXXX") || lab_die "no work directory"
	trap lab_down EXIT
	trap 'exit 130' INT
	trap 'exit 143' TERM
	lab_remove_leftovers
	lab_make_hosts || lab_die "could not make the hosts"
}

lab_down() {
	trap '' INT TERM
	lab_passed || lab_show_logs
	lab_remove "$LAB_ID"
	wait 2>/dev/null
	rm -rf "$LAB_DIR"
	trap - EXIT INT TERM
	LAB_PID=()
}

# ---- running programs on the hosts ----

# Polls until the command succeeds. The deadline is generous: a test that
# passes does not wait for it.
wait_for() { # SECONDS COMMAND...
	local deadline=$((SECONDS + $1))
	shift
	until "$@" >/dev/null 2>&1; do
		[ $SECONDS -lt $deadline ] || return 1
		sleep 0.1
	done
}

lab_log() { echo "$LAB_DIR/$1.log"; } # NAME

resident_kib() { awk '/^VmRSS:/ { print $2 }' "/proc/${LAB_PID[$1]}/status"; } # NAME

resident_below() { # NAME KIB
	local kib
	kib=$(resident_kib "$1")
	[ "$kib" -lt "$2" ] || { echo "$kib KiB are resident, more than $2"; return 1; }
}

# Runs a program on a host in the background; its output is in $(lab_log NAME).
lab_start() { # NAME HOST COMMAND...
	local name=$1 host=$2
	shift 2
	: >"$(lab_log "$name")" # who looks into it at once finds nothing of an earlier run
	# A shell's background jobs ignore SIGINT; a program of the lab shall not.
	env --default-signal=INT ip netns exec "$(lab_ns "$host")" "$@" \
		>"$(lab_log "$name")" 2>&1 </dev/null &
	LAB_PID[$name]=$!
}

lab_running() { [ -n "${LAB_PID[$1]:-}" ] && kill -0 "${LAB_PID[$1]}" 2>/dev/null; } # NAME

lab_not_running() { ! lab_running "$1"; } # NAME

# Ends a program and returns its exit status; 137 when it had to be killed.
lab_stop() { # NAME [SIGNAL]
	local pid=${LAB_PID[$1]:-} status
	[ -n "$pid" ] || return 0
	{ # the shell's own remark about a killed job is of no interest
		kill "-${2:-TERM}" "$pid"
		wait_for 15 lab_not_running "$1" || kill -KILL "$pid"
		wait "$pid"
		status=$?
	} 2>/dev/null
	unset "LAB_PID[$1]"
	return $status
}

# The exit status of a program that ends by itself; 124 when it does not.
lab_wait() { # NAME SECONDS
	wait_for "$2" lab_not_running "$1" || return 124
	wait "${LAB_PID[$1]}"
}

lab_show_logs() {
	local log
	for log in "$LAB_DIR"/*.log; do
		[ -s "$log" ] || continue
		echo "# last lines of $(basename "$log"):"
		tail -n 25 "$log" | sed 's/^/#   /'
	done
}

lab_listens() { # HOST PORT
	[ -n "$(lab_exec "$1" ss -Hltn "sport = :$2")" ]
}

lab_listens_or_ended() { lab_listens "$2" "$3" || lab_not_running "$1"; } # NAME HOST PORT

lab_wait_listening() { # NAME HOST PORT
	wait_for 20 lab_listens_or_ended "$@" && lab_running "$1" && return
	echo "$1 does not listen on port $3; its last words: $(tail -n 1 "$(lab_log "$1")")"
	return 1
}

# ---- the tether's programs ----

# LAB_MODE is "open", or "keyed": then the server makes its key file, and the laptop is given a copy.
lab_mode() { # the options of both programs
	if [ "${LAB_MODE:-open}" = keyed ]; then
		echo --key-file "$LAB_DIR/key"
	else
		echo --open
	fi
}

start_server() { # [ARGUMENTS...]
	# shellcheck disable=SC2046 # two words
	lab_start server server "$LAB_BUILD/tether-server" $(lab_mode) "$@"
	lab_wait_server
}

# It listens first, and then sets up its NAT.
lab_wait_server() {
	lab_wait_listening server server 8080 && wait_for 20 grep -q 'translating to' "$(lab_log server)"
}

start_client() { # [ARGUMENTS...]
	# shellcheck disable=SC2046 # two words
	lab_start client laptop "$LAB_BUILD/tether-client" $(lab_mode) --wifi wifi0 --server "$SERVER" "$@"
	lab_wait_listening client laptop 6354
}

start_relay() {
	lab_start relay phone "$LAB_BUILD/tether-relay" --laptop "ws://$LAPTOP:6354/websocket" \
		--server "ws://$SERVER:8080/websocket"
}

# One command for a driver of a browser (test/browser/driver.js, firefox.js), which reads them on descriptor 8 and
# answers on 7; prints the value that it answers.
page() { # COMMAND...
	local status value
	echo "$*" >&8
	read -r -t 120 status value <&7 || { echo "the browser does not answer"; return 1; }
	echo "$value"
	[ "$status" = ok ]
}

# The phone's browser, with the page that the laptop serves.
start_browser() {
	lab_start browser phone "$LAB_ROOT/test/lab/browser.sh" stay "$LAB_DIR/phone-profile" \
		"http://$LAPTOP:6354/"
}

# The phone of a test: "relay" or "chromium".
start_phone() { # KIND
	case $1 in
	relay) start_relay ;;
	chromium) start_browser ;;
	*) lab_die "no such kind of phone: $1" ;;
	esac
}

# The laptop reaches a host through the tether.
tunnel_ready() { # [SECONDS]
	wait_for "${1:-30}" lab_exec laptop ping -c 1 -W 1 "$NEAR" && return
	echo "no ping from the laptop to $NEAR goes through"
	return 1
}

# One number or word of a program's status, by its path: client drops.no_phone
status_of() { # client|server PATH
	local host=laptop url=http://$LAPTOP:6354/status.json status
	[ "$1" = client ] || { host=server url=http://127.0.0.1:8080/status.json; }
	status=$(lab_exec "$host" curl -sS --max-time 5 --fail "$url") || return
	"$LAB_PYTHON" -c '
import functools, json, sys
print(json.dumps(functools.reduce(lambda o, k: o[k], sys.argv[1].split("."), json.load(sys.stdin))))' \
		"$2" <<<"$status"
}

status_is() { # client|server PATH VALUE
	local value
	value=$(status_of "$1" "$2") || return
	[ "$value" = "$3" ] || { echo "$1: $2 is $value"; return 1; }
}

# Opens a connection of the laptop that says nothing until the other function is called, which fails
# where it does not go on.
hold_connection() {
	rm -f "$LAB_DIR/goes-on"
	lab_start idle laptop "$LAB_PYTHON" "$LAB_TRAFFIC" idle "$WEB" --until "$LAB_DIR/goes-on"
	wait_for 20 grep -q waiting "$(lab_log idle)"
}

connection_goes_on() {
	touch "$LAB_DIR/goes-on"
	lab_wait idle 60 || { cat "$(lab_log idle)"; return 1; }
}

start_targets() { # web and near serve HTTP (port 80), TCP echo and UDP echo (port 7)
	local host
	for host in web near; do
		lab_start "traffic-$host" "$host" "$LAB_PYTHON" "$LAB_TRAFFIC" serve
		lab_wait_listening "traffic-$host" "$host" 80 || return
	done
}

traffic() { lab_exec laptop "$LAB_PYTHON" "$LAB_TRAFFIC" "$@"; } # COMMAND ARGUMENTS...

# ---- wires ----

# Segmentation and checksum offloads of the server's link and of its peers. With
# them on, the server sees packets larger than the MTU and unfinished checksums,
# as it does on a cloud's virtual network card; with them off, plain packets.
lab_offloads() { # on|off
	local pair
	for pair in server:eth0 near:eth0 router:eth0 router:to-web web:eth0 \
		switch:server switch:near switch:router; do
		lab_exec "${pair%:*}" ethtool -K "${pair#*:}" tx "$1" rx "$1" \
			tso "$1" gso "$1" gro "$1" >/dev/null || return
	done
}

# Records what passes an interface and matches the filter, until capture_count.
capture_start() { # NAME HOST INTERFACE FILTER
	lab_start "$1" "$2" tcpdump -i "$3" -n -U --immediate-mode -Z root -w "$LAB_DIR/$1.pcap" "$4"
	wait_for 20 grep -q "listening on" "$(lab_log "$1")"
}

capture_stop() { # NAME; prints the packets, a line each
	sleep 0.5 # what has just passed the wire reaches the capture
	lab_stop "$1"
	tcpdump -n -r "$LAB_DIR/$1.pcap" 2>/dev/null
}

# ---- hosts as they were before ----

# All that the programs may touch, without what changes by itself.
state_of() { # HOST
	local ns
	ns=$(lab_ns "$1")
	ip -n "$ns" address | grep -v valid_lft
	ip -n "$ns" rule
	ip -n "$ns" -6 rule
	ip -n "$ns" route show table all
	ip -n "$ns" -6 route show table all
	ip netns exec "$ns" nft list ruleset
	ip netns exec "$ns" iptables-save | grep -v '^#'
	ip netns exec "$ns" sysctl -a 2>/dev/null | grep -E 'ip_forward|rp_filter|ping_group|ip_local'
}

addresses_settled() { # IPv6 addresses are tentative for some seconds
	local host
	for host in "$@"; do
		! ip -n "$(lab_ns "$host")" address | grep -q tentative || return
	done
}

remember() { state_of "$1" >"$LAB_DIR/$1.before"; } # HOST

unchanged() { diff "$LAB_DIR/$1.before" <(state_of "$1"); } # HOST

# The kernel may need a moment to finish what a killed process had open.
soon_unchanged() { wait_for 10 unchanged "$1" || unchanged "$1"; } # HOST

# A kill -9 leaves the Wi-Fi address for as long as its lifetime says.
unchanged_but_wifi() { # HOST
	diff <(grep -v 169.254 "$LAB_DIR/$1.before") <(state_of "$1" | grep -v 169.254)
}

soon_unchanged_but_wifi() { wait_for 10 unchanged_but_wifi "$1" || unchanged_but_wifi "$1"; } # HOST

# ---- as a command ----

lab_command() {
	case ${1:-} in
	up)
		[ ! -e "$LAB_STANDING" ] || lab_command down
		# A process that does nothing stands for the lab: while it lives, no other run removes it.
		setsid sleep infinity >/dev/null 2>&1 </dev/null &
		lab_up $!
		trap - EXIT INT TERM
		rmdir "$LAB_DIR"
		echo "$LAB_ID" >"$LAB_STANDING"
		ip netns list | grep -o "tether-$LAB_ID-[^ ]*"
		;;
	down)
		[ -e "$LAB_STANDING" ] || lab_die "no lab is up"
		LAB_ID=$(cat "$LAB_STANDING")
		lab_remove "$LAB_ID"
		kill "$LAB_ID" 2>/dev/null
		rm "$LAB_STANDING"
		;;
	exec)
		[ -e "$LAB_STANDING" ] || lab_die "no lab is up"
		[ $# -ge 3 ] || lab_die "usage: lab.sh exec HOST COMMAND..."
		LAB_ID=$(cat "$LAB_STANDING")
		shift
		lab_exec "$@"
		;;
	*)
		echo "usage: lab.sh up | down | exec HOST COMMAND..." >&2
		exit 2
		;;
	esac
}

[ "${BASH_SOURCE[0]}" != "$0" ] || lab_command "$@"
