#!/bin/bash
# SPDX-License-Identifier: ISC
# What happens to the laptop's network while tether-client runs: a second client is
# started, the Wi-Fi interface goes and comes back, the TUN device is removed, and a
# server gives addresses that it should not.
#
#   test/lab/test-wifi.sh
#
# Needs root, build/tether-*, and: test/packages.sh lab interop
. "$(dirname "$0")/lab.sh"
LAB_MODE=keyed

second_client_ends() { # PATTERN
	local output status
	# shellcheck disable=SC2046 # two words
	output=$(timeout 20 ip netns exec "$(lab_ns laptop)" "$LAB_BUILD/tether-client" $(lab_mode) \
		--wifi wifi0 --server "$SERVER" 2>&1)
	status=$?
	echo "$output"
	[ $status -eq 1 ] || { echo "exit status $status instead of 1"; return 1; }
	grep -q "$1" <<<"$output"
}

# The laptop's addresses on an interface, one a line.
addresses_on() { lab_ip laptop -o -4 address show dev "$1" | awk '{ print $4 }'; } # INTERFACE

has_address() { addresses_on "$1" | grep -qx "$2"; } # INTERFACE ADDRESS

# Pings the Internet while something else is done.
ping_start() {
	lab_start ping laptop ping -i 0.2 -W 5 "$WEB"
	wait_for 20 grep -q 'bytes from' "$(lab_log ping)"
}

no_ping_was_lost() {
	sleep 3 # in which some are lost where the way is cut
	lab_stop ping INT
	grep ' 0% packet loss' "$(lab_log ping)" || { tail -n 3 "$(lab_log ping)"; return 1; }
}

# The laptop's Wi-Fi becomes another interface of the same name, and so its phone's.
remake_wifi() {
	lab_ip laptop link delete wifi0
	sleep 2 # in which the program may see that it is gone
	lab_wire laptop wifi0 phone wifi0 && lab_ip phone address add "$PHONE/16" dev wifi0
}

page_is_reachable() {
	lab_exec phone curl -sS --max-time 2 -o "$LAB_DIR/page.html" --fail "http://$LAPTOP:6354/" &&
		grep -q '<html' "$LAB_DIR/page.html"
}

said() { wait_for 10 grep -q "$2" "$(lab_log "$1")" || { cat "$(lab_log "$1")"; return 1; }; } # NAME PATTERN

status_after() { # NAME STATUS: it ends by itself with this
	lab_wait "$1" 20
	local status=$?
	[ $status -eq "$2" ] || { echo "it ended with status $status, or not (124)"; return 1; }
}

odd_server() { # ADDRESS...
	lab_exec phone "$LAB_PYTHON" "$LAB_ROOT/test/interop/odd_server.py" --key-file "$LAB_DIR/key" \
		"ws://$LAPTOP:6354/websocket" "$@"
}

lab_up
start_targets || lab_die "the web hosts do not start"
wait_for 10 addresses_settled laptop
remember laptop
check "tether-server starts" start_server
check "tether-client starts" start_client
start_relay
check "the tether works" tunnel_ready
lab_passed || exit 1

ping_start
check "a second tether-client says that the first one runs" second_client_ends 'another tether-client'
check "the first one's address is still there" has_address wifi0 "$LAPTOP/16"
check "no ping of the first one's was lost" no_ping_was_lost

check "the Wi-Fi interface is made anew" remake_wifi
check "the client puts its address there again" wait_for 20 has_address wifi0 "$LAPTOP/16"
check "the phone reaches the page again" wait_for 20 page_is_reachable
check "the laptop is online again without a restart" tunnel_ready 60
check "the client says that the interface was gone" said client 'no phone can come but by cable'
check "the client says its address again" eval '[ "$(grep -c "on the phone, open http://$LAPTOP:6354/" "$(lab_log client)")" -ge 2 ]'
lab_ip laptop address delete "$LAPTOP/16" dev wifi0
check "an address that somebody removes comes back" wait_for 10 has_address wifi0 "$LAPTOP/16"
check "the laptop is still online" tunnel_ready 60
check "tether-client ends with status 0" lab_stop client
check "its address goes with it" eval '! has_address wifi0 "$LAPTOP/16"'

lab_stop relay
start_client >/dev/null
check "a server gives two addresses that are good, and then addresses of others" odd_server \
	100.64.9.9 100.64.9.10 8.8.8.8 192.168.1.1 "$PHONE" 10.0.0.1 100.64.0.0 100.127.255.255
check "the laptop has the last good one alone" diff <(echo 100.64.9.10/32) <(addresses_on tether0)
check "the laptop counts those that it does not take" status_is client drops.bad_message 6
check "the laptop's routes still lead into the tether" \
	eval 'lab_ip laptop route get "$WEB" | grep -q "dev tether0 src 100.64.9.10"'
start_relay
check "the tether works, with the true server" tunnel_ready 60

lab_ip laptop link delete tether0
check "without its TUN device the client ends with status 1" status_after client 1
check "it says what is wrong" said client 'tether0.*somebody has removed it'
check "the laptop's Wi-Fi has no address of its then" eval '! has_address wifi0 "$LAPTOP/16"'

lab_wifi_address
# shellcheck disable=SC2046 # two words
lab_start client laptop "$LAB_BUILD/tether-client" $(lab_mode) --server "$SERVER"
check "a client starts whose address the laptop has from elsewhere" tunnel_ready 60
lab_wifi_again() { remake_wifi && lab_wifi_address; }
check "the Wi-Fi interface is made anew, with that address" lab_wifi_again
check "the phone reaches the page again, without --wifi" wait_for 20 page_is_reachable
check "the laptop is online again, without --wifi" tunnel_ready 60
check "tether-client ends with status 0, without --wifi" lab_stop client
check "the address from elsewhere stays" has_address wifi0 "$LAPTOP/16"
lab_passed
