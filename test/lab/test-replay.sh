#!/bin/bash
# SPDX-License-Identifier: ISC
# The phone is a man in the middle: what it alters, cuts, repeats, reorders, replays or makes up is dropped and
# counted, and the session and what goes through it live on.
#
#   test/lab/test-replay.sh
#
# Needs root, build/tether-*, and: test/packages.sh lab
. "$(dirname "$0")/lab.sh"
LAB_MODE=keyed

size=20971520 # 20 MB

start_evil_relay() {
	lab_start relay phone "$LAB_PYTHON" "$LAB_ROOT/test/lab/evil-relay.py" \
		"ws://$LAPTOP:6354/websocket" "ws://$SERVER:8080/websocket"
}

evil() { lab_exec phone curl -sS --fail --max-time 60 "http://127.0.0.1:9000/$1"; } # COMMAND, see evil-relay.py

ping_once() { lab_exec laptop ping -c 1 -W 10 "$NEAR"; }

# Each ping is answered, and once.
pings_whole() { # COUNT
	local said
	said=$(lab_exec laptop ping -c "$1" -i 0.1 -W 10 "$NEAR")
	[[ $said == *" $1 received"* && $said != *DUP* ]] || { echo "$said"; return 1; }
}

# ---- counters: how much they have grown since remember ----

# All by which the programs count messages that they drop.
declare -A ALL_DROPS=(
	["client"]=session.forged+session.replayed+session.not_understood+drops.bad_message
	["server"]=keyed.forged+keyed.replayed+keyed.unknown_session+keyed.not_understood+keyed.wrong_key+keyed.rate_limited
)
declare -A FORGED=(["client"]=session.forged ["server"]=keyed.forged)
declare -A REPLAYED=(["client"]=session.replayed ["server"]=keyed.replayed)
declare -A NAME=(["client"]=laptop ["server"]=server) # the relay's word for it

whole_status() { # client|server
	local host=laptop url=http://$LAPTOP:6354/status.json
	[ "$1" = client ] || { host=server url=http://127.0.0.1:8080/status.json; }
	lab_exec "$host" curl -sS --max-time 5 --fail "$url"
}

remember() {
	whole_status client >"$LAB_DIR/client.before"
	whole_status server >"$LAB_DIR/server.before"
}

growth() { # client|server PATH[+PATH...]
	whole_status "$1" | "$LAB_PYTHON" -c '
import functools, json, sys
before, now = json.load(open(sys.argv[1])), json.load(sys.stdin)
value = lambda status, path: functools.reduce(lambda o, k: o[k], path.split("."), status)
print(sum(value(now, path) - value(before, path) for path in sys.argv[2].split("+")))' \
		"$LAB_DIR/$1.before" "$2"
}

grew_now() { [ "$(growth "$1" "$2")" = "$3" ]; }

grew() { # client|server PATH[+PATH...] BY-HOW-MUCH
	wait_for 20 grew_now "$@" && return
	echo "$1: $2 has grown by $(growth "$1" "$2"), not by $3"
	return 1
}

grew_at_least() { # client|server PATH[+PATH...] LEAST
	local by
	by=$(growth "$1" "$2")
	[ "$by" -ge "$3" ] || { echo "$1: $2 has grown by $by"; return 1; }
}

same_session() {
	grew server keyed.sessions 0 && grew client session.sessions 0 &&
		status_is client session.state '"up"' && status_is server links 1
}

# ---- attacks on single messages ----

# Sets `copies` and `content_bits` of the message that was caught.
attack() { # flip|truncate|triple|reverse client|server COUNT
	remember
	evil "arm?what=$1&to=${NAME[$2]}&count=$3" >/dev/null
	pings_whole "$3" || return
	read -r copies content_bits < <(evil result) && [ -n "$content_bits" ]
}

test_single() { # client|server
	local to="for the ${NAME[$1]}" copies content_bits
	check "a message $to comes with copies of which each has one bit inverted" attack flip "$1" 1
	# An inverted bit of the type can make an answer, which a laptop that waits for none leaves aside.
	[ "$1" = server ] || copies=$((copies - 1))
	echo "# $to: $copies copies with a bit inverted, $content_bits of them in the encrypted part"
	check "each copy $to, and the message's repetition, was dropped and counted, and nothing else" \
		grew "$1" "${ALL_DROPS[$1]}" $((copies + 1))
	check "the $content_bits with a bit of the encrypted part as forged" \
		grew_at_least "$1" "${FORGED[$1]}" "$content_bits"
	check "a message $to comes with copies of each shorter length" attack truncate "$1" 1
	check "each of the $copies, and the message's repetition, was dropped and counted, and nothing else" \
		grew "$1" "${ALL_DROPS[$1]}" $((copies + 1))
	check "20 messages $to come three times each, and count once" attack triple "$1" 20
	check "the others were counted as replayed" grew "$1" "${REPLAYED[$1]}" 40
	check "4 messages $to come in the reverse order, and all count" attack reverse "$1" 4
	check "nothing was dropped of them" grew "$1" "${ALL_DROPS[$1]}" 0
	remember
	replayed=$(evil "replay?to=${NAME[$1]}")
	echo "# $to: $replayed recorded messages once more"
	check "all that was recorded comes once more, and is counted as replayed" \
		grew "$1" "${REPLAYED[$1]}" "${replayed:-none}"
	check "that was some" [ "$replayed" -ge 40 ]
}

# ---- attacks on the session ----

start_download() {
	lab_start download laptop "$LAB_PYTHON" "$LAB_TRAFFIC" download "$WEB" $size --rate $((size / 3))
	sleep 0.5
}

download_ends_well() {
	lab_wait download 120 || { cat "$(lab_log download)"; return 1; }
}

# On a connection of its own, a record of the laptop's offer and messages comes to nothing.
exchange_is() { # ANSWERS: of the server
	local said
	said=$(evil "exchange?sealed=40")
	[ "$said" = "$1 4002" ] || { echo "answers and close code: $said"; return 1; }
}

test_offers() {
	remember
	start_download
	check "the recorded offer comes again on the laptop's own connection" evil offer
	check "the recorded offer comes on another connection: it is answered, and that is all" exchange_is 1
	check "pings pass" pings_whole 5
	check "a download goes on meanwhile, with the right checksum" download_ends_well
	check "it is the same session, on both sides" same_session
	check "the laptop has not changed its path" grew client session.path_changes 0
	check "the server saw what came on the other connection as replayed" grew_at_least server keyed.replayed 30
}

test_made_up() {
	remember
	start_download
	check "refusals, greetings and nonsense are made up for the laptop" evil "forge?to=laptop&count=50"
	check "and for the server" evil "forge?to=server&count=50"
	check "pings pass" pings_whole 5
	check "a download goes on meanwhile, with the right checksum" download_ends_well
	check "the laptop counted what it could not use" grew_at_least client "${ALL_DROPS[client]}" 500
	check "the server counted what it could not use" grew_at_least server "${ALL_DROPS[server]}" 500
	check "the session is up" status_is client session.state '"up"'
}

test_refused() {
	evil "refuse?on=1" >/dev/null
	evil "forge?to=laptop&count=1" >/dev/null # has the laptop make a fresh offer
	check "the laptop is told in the server's name that its key is wrong" \
		wait_for 20 grep -q 'wrong key' "$(lab_log client)"
	check "with its session all goes on" pings_whole 5
	check "so it says that the session is up" wait_for 10 status_is client session.state '"up"'
	evil "refuse?on=0" >/dev/null
}

# Whoever reads along on the wires knows which messages the server makes room for. It would free itself of such
# connections after 10 and some seconds.
test_claims() {
	check "40 connections claim to bring long messages of the session" evil "board?count=40"
	LAB_PID["evil"]=${LAB_PID[relay]}
	mv "$(lab_log relay)" "$(lab_log evil)" # which goes on writing there
	start_relay
	check "another phone takes over" wait_for 10 takes_over
	check "the tether works through it meanwhile" wait_for 20 pings_whole 5
	evil "board?count=0" >/dev/null
	lab_stop evil
	lab_stop relay
	start_evil_relay
	check "the man in the middle is back" tunnel_ready
}

takes_over() { grep -q "laptop: closed with 4001" "$(lab_log evil)"; }

more_sessions() { grew_at_least client session.sessions 1; }

# Many share one address with a phone: those behind the same carrier's NAT.
test_neighbours() {
	rm -f "$LAB_DIR/enough"
	remember
	lab_start strangers phone nice -n 19 "$LAB_PYTHON" "$LAB_ROOT/test/lab/strangers.py" flood "$SERVER" 8080 \
		--from 198.51.100.2 --rate 1000 --count 2000 --until "$LAB_DIR/enough"
	check "somebody with the phone's address floods the server with offers" \
		wait_for 30 grew_at_least server keyed.rate_limited 1000
	evil "forge?to=laptop&count=1" >/dev/null # has the laptop make a fresh offer
	check "the laptop gets fresh keys all the same" wait_for 20 more_sessions
	touch "$LAB_DIR/enough"
	check "the flood was as large as it should be" lab_wait strangers 60
}

# ---- everything at random ----

storm_counts() { # client|server
	local forged repeated
	read -r _ forged repeated < <(grep "^${NAME[$1]} " "$LAB_DIR/storm")
	echo "# for the ${NAME[$1]}: $forged altered or cut, $repeated repeated" >&3
	[ "${forged:-0}" -ge 3 ] && [ "${repeated:-0}" -ge 3 ] || { echo "too few to tell"; return 1; }
	grew "$1" "${FORGED[$1]}" "$forged" && grew "$1" "${REPLAYED[$1]}" "$repeated"
}

test_storm() {
	evil forget >/dev/null # messages of other sessions
	remember
	evil "storm?share=0.05" >/dev/null
	check "20 MB come whole while messages are altered, cut, repeated and delayed" traffic download "$WEB" $size
	check "20 MB go whole while messages are altered, cut, repeated and delayed" traffic upload "$WEB" $size
	evil "storm?share=0" >"$LAB_DIR/storm"
	check "the laptop has counted exactly those" storm_counts client
	check "the server has counted exactly those" storm_counts server
}

# ---- after the session's end ----

no_packet_came() { grew server packets_up 0; }

test_afterwards() {
	check "the laptop ends" lab_stop client
	evil forget >/dev/null
	start_client
	check "a session is recorded from its beginning" tunnel_ready
	check "with all that passes in it" pings_whole 40
	check "it ends" lab_stop client
	remember_server
	check "the recorded exchange is played to the server once more" exchange_is 1
	check "no session came of it" grew server keyed.sessions 0
	check "no packet came of it" no_packet_came
	lab_stop server
	start_server
	remember_server
	check "the recorded exchange is played to a server that was started anew" exchange_is 1
	check "no session came of that" status_is server keyed.sessions 0
	check "no packet came of that" status_is server packets_up 0
	check "the server knows none of the messages" grew_at_least server keyed.unknown_session 30
}

remember_server() { whole_status server >"$LAB_DIR/server.before"; }

exec 3>&1 # figures worth showing, past the output that "check" keeps
lab_up
start_targets || lab_die "the web hosts do not start"
check "tether-server starts" start_server
check "tether-client starts" start_client
start_evil_relay
check "the tether is up, through a phone that is a man in the middle" tunnel_ready
lab_passed || exit 1
test_single server
test_single client
test_offers
test_made_up
test_refused
test_claims
test_neighbours
lab_stop client
start_client
check "the laptop starts anew" tunnel_ready
test_storm
test_afterwards
check "tether-server ends with status 0" lab_stop server
lab_passed
