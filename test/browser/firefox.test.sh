#!/bin/bash
# SPDX-License-Identifier: ISC
# The page in a real Firefox on the lab's phone, with real traffic through it.
#
#   test/browser/firefox.test.sh
#
# Needs root, build/tether-*, and: test/packages.sh lab browser firefox
. "$(dirname "$0")/../lab/lab.sh"
LAB_MODE=keyed

PAGE=http://$LAPTOP:6354/
ONLINE="The laptop is online"
PICTURES=$LAB_ROOT/build/screenshots

online() { page says "$ONLINE" && tunnel_ready 60; }

laptop_counted() { # up|down
	local bytes
	bytes=$(status_of client "bytes_$1") && [ "$bytes" -gt 5000000 ] || { echo "$bytes $1"; return 1; }
}

lab_up
start_targets || lab_die "the web hosts do not start"
start_server || lab_die "tether-server does not start"
start_client || lab_die "tether-client does not start"
coproc DRIVER { lab_exec phone env HOME="$LAB_DIR" node "$LAB_ROOT/test/browser/firefox.js" \
	"$LAB_DIR/phone-profile" 2>"$(lab_log driver)"; }
exec 7<&"${DRIVER[0]}" 8>&"${DRIVER[1]}"

check "the laptop's page loads in Firefox" page open "$PAGE"
check "the laptop is online" online
check "5 MB come through the page, whole" traffic download "$WEB" 5000000
check "5 MB go through the page, whole" traffic upload "$WEB" 5000000
check "the laptop counted what came" laptop_counted down
check "the laptop counted what went" laptop_counted up
check "a picture of it is taken" page picture "$PICTURES/firefox-online.png"
lab_stop server
check "the server goes: the page says so" page says "The server has stopped"
start_server
check "the server returns: the laptop is online again" online
check "the button stops" page click main-button
check "the page says that it is stopped" page says "Nothing is relayed through this phone."
check "the button starts" page click main-button
check "the button starts: the laptop is online" online
check "a tap asks for the screen" page click awake-button
check "a silent video plays, and is said to keep the screen on" page says "A small silent video keeps the screen on."
check "a picture of that is taken" page picture "$PICTURES/firefox-screen-kept-on.png"
lab_passed
