#!/bin/bash
# SPDX-License-Identifier: ISC
# Names resolve through the tether, however a laptop asks for them, and nothing of it is left behind.
#
#   test/lab/test-names.sh
#
# A laptop of each kind is first shown not to resolve names; then the tether comes up, and it does.
# Real programs ask real resolvers. Needs root, build/tether-*, and: test/packages.sh lab names
LAB_ROOT=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
"$LAB_ROOT/test/unpack.sh" || exit 1
. "$(dirname "$0")/lab.sh"
. "$(dirname "$0")/names-lab.sh"
LAB_MODE=keyed

# ---- the two Wi-Fis, where nobody resolves names ----

wifi_of_phone() { # the phone's hotspot: router and resolver are the phone, whose resolver is dead
	lab_ip laptop address flush dev wifi0 scope global
	lab_ip laptop address add "$HOTSPOT.5/24" dev wifi0
	lab_ip laptop route replace default via "$HOTSPOT.1"
	WIFI=(--listen "$HOTSPOT.5:6354")
	AT=$HOTSPOT.5
}

wifi_of_laptop() { # a network of the laptop's own: there is no router
	lab_ip laptop route del default
	lab_ip laptop address flush dev wifi0
	lab_ip laptop address add 192.168.44.1/24 dev wifi0
	WIFI=(--wifi wifi0)
	AT=$LAPTOP
}

# ---- laptops: what they ask, and what is dead about it ----

laptop_onlink() { resolv_conf laptop "${ONLINK[$1]}"; }
laptop_offlink() { resolv_conf laptop 10.20.30.40; }
laptop_dnsmasq() { resolv_conf laptop 127.0.0.1 && start_dnsmasq laptop "${ONLINK[$1]}"; }
laptop_unbound() { resolv_conf laptop 127.0.0.1 && start_unbound laptop "${ONLINK[$1]}"; }
laptop_nothing() { resolv_conf laptop; }
laptop_resolved() {
	laptop_resolved_alone && resolvectl_in laptop dns wifi0 "${ONLINK[$1]}"
}
laptop_resolved_alone() { # it knows nobody
	in_host laptop rm -rf /run/systemd/resolve && resolv_conf laptop 127.0.0.53 && start_resolved laptop
}
declare -A ONLINK=([phone]=$HOTSPOT.1 [laptop]=192.168.44.9)

# ---- how programs ask ----

by_getent() { in_host laptop timeout 20 getent ahostsv4 "$SITE" | grep "$WEB"; }
by_curl() { in_host laptop curl -sS --max-time 20 -o /dev/null "http://$SITE/"; }
# Twice, as a datagram may be lost. dig itself asks 127.0.0.1 only once where there is no resolv.conf.
dig_in() {
	in_host laptop dig +time=3 +tries=1 "$@" || in_host laptop dig +time=3 +tries=1 "$@"
}
by_dig_udp() { dig_in +notcp +short "$SITE" | grep "$WEB"; }
by_dig_tcp() { dig_in +tcp +short "$SITE" | grep "$WEB"; }
by_dig_large() { # the answer comes in fragments, and not once more by TCP
	dig_in +notcp +ignore +bufsize=4096 txt big.tether-lab.net >"$LAB_DIR/large"
	grep 'SIZE *rcvd: 39[0-9][0-9]' "$LAB_DIR/large" || { tail -n 5 "$LAB_DIR/large"; return 1; }
}
by_resolvectl() { resolvectl_in laptop query --cache=no "$SITE" | grep "$WEB"; }
by_nss_resolve() {
	echo 'hosts: resolve' >"$LAB_DIR/laptop/etc/nsswitch.conf"
	in_host laptop env LD_LIBRARY_PATH="$NAMES_LIBRARIES" timeout 20 getent ahostsv4 "$SITE" | grep "$WEB"
	local status=$?
	echo 'hosts: files dns' >"$LAB_DIR/laptop/etc/nsswitch.conf"
	return $status
}

all_ways() { # KIND
	local way said ways='getent curl dig_udp dig_tcp dig_large'
	[[ $1 != resolved* ]] || ways="$ways resolvectl nss_resolve"
	for way in $ways; do
		said=$("by_$way" 2>&1) && continue
		echo "by $way no name resolves: $(tail -n 1 <<<"$said"); $(dropped client); $(dropped server)"
		return 1
	done
}

dropped() { # client|server
	echo "the $1 dropped $(LAPTOP=$AT status_of "$1" drops | tr , '\n' | sed -n 's/[{}"]//g; / 0$/!p' | xargs)"
}

no_way() { # without the tether; nobody waits for each of the dead long
	if in_host laptop dig +time=1 +tries=1 +short "$SITE" | grep "$WEB" ||
		in_host laptop timeout 2 getent ahostsv4 "$SITE"; then
		echo "a name resolves without the tether"
		return 1
	fi
}

# ---- the tether ----

start_names_client() { # [ARGUMENTS...]
	start_in client laptop "$LAB_BUILD/tether-client" --key-file "$LAB_DIR/key" "${WIFI[@]}" --server "$SERVER" "$@"
	lab_wait_listening client laptop 6354
}

start_names_relay() {
	lab_start relay phone "$LAB_BUILD/tether-relay" --laptop "ws://$AT:6354/websocket" \
		--server "ws://$SERVER:8080/websocket"
}

start_names_server() { start_in server server "$LAB_BUILD/tether-server" --key-file "$LAB_DIR/key" && lab_wait_server; }

tether_up() { # [ARGUMENTS...]
	start_names_client "$@" && start_names_relay && tunnel_ready
}

tether_down() {
	lab_stop relay
	lab_stop client
}

names_are() { LAPTOP=$AT status_is client session.names "\"$1\""; } # STATE

# ---- what must be as it was ----

traces() {
	in_host laptop nft list ruleset
	in_host laptop ss -Hlnut 'sport = :53' | sort
	sha256sum "$LAB_DIR/laptop/etc/resolv.conf" 2>&1
	resolvectl_in laptop status 2>&1 | grep -v 'Current DNS Server' | tr -d ' '
}

no_traces() { diff "$LAB_DIR/traces" <(traces) && no_tun; }
no_tun() { ! lab_ip laptop link show tether0 2>/dev/null; }

try() { # KIND WIFI
	local name="a laptop with $1 in the Wi-Fi of its $2"
	check "$name is set up" "laptop_$1" "$2" || return
	check "$name resolves no name without the tether" no_way
	traces >"$LAB_DIR/traces"
	check "its tether comes up" tether_up
	check "$name resolves names in all ways" all_ways "$1"
	lab_stop relay
	lab_stop client KILL
	check "after kill -9 nothing is left of it" wait_for 10 no_traces
	lab_stop resolver
}

lab_up
lab_ip phone address add "$HOTSPOT.1/24" dev wifi0
lab_ip phone address add 192.168.44.2/24 dev wifi0
own_files laptop || lab_die "no files of the laptop's own"
own_files server || lab_die "no files of the server's own"
start_targets || lab_die "the web hosts do not start"
resolv_conf server 192.0.2.81
check "a resolver in the Internet starts" start_authority public web 192.0.2.81
check "tether-server starts" start_names_server
check "the laptop's D-Bus starts" start_bus laptop
lab_passed || exit 1

for wifi in phone laptop; do
	"wifi_of_$wifi"
	for kind in onlink offlink dnsmasq unbound nothing resolved resolved_alone; do
		try "$kind" "$wifi"
	done
done

# ---- more of one laptop ----

wifi_of_phone
who_answers() { # ADDRESS NAME-OF-RESOLVER: a query that leaves the laptop for ADDRESS ends there
	local who
	who=$(dig_in +short "@$1" txt who.tether-lab.net | grep -v '^;;')
	[ "$who" = "\"$2\"" ] || { echo "a query for $1 was answered by $who"; return 1; }
}

check "other resolvers in the Internet start" start_authority chosen web 192.0.2.82
lab_ip web address add 9.9.9.9/32 dev eth0 && lab_ip router route add 9.9.9.9 via "$WEB" dev to-web
check "one of them is the last resort's" start_authority quad9 web 9.9.9.9

laptop_resolved phone
traces >"$LAB_DIR/traces"
check "the tether comes up" tether_up
check "a query for a private resolver ends at the server's" who_answers "$HOTSPOT.1" public
check "a query for a public one ends where it was sent" who_answers 192.0.2.82 chosen
check "the client says that names work" wait_for 20 names_are work
lab_stop resolver
start_resolved laptop
check "resolved, started anew, knows the tether" wait_for 5 by_resolvectl
lab_stop relay
lab_stop client
check "at the client's own end nothing is left of it" wait_for 10 no_traces

check "a tether with --dns none comes up" tether_up --dns none
check "it leaves names alone" no_way
check "it makes no rules, and resolved knows nothing of it" diff "$LAB_DIR/traces" \
	<(traces | sed '/tether0/,$d' | sed '$ { /^$/d }')
check "it says so" names_are off
tether_down

check "a tether with --dns ADDR comes up" tether_up --dns 192.0.2.82
check "names are resolved there" who_answers "$HOTSPOT.1" chosen
tether_down
lab_stop resolver

make_without() { cc -o "$LAB_DIR/without-nftables" "$LAB_ROOT/test/lab/without-nftables.c"; }
start_without_nftables() {
	start_in client laptop "$LAB_DIR/without-nftables" "$LAB_BUILD/tether-client" --key-file "$LAB_DIR/key" \
		"${WIFI[@]}" --server "$SERVER"
	lab_wait_listening client laptop 6354 && start_names_relay && tunnel_ready
}
resolv_conf laptop 127.0.0.53
start_resolved laptop
make_without
check "a tether comes up where the kernel has no nftables" start_without_nftables
check "resolved resolves names there" by_resolvectl
check "the client says what does not work" grep -q 'cannot lead queries' "$(lab_log client)"
tether_down
lab_stop resolver

# ---- names that do not resolve, and what is said ----

start_networkmanagers() { # dnsmasq as NetworkManager starts it: it asks by the Wi-Fi (IP_UNICAST_IF)
	resolv_conf laptop 127.0.0.1
	start_dnsmasq laptop "$HOTSPOT.1@wifi0"
}
start_bound() { # by sockets that are bound to the Wi-Fi
	start_in resolver laptop "$LAB_PYTHON" "$LAB_ROOT/test/lab/names.py" bound wifi0 "$HOTSPOT.1"
	wait_for 10 grep -q ready "$(lab_log resolver)"
}

check "a dnsmasq starts that asks by the Wi-Fi" start_networkmanagers
check "its tether comes up" tether_up
check "names resolve all the same" by_dig_udp
tether_down
lab_stop resolver
check "a resolver starts that is bound to the Wi-Fi" start_bound
check "its tether comes up" tether_up
check "the client finds out that names do not resolve, though its own do" wait_for 30 names_are bypassed
check "it says so" grep -q "not to this laptop's own resolver" "$(lab_log client)"
tether_down
lab_stop resolver
resolv_conf laptop "$HOTSPOT.1"
check "a tether comes up with a resolver that is dead" tether_up --dns 192.0.2.99 --dns 192.0.2.81
check "it goes on to the next one, and says it" wait_for 70 grep "names resolve$" "$(lab_log client)"
check "names resolve then" by_getent
tether_down

chromium_loads() {
	in_host laptop timeout 60 "$LAB_ROOT/test/lab/browser.sh" print "$LAB_DIR/profile" "http://$SITE/" \
		2>"$LAB_DIR/chromium.err" | grep -i '<html'
}

# ---- strangers' answers ----

lab_stop chosen
lab_start liar web "$LAB_PYTHON" "$LAB_ROOT/test/lab/names.py" liar 192.0.2.82 "$WEB"
wait_for 10 grep -q ready "$(lab_log liar)"
resolv_conf laptop "$HOTSPOT.1"
check "a tether comes up to a resolver among liars" tether_up --dns 192.0.2.82
check "a program gets the true answer" by_getent
check "no socket gets an answer from elsewhere" in_host laptop "$LAB_PYTHON" "$LAB_ROOT/test/lab/names.py" \
	many "$HOTSPOT.1" 50 "$SITE"
tether_down
lab_stop liar
lab_stop server

# ---- the server's resolver is one that laptops cannot reach ----

second_laptop() { # with the same addresses as the first one, and a phone of its own
	lab_add_pair laptop2 phone2 198.51.101 && own_files laptop2 || return
	lab_ip laptop2 address add "$HOTSPOT.5/24" dev wifi0
	lab_ip phone2 address add "$HOTSPOT.1/24" dev wifi0
	resolv_conf laptop2 "$HOTSPOT.1"
	start_in client2 laptop2 "$LAB_BUILD/tether-client" --key-file "$LAB_DIR/key" --server "$SERVER" \
		--listen "$HOTSPOT.5:6354"
	lab_wait_listening client2 laptop2 6354 || return
	lab_start relay2 phone2 "$LAB_BUILD/tether-relay" --laptop "ws://$HOTSPOT.5:6354/websocket" \
		--server "ws://$SERVER:8080/websocket"
	wait_for 20 answers laptop2 "$HOTSPOT.1" "$SITE"
}
server_has() { # STATUS-PATH: more than 0
	[ "$(status_of server "$1")" -gt 0 ] || { echo "$1 is 0"; return 1; }
}
ask_many() { lab_exec "$1" "$LAB_PYTHON" "$LAB_ROOT/test/lab/names.py" many "$HOTSPOT.1" 1000 "$SITE"; } # LAPTOP
both_ask() {
	local first status
	ask_many laptop >"$LAB_DIR/many" 2>&1 &
	first=$!
	ask_many laptop2
	status=$?
	wait $first || { cat "$LAB_DIR/many"; return 1; }
	return $status
}

lab_ip router address add 169.254.169.253/32 dev eth0
check "a cloud's resolver starts" start_authority cloud router 169.254.169.253
resolv_conf server 127.0.0.53
in_host server sh -c 'mkdir -p /run/systemd/resolve && echo nameserver 169.254.169.253 >/run/systemd/resolve/resolv.conf'
check "a server starts that asks it by way of systemd-resolved" start_names_server
check "the tether comes up" tether_up
check "the laptop is lent the server's resolver" who_answers "$HOTSPOT.1" cloud
check "names resolve in all ways" all_ways onlink
check "a second laptop has the same addresses, and resolves names" second_laptop
check "both ask a thousand queries at once, and each gets its own answers" both_ask
lab_start flood laptop "$LAB_PYTHON" "$LAB_ROOT/test/lab/names.py" flood "$HOTSPOT.1" 5
sleep 1
check "one floods the resolver, and names resolve for the other" wait_for 3 answers laptop2 "$HOTSPOT.1" "$SITE"
check "the flood goes on meanwhile" lab_running flood
lab_wait flood 20
check "the server has held it back" server_has drops.many_queries
lab_stop relay2
lab_stop client2
tether_down
lab_stop server

resolv_conf server
check "a server starts that has no resolver" start_names_server
check "the tether comes up" tether_up
check "a public resolver is the last resort" who_answers "$HOTSPOT.1" quad9
check "a page loads in Chromium by its name" chromium_loads
tether_down
lab_passed
