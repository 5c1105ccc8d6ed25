#!/bin/bash
# SPDX-License-Identifier: ISC
# The laptop is in the phone's hotspot: its address comes from the phone's DHCP server (dnsmasq), by a
# DHCP client (dhclient), and nobody says on the command line where that is. A camera reads the QR code
# from the terminal (terminal.py, zbarimg), and Chromium on the phone opens what it says. Then the address
# changes, and the network, while the laptop is online. And a phone that reaches nothing but a cable.
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

# One command for the browser (see driver.js); prints the value that it answers.
page() { # COMMAND...
	local status value
	echo "$*" >&8
	read -r -t 120 status value <&7 || { echo "the browser does not answer"; return 1; }
	echo "$value"
	[ "$status" = ok ]
}

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

sockets_of() { lab_exec laptop ss -Hltnu; }
client_itself() { pgrep -P "${LAB_PID[client]}" -x tether-client; }
is_as_before() { soon_unchanged laptop && [ -z "$(sockets_of | grep 6354)" ]; }

test_hotspot() {
	check "the phone's hotspot lends 192.168.43.57" start_hotspot 192.168.43 57
	check "the laptop gets it by DHCP" joins 192.168.43.57
	remember laptop
	check "the client starts, with nothing but server and key" start_client_on_terminal
	check "it says when the address serves" soon_shows "when this laptop is in the phone's hotspot (wifi0):\$"
	check "it says how a cable serves" shows 'cable: adb reverse tcp:6354 tcp:6354, then http://localhost:6354/'
	check "it shows no address that stands for all" eval '! shows "0\.0\.0\.0" >"$LAB_DIR/none"'
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

test_kill() {
	remember laptop
	check "Ctrl-C ends the client with status 0" lab_stop client
	# The addresses are of now; the tether's device, routes and sockets are gone.
	state_of laptop | sed '/tether0/,+3d' >"$LAB_DIR/laptop.before"
	check "its sockets are gone then, and nothing else has changed" is_as_before
	check "the client starts again" start_client_on_terminal
	check "the page comes back" tunnel_ready 60
	check "the client is killed" eval 'kill -9 "$(client_itself)"'
	lab_wait client 10
	unset "LAB_PID[client]"
	check "after kill -9 the laptop is as before, sockets too" is_as_before
}

lab_up
machine_resolver=$(md5sum </etc/resolv.conf)
start_targets || lab_die "the web hosts do not start"
start_server >/dev/null || lab_die "the server does not start"
coproc DRIVER { lab_exec phone node "$LAB_ROOT/test/browser/driver.js" 2>"$(lab_log driver)"; }
exec 7<&"${DRIVER[0]}" 8>&"${DRIVER[1]}"
test_hotspot
test_kill
check "this machine's own resolv.conf was left alone" [ "$(md5sum </etc/resolv.conf)" = "$machine_resolver" ]
lab_passed
