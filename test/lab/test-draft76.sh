#!/bin/bash
# SPDX-License-Identifier: ISC
# The whole tether through phones that speak draft 76 alone, in open and in keyed mode: the page in a
# browser of 2010 (test/browser/draft76.js), and a relay by a client that others wrote in 2010. Phones
# of RFC 6455 take over from them, and they from those.
#
#   test/lab/test-draft76.sh [open|keyed]     one of the modes alone
#
# Needs root, build/tether-*, and: test/packages.sh lab browser interop
. "$(dirname "$0")/lab.sh"

LIMIT_S=60
SIZE=5242880 # 5 MB
PAGE=http://$LAPTOP:6354/

page() { # COMMAND WORDS...; answers with what comes after "ok"
	local answer
	echo "$*" >&8
	read -r -t $((LIMIT_S + 30)) answer <&7 || answer="error the driver does not answer"
	echo "${answer#* }"
	[[ $answer == ok* ]]
}

phone_is() { # true|false: whether the client says that it has one
	wait_for $LIMIT_S status_is client phone.connected "$1" || status_is client phone.connected "$1"
}

start_relay76() {
	lab_start relay76 phone node "$LAB_ROOT/test/lab/draft76-relay.js" "ws://$LAPTOP:6354/websocket" \
		"ws://$SERVER:8080/websocket"
}

says() { grep -q "$2" "$(lab_log "$1")" || { echo "$1 does not say: $2"; return 1; }; } # NAME TEXT
soon_says() { wait_for $LIMIT_S says "$1" "$2" || says "$1" "$2"; }

pings() { lab_exec laptop ping -c 5 -i 0.2 -W 5 "$WEB"; }

all_traffic() { # HOW
	check "$1: a host behind the router answers five pings" pings
	check "$1: 5 MB come, whole" traffic download "$WEB" $SIZE
	check "$1: 5 MB go, whole" traffic upload "$WEB" $SIZE
	check "$1: datagrams go and come back" traffic udp "$WEB" --first 1400
	check "$1: all went as text" status_is client form '"text"'
	check "$1: every message was one, at the laptop" status_is client drops.bad_message 0
	check "$1: every message was one, at the server" status_is server drops.bad_message 0
}

relays_on_page() { [ "$(page eval "document.documentElement.getAttribute('data-relay')")" = page ]; }

# For as long as a page would need to come back some times.
stays_away() {
	local before
	before=$(grep -c 'phone .* is connected' "$(lab_log client)")
	sleep 4
	[ "$(grep -c 'phone .* is connected' "$(lab_log client)")" = "$before" ] ||
		{ echo "phones come and go: $(tail -n 1 "$(lab_log client)")"; return 1; }
}

test_mode() { # open|keyed
	LAB_MODE=$1
	check "$1: tether-server starts" start_server
	check "$1: tether-client starts" start_client
	check "$1: the page loads in a browser of 2010" page open "$PAGE"
	check "$1: the laptop reaches a host through it" tunnel_ready $LIMIT_S
	check "$1: the page says that the laptop is online" page says "The laptop is online"
	check "$1: the page runs without a Worker" relays_on_page
	lab_passed || exit 1
	all_traffic "$1, the page over draft 76"
	check "$1: no script of the page has failed" page problems

	start_relay
	check "$1: a phone of RFC 6455 comes: the page says that it has taken over" \
		page says "Another phone or tab has taken over"
	check "$1: the laptop reaches a host through that" tunnel_ready $LIMIT_S
	check "$1: the page does not fight for its place" stays_away
	check "$1: 5 MB come through the phone of RFC 6455" traffic download "$WEB" $SIZE
	check "$1: the page's button is pressed" page click "#main-button"
	check "$1: the laptop reaches a host through the page again" tunnel_ready $LIMIT_S
	check "$1: the page says so" page says "The laptop is online"
	check "$1: and the other phone stands back" soon_says relay 4001
	lab_stop relay
	check "$1: 5 MB come through the page once more" traffic download "$WEB" $SIZE

	start_relay76
	check "$1: another phone of draft 76 comes: the page says that it has taken over" \
		page says "Another phone or tab has taken over"
	check "$1: that phone's client, which others wrote, is understood by both hosts" relay76_is_up
	lab_passed || exit 1
	check "$1: the laptop reaches a host through it" tunnel_ready $LIMIT_S
	all_traffic "$1, websocket-client of 2010"
	check "$1: the page's button is pressed again" page click "#main-button"
	check "$1: the other phone hears why it is closed" soon_says relay76 "4001 another phone"
	check "$1: the laptop reaches a host through the page once more" tunnel_ready $LIMIT_S
	check "$1: the page says so once more" page says "The laptop is online"
	check "$1: the server goes: the page says so" server_goes
	check "$1: the server returns" start_server
	check "$1: the tether works again" tunnel_ready $LIMIT_S
	check "$1: the laptop is online again" page says "The laptop is online"
}

relay76_is_up() { soon_says relay76 "laptop: connected" && soon_says relay76 "server: connected"; }

lab_ended() { lab_running "$1" || return 0; lab_stop "$1"; } # NAME

server_goes() {
	lab_stop server
	page says "No connection to the server" || page says "The server has stopped"
}

# A phone that has gone without a word, when nothing is to be said either. TCP finds out.
test_silence() {
	page open about:blank >/dev/null
	lab_stop relay76
	check "there is no phone" phone_is false
	start_relay76
	check "a phone of draft 76 is there" phone_is true
	lab_exec phone nft -f - <<<"table inet lost { chain in { type filter hook input priority 0; iif wifi0 drop; }
		chain out { type filter hook output priority 0; oif wifi0 drop; }; }"
	LIMIT_S=120 check "it goes without a word, and is given up" phone_is false
	lab_exec phone nft delete table inet lost
	lab_stop relay76
}

lab_up
start_targets || lab_die "the web hosts do not start"
coproc DRIVER { OLD=1 lab_exec phone node "$LAB_ROOT/test/browser/driver.js" 2>"$(lab_log driver)"; }
exec 7<&"${DRIVER[0]}" 8>&"${DRIVER[1]}"

for mode in ${1:-keyed open}; do
	test_mode "$mode"
	[ "$mode" = keyed ] || test_silence
	for name in relay76 relay client server; do
		check "$mode: $name ends when it is asked to" lab_ended $name
	done
done
lab_passed
