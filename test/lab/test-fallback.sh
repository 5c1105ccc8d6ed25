#!/bin/bash
# SPDX-License-Identifier: ISC
# A server whose kernel has no nftables keeps its kernel silent by the iptables program.
#
#   test/lab/test-fallback.sh
#
# Needs root, build/tether-*, a C compiler, and: test/packages.sh build lab
. "$(dirname "$0")/lab.sh"

complaints="ip src $SERVER and (tcp[tcpflags] & tcp-rst != 0 or icmp[icmptype] == icmp-unreach)"

# An iptables that does without nftables, first in the path.
make_tools() {
	mkdir -p "$LAB_DIR/bin" && ln -s "$(command -v iptables-legacy)" "$LAB_DIR/bin/iptables" &&
		cc -o "$LAB_DIR/bin/without-nftables" "$LAB_ROOT/test/lab/without-nftables.c"
}

start_server_without_nftables() {
	lab_start server server env PATH="$LAB_DIR/bin:$PATH" without-nftables \
		"$LAB_BUILD/tether-server" --open
	lab_wait_server
}

rules() { lab_exec server iptables-legacy -t raw -S; }

rule_count_is() { # NUMBER
	local count
	count=$(rules | grep -c DROP)
	[ "$count" -eq "$1" ] || { echo "there are $count rules, not $1"; return 1; }
}

no_chain() { ! rules | grep tether; }

rules_go() { wait_for 10 rule_count_is 0 && no_chain; }

# The process that the server leaves its rules to: its only child.
guardian() { pgrep -P "${LAB_PID[server]}"; }

lock_file() { echo "/run/tether-eth0-$(lab_exec server stat -L -c %i /proc/self/ns/net).lock"; }

# A user of the host has the name (unix(7)) of the chain, for whatever that may be worth.
start_rival() {
	lab_start rival server setpriv --reuid=1234 --regid=1234 --clear-groups "$LAB_PYTHON" -c '
import socket, time
holder = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
holder.bind("\0tether-eth0")
print("held", flush=True)
time.sleep(1000)'
	wait_for 20 grep -q held "$(lab_log rival)"
}

lock_is_roots() { # who cannot open it cannot lock it
	local owner
	owner=$(stat -c '%u %a' "$(lock_file)")
	[ "$owner" = "0 600" ] || { echo "its owner and mode are $owner"; return 1; }
}

guardian_holds_two_descriptors() { # a pipe and its lock
	local fds
	fds=$(ls -l "/proc/$(guardian)/fd")
	[ "$(grep -c -- '->' <<<"$fds")" -eq 2 ] && grep -q 'pipe:' <<<"$fds" && grep -q "$(lock_file)" <<<"$fds" || {
		echo "$fds"
		return 1
	}
}

guardian_stays() { # SIGNAL...
	local signal pid
	pid=$(guardian) || return
	for signal in "$@"; do
		kill "-$signal" "$pid"
	done
	sleep 0.5
	[ "$(guardian)" = "$pid" ] || { echo "$pid is gone"; return 1; }
}

nothing_runs() { [ -z "$(ip netns pids "$(lab_ns server)")" ]; }

nothing_captured() {
	local packets
	packets=$(capture_stop answers)
	[ -z "$packets" ] || { echo "$packets"; return 1; }
}

lab_up
check "the tools are there" make_tools
start_targets || lab_die "the web hosts do not start"
check "a user of the host holds the name that a server might want" start_rival
check "tether-server starts without nftables" start_server_without_nftables
check "it says that it uses iptables" grep -q 'using iptables' "$(lab_log server)"
check "two rules are there, for TCP and for UDP" rule_count_is 2
check "tether-client starts" start_client
start_relay
check "the tether works" tunnel_ready
capture_start answers server eth0 "$complaints"
check "2 MB come through it, whole" traffic download "$WEB" 2000000
check "datagrams pass it" traffic udp "$WEB" --first 1400
check "no RST and no ICMP unreachable left the server" nothing_captured
check "the guardian of the rules holds nothing open but what it waits at" guardian_holds_two_descriptors
check "the lock is for root alone" lock_is_roots
check "the guardian stays when signals would end it" guardian_stays INT TERM HUP
check "tether-server ends with status 0" lab_stop server
check "no rule is left" rule_count_is 0
check "no chain is left" no_chain
check "no lock is left" [ ! -e "$(lock_file)" ]

check "it starts again" start_server_without_nftables
lab_stop server KILL
check "after kill -9 its rules go" rules_go
for _ in 1 2 3; do
	start_server_without_nftables
	lab_stop server KILL
done
check "right after kill -9 it starts again" start_server_without_nftables
check "two rules are there, and not four" rule_count_is 2
sleep 1
check "two rules are there a second later" rule_count_is 2
kill -KILL "$(guardian)"
lab_stop server KILL
check "after kill -9 of the guardian too its rules are still there" rule_count_is 2
check "the next start takes them over" start_server_without_nftables
check "two rules are there again, and not four" rule_count_is 2
kill -KILL "$(guardian)"
lab_stop server
check "without its guardian the server says that a chain is left over" \
	grep -q "chain tether-eth0 is left over" "$(lab_log server)"
check "the start after that takes it over" start_server_without_nftables
check "tether-server ends with status 0 after all that" lab_stop server
check "no rule is left after all that" rule_count_is 0
check "no lock is left after all that" [ ! -e "$(lock_file)" ]
lab_stop rival
check "no process is left after all that" nothing_runs
lab_passed
