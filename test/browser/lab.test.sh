#!/bin/bash
# SPDX-License-Identifier: ISC
# The page in a real Chromium on the lab's phone, served by each host, with real traffic through it: what a person
# reads when things go well and when they go wrong, what the laptop gets, and pictures in build/screenshots/.
#
#   test/browser/lab.test.sh
#
# Needs root, build/tether-*, and: test/packages.sh lab browser
. "$(dirname "$0")/../lab/lab.sh"
LAB_MODE=keyed

PAGE=http://$LAPTOP:6354/
ONLINE="The laptop is online"
AGAIN=60 # s; what comes back is found within this

page_link_is() { [ "$(page link "$1")" = "$2" ] || { page link "$1"; return 1; }; } # ID URL

# A person reads this, and the page is right for all.
reads() { # NAME-OF-PICTURES TEXT...
	local name=$1 words
	shift
	for words in "$@"; do
		page says "$words" || return
	done
	page audit "$name"
}

online() { page says "$ONLINE" && tunnel_ready $AGAIN; }

laptop_fetches() { # the web host's page, with its checksum
	traffic download "$WEB" 5000000
}

# The page shows what it counts each second, and 5 MB pass in less.
shows_bytes() { [[ $(page text up-bytes) =~ ^[1-9] && $(page text down-bytes) =~ ^[1-9] ]]; }
counted() { wait_for 20 shows_bytes || { echo "$(page text up-bytes) up, $(page text down-bytes) down"; return 1; }; }

# It is measured once in a while, and the page asks once in a while.
shows_milliseconds() { [[ $(page text round-trip) =~ ^[0-9]+\ ms$ ]]; }
round_trip_is_shown() { wait_for 60 shows_milliseconds || { page text round-trip; return 1; }; }

phone_is() { wait_for 20 status_is client phone.connected "$1"; } # true|false

# The Wi-Fi, or the way to the internet, takes what it is given, and gives it to nobody.
wifi_is_lost() {
	lab_exec laptop nft "add table inet lost; add chain inet lost in { type filter hook input priority -300; };
		add rule inet lost in iifname wifi0 drop"
}
wifi_is_back() { lab_exec laptop nft delete table inet lost; }
internet_is_lost() { lab_exec router sysctl -q -w net.ipv4.ip_forward=0; }
internet_is_back() { lab_exec router sysctl -q -w net.ipv4.ip_forward=1; }

lab_up
start_targets || lab_die "the web hosts do not start"
start_server || lab_die "tether-server does not start"
start_client || lab_die "tether-client does not start"
coproc DRIVER { lab_exec phone node "$LAB_ROOT/test/browser/driver.js" 2>"$(lab_log driver)"; }
exec 7<&"${DRIVER[0]}" 8>&"${DRIVER[1]}"

# ---- served by the laptop ----

check "the laptop's page loads in Chromium" page open "$PAGE"
check "the laptop's page says that the laptop is online" page says "$ONLINE"
check "the laptop's page gives no advice about blocking" page silent "blocking"
check "the client says that it has a phone" phone_is true
check "the laptop reaches the internet through the page" tunnel_ready
check "the laptop loads 5 MB through the page" laptop_fetches
check "the page counts bytes both ways" counted
check "the page shows the round trip that the laptop measures" round_trip_is_shown
check "the page is right for all while it relays" reads lab-online "$ONLINE" "Round trip"

lab_stop server
check "the server goes: the page says so, when it tries again, and what to check" reads lab-server-gone \
	"The server has stopped" "Next try in" "tether-server is running"
check "the server goes: the laptop stays connected" page state laptop connected
start_server
check "the server returns: the laptop is online again" online

internet_is_lost
check "the phone's internet goes, silently: the page says so" reads lab-internet-lost \
	"No connection to the server" "Check that this phone has internet"
internet_is_back
check "the phone's internet returns: the laptop is online again" online

wifi_is_lost
check "the Wi-Fi goes, silently: the page says so" reads lab-wifi-lost \
	"No connection to the laptop" "in the laptop's Wi-Fi network"
check "the Wi-Fi goes: the server has let go, and the page waits for the laptop" \
	page says "Waits for the laptop"
wifi_is_back
check "the Wi-Fi returns: the laptop is online again" online

lab_stop client
check "the client goes: the page says so and what to check" reads lab-client-gone \
	"No connection to the laptop" "tether-client is running"
start_client
check "the client returns: the laptop is online again" online

start_relay
check "another phone comes: the page stands back and says so" reads lab-taken-over \
	"Another phone or tab has taken over" "Use this one"
check "another phone comes: the laptop reaches the internet through it" tunnel_ready
lab_stop relay
check "the page's button is pressed" page click "#main-button"
check "the page's button is pressed: the laptop is online" online

check "the page is opened in a second tab" page tab
check "the second tab loads" page open "$PAGE"
check "the second tab relays" online
check "the second tab is closed" page close
check "the second tab is closed: the first takes over again" online

check "the button stops" page click "#main-button"
check "the page says that it is stopped" reads lab-stopped "Nothing is relayed through this phone." "Start"
check "the client says that it has no phone" phone_is false
check "the button starts" page click "#main-button"
check "the button starts: the laptop is online" online

check "the page is loaded anew" page open "$PAGE"
check "the page is loaded anew: the laptop is online" online

lab_stop client
lab_start client laptop "$LAB_BUILD/tether-client" --key-file "$LAB_DIR/key" --wifi wifi0
check "the client starts without --server" lab_wait_listening client laptop 6354
check "without --server the laptop's page loads" page open "$PAGE"
check "without --server the page says how to name one" reads lab-no-address \
	"Address not known" "Enter the server's address" "start tether-client with --server HOST"
check "the page's address names the server" page open "$PAGE?server=$SERVER"
check "the page's address names the server: the page asks first" reads lab-question "Use other addresses?" "$SERVER:8080"
check "a person says yes" page click "#yes-button"
check "a person says yes: the laptop is online" online
check "the page is loaded without it" page open "$PAGE"
check "the server that a person said yes to is kept: the laptop is online" online
page click "#settings-button" >/dev/null
check "the settings say which server is in use" page says "✓ In use: $SERVER"
check "the settings are emptied" page fill server-input ""
check "the settings are saved empty" page click "#settings-form .big"
check "no server is in use" page says "Which server?"
check "the page's address names none" page open "$PAGE?server=a:b:c"
check "the page's address names none: the page says so" reads lab-wrong-address "Wrong address" "a:b:c"
page open "$PAGE" >/dev/null
check "the settings open" page click "#settings-button"
check "the server's address is typed" page fill server-input "$SERVER"
check "the settings are right for all" page audit lab-settings
check "the settings are saved" page click "#settings-form .big"
check "the settings are saved: the laptop is online" online
check "the page is loaded anew with them" page open "$PAGE"
check "the page is loaded anew with them: the laptop is online" online
lab_stop client

lab_exec server "$LAB_BUILD/tether-server" --new-key --key-file "$LAB_DIR/other-key" >/dev/null
lab_start client laptop "$LAB_BUILD/tether-client" --key-file "$LAB_DIR/other-key" --wifi wifi0 --server "$SERVER"
check "the client starts with another key" lab_wait_listening client laptop 6354
check "with another key the page says so, and what to do" reads lab-wrong-key \
	"The server refuses the laptop's key" "start tether-client with the line that the server printed"
lab_stop client
start_client

# ---- served by the server ----

for url in "http://$SERVER/" "http://$SERVER:8080/"; do
	check "$url loads in Chromium" page open "$url"
	check "$url: Chromium blocks the connection to the laptop, and the page says so" reads lab-blocked \
		"This browser blocks the way to the laptop" "Blocked by this browser" "No connection to the laptop"
	check "$url: the page links to the laptop's own page" page_link_is advice-link "$PAGE"
	check "$url: the laptop has no phone" phone_is false
	check "$url: the link is followed" page click "#advice-link"
	check "$url: the laptop is online" online
done

lab_passed
