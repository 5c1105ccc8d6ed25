#!/bin/bash
# SPDX-License-Identifier: ISC
# IPv6 does not go round the tether: the laptop's Wi-Fi has a router of IPv6, as a phone's hotspot
# has, and the web host's name has addresses of both kinds. All the same the laptop's programs load
# its page over the tether, and no IPv6 packet goes further than the Wi-Fi's own link.
#
#   test/lab/test-ipv6.sh
#
# Needs root, build/tether-*, and: test/packages.sh lab chromium
. "$(dirname "$0")/lab.sh"

LAPTOP6=2001:db8:1::57
PHONE6=2001:db8:1::1
WEB6=2001:db8:80::80
NAME=web.example
NO_ROUTE=ENETUNREACH # what a TCP socket is told: RFC 4443's "no route"
PROHIBITED=EACCES    # what a connected UDP socket is told: "administratively prohibited"

# Further than the link: to no group, no link-local address, and no address of the link's prefix.
BEYOND='ip6 and not (dst net fe80::/10 or dst net ff00::/8 or dst net 2001:db8:1::/64)'

# The web host is reached by IPv6 through the phone, past the tether.
lab_add_ipv6() {
	lab_ip laptop address add "$LAPTOP6/64" dev wifi0 nodad && lab_ip phone address add "$PHONE6/64" dev wifi0 nodad &&
		lab_ip phone address add 2001:db8:2::2/64 dev cell0 nodad &&
		lab_ip router address add 2001:db8:2::1/64 dev to-phone nodad &&
		lab_ip router address add 2001:db8:80::1/64 dev to-web nodad &&
		lab_ip web address add "$WEB6/64" dev eth0 nodad &&
		lab_exec phone sysctl -q -w net.ipv6.conf.all.forwarding=1 &&
		lab_exec router sysctl -q -w net.ipv6.conf.all.forwarding=1 &&
		lab_ip laptop -6 route add default via "$PHONE6" dev wifi0 &&
		lab_ip phone -6 route add default via 2001:db8:2::1 && lab_ip web -6 route add default via 2001:db8:80::1 &&
		lab_ip router -6 route add 2001:db8:1::/64 via 2001:db8:2::2
	printf '%s %s\n%s %s\n' "$WEB6" "$NAME" "$WEB" "$NAME" >"$LAB_DIR/hosts"
}

# Runs a command on the laptop, where the web host's name has both addresses.
with_names() { # COMMAND...
	lab_exec laptop sh -c 'mount --bind "$0" /etc/hosts && exec "$@"' "$LAB_DIR/hosts" "$@"
}

curl_loads_from() { # ADDRESS
	local from
	from=$(with_names curl -sS --max-time 30 --fail -o "$LAB_DIR/page.html" -w '%{remote_ip}' "http://$NAME/") || return
	[ "$from" = "$1" ] || { echo "curl loaded it from $from"; return 1; }
}

# A program that tries one address after the other: it waits for an answer on the first.
patient_program_loads() {
	with_names timeout 30 "$LAB_PYTHON" -c "
import urllib.request
assert b'Hello, laptop' in urllib.request.urlopen('http://$NAME/').read()"
}

chromium_loads() {
	with_names timeout 60 "$LAB_ROOT/test/lab/browser.sh" print "$LAB_DIR/laptop-profile" "http://$NAME/" \
		>"$LAB_DIR/elements" 2>&1
	grep -q '3 of 3 pictures are shown' "$LAB_DIR/elements" || { tail -n 5 "$LAB_DIR/elements"; return 1; }
}

# The error that a program's socket gets, of its own accord and not for want of an answer.
is_told() { # SOCK_STREAM|SOCK_DGRAM ADDRESS ERROR
	local said
	said=$(lab_exec laptop "$LAB_PYTHON" -c "
import errno, socket
s = socket.socket(socket.AF_INET6, socket.$1)
s.settimeout(20)
try:
    s.connect(('$2', 80))
    s.send(b'?')
    s.recv(1)
except socket.timeout:
    print('nothing')
except OSError as error:
    print(errno.errorcode[error.errno])")
	[ "$said" = "$3" ] || { echo "the socket was told $said"; return 1; }
}

route6_leads() { # ADDRESS INTERFACE
	local route
	route=$(lab_ip laptop -6 route get "$1") || return
	[[ $route == *" dev $2 "* ]] || { echo "$route"; return 1; }
}

tether_takes_nothing() { [ -z "$(lab_ip laptop -6 route show dev tether0 | grep -v '^fe80::/64')" ]; }

nothing_went_beyond() {
	local packets
	packets=$(capture_stop wifi)
	[ -z "$packets" ] || { echo "$packets" | head -n 3; return 1; }
}

lab_up
start_targets || lab_die "the web hosts do not start"
check "the Wi-Fi gets a router of IPv6, and the web host both kinds of addresses" lab_add_ipv6
lab_start web6 web "$LAB_PYTHON" -m http.server --bind "$WEB6" --directory "$LAB_DIR" 80
check "without the tether the web host is reached by IPv6" wait_for 20 lab_exec laptop curl -sS --fail "http://[$WEB6]/"
wait_for 10 addresses_settled laptop
remember laptop
start_server >/dev/null
check "tether-client starts" start_client
start_relay
check "the tether works" tunnel_ready
lab_passed || exit 1

capture_start wifi laptop wifi0 "$BEYOND"
check "curl loads the page over IPv4" curl_loads_from "$WEB"
check "a program that tries one address after the other loads it" patient_program_loads
check "Chromium on the laptop shows it, with its pictures" chromium_loads
for address in "$WEB6" 8001:db8::1; do
	check "a TCP socket to $address is told so at once" is_told SOCK_STREAM "$address" "$NO_ROUTE"
	check "a UDP socket to $address is told so at once" is_told SOCK_DGRAM "$address" "$PROHIBITED"
done
check "no IPv6 packet went further than the link" nothing_went_beyond
check "the phone is reached by IPv6 on the link" lab_exec laptop ping -6 -c 1 -W 5 "$PHONE6"

lab_ip laptop -6 route delete default && lab_ip laptop address delete "$LAPTOP6/64" dev wifi0
check "with link-local addresses alone, too, a TCP socket is told so at once" is_told SOCK_STREAM "$WEB6" "$NO_ROUTE"
lab_ip laptop address add "$LAPTOP6/64" dev wifi0 nodad && lab_ip laptop -6 route add default via "$PHONE6" dev wifi0

lab_stop client KILL
check "after kill -9 the laptop's IPv6 is as before" soon_unchanged_but_wifi laptop
lab_exec laptop sysctl -q -w net.ipv6.conf.default.disable_ipv6=1 net.ipv6.conf.default.addr_gen_mode=1
start_client >/dev/null
check "IPv6 is taken also where it is off for new interfaces" route6_leads "$WEB6" tether0
check "a socket is told so there, too" is_told SOCK_STREAM "$WEB6" "$NO_ROUTE"
lab_exec laptop sysctl -q -w net.ipv6.conf.default.disable_ipv6=0 net.ipv6.conf.default.addr_gen_mode=0
check "tether-client ends with status 0" lab_stop client
check "the laptop is as before" unchanged laptop
for options in "--route 192.0.2.0/24" --no-routes; do
	# shellcheck disable=SC2086 # words
	start_client $options >/dev/null
	check "with $options IPv6 is left alone" eval "tether_takes_nothing && route6_leads $WEB6 wifi0"
	lab_stop client
done
lab_passed
