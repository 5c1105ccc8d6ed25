#!/bin/bash
# SPDX-License-Identifier: ISC
# The laptop's own Wi-Fi, with --hotspot: phones of every make get an address from us and nothing
# else, so that their mobile network stays their way out, and the page works there. Strangers, other
# servers and hostile messages do no harm.
#
#   test/lab/test-own-network.sh
#
# Needs root, build/tether-*, and: test/packages.sh lab chromium dhcp
. "$(dirname "$0")/lab.sh"

OWN=192.168.134.89
LEASE_S=12 # what clients ask for, so that they renew soon
# Message type, address lease, server, renewal, rebinding, mask: all that a reply may hold.
ALLOWED='1 51 53 54 58 59'
# What must never be in one: router, resolver, IPv6-only preferred, captive portal, static routes.
WANTED='3 6 108 114 121'

start_hotspot() { # [NAME]; the server's line is in open mode, for tether-relay
	lab_start client laptop "$LAB_BUILD/tether-client" --open --hotspot wifi0 --server "$SERVER"
	lab_wait_listening client laptop 6354 && wait_for 10 grep -q "http://$OWN:6354/" "$(lab_log client)"
}

dhcp() { "$LAB_PYTHON" "$LAB_ROOT/test/lab/dhcp.py" "$@"; }

heard() { dhcp read "$LAB_DIR/wifi.pcap"; } # the messages of the capture

heard_that() { heard | grep -E "$1" || { heard | tail -n 3; return 1; }; } # PATTERN

# ---- the phone's DHCP clients, each one with /etc, /run and /var/lib of its own ----

make_private() {
	rm -rf "${LAB_DIR:?}/etc" && cp -a /etc "$LAB_DIR/etc" || return
	rm -f "$LAB_DIR/etc/resolv.conf"
	echo 'nameserver 198.51.100.53' >"$LAB_DIR/etc/resolv.conf" # the mobile network's
}

start_private() { # NAME COMMAND...
	local name=$1
	shift
	make_private && lab_start "$name" phone sh -c 'mount --bind "$0" /etc && mount -t tmpfs none /run &&
		mount -t tmpfs none /var/lib && mkdir -p /var/lib/dhcpcd /run/systemd/netif &&
		mount -o remount,bind,ro /sys && chown -R systemd-network: /run/systemd && exec "$@"' "$LAB_DIR/etc" "$@"
}

start_udhcpc() {
	start_private udhcpc udhcpc -f -R -i wifi0 -s /etc/udhcpc/default.script -x lease:$LEASE_S \
		-O router -O dns -O 108 -O 114 -O staticroutes
}
end_udhcpc() { lab_stop udhcpc; }

start_dhclient() {
	cat >"$LAB_DIR/dhclient.conf" <<-END
		option ipv6-only code 108 = unsigned integer 32;
		option captive-portal code 114 = text;
		option static-routes code 121 = string;
		send dhcp-lease-time $LEASE_S;
		send dhcp-client-identifier "a phone with a name of its own";
		request subnet-mask, routers, domain-name-servers, ipv6-only, captive-portal, static-routes;
	END
	start_private dhclient dhclient -d -cf "$LAB_DIR/dhclient.conf" -lf "$LAB_DIR/leases" -pf "$LAB_DIR/dhclient.pid" wifi0
}
end_dhclient() {
	lab_exec phone sh -c 'mount --bind "$0/etc" /etc && dhclient -r -cf "$0/dhclient.conf" -lf "$0/leases" \
		-pf "$0/dhclient.pid" wifi0' "$LAB_DIR"
	lab_stop dhclient
	return 0
}

start_dhcpcd() {
	start_private dhcpcd dhcpcd -B -4 -f /etc/dhcpcd.conf -l $LEASE_S -o routers -o domain_name_servers \
		-o classless_static_routes -o ipv6_only_preferred wifi0
}
end_dhcpcd() { lab_stop dhcpcd ALRM; return 0; } # the signal that has it release its address

start_networkd() { # it needs neither a bus nor udev, where /sys is read-only
	cat >"$LAB_DIR/wifi0.network" <<-END
		[Match]
		Name=wifi0
		[Network]
		DHCP=ipv4
		LinkLocalAddressing=no
		[DHCPv4]
		RequestOptions=$WANTED
		SendOption=51:uint32:$LEASE_S
	END
	start_private networkd sh -c 'cp "$0" /etc/systemd/network/ && exec /lib/systemd/systemd-networkd' \
		"$LAB_DIR/wifi0.network"
}
end_networkd() { lab_stop networkd; return 0; }

phone_address() { lab_ip phone -4 address show dev wifi0 | sed -n 's/.*inet \(192\.168\.134\.[0-9]*\).*/\1/p'; }

has_address_of_ours() { [ -n "$(phone_address)" ] || { tail -n 5 "$(lab_log "$1")"; return 1; }; } # CLIENT

cellular_is_the_way() { # no route and no resolver has come, and other addresses leave by the mobile network
	local routes
	routes=$(lab_ip phone route show | grep -v '^\(198\.51\.100\.0/24\|192\.168\.134\.0/24\) dev')
	[ "$routes" = 'default via 198.51.100.1 dev cell0 ' ] || { echo "routes: $routes"; return 1; }
	! grep '^nameserver' "$LAB_DIR/etc/resolv.conf" | grep -v ' 198.51.100.53$'
}

page_is_there() { # ADDRESS
	lab_exec phone curl -sS --max-time 10 --fail -o "$LAB_DIR/page.html" "http://$1:6354/" && grep -q '<html' "$LAB_DIR/page.html"
}

replies_have_nothing_else() {
	local replies
	replies=$(heard | grep -E '^(offer|ack|nak) ')
	[ -n "$replies" ] || { echo "there is no reply"; return 1; }
	! grep -vE "^(offer|ack) .* siaddr 0.0.0.0 .* options ($ALLOWED|1 53 54)\$|^nak .* options 53 54\$" <<<"$replies"
}

has_asked_for_more() { # by a list of what it wants
	heard_that '^discover .* options .*\b55\b'
}

test_client() { # NAME
	capture_start wifi phone wifi0 'udp port 67 or udp port 68'
	"start_$1"
	check "$1 gets an address" wait_for 30 has_address_of_ours "$1"
	check "$1 has asked for more than that" has_asked_for_more
	check "with $1 the mobile network stays the phone's way out" cellular_is_the_way
	check "with $1 the page is there, at the private address" page_is_there "$OWN"
	local address
	address=$(phone_address)
	check "$1 renews its address" wait_for 30 heard_that "^ack from $OWN to $address .* has $address yours $address "
	check "with $1 it stays so" cellular_is_the_way
	"end_$1"
	check "$1 gives its address back" wait_for 10 heard_that "^release from $address to $OWN "
	capture_stop wifi >/dev/null
	check "$1 was told nothing but address, mask, times and server" replies_have_nothing_else
	lab_ip phone address flush dev wifi0
}

# ---- others ----

starts_not() { # PATTERN: it ends with status 1 and says so
	local status
	lab_start second laptop "$LAB_BUILD/tether-client" --open --hotspot wifi0 --tun second0
	lab_wait second 20
	status=$?
	[ $status -eq 1 ] && grep -q "$1" "$(lab_log second)" || { echo "status $status"; cat "$(lab_log second)"; return 1; }
}

# What phones and laptops fetch to find out whether a network has internet. Only 2xx says that it has, or a
# page that looks like theirs; a redirection says that there is a portal.
PROBES='connectivitycheck.gstatic.com/generate_204 www.google.com/gen_204 captive.apple.com/hotspot-detect.html
	www.apple.com/library/test/success.html captive.apple.com/ www.msftconnecttest.com/connecttest.txt
	www.msftncsi.com/ncsi.txt detectportal.firefox.com/success.txt detectportal.firefox.com/canonical.html
	nmcheck.gnome.org/check_network_status.txt connectivity-check.ubuntu.com/ connect.rom.miui.com/generate_204'

answers_no_probe() {
	local probe code
	for probe in $PROBES; do
		code=$(lab_exec phone curl -s -o /dev/null -w '%{http_code}' --max-time 5 -H "Host: ${probe%%/*}" "http://$OWN:6354/${probe#*/}")
		[ "$code" = 403 ] || { echo "$probe got $code"; return 1; }
		[ -z "${probe#*/}" ] && continue
		code=$(lab_exec phone curl -s -o /dev/null -w '%{http_code}' --max-time 5 "http://$OWN:6354/${probe#*/}")
		[ "$code" = 404 ] || { echo "${probe#*/} got $code at the page's own address"; return 1; }
	done
}

no_other_port_answers() { # neither where probes go, nor where names are asked for
	local port
	for port in 80 443 53; do
		! lab_listens laptop $port || { echo "port $port is open"; return 1; }
	done
	[ -z "$(lab_exec laptop ss -Hlun 'sport = :53')" ]
}

crowd() { lab_exec phone "$LAB_PYTHON" "$LAB_ROOT/test/lab/dhcp.py" crowd wifi0 "$1"; } # COUNT

is_skipped() { # ADDRESS: three new clients get others
	local said
	said=$(crowd 3) && echo "$said" && ! grep -q "$1 " <<<"$said"
}

hostile() { lab_exec phone "$LAB_PYTHON" "$LAB_ROOT/test/lab/dhcp.py" hostile wifi0 "$1"; } # SECONDS

page_in_chromium() {
	lab_start browser phone "$LAB_ROOT/test/lab/browser.sh" stay "$LAB_DIR/phone-profile" "http://$OWN:6354/"
	tunnel_ready 60
}

as_before() { soon_unchanged laptop && [ -z "$(lab_exec laptop ss -Hlun 'sport = :67')" ]; }

but_lent() { grep -v '169\.254\|192\.168\.134'; }
lives_a_minute() { lab_ip laptop -4 address show dev wifi0 | awk '/valid_lft/ && ($2 == "forever" || $2 + 0 > 60) { exit 1 }'; }
unchanged_but_lent() { lives_a_minute && diff <(but_lent <"$LAB_DIR/laptop.before") <(state_of laptop | but_lent); }
soon_unchanged_but_lent() { wait_for 10 unchanged_but_lent || unchanged_but_lent; }

remake() { # the Wi-Fi becomes another interface of the same name
	lab_ip laptop link delete wifi0
	sleep 2
	lab_wire laptop wifi0 phone wifi0 && wait_for 20 eval 'lab_ip laptop address show dev wifi0 | grep -q "$OWN/24"'
}

lab_up
start_targets || lab_die "the web hosts do not start"
lab_ip phone address flush dev wifi0
wait_for 10 addresses_settled laptop
remember laptop
check "tether-server starts" start_server
check "tether-client starts on its own Wi-Fi, and tells both addresses" start_hotspot
check "it says the link-local one, too" grep -q "http://$LAPTOP:6354/" "$(lab_log client)"
lab_passed || exit 1

for client in udhcpc dhclient dhcpcd networkd; do
	test_client "$client"
done

start_udhcpc
check "the phone has an address again" wait_for 30 has_address_of_ours udhcpc
start_relay_there() {
	lab_start relay phone "$LAB_BUILD/tether-relay" --laptop "ws://$OWN:6354/websocket" --server "ws://$SERVER:8080/websocket"
}
start_relay_there
check "the laptop is online through a relay on that phone" tunnel_ready
lab_stop relay
check "the laptop is online through Chromium on that phone" page_in_chromium
check "no probe for internet is answered as if this were some" answers_no_probe
check "no port is open where probes go and names are asked for" no_other_port_answers

lease=$(phone_address)
check "a hundred clients at a time get a hundred addresses" crowd 100
capture_start wifi phone wifi0 'udp src port 67' # what is said to them, and nothing of theirs
check "hostile messages are sent" hostile 6
check "the phone renews its address all the same" wait_for 30 heard_that "^ack from $OWN to $lease .* yours $lease "
capture_stop wifi >/dev/null
check "the phone still has it" test "$lease" = "$(phone_address)"
check "nothing but what is allowed was said to the hostile" replies_have_nothing_else
check "the laptop is still online" tunnel_ready
check "a second one finds port 67 taken, and says so" starts_not 'cannot open UDP port 67 on wifi0.*end the DHCP server'
check "tether-client ends with status 0" lab_stop client
check "the laptop is as before" as_before

capture_start wifi phone wifi0 'udp port 67 or udp port 68'
start_hotspot >/dev/null
check "after a restart the phone renews the same address" wait_for 30 heard_that "^ack from $OWN to $lease .* yours $lease "
capture_stop wifi >/dev/null
lab_stop udhcpc
lab_ip phone address add 192.168.134.101/24 dev wifi0
check "an address that another host has is not given" is_skipped 192.168.134.101
lab_ip phone address delete 192.168.134.101/24 dev wifi0
lab_stop browser
lab_stop client KILL
check "after kill -9 the laptop is as before, but for addresses that end within a minute" soon_unchanged_but_lent

lab_start other phone "$LAB_PYTHON" "$LAB_ROOT/test/lab/dhcp.py" serve wifi0 10.42.0.1
wait_for 20 grep -q listening "$(lab_log other)"
check "where another server gives addresses the client does not start, and says who" starts_not '10.42.0.1 gives addresses on wifi0'
check "the laptop is as before, then" soon_unchanged_but_lent
lab_stop other
lab_ip laptop link set wifi0 down
check "where the Wi-Fi is not open it says so" starts_not 'is the Wi-Fi open'
lab_ip laptop link set wifi0 up

start_hotspot >/dev/null
check "the Wi-Fi interface is made anew, and gets its address again" remake
start_udhcpc
check "a phone gets an address there" wait_for 30 has_address_of_ours udhcpc
check "the page is there" wait_for 20 page_is_there "$OWN"
check "tether-client ends with status 0, there too" lab_stop client
lab_passed
