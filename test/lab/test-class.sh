#!/bin/bash
# SPDX-License-Identifier: ISC
# A class behind one address, in open mode and without ids: forty laptops, each with a phone of its own, whose
# phones all have the same address for the server. Each laptop has the same inside address, too.
#
#   test/lab/test-class.sh [LAPTOPS]
#
# The phones are relays on one host. Needs root, build/tether-*, and: test/packages.sh lab
. "$(dirname "$0")/lab.sh"
laptops=${1:-40}

add_laptop() { # NUMBER
	lab_add_host "laptop$1" 0 && lab_wire "laptop$1" wifi0 phone "wifi$1" || return
	lab_ip phone address add "172.16.$1.1/24" dev "wifi$1"
	lab_ip "laptop$1" address add "172.16.$1.2/24" dev wifi0
	lab_start "client$1" "laptop$1" "$LAB_BUILD/tether-client" --open --listen "172.16.$1.2:6354" \
		--server "$SERVER" --dns none --tun tether0
}

relay_of() { # NUMBER [NAME]
	lab_start "${2:-relay$1}" phone "$LAB_BUILD/tether-relay" --laptop "ws://172.16.$1.2:6354/websocket" \
		--server "ws://$SERVER:8080/websocket"
}

all() { # FUNCTION
	local number
	for number in $(seq "$laptops"); do "$1" "$number" || return; done
}

client_listens() { lab_wait_listening "client$1" "laptop$1" 6354; }
stop_relay() { lab_stop "relay$1"; }

# (Who has not spoken yet has no place.)
phones_are_there() { [ "$(lab_exec server ss -Htn state established 'sport = :8080' | wc -l)" = "$laptops" ]; }

start_class() {
	all add_laptop && all client_listens && all relay_of && wait_for 60 phones_are_there && return
	echo "not all phones are connected"
	return 1
}

# The lines of a class: one to say what to do, one that answers.
begin_lessons() {
	coproc LESSONS { exec "$LAB_PYTHON" "$LAB_ROOT/test/lab/classroom.py" "$LAB_ID" "$laptops" "$WEB"; }
	exec {say}>&"${LESSONS[1]}" {hear}<&"${LESSONS[0]}"
}

end_lessons() {
	exec {say}>&- {hear}<&-
	kill "$LESSONS_PID" # what was started since holds the line, too
	wait "$LESSONS_PID"
}

class() { # COMMAND
	local answer
	echo "$*" >&"$say"
	read -r -t 300 answer <&"$hear" || answer="no answer"
	[ "$answer" = ok ] || { echo "$answer"; return 1; }
}

all_at_once() {
	all stop_relay
	wait_for 20 status_is server links 0 || return
	all relay_of
}

# The old phone has stopped without a word, and its connection stays.
freeze_relay() { # NUMBER
	kill -STOP "${LAB_PID[relay$1]}"
	relay_of "$1" "second$1"
}

# Of what the program itself has written to, in which its tables are. (Were each place and connection written to at the
# start, it would be 3 300 KiB.)
anonymous_below() { # NAME KIB
	local kib
	kib=$(awk '/^RssAnon:/ { print $2 }' "/proc/${LAB_PID[$1]}/status")
	[ "$kib" -lt "$2" ] || { echo "$kib KiB are resident, more than $2"; return 1; }
}

none_displaced() {
	! grep -h 'status 4001' "$LAB_DIR"/relay*.log || return
	! grep 'in place of the one before' "$(lab_log server)"
}

# A laptop alone at its address: another phone, or the same again after the network has lost it, has the tether at
# once, also where the laptop is silent.
lab_up
all_laptops=$laptops
laptops=1
check "tether-server starts" start_server
check "a laptop behind an address of its own comes in" start_class
begin_lessons
check "it talks by TCP and UDP" class open own
check "its phone falls silent, and another comes" freeze_relay 1
check "the silent laptop hears the web host" class push 1
check "by the second phone" wait_for 5 grep 'in place of the one before' "$(lab_log server)"
kill -CONT "${LAB_PID[relay1]}"
end_lessons
lab_down

lab_up
laptops=$all_laptops
check "tether-server starts for the class" start_server
check "places that nobody has had yet cost no memory" anonymous_below server 3100
before=$(resident_kib server)
check "$laptops laptops behind one address come in" start_class
begin_lessons
check "each talks by TCP and UDP, all from the same inside address and port" class open 5000
check "the connections live side by side" class talk
check "no laptop was displaced by another" none_displaced
check "each got its own packets, and none of another's" class overheard
check "the server has a place for each" status_is server links "$laptops"
echo "# the server: $before KiB resident before the class, $(resident_kib server) KiB with it"

check "one phone of the class goes" stop_relay 7
check "and comes back" relay_of 7
check "its laptop, which was silent, hears the web host: its mapping is kept" class push 7
check "and speaks on" class talk 7

check "each opens a connection from a port of its own" class open own
check "all phones go and come back at the same time" all_at_once
check "all connections go on" class talk
check "a phone falls silent, and another comes for the same laptop" freeze_relay 9
check "its connection goes on" class talk 9
check "and those of the others" class talk
check "nobody got a packet of another's in all that" class overheard
kill -CONT "${LAB_PID[relay9]}"
end_lessons
check "tether-server ends with status 0" lab_stop server
lab_passed
