#!/bin/bash
# SPDX-License-Identifier: ISC
# The laptop is in the phone's hotspot: its address comes from the phone's DHCP server (dnsmasq), by a
# DHCP client (dhclient), and nobody says on the command line where that is. A camera reads the QR code
# from the terminal (terminal.py, zbarimg), and Chromium on the phone opens what it says. Then the address
# changes, and the network, while the laptop is online. And a phone that reaches nothing but a cable
# (socat in place of adb), laptops with many interfaces, and laptops to which no phone comes.
#
#   test/lab/test-hotspot.sh
#
# Needs root, build/tether-*, and: test/packages.sh lab hotspot terminal browser
. "$(dirname "$0")/lab.sh"
LAB_MODE=keyed
LAPTOP=127.0.0.1 # where the laptop itself asks for status.json
ONLINE="The laptop is online"

# ---- the phone's hotspot, and the laptop in it ----

# The phone lends one address, names itself as router and resolver, and refuses the addresses that it
# has not lent, as phones do.
start_hotspot() { # NETWORK(three numbers) HOST
	lab_stop dnsmasq
	lab_ip phone address flush dev wifi0 scope global
	lab_ip phone address add "$1.1/24" dev wifi0
	lab_start dnsmasq phone dnsmasq --keep-in-foreground --conf-file=/dev/null --user=root --pid-file= --port=0 \
		--interface=wifi0 --bind-interfaces --log-dhcp --no-ping --dhcp-authoritative --dhcp-option=6,"$1.1" \
		--dhcp-range="$1.$2,$1.$2,255.255.255.0,2m" --dhcp-leasefile="$LAB_DIR/leases-$1.$2"
	wait_for 20 lab_exec phone sh -c '[ -n "$(ss -Hlun "sport = :67")" ]'
}

# With a copy of /etc, as dhclient's script writes a resolv.conf there.
start_dhclient() {
	lab_stop dhclient
	# shellcheck disable=SC2016 # the inner shell's
	lab_start dhclient laptop unshare --mount sh -c '
		[ -d "$0/etc" ] || cp -a /etc "$0/etc" && mount --bind "$0/etc" /etc &&
		exec dhclient -4 -d -lf "$0/dhclient.leases" -pf "$0/dhclient.pid" wifi0' "$LAB_DIR"
}

has_address() { lab_ip laptop -o -4 address show dev wifi0 | grep -q "inet $1/24 .*dynamic"; } # ADDRESS
gets_address() { wait_for 30 has_address "$1" || { tail -n 5 "$(lab_log dhclient)"; return 1; }; }

# The laptop joins the hotspot anew, as after a pause of the Wi-Fi.
joins() { start_dhclient; gets_address "$1"; } # ADDRESS

# ---- the client on a terminal, and somebody with a camera ----

seen=

start_client_on_terminal() { # ARGUMENTS...
	seen=$LAB_DIR/terminal-$((++terminals))
	mkdir "$seen"
	lab_start client laptop env TERM=xterm-256color "$LAB_PYTHON" "$LAB_ROOT/test/lab/terminal.py" "$seen" 80 30 \
		"$LAB_BUILD/tether-client" --server "$SERVER" --key "$(cat "$LAB_DIR/key")" "$@"
	lab_wait_listening client laptop 6354
}

shows() { grep -q -e "$1" "$seen/screen" || { grep -v '^$' "$seen/screen" | tail -n 40; return 1; }; } # PATTERN
never_showed() { ! grep -q -e "$1" "$seen/raw" || { grep -a -e "$1" "$seen/raw"; return 1; }; } # PATTERN
soon_shows() { wait_for 20 shows "$1" || shows "$1"; }

picture_is_there() { [ -s "$seen/light.pbm" ]; }

# Sets `code` to what the one QR code says that was not there when this was last asked; prints it.
camera_reads_a_new_code() {
	touch "$seen/codes"
	rm -f "$seen"/*.pbm
	kill -USR1 "${LAB_PID[client]}" && wait_for 10 picture_is_there || return
	zbarimg -q --nodbus --raw "$seen/light.pbm" | sort -u >"$seen/codes.now"
	code=$(comm -13 "$seen/codes" "$seen/codes.now")
	mv "$seen/codes.now" "$seen/codes"
	echo "the camera reads: $code"
	[ "$(wc -w <<<"$code")" -eq 1 ]
}

# The codes that are there now are these.
codes_are() { # URL...
	camera_reads_a_new_code
	diff "$seen/codes" <(printf '%s\n' "$@") || { cat "$seen/screen"; return 1; }
}

code_is() { camera_reads_a_new_code && [ "$code" = "$1" ]; } # URL

# How long after the laptop has the address its terminal shows the page's: the deadline is for busy machines.
shows_within_a_second() { # ADDRESS
	local begin
	gets_address "$1" || return
	begin=$(date +%s%N)
	wait_for 10 shows "on the phone, open http://$1:6354/\$" || return
	echo "# $1 is shown $((($(date +%s%N) - begin) / 1000000)) ms after the laptop has it" >&3
	[ $((($(date +%s%N) - begin) / 1000000)) -lt 3000 ]
}

# ---- the phone's browser ----

opens_the_code() { page open "$code" && page says "$ONLINE" && tunnel_ready 60; }

answers_to() { # HOST ADDRESS: the status of a request that calls the laptop by HOST, at an address that it has
	local status
	status=$(lab_exec phone curl -sS --max-time 5 -o /dev/null -w '%{http_code}' -H "Host: $1" "http://$2:6354/")
	echo "$status"
}
answers() { [ "$(answers_to "$1" "$2")" = "$3" ] || { answers_to "$1" "$2"; return 1; }; } # HOST ADDRESS STATUS

closes_at_once() { # ADDRESS: of the laptop's, where it serves nothing
	local said
	said=$(lab_exec phone curl -sS --max-time 5 -o /dev/null "http://$1:6354/" 2>&1)
	case $? in
	7 | 52 | 56) ;; # refused, an empty answer, reset
	*) echo "$said"; return 1 ;;
	esac
}

client_itself() { pgrep -P "${LAB_PID[client]}" -x tether-client; }
sockets_of_laptop() { lab_exec laptop ss -Hltnu | awk '{ print $1, $5 }' | sort; }
remember_all() { wait_for 10 addresses_settled laptop; remember laptop; sockets_of_laptop >"$LAB_DIR/sockets"; }
is_as_before() { soon_unchanged laptop && diff "$LAB_DIR/sockets" <(sockets_of_laptop); }

test_hotspot() {
	check "the phone's hotspot lends 192.168.43.57" start_hotspot 192.168.43 57
	check "the laptop gets it by DHCP" joins 192.168.43.57
	remember_all
	check "the client starts, with nothing but server and key" start_client_on_terminal
	check "it says when the address serves" soon_shows "when this laptop is in the phone's hotspot (wifi0):\$"
	check "it says how a cable serves" shows 'cable: adb reverse tcp:6354 tcp:6354, then http://localhost:6354/'
	check "it shows no address that stands for all" never_showed '0\.0\.0\.0'
	check "the QR code holds the laptop's address" code_is http://192.168.43.57:6354/
	check "Chromium on the phone opens it, and the laptop is online" opens_the_code
	check "a connection of the laptop's is open and quiet" hold_connection

	check "the hotspot lends 192.168.43.77 now" start_hotspot 192.168.43 77
	start_dhclient
	check "the new address is shown within a second" shows_within_a_second 192.168.43.77 3>&1
	check "so is its QR code" code_is http://192.168.43.77:6354/
	check "the page that was opened there works" opens_the_code
	check "the laptop may be called by the new address" answers 192.168.43.77:6354 192.168.43.77 200
	check "it may not be called by the one that went" answers 192.168.43.57:6354 192.168.43.77 403

	check "the hotspot has another network, 192.168.77.0/24" start_hotspot 192.168.77 57
	start_dhclient
	check "the address there is shown within a second" shows_within_a_second 192.168.77.57 3>&1
	check "so is its QR code, again" code_is http://192.168.77.57:6354/
	check "the page that was opened in the new network works" opens_the_code
	check "the laptop's connection has lived on" connection_goes_on
	status_is client session.state '"up"'
}

# The page that was opened by the camera is on http; nothing there keeps the screen on by itself.
test_end() {
	sed -i 's/192\.168\.43\./192.168.77./g' "$LAB_DIR/laptop.before"
	check "no wake lock is there for such a page" [ "$(page wakelocks)" = 0 ]
	check "Ctrl-C ends the client with status 0" lab_stop client
	check "the laptop is as before then, sockets too" is_as_before
	check "the client starts again" start_client_on_terminal
	check "the page comes back by itself" tunnel_ready 60
	check "the client is killed" eval 'kill -9 "$(client_itself)"'
	lab_wait client 10
	unset "LAB_PID[client]"
	check "after kill -9 the laptop is as before, sockets too" is_as_before
}

# ---- other ways to be found ----

# What comes for an address that nobody is told is closed, also when it pretends to be for another.
test_public() {
	lab_ip laptop address add 203.0.114.5/24 dev wifi0
	lab_ip phone address add 203.0.114.6/24 dev wifi0
	check "the client starts where an interface has a public address, too" start_client_on_terminal
	check "the private one is shown" soon_shows 'on the phone, open http://192.168.77.57:6354/$'
	check "the public one is not" never_showed '203\.0\.114'
	check "it is not served" closes_at_once 203.0.114.5
	check "the private one is" answers 192.168.77.57:6354 192.168.77.57 200
	lab_stop client
	lab_ip laptop address delete 203.0.114.5/24 dev wifi0
}

# On one interface, an address of the phone's and the one that is lent: phones may need either.
test_both() {
	check "the client starts with --wifi in the phone's hotspot" start_client_on_terminal --wifi wifi0
	check "it says when the lent address serves" soon_shows "when the phone is in this laptop's Wi-Fi (wifi0):\$"
	check "it says nothing of a cable" never_showed adb
	check "there are the QR codes of both" codes_are http://169.254.134.89:6354/ http://192.168.77.57:6354/
	check "the page is at the lent one" answers 169.254.134.89 192.168.77.57 200
	check "Ctrl-C ends it with status 0" lab_stop client
	check "the laptop is as before, lent address too" is_as_before
}

test_cable() {
	lab_ip phone link set wifi0 down
	check "the client starts without any network" start_client_on_terminal
	check "it says that a cable is all there is" soon_shows 'no phone can come but by cable'
	lab_start adb-laptop laptop socat "UNIX-LISTEN:$LAB_DIR/adb,fork" TCP:127.0.0.1:6354
	wait_for 10 [ -S "$LAB_DIR/adb" ]
	lab_start adb-phone phone socat TCP-LISTEN:6354,bind=127.0.0.1,reuseaddr,fork "UNIX-CONNECT:$LAB_DIR/adb"
	lab_wait_listening adb-phone phone 6354
	code=http://localhost:6354/
	check "Chromium opens the laptop's page by cable, and the laptop is online" opens_the_code
	check "the page asks for the wake lock" [ "$(page wakelocks)" -ge 1 ]
	check "Ctrl-C ends the client at the cable with status 0" lab_stop client
}

# ---- laptops of their own, without any phone ----

add_laptop() { lab_add_host "$1" 0 && add_interface "$1" wifi0; } # NAME

add_address() { lab_ip "$1" address add "$3" dev "$2" "${@:4}"; } # LAPTOP INTERFACE ADDRESS/PREFIX ARGUMENTS...
as_by_dhcp="valid_lft 3600 preferred_lft 3600"

add_interface() { # LAPTOP INTERFACE
	lab_ip "$1" link add "$2" type veth peer name "far-$2" && lab_ip "$1" link set "$2" up &&
		lab_ip "$1" link set "far-$2" up
}

# Interfaces of many kinds; of odd0, /sys says that it is a Wi-Fi.
start_lonely() {
	add_laptop nowhere && add_laptop joined && add_laptop own && add_laptop many || return
	# shellcheck disable=SC2086 # several words
	add_address joined wifi0 172.20.10.5/28 $as_by_dhcp
	add_address own wifi0 169.254.9.9/16
	add_interface many odd0 && add_interface many usb0 || return
	# shellcheck disable=SC2086
	add_address many wifi0 10.0.0.7/24 $as_by_dhcp && add_address many odd0 192.168.9.7/24 $as_by_dhcp
	add_address many odd0 100.64.9.7/24
	add_address many usb0 172.31.255.7/24
	add_address many usb0 172.32.0.7/24 # a public one
	lab_start tun many socat TUN:10.8.0.7/24,up,iff-no-pi,tun-name=vpn0 EXEC:cat
	lab_start tap many socat TUN:10.9.0.7/24,up,iff-no-pi,tun-type=tap,tun-name=vpn1 EXEC:cat
	wait_for 10 lab_ip many address show dev vpn0 up && wait_for 10 lab_ip many address show dev vpn1 up
	local laptop
	for laptop in nowhere joined own many; do
		# shellcheck disable=SC2016 # the inner shell's
		lab_start "client-$laptop" "$laptop" unshare --mount sh -c 'mount -t tmpfs none /sys/class/net &&
			mkdir -p /sys/class/net/odd0/phy80211 && exec "$0" --open' "$LAB_BUILD/tether-client"
		lab_wait_listening "client-$laptop" "$laptop" 6354 || return
	done
}

says() { wait_for 60 grep -q "$2" "$(lab_log "client-$1")" || { cat "$(lab_log "client-$1")"; return 1; }; } # LAPTOP WORDS

shows_in_order() { # the best one last: wireless before wired, by DHCP before by hand
	diff - <(sed -n 's|.*open http://\(.*\):6354/$|\1|p' "$(lab_log client-many)") <<-END
		172.31.255.7
		10.0.0.7
		100.64.9.7
		192.168.9.7
	END
}

lines_have_times() {
	! grep -v '^20[0-9][0-9]-[01][0-9]-[0-3][0-9]T[0-2][0-9]:[0-5][0-9]:[0-6][0-9]Z tether-client: ' "$(lab_log client-many)"
}

# From the file's first line to its last half a minute passed; the system's clock says the same.
time_is_right() {
	local time
	time=$(tail -n 1 "$(lab_log client-joined)" | cut -d' ' -f1)
	[ $(($(date +%s) - $(date -d "$time" +%s))) -lt 600 ] || { echo "it says $time, and it is $(date -u)"; return 1; }
}

test_lonely() {
	check "addresses are shown, the best one last, and none of tunnels, nor a public one" shows_in_order
	check "lines in a file have times" lines_have_times
	check "after half a minute a laptop in no network is told to join one" \
		says nowhere 'no phone yet: this laptop is in no network'
	check "a laptop in a hotspot is told that it must be the phone's own" \
		says joined 'no phone yet: this laptop must be in the hotspot of the phone itself'
	check "a laptop with a link-local address alone is told whom that serves" says own 'no phone yet: an iPhone must'
	check "a laptop with many addresses is told what matters" says many 'no phone yet: it must be in the network'
	check "the times are those of the clock" time_is_right
}

lab_up
machine_resolver=$(md5sum </etc/resolv.conf)
start_targets || lab_die "the web hosts do not start"
start_server >/dev/null || lab_die "the server does not start"
start_lonely || lab_die "the other laptops do not start"
coproc DRIVER { lab_exec phone node "$LAB_ROOT/test/browser/driver.js" 2>"$(lab_log driver)"; }
exec 7<&"${DRIVER[0]}" 8>&"${DRIVER[1]}"
test_hotspot
test_end
test_public
test_both
test_cable
test_lonely
check "this machine's own resolv.conf was left alone" [ "$(md5sum </etc/resolv.conf)" = "$machine_resolver" ]
lab_passed
