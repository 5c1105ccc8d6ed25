#!/bin/bash
# SPDX-License-Identifier: ISC
# The units under a real systemd: two machines with Debian 12, a laptop and a server, and
# tether-relay as the phone between them.
#
#   test/dist/test-systemd.sh
#
# Needs root, build/tether-*, and: test/packages.sh debian
. "$(dirname "$0")/debian.sh"

exposure_is_low() { # UNIT
	local said
	said=$(systemd-analyze security --offline=true --no-pager "$(root_of server)/usr/local/lib/systemd/system/$1")
	tail -n 1 <<<"$said"
	awk '/Overall exposure/ { seen = 1; exit !($(NF - 2) <= 2.5) } END { if (!seen) exit 1 }' <<<"$said"
}

state() { in_debian "$1" systemctl show -p "$3" --value "$2"; } # MACHINE UNIT PROPERTY
is_active() { in_debian "$1" systemctl is-active "$2"; }        # MACHINE UNIT

none_can_read() { # FILE...
	local file
	for file in "$@"; do
		is "600 root" in_debian server stat -c '%a %U' "$file" || return
		if in_debian server setpriv --reuid=nobody --clear-groups cat "$file" 2>/dev/null; then
			echo "nobody can read $file"
			return 1
		fi
	done
}

key_is_nowhere() { # MACHINE
	local key
	key=$(in_debian server cat /var/lib/tether/key) && [ ${#key} -gt 40 ] || return
	if in_debian "$1" journalctl -o export --no-pager | grep -F "$key"; then
		echo "the journal of $1 has it"
		return 1
	fi
	if in_debian "$1" sh -c 'cat /proc/[0-9]*/cmdline /proc/[0-9]*/environ' 2>/dev/null | grep -Fqa "$key"; then
		echo "a process of $1 shows it"
		return 1
	fi
}

has_capabilities() { # MACHINE UNIT PERMITTED
	is "$3" in_debian "$1" sed -n 's/^CapPrm:\t//p' "/proc/$(state "$1" "$2" MainPID)/status"
}

is_no_root() { # MACHINE UNIT
		in_debian "$1" grep -E '^Uid:.*[1-9]' "/proc/$(state "$1" "$2" MainPID)/status"
}

is_another() { # MACHINE UNIT OLD-PID
	local pid
	pid=$(state "$1" "$2" MainPID)
	[ "$pid" != 0 ] && [ "$pid" != "$3" ] && is active is_active "$1" "$2"
}

default_routes() { in_net server ip route show default; }
default_initcwnd() { default_routes | grep -v "metric 5" | sed -n 's/.*initcwnd //p' | tr -d ' '; }

own_windows() { default_routes | grep -c "metric 5 initcwnd 20"; }

first_window() { # SEGMENTS, or "" for the kernel's own
	default_routes | grep -q via && is "$1" default_initcwnd
}

begins_anew_after_idle() { # 1 or 0
	is "$1" in_debian server cat /proc/sys/net/ipv4/tcp_slow_start_after_idle
}

nothing_of_server_is_left() {
	first_window "" && begins_anew_after_idle 1 && ! in_debian server ls /run/tether-server.idle &&
		is "" in_net server ip -o link show type tun &&
		is "" in_net server nft list tables &&
		is "" in_debian server sh -c 'cat /proc/[0-9]*/comm | grep tether' &&
		! in_debian server ls /run/credentials/tether-server.service
}

nothing_of_client_is_left() {
	is "" in_net laptop ip -o link show type tun &&
		is "" in_net laptop ip route show dev tether0 2>/dev/null &&
		is "" in_net laptop ip -4 -o address show dev wlan0
}

debian_new server
debian_new laptop
make -s DESTDIR="$(root_of server)" install && make -s DESTDIR="$(root_of laptop)" install || exit 1
for unit in tether-server tether-client tether-key; do
	check "systemd-analyze finds little exposure in $unit ($(exposure_is_low $unit.service | tail -n 1 |
		sed 's/.*: //; s/ [A-Z].*//'))" exposure_is_low $unit.service
done
check "systemd finds nothing wrong in the units" is "" systemd-analyze verify --root="$(root_of server)" \
	tether-server.service tether-client.service tether-key.service

debian_boot server
debian_boot laptop
debian_wire

in_net server ip route add default via "${SERVER%.*}.1" metric 5 initcwnd 20

check "the server's unit starts" in_debian server systemctl start tether-server
check "the server's connections begin with 40 segments" first_window 40
check "and not anew after a pause" begins_anew_after_idle 0
check "the server listens" listens server 127.0.0.1:8080
check "the key is made, and root alone can read it" none_can_read /var/lib/tether/{key,key.ports,laptop}
check "the laptop's line is in a file" in_debian server grep -q "tether-client --server .* --key " /var/lib/tether/laptop
check "the key is in no journal, command line or environment of the server's" key_is_nowhere server
check "the server that runs is not root" is_no_root server tether-server
check "the server that runs has no capabilities" has_capabilities server tether-server 0000000000000000

in_debian laptop mkdir -p /etc/tether
printf 'SERVER=%s\nOPTIONS="--wifi wlan0"\n' $SERVER >"$(root_of laptop)/etc/tether/client"
install -m 600 "$(root_of server)/var/lib/tether/key" "$(root_of laptop)/etc/tether/client.key"
check "the client's unit starts" in_debian laptop systemctl start tether-client
check "the client listens" listens laptop $LAPTOP:6354
check "the key is in no journal, command line or environment of the laptop's" key_is_nowhere laptop
check "the client that runs is not root" is_no_root laptop tether-client
check "the client that runs has CAP_NET_ADMIN and CAP_NET_RAW" has_capabilities laptop tether-client 0000000000003000

start_phone build/tether-relay
check "the laptop reaches the server's host through the tether" tether_carries

key=$(<"$(root_of server)/var/lib/tether/key")
for how in reload restart; do
	for where in server:tether-server laptop:tether-client; do
		pid=$(state "${where%:*}" "${where#*:}" MainPID)
		check "systemctl $how ${where#*:}" in_debian "${where%:*}" systemctl $how "${where#*:}"
		check "${where#*:} is another process after a $how" wait_for 10 is_another "${where%:*}" "${where#*:}" "$pid"
		check "the tether carries again after a $how of ${where#*:}" tether_carries 60
	done
done
check "the key is the same after all this" is "$key" in_debian server cat /var/lib/tether/key
check "connections begin so after these, too" first_window 40
check "and after these not anew after a pause, either" begins_anew_after_idle 0
check "a route with a first window of its own keeps it" is 1 own_windows
check "a kill -9 of the server" in_debian server systemctl kill -s KILL --kill-who=main tether-server
check "the tether carries again after it" tether_carries 60
in_debian server rm /var/lib/tether/key
check "without its key the server makes another when it is restarted" in_debian server systemctl restart tether-server
check "root alone can read that, too" none_can_read /var/lib/tether/{key,laptop}
check "it is another key" [ "$key" != "$(<"$(root_of server)/var/lib/tether/key")" ]
check "the server's unit stops" in_debian server systemctl stop tether-server
check "the client's unit stops" in_debian laptop systemctl stop tether-client
check "the server has undone everything" nothing_of_server_is_left
check "the client has undone everything" nothing_of_client_is_left
in_debian server sh -c 'echo 0 >/proc/sys/net/ipv4/tcp_slow_start_after_idle'
in_debian server systemctl start tether-server
in_debian server systemctl stop tether-server
check "a host whose connections never begin anew stays so" begins_anew_after_idle 0
# More often than systemd would start it by default.
has_tried() { [ "$(state server tether-server NRestarts)" -ge "$1" ]; } # TIMES
echo OPTIONS=--interface=none0 >"$(root_of server)/etc/default/tether-server"
in_debian server systemctl start tether-server
check "a server that cannot start is tried again and again" wait_for 20 has_tried 7
rm "$(root_of server)/etc/default/tether-server"
check "and runs when what it lacked is there" listens server 127.0.0.1:8080
in_debian server systemctl stop tether-server
echo OPTIONS=--wrong >"$(root_of server)/etc/default/tether-server"
in_debian server systemctl start tether-server
check "a wrong option ends the server for good" wait_for 10 is failed is_active server tether-server
debian_passed
