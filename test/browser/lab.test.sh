#!/bin/bash
# The page in a real Chromium on the lab's phone, served by each host, with real traffic through it: what a person
# reads, and what the laptop gets.
#
#   test/browser/lab.test.sh
#
# Needs root, build/tether-*, and: test/packages.sh lab browser
. "$(dirname "$0")/../lab/lab.sh"

PAGE=http://$LAPTOP:6354/
RELAYING="Relaying. Keep this page open."

# One command for the browser (see driver.js); prints the value that it answers.
page() { # COMMAND...
	local status value
	echo "$*" >&8
	read -r -t 120 status value <&7 || { echo "the browser does not answer"; return 1; }
	echo "$value"
	[ "$status" = ok ]
}

page_link_is() { [ "$(page link "$1")" = "$2" ] || { page link "$1"; return 1; }; } # ID URL

laptop_fetches() { # the web host's page, with its checksum
	traffic download "$WEB" 5000000
}

counts_grew() {
	local up down
	up=$(page text up-messages) && down=$(page text down-messages) || return
	[ "$up" -gt 0 ] && [ "$down" -gt 0 ] || { echo "messages: $up up, $down down"; return 1; }
}

phone_is() { wait_for 20 status_is client phone.connected "$1"; } # true|false

lab_up
start_targets || lab_die "the web hosts do not start"
start_server || lab_die "tether-server does not start"
start_client || lab_die "tether-client does not start"
coproc DRIVER { lab_exec phone node "$LAB_ROOT/test/browser/driver.js" 2>"$(lab_log driver)"; }
exec 7<&"${DRIVER[0]}" 8>&"${DRIVER[1]}"

# ---- served by the laptop ----

check "the laptop's page loads in Chromium" page open "$PAGE"
check "the laptop's page says that it relays" page says "$RELAYING"
check "the laptop's page gives no advice about blocking" page silent "blocking"
check "the client says that it has a phone" phone_is true
check "the laptop reaches the internet through the page" tunnel_ready
check "the laptop loads 5 MB through the page" laptop_fetches
check "the page counts messages both ways" counts_grew

lab_stop server
check "the server goes: the page says so" page says "Not relaying: the server is not connected."
check "the server goes: the page says when it tries again" page says "Next try in"
check "the server goes: the page says what to check" page says "tether-server is running"
check "the server goes: the laptop stays connected" page state laptop connected
start_server
check "the server returns: the page relays again" page says "$RELAYING"
check "the server returns: the laptop reaches the internet" tunnel_ready

lab_stop client
check "the client goes: the page says so" page says "Not relaying: the laptop is not connected."
check "the client goes: the page says what to check" page says "tether-client is running"
start_client
check "the client returns: the page relays again" page says "$RELAYING"
check "the client returns: the laptop reaches the internet" tunnel_ready

start_relay
check "another phone comes: the page stands back and says so" \
	page says "Stopped: another phone or tab is relaying now."
check "another phone comes: the laptop reaches the internet through it" tunnel_ready
lab_stop relay
check "the page's button is pressed" page click "#take-over-button"
check "the page's button is pressed: it relays again" page says "$RELAYING"
check "the page's button is pressed: the laptop reaches the internet" tunnel_ready

check "the page is loaded anew" page open "$PAGE"
check "the page is loaded anew: it relays" page says "$RELAYING"
check "the page is loaded anew: the laptop reaches the internet" tunnel_ready

lab_stop client
lab_start client laptop "$LAB_BUILD/tether-client" --open --wifi wifi0
check "the client starts without --server" lab_wait_listening client laptop 6354
check "without --server the laptop's page loads" page open "$PAGE"
check "without --server the page says how to name one" page says "add ?server=HOST to this page's address"
check "the page's address names the server" page open "$PAGE?server=$SERVER"
check "the page's address names the server: it relays" page says "$RELAYING"
check "the page's address names the server: the laptop reaches the internet" tunnel_ready
lab_stop client
start_client

# ---- served by the server ----

for url in "http://$SERVER/" "http://$SERVER:8080/"; do
	check "$url loads in Chromium" page open "$url"
	check "$url: Chromium blocks the connection to the laptop, and the page says so" \
		page says "This browser blocks this page's connection to the laptop"
	check "$url: the page says that nothing is relayed" \
		page says "Not relaying: the laptop is not connected."
	check "$url: the page links to the laptop's own page" page_link_is advice-link "$PAGE"
	check "$url: the page is connected to the server" page state server connected
	check "$url: the laptop has no phone" phone_is false
	check "$url: the link is followed" page click "#advice-link"
	check "$url: the laptop's page relays" page says "$RELAYING"
	check "$url: the laptop reaches the internet" tunnel_ready
done

lab_passed
