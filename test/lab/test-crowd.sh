#!/bin/bash
# SPDX-License-Identifier: ISC
# A thousand connections at once that say nothing, or never finish what they say:
# a tether that is up goes on, and the next good client is served.
#
#   test/lab/test-crowd.sh
#
# Needs root, build/tether-*, and: test/packages.sh lab
. "$(dirname "$0")/lab.sh"

page_is_served() { # URL
	lab_exec phone curl -sS --max-time 10 --fail -o /dev/null "$1"
}

soon_page_is_served() { wait_for 90 page_is_served "$1" || page_is_served "$1"; } # URL

crowd() { # NAME ADDRESS PORT [--slow]
	lab_start "$1" phone "$LAB_PYTHON" "$LAB_TRAFFIC" crowd "$2" "$3" --seconds 300 ${4:+"$4"}
	wait_for 30 grep -q open "$(lab_log "$1")"
}

server_page=http://$SERVER:8080/
laptop_page=http://$LAPTOP:6354/
lab_up
start_targets || lab_die "the web hosts do not start"
check "tether-server starts" start_server
check "tether-client starts" start_client
lab_passed || exit 1
start_relay
check "the tether is up" tunnel_ready

for kind in silent slow; do
	option=
	[ $kind = silent ] || option=--slow
	check "1000 $kind connections open to the server's port 8080" crowd to-server "$SERVER" 8080 $option
	check "1000 $kind connections open to the laptop's port 6354" crowd to-laptop "$LAPTOP" 6354 $option
	check "the tether works while $kind connections wait" traffic download "$WEB" 5000000
	check "the server serves the next good client among $kind connections" soon_page_is_served "$server_page"
	check "the laptop serves the next good client among $kind connections" soon_page_is_served "$laptop_page"
	lab_stop relay
	start_relay
	check "a new phone gets in among $kind connections" tunnel_ready 120
	lab_stop to-server
	lab_stop to-laptop
done
check "tether-server ends with status 0 after the crowds" lab_stop server
check "tether-client ends with status 0 after the crowds" lab_stop client
lab_passed
