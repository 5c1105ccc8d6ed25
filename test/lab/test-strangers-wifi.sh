#!/bin/bash
# SPDX-License-Identifier: ISC
# Strangers in the laptop's Wi-Fi, who connect to it as phones do: a keyed tether that nobody uses at
# the moment keeps its path, a phone at another address gets in through a crowd, and one that has no
# way to the server is told so.
#
#   test/lab/test-strangers-wifi.sh
#
# Needs root, build/tether-*, and: test/packages.sh lab
. "$(dirname "$0")/lab.sh"
LAB_MODE=keyed
stranger=169.254.7.7 # another address in the Wi-Fi
watch_s=10           # the path was given up after 5 s of what was taken for silence
gets_in_s=20

log_lines() { grep -c "$2" "$(lab_log "$1")"; } # NAME TEXT

at_most() { # COUNT NAME TEXT
	local count
	count=$(log_lines "$2" "$3")
	[ "$count" -le "$1" ] && return
	echo "$count lines say \"$3\", the last: $(grep "$3" "$(lab_log "$2")" | tail -n 1)"
	return 1
}

# ---- strangers ----

start_false_phone() { # WHAT
	lab_start stranger phone "$LAB_PYTHON" "$LAB_ROOT/test/lab/false-phone.py" \
		"$1" "$LAPTOP" "$stranger"
	wait_for 10 grep -q connected "$(lab_log stranger)"
}

start_visits() { # A-SECOND; each visitor stays as long as he may
	rm -f "$LAB_DIR/enough"
	lab_start stranger phone "$LAB_PYTHON" "$LAB_ROOT/test/lab/strangers.py" visit "$LAPTOP" 6354 \
		--from "$stranger" --rate "$1" --count "$1" --until "$LAB_DIR/enough"
	wait_for 20 grep -q 'as many' "$(lab_log stranger)"
}

visits_end() {
	touch "$LAB_DIR/enough"
	lab_wait stranger 20
	local status=$?
	echo "#   $(tail -n 1 "$(lab_log stranger)")" >&3
	return $status
}

# ---- the path of an idle tether ----

path_is_kept() { # PATH-CHANGES TIMES-TOLD-TO-CONNECT-ANEW
	at_most "$2" relay 'status 4003' && status_is client session.path_changes "$1" &&
		status_is client session.state '"up"' && status_is client phone.address "\"$PHONE\""
}

pings_pass() {
	lab_exec laptop ping -q -c 5 -i 0.2 -W 2 "$NEAR" >"$LAB_DIR/pings" && return
	grep 'packets transmitted' "$LAB_DIR/pings"
	return 1
}

keeps_its_path() { # NAME BEGIN ARGUMENT
	local changes told
	changes=$(status_of client session.path_changes)
	told=$(log_lines relay 'status 4003')
	check "$1" "$2" "$3"
	sleep $watch_s
	check "$1: the path stays, and no phone is told to connect anew" path_is_kept "$changes" "$told"
	check "$1: pings pass" pings_pass
}

test_path() {
	check "tether-server starts" start_server
	check "tether-client starts" start_client
	start_relay
	check "the tether is up" tunnel_ready
	lab_passed || exit 1
	keeps_its_path "a stranger greets each 0.4 s" start_false_phone greet
	lab_stop stranger
	keeps_its_path "strangers connect twice a second" start_visits 2
	check "they have come" visits_end
}

# ---- a phone that comes back ----

# It is sent when the phone is gone and a stranger is there, and answered when the phone is back.
waiting_ping_is_answered() {
	lab_stop relay
	wait_for 10 grep -q 'phone is gone' "$(lab_log client)"
	lab_start ping laptop ping -c 1 -W 30 "$NEAR"
	sleep 0.5
	start_relay
	lab_wait ping 40 || { echo "no answer in 30 s"; return 1; }
}

test_return() {
	check "a stranger connects" start_visits 1
	check "what waits for the phone does not go to a stranger" waiting_ping_is_answered
	check "he has been there" visits_end
}

# ---- a crowd ----

test_crowd() {
	lab_stop relay
	lab_stop client
	check "the client starts anew" start_client
	check "a crowd comes from one address" start_visits 430
	start_relay
	check "a phone at another address gets its session" tunnel_ready $gets_in_s
	check "it keeps it" pings_pass
	check "the crowd has come" visits_end
	check "the log has some lines about it, not one a connection" at_most 12 client 'connect'
	check "and says how many there were" \
		wait_for 15 grep -q '[0-9]\{2,\} more connections' "$(lab_log client)"
}

# ---- a phone without a way to the server ----

# A server that is not there; the phone says of itself when it is told to connect anew.
phone_is_told() { wait_for 20 grep -q 'status 4003' "$(lab_log relay)"; }

test_dead_way() {
	for name in relay client server; do lab_stop $name; done
	check "the client starts without a server" start_client
	check "a stranger refuses each offer in the server's name" start_false_phone refuse
	start_relay
	check "a phone that does not reach the server is told to connect anew all the same" phone_is_told
	check "the log says in words what happened" \
		grep -q 'the server does not answer .* told to connect anew' "$(lab_log client)"
	check "and not that the phone is gone" at_most 0 client 'is gone'
	check "whoever sits at the laptop sees that somebody says \"wrong key\"" \
		status_is client session.state '"wrong key"'
}

exec 3>&1 # figures worth showing, past the output that "check" keeps
lab_up
lab_ip phone address add "$stranger/16" dev wifi0
test_path
test_return
test_crowd
test_dead_way
check "tether-client ends with status 0" lab_stop client
lab_passed
