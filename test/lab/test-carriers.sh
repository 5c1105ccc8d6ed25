#!/bin/bash
# SPDX-License-Identifier: ISC
# Carriers that let only some ports through: the phone finds the one that works, and needs no more than some
# hundred milliseconds for it. How long it took, from the phone's start to the laptop's first answer from the
# Internet, is said; the limit is generous, as it has to hold on a busy machine.
#
#   test/lab/test-carriers.sh
#
# Needs root, build/tether-*, build/bench/cellular, and: test/packages.sh lab chromium
. "$(dirname "$0")/../bench/bench_lab.sh"

MOST_S=15

# What the router does to the phone's packets for the server. The proxy is the router's own.
carrier() { # RULE...
	local rule
	lab_exec router nft flush ruleset
	lab_exec router nft add table ip carrier
	lab_exec router nft 'add chain ip carrier forward { type filter hook forward priority 0; }'
	lab_exec router nft 'add chain ip carrier proxy { type nat hook prerouting priority -100; }'
	for rule in "$@"; do
		lab_exec router nft add rule ip carrier "$rule" || return
	done
}

dropped() { echo "forward ip daddr $SERVER tcp dport { $1 } drop"; } # PORTS
reset() { echo "forward ip daddr $SERVER tcp dport { $1 } reject with tcp reset"; }
LOST_SYN="forward ip daddr $SERVER tcp dport 443 tcp flags & syn == syn limit rate 1/hour burst 1 packets drop"
PROXY="proxy ip daddr $SERVER tcp dport 80 redirect to :3128"

start_named_relay() { # SERVER
	lab_start relay phone "$LAB_BUILD/tether-relay" --laptop "ws://$LAPTOP:6354/websocket" --server "$1"
}

# A phone starts, and the laptop is online.
online() { # relay|browser RULE...
	local begin kind=$1
	shift
	carrier "$@" || return
	rm -rf "$LAB_DIR/phone-profile"
	begin=$(date +%s%N)
	if [ "$kind" = relay ]; then start_named_relay "$SERVER"; else start_browser; fi
	if lab_exec laptop ping -q -c 1 -i 0.02 -w "$MOST_S" "$NEAR"; then
		printf '%s: %s after %d ms\n' "$kind" "${*:-nothing is blocked}" $((($(date +%s%N) - begin) / 1000000)) \
			>>"$LAB_DIR/times"
	else
		echo "not online after $MOST_S s"
		false
	fi
}

# The same, through this port of the server's.
online_by() { # PORT relay|browser RULE...
	local port=$1
	shift
	online "$@" || return
	lab_exec server ss -Htn state established "sport = :$port" | grep -q . ||
		{ echo "it is not by port $port:"; lab_exec server ss -Htn; false; }
}

case_of() { # NAME online_by PORT KIND RULE...
	check "$@"
	lab_stop "$4"
}

# What was tried beside it is gone.
one_connection() {
	[ "$(lab_exec server ss -Htn state established '( sport = :8080 or sport = :443 or sport = :80 )' | wc -l)" = 1 ]
}

lab_up
LAB_MODE=keyed
check "tether-server starts" start_server
check "it listens on port 80" lab_listens server 80
check "it listens on port 443" lab_listens server 443
check "tether-client starts" start_client
lab_passed || exit 1

check "a network that blocks nothing: by port 8080" online_by 8080 relay
check "no other connection to the server stays" wait_for 10 one_connection
check "the carrier begins to drop 8080" carrier "$(dropped 8080)"
check "the laptop is online again, by another port" tunnel_ready 30
check "that has taken the place of the first" wait_for 30 one_connection
lab_stop relay
carrier "$PROXY"
lab_start proxy router "$LAB_PYTHON" "$LAB_ROOT/test/lab/refuse-upgrades.py" 3128
check "the carrier's proxy starts" lab_wait_listening proxy router 3128
start_named_relay "ws://$SERVER:80/websocket"
check "who names a port has that one tried alone" wait_for 20 grep "$SERVER:80.* status 400" "$(lab_log relay)"
check "and no other" eval '! grep -E "$SERVER:(8080|443)" "$(lab_log relay)"'
lab_stop relay
for phone in relay browser; do
	case_of "8080 is dropped: by port 443 ($phone)" online_by 443 "$phone" "$(dropped 8080)"
	case_of "8080 is reset: by port 443 ($phone)" online_by 443 "$phone" "$(reset 8080)"
	case_of "8080 is dropped, 443 is slow, a proxy on 80 answers 400 to upgrades: by port 443 ($phone)" \
		online_by 443 "$phone" "$(dropped 8080)" "$LOST_SYN" "$PROXY"
	case_of "all but 443 are dropped: by port 443 ($phone)" online_by 443 "$phone" "$(dropped 1-442,444-65535)"
	case_of "all but 80 are dropped: by port 80 ($phone)" online_by 80 "$phone" "$(dropped 1-79,81-65535)"
done

# A way of some length: the second port is tried before the first has answered, and the server hears of both.
# In open mode the newest connection of a laptop has it.
lab_stop client
lab_stop server
carrier
lab_cellular 3g --delay 200 || lab_die "the long way does not start"
LAB_MODE=open
check "open mode: tether-server starts" start_server
check "it warns its owner" grep -q 'warning: open mode: ANYBODY' "$(lab_log server)"
check "open mode: tether-client starts" start_client
for phone in relay browser; do
	check "open mode, a round trip of 400 ms: online ($phone)" online "$phone"
	check "it stays so: no connection was closed for another ($phone)" eval \
		'sleep 1; ! grep "in place of the one before" "$(lab_log server)"'
	check "one connection to the server is left ($phone)" wait_for 10 one_connection
	lab_stop "$phone"
	check "and none without the phone ($phone)" wait_for 15 status_is server links 0
done
sed 's/^/# /' "$LAB_DIR/times"
lab_passed
