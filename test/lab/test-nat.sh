#!/bin/bash
# SPDX-License-Identifier: ISC
# Programs that others wrote, through the tether's NAT: what diagnoses the network
# tells the truth, and what is hard on a NAT works.
#
#   test/lab/test-nat.sh
#
# Needs root, build/tether-*, and: test/packages.sh lab nat
. "$(dirname "$0")/lab.sh"

ROUTER=203.0.113.1
PEERS=$LAB_ROOT/test/lab/nat-peers.py

peers() { lab_exec "$1" "$LAB_PYTHON" "$PEERS" "${@:2}"; } # HOST COMMAND ARGUMENTS...

says() { # PATTERN COMMAND...: its output has the extended regular expression
	local pattern=$1 output
	shift
	output=$("$@" 2>&1)
	grep -qE "$pattern" <<<"$output" && return
	echo "$output"
	echo "no \"$pattern\" in: $(grep . <<<"$output" | tail -n 1)"
	return 1
}

laptop() { lab_exec laptop "$@"; }

SERVER_TOO=10.20.30.40 # on another interface of the server
give_server_another_address() {
	lab_ip server link add other type bridge && lab_ip server link set other up &&
		lab_ip server address add "$SERVER_TOO/24" dev other
}

start_tether() { # SERVER-ARGUMENTS...
	start_server "$@" && start_client && start_relay && tunnel_ready
}

stop_tether() {
	lab_stop relay
	lab_stop client && lab_stop server
}

start_second_laptop() {
	lab_add_pair laptop2 phone2 198.51.101 &&
		lab_start client2 laptop2 "$LAB_BUILD/tether-client" --open --wifi wifi0 --dns none --server "$SERVER" &&
		lab_wait_listening client2 laptop2 6354 || return
	lab_start relay2 phone2 "$LAB_BUILD/tether-relay" --laptop "ws://$LAPTOP:6354/websocket" \
		--server "ws://$SERVER:8080/websocket"
	wait_for 30 lab_exec laptop2 ping -c 1 -W 1 "$NEAR"
}

# ---- ping, traceroute, path MTU ----

shows_the_way() { # MODE...: the server, the router, the target
	local output
	output=$(laptop traceroute -n -q 2 -w 5 "$@" "$WEB") || return
	grep -qE "^ *1  $SERVER " <<<"$output" && grep -qE "^ *2  $ROUTER " <<<"$output" &&
		grep -qE "^ *3  $WEB " <<<"$output" && return
	echo "$output"
	echo "the way is: $(tail -n +2 <<<"$output" | tr -s ' \n' ' ')"
	return 1
}

test_diagnosis() {
	local size target
	check "traceroute with UDP shows the server, the router and the web" shows_the_way
	check "traceroute with ICMP shows the server, the router and the web" shows_the_way -I
	check "traceroute with TCP shows the server, the router and the web" shows_the_way -T -p 80
	for size in 4000 30000; do
		for target in "$WEB" "$NEAR" "$SERVER"; do
			check "a ping of $size bytes to $target comes back whole" \
				laptop ping -c 3 -i 0.2 -W 5 -s $size "$target"
		done
	done
	check "a packet of 1500 bytes passes without fragmentation" \
		laptop ping -c 1 -W 5 -M do -s 1472 "$WEB"
	check "a packet of 1501 bytes does not leave the laptop when it may not be fragmented" \
		says 'message too long.*mtu.1500' laptop ping -c 1 -W 2 -M do -s 1473 "$WEB"
	check "record route passes" says "RR:" laptop ping -R -n -c 1 -W 5 "$WEB"
	check "source route is refused" peers laptop source-route "$WEB"
	check "the server has counted the source route" source_routes_counted
}

source_routes_counted() { [ "$(status_of server drops.source_route)" -ge 1 ]; }

set_web_mtu() { # BYTES
	lab_ip router link set to-web mtu "$1" && lab_ip web link set eth0 mtu "$1"
}

test_path_mtu() {
	set_web_mtu 1300
	check "tracepath finds the path's MTU of 1300" says 'Resume: pmtu 1300' laptop tracepath -n "$WEB"
	laptop ip route flush cache
	check "a router's \"Frag needed\" reaches ping, with the MTU" \
		says 'Frag needed.*mtu = 1300' laptop ping -c 1 -W 5 -M do -s 1400 "$WEB"
	check "a download passes the smaller MTU" traffic download "$WEB" 2000000
	check "an upload passes the smaller MTU" traffic upload "$WEB" 2000000
	set_web_mtu 1500
	laptop ip route flush cache
}

test_smaller_outside_mtu() {
	lab_ip router link set eth0 mtu 1400 && lab_ip server link set eth0 mtu 1400
	check "the tether starts where the server's MTU is 1400" start_tether --allow-private
	check "\"Frag needed\" names the MTU of the server's link" \
		says 'Frag needed.*mtu = 1400' laptop ping -c 1 -W 5 -M do -s 1472 "$WEB"
	check "a ping of 4000 bytes passes the server's smaller MTU" \
		laptop ping -c 1 -W 5 -s 4000 "$WEB"
}

# ---- destinations ----

test_destinations() {
	check "UDP to a closed port of the web is refused" peers laptop udp-refused "$WEB" 9999
	check "UDP to a closed port of the server is refused" peers laptop udp-refused "$SERVER" 9999
	check "TCP to a closed port of the web is refused" peers laptop tcp-refused "$WEB" 9999
	check "TCP to a closed port of the server is refused" peers laptop tcp-refused "$SERVER" 9999
	check "TCP to a private address fails at once" peers laptop tcp-refused 10.1.1.1 80
	check "ping tells that a private address is prohibited" \
		says 'From [0-9.]+ icmp_seq=1 (Packet filtered|Destination Host Prohibited)' \
		laptop ping -c 1 -W 5 10.1.1.1
}

give_router_a_private_network() {
	lab_ip router address add 10.1.1.1/32 dev lo
	lab_ip router address add 169.254.169.254/32 dev lo
	lab_ip server route add 10.1.1.1 via $ROUTER
	lab_ip server route add 169.254.169.254 via $ROUTER
}

# Straight into the server: a laptop would not route these into the tunnel by itself.
is_dropped() { # COUNTER SOURCE DESTINATION
	local before after
	before=$(status_of server "drops.$1")
	lab_exec near "$LAB_PYTHON" "$LAB_ROOT/test/lab/nat-message.py" "$SERVER" "$2" "$3" || return
	after=$(status_of server "drops.$1")
	[ "$after" -gt "$before" ] || { echo "drops.$1 was $before and is $after"; return 1; }
}

never_leads_to() { is_dropped refused 192.168.77.7 "$1"; } # DESTINATION

test_allow_private() {
	check "--allow-private opens a private address" laptop ping -c 1 -W 5 10.1.1.1
}

# ---- DNS, FTP, ssh, OpenVPN ----

test_dns() {
	check "dig gets an answer of more than 3000 bytes in one datagram" \
		says 'MSG SIZE +rcvd: 3[0-9]{3}' \
		laptop dig "@$WEB" +bufsize=4096 +ignore +tries=3 +time=5 large.example TXT
}

ftp_transfer() { # CURL-OPTIONS...
	laptop curl -sS --max-time 30 "$@" -o "$LAB_DIR/ftp.got" "ftp://$WEB/file" &&
		cmp "$LAB_DIR/ftp/file" "$LAB_DIR/ftp.got"
}

test_ftp() {
	check "an FTP transfer with EPSV works" ftp_transfer
	check "an FTP transfer with PASV works" ftp_transfer --disable-epsv
}

make_ssh_config() {
	local dir=$LAB_DIR/ssh
	mkdir -p "$dir" /run/sshd
	ssh-keygen -q -t ed25519 -N '' -f "$dir/host" && ssh-keygen -q -t ed25519 -N '' -f "$dir/user"
	cp "$dir/user.pub" "$dir/authorized"
	cat >"$dir/sshd_config" <<-END
		ListenAddress 0.0.0.0
		HostKey $dir/host
		PidFile none
		AuthorizedKeysFile $dir/authorized
		PermitRootLogin prohibit-password
		StrictModes no
		UsePAM no
		UseDNS no
		PasswordAuthentication no
	END
}

start_ssh() {
	local host
	make_ssh_config || return
	for host in web server; do
		lab_start "sshd-$host" "$host" /usr/sbin/sshd -D -e -p 2222 -f "$LAB_DIR/ssh/sshd_config"
		lab_wait_listening "sshd-$host" "$host" 2222 || return
	done
}

ssh_copies() { # ADDRESS: 3 MB go through "cat" there and come back
	head -c 3000000 /dev/urandom >"$LAB_DIR/ssh.sent"
	laptop ssh -F none -i "$LAB_DIR/ssh/user" -p 2222 -o BatchMode=yes -o StrictHostKeyChecking=no \
		-o UserKnownHostsFile=/dev/null -o LogLevel=ERROR -o ConnectTimeout=20 "root@$1" cat \
		<"$LAB_DIR/ssh.sent" >"$LAB_DIR/ssh.got" && cmp "$LAB_DIR/ssh.sent" "$LAB_DIR/ssh.got"
}

test_ssh() {
	check "sshd starts on web and server" start_ssh
	check "an ssh session to the web carries data both ways" ssh_copies "$WEB"
	check "an ssh session to the server itself carries data both ways" ssh_copies "$SERVER"
	check "and one to another address of the server" ssh_copies "$SERVER_TOO"
}

start_vpn() {
	local common=(--dev tunvpn --dev-type tun --secret "$LAB_DIR/vpn.key" --proto udp
		--cipher AES-256-CBC --verb 2)
	openvpn --genkey secret "$LAB_DIR/vpn.key" || return
	lab_start vpn-web web openvpn "${common[@]}" --port 1194 --ifconfig 10.8.0.1 10.8.0.2
	lab_start vpn-laptop laptop openvpn "${common[@]}" --remote "$WEB" 1194 --nobind \
		--ifconfig 10.8.0.2 10.8.0.1
}

test_vpn() {
	check "OpenVPN starts on web and laptop" start_vpn
	check "a ping passes through OpenVPN through the tether" wait_for 30 laptop ping -c 1 -W 1 10.8.0.1
	check "a full-size ping passes through OpenVPN through the tether" \
		laptop ping -c 1 -W 5 -s 1472 10.8.0.1
	lab_stop vpn-laptop
	lab_stop vpn-web
}

# ---- peers ----

# Two programs, on one laptop or two, talk through their outside endpoints.
talk() { # COMMAND HOST1 HOST2
	rm -f "$LAB_DIR/end1" "$LAB_DIR/end2"
	lab_start peer1 "$2" "$LAB_PYTHON" "$PEERS" "$1" "$WEB" "$LAB_DIR/end1" "$LAB_DIR/end2"
	lab_start peer2 "$3" "$LAB_PYTHON" "$PEERS" "$1" "$WEB" "$LAB_DIR/end2" "$LAB_DIR/end1"
	lab_wait peer1 60 && lab_wait peer2 60 && return
	cat "$(lab_log peer1)" "$(lab_log peer2)"
	return 1
}

test_peers() {
	check "a UDP socket has one outside endpoint for all destinations" \
		peers laptop mapping "$WEB" 192.0.2.81 192.0.2.82
	check "two UDP sockets of a laptop talk through their outside endpoints" talk peer-udp laptop laptop
	check "two TCP sockets of a laptop connect through their outside endpoints" \
		talk peer-tcp laptop laptop
	check "a second laptop starts" start_second_laptop
	check "UDP sockets of two laptops talk through their outside endpoints" \
		talk peer-udp laptop laptop2
	check "TCP sockets of two laptops connect through their outside endpoints" \
		talk peer-tcp laptop laptop2
}

tun_of() { lab_exec "$1" ip -o link show type tun | awk -F': ' '{ print $2; exit }'; } # LAPTOP

nothing_captured() { # NAME
	local packets
	packets=$(capture_stop "$1")
	[ -z "$packets" ] || { echo "$packets"; return 1; }
}

both_at_once() {
	lab_start traffic1 laptop "$LAB_PYTHON" "$LAB_TRAFFIC" udp "$WEB" --first 1200 --tries 20
	lab_start traffic2 laptop2 "$LAB_PYTHON" "$LAB_TRAFFIC" udp "$WEB" --first 1200 --tries 20
	lab_wait traffic1 60 && lab_wait traffic2 60 &&
		{ lab_start traffic1 laptop "$LAB_PYTHON" "$LAB_TRAFFIC" parallel "$WEB" --count 30; } &&
		{ lab_start traffic2 laptop2 "$LAB_PYTHON" "$LAB_TRAFFIC" parallel "$NEAR" --count 30; } &&
		lab_wait traffic1 60 && lab_wait traffic2 60 && return
	cat "$(lab_log traffic1)" "$(lab_log traffic2)"
	return 1
}

test_two_laptops() {
	capture_start other laptop2 "$(tun_of laptop2)" ip
	check "a laptop downloads beside another" traffic download "$WEB" 3000000
	check "a laptop pings beside another" laptop ping -c 3 -i 0.2 -s 3000 "$WEB"
	check "nothing of it reaches the other laptop" nothing_captured other
	check "two laptops at once get their own datagrams and streams" both_at_once
}

test_local_services() {
	lab_start services server "$LAB_PYTHON" "$LAB_TRAFFIC" --http-port 20500 --echo-port 20501 serve
	lab_wait_listening services server 20500
	check "the tether starts beside services on ports of the NAT's range" start_tether
	check "a laptop reaches them" traffic --http-port 20500 download "$SERVER" 1000000
	check "a laptop reaches them with UDP" \
		traffic --echo-port 20501 udp "$SERVER" --first 1400
	check "a host on the Internet reaches them" lab_exec near "$LAB_PYTHON" "$LAB_TRAFFIC" \
		--http-port 20500 download "$SERVER" 1000000
}

lab_up
give_server_another_address || lab_die "the server gets no second address"
mkdir -p "$LAB_DIR/ftp"
head -c 2000000 /dev/urandom >"$LAB_DIR/ftp/file"
start_targets || lab_die "the web hosts do not start"
lab_start peers web "$LAB_PYTHON" "$PEERS" serve "$LAB_DIR/ftp"
lab_wait_listening peers web 21 || lab_die "the servers on web do not start"
give_router_a_private_network
test_local_services
test_diagnosis
test_path_mtu
test_destinations
test_dns
test_ftp
test_ssh
test_vpn
test_peers
test_two_laptops
for address in 169.254.169.254 127.0.0.1 10.1.1.1 224.0.0.251 255.255.255.255; do
	check "the server refuses $address" never_leads_to $address
done
for address in 8.8.8.8 "$SERVER" 127.0.0.1 224.0.0.1 0.0.0.0; do
	check "the server drops what claims to come from $address" is_dropped bad_source $address "$WEB"
done
lab_stop relay2
lab_stop client2
check "the tether stops" stop_tether
test_smaller_outside_mtu
test_allow_private
for address in 169.254.169.254 100.100.100.200 127.0.0.1 127.9.9.9; do
	check "--allow-private does not open $address" never_leads_to $address
done
check "the tether stops again" stop_tether
lab_passed
