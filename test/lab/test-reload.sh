#!/bin/bash
# SPDX-License-Identifier: ISC
# The phone's page is loaded again in Chromium while a download and an idle connection go on.
#
#   test/lab/test-reload.sh
#
# Needs root, build/tether-*, and: test/packages.sh lab browser
. "$(dirname "$0")/lab.sh"
LAB_MODE=keyed

ended_well() { # NAME
	lab_wait "$1" 120
	local status=$?
	cat "$(lab_log "$1")"
	[ $status -eq 0 ]
}

reload() { # TIMES
	local port
	port=$(head -n 1 "$LAB_DIR/phone-profile/DevToolsActivePort") &&
		lab_exec phone node "$LAB_ROOT/test/browser/reload.js" "$port" "$1"
}

lab_up
start_targets || lab_die "the web hosts do not start"
check "tether-server starts" start_server
check "tether-client starts" start_client
start_browser
check "with Chromium as the phone the laptop reaches a host" tunnel_ready 60
lab_passed || exit 1
lab_start download laptop "$LAB_PYTHON" "$LAB_TRAFFIC" download "$WEB" $((12 * 1048576)) --rate 1048576
lab_start idle laptop "$LAB_PYTHON" "$LAB_TRAFFIC" idle "$WEB" --until "$LAB_DIR/idle-goes-on"
check "a download and an idle connection begin" wait_for 20 grep -q waiting "$(lab_log idle)"
check "the page is loaded again three times" reload 3
check "the laptop reaches a host again" tunnel_ready 30
touch "$LAB_DIR/idle-goes-on"
check "the idle connection goes on" ended_well idle
check "the download ends with the right checksum" ended_well download
check "all that under one session" status_is client session.sessions 1
lab_passed
