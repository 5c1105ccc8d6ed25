#!/bin/bash
# SPDX-License-Identifier: ISC
# What a student writes (doc/student.md): a laptop, a relay, a page and a server of a few lines each, among
# themselves and with our programs, in all pairings. The page runs in Chromium, from --html and from a file.
#
#   test/interop/test-student.sh
#
# Needs root, build/tether-*, and: test/packages.sh lab interop chromium
. "$(dirname "$0")/../lab/lab.sh"
student=$LAB_ROOT/doc/student

student_server() {
	lab_offloads off # packets as they are on the wire
	lab_exec server iptables -A OUTPUT -p tcp --tcp-flags RST RST -j DROP
	lab_start server server "$LAB_PYTHON" "$student/server.py" eth0
	lab_wait_listening server server 8080
}

student_laptop() {
	lab_wifi_address
	lab_start client laptop "$LAB_PYTHON" "$student/laptop.py"
	lab_wait_listening client laptop 6354
}

our_laptop() { start_client --html "$student/page" "$@"; }

leave_laptop() {
	lab_stop client
	lab_ip laptop address flush dev wifi0
}

student_relay() {
	lab_start relay phone "$LAB_PYTHON" "$student/relay.py" "ws://$LAPTOP:6354/websocket" \
		"ws://$SERVER:8080/websocket"
}

our_relay() { start_relay; }

open_page() { # URL
	lab_start relay phone "$LAB_ROOT/test/lab/browser.sh" stay "$LAB_DIR/profile" "$1"
}

file=file://$student/page/index.html

# The page as the laptop serves it; theirs serves none.
student_page() {
	[ "$laptop" = our_laptop ] && open_page "http://$LAPTOP:6354/#$SERVER:8080" || open_page "$file"
}

passes() {
	tunnel_ready 60 && traffic download "$WEB" 200000 && traffic upload "$WEB" 200000 &&
		traffic parallel "$WEB" --count 5
}

refused_page() { wait_for 60 grep -q 'refused a web page' "$(lab_log client)"; }

for server in start_server student_server; do
	lab_up
	start_targets || lab_die "the web hosts do not start"
	check "$server starts" "$server"
	for laptop in our_laptop student_laptop; do
		for phone in our_relay student_relay student_page; do
			[ $server+$laptop+$phone != start_server+our_laptop+our_relay ] || continue # no student's among them
			check "$server, $laptop, $phone: the laptop's program starts" $laptop
			$phone
			check "$server, $laptop, $phone: traffic passes both ways" passes
			lab_stop relay
			leave_laptop
		done
	done
	check "$server: tether-client starts with --origin null" our_laptop --origin null
	open_page "$file"
	check "$server: a page that is a file has the tether then" passes
	lab_stop relay
	leave_laptop
	check "$server: tether-client starts without it" our_laptop
	open_page "$file"
	check "$server: and the file is refused" refused_page
	lab_down
done
lab_passed
