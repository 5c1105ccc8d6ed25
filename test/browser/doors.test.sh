#!/bin/bash
# SPDX-License-Identifier: ISC
# The laptop's doors in a real Chromium on the lab's phone: pages of other sites, and pages whose name was made to
# lead to the laptop (DNS rebinding), do not become the relay; the laptop's own page, the server's, and those of
# --origin do. With --server the laptop's page opens WebSockets to the laptop and to that server alone.
#
#   test/browser/doors.test.sh
#
# Needs root, build/tether-*, build/ws-echo, and: test/packages.sh lab browser
. "$(dirname "$0")/../lab/lab.sh"

OWN=http://$LAPTOP:6354/
SOCKET=ws://$LAPTOP:6354/websocket
ON_PHONE=http://$PHONE:8000/   # a site near by, so that Chromium itself has nothing against it
ON_LAPTOP=http://$LAPTOP:8000/ # the laptop too, but another port
ELSEWHERE=ws://$PHONE:8001/ # an echo
RELAYING="The laptop is online"

# Chromium on the phone; what it takes for the laptop beside its address, and further arguments.
start_driver() { # ARGUMENTS...
	coproc DRIVER { lab_exec phone node "$LAB_ROOT/test/browser/driver.js" \
		--host-resolver-rules="MAP *.example $LAPTOP" "$@" 2>>"$(lab_log driver)"; }
	exec 7<&"${DRIVER[0]}" 8>&"${DRIVER[1]}"
}

stop_driver() {
	local pid=$DRIVER_PID
	exec 8>&- 7<&-
	eval "exec ${DRIVER[1]}>&-"
	wait "$pid"
}

socket_is() { # open|refused URL-OF-PAGE [URL-OF-SOCKET]
	local said
	page open "$2" || return
	said=$(page websocket "${3:-$SOCKET}")
	[ "$said" = "$1" ] || { echo "the WebSocket is: $said"; return 1; }
}

worker_is() { # open|refused URL-OF-PAGE URL-OF-SOCKET
	local said
	page open "$2" || return
	said=$(page worker "$3")
	[ "$said" = "$1" ] || { echo "the WebSocket is: $said"; return 1; }
}

both_open() { socket_is open "$@" && worker_is open "$@"; } # URL-OF-PAGE URL-OF-SOCKET

# The same, and it was the laptop that refused it, not the browser.
laptop_refuses() { # URL-OF-PAGE [URL-OF-SOCKET]
	local before after
	page open "$1" || return
	before=$(status_of client http.forbidden) || return
	[ "$(page websocket "${2:-$SOCKET}")" = refused ] || { echo "it opens"; return 1; }
	after=$(status_of client http.forbidden) || return
	[ "$after" -gt "$before" ] || # what else the browser asks for by a wrong name counts, too
		{ echo "forbidden went from $before to $after"; return 1; }
	status_is client phone.connected false
}

# In open mode the laptop is online when something has come back.
relays() { page open "$1" && tunnel_ready 60 && page says "$RELAYING"; } # URL

start_site() { # HOST
	mkdir -p "$LAB_DIR/site"
	echo "<!DOCTYPE html><title>Another site</title>Another site" >"$LAB_DIR/site/index.html"
	lab_start "site-$1" "$1" "$LAB_PYTHON" -m http.server 8000 --directory "$LAB_DIR/site"
	lab_wait_listening "site-$1" "$1" 8000
}

lab_up
start_targets || lab_die "the web hosts do not start"
start_server || lab_die "tether-server does not start"
start_client || lab_die "tether-client does not start"
start_site phone || lab_die "there is no other site"
start_site laptop || lab_die "there is no other site"
lab_start elsewhere phone "$LAB_BUILD/ws-echo" "$PHONE:8001"
lab_wait_listening elsewhere phone 8001 || lab_die "there is no other WebSocket"
start_driver

check "the laptop's own page relays" relays "$OWN"
check "the laptop reaches the internet through it" tunnel_ready
check "its WebSocket opens from its own page" socket_is open "$OWN"
check "a page of another site cannot open it" laptop_refuses "$ON_PHONE"
check "a page of another port of the laptop cannot open it" laptop_refuses "$ON_LAPTOP"
check "by another name the laptop shows no page" page open "http://rebinding.example:6354/"
check "it says what to open instead" page says "Open $OWN"
check "by another name the WebSocket does not open, although to the browser it is the same site" \
	laptop_refuses "http://rebinding.example:6354/" "ws://rebinding.example:6354/websocket"
check "the client says that a page was kept out, and how to let it in" \
	grep -- "--origin ${ON_PHONE%/} would let it in" "$(lab_log client)"
check "after all that, the laptop's own page relays" relays "$OWN"

# The page has nothing to do but between the two, and its policy knows that.
check "with --server the page opens no WebSocket elsewhere" socket_is refused "$OWN" "$ELSEWHERE"
check "with --server its Worker does not, either" worker_is refused "$OWN" "$ELSEWHERE"
check "with --server both open the server's" both_open "$OWN" "ws://$SERVER:8080/websocket"
page open about:blank >/dev/null
lab_stop client
lab_start client laptop "$LAB_BUILD/tether-client" $(lab_mode) --wifi wifi0
lab_wait_listening client laptop 6354 || lab_die "tether-client does not start without --server"
check "without --server both open any WebSocket, as a person may name any" both_open "$OWN" "$ELSEWHERE"

page open about:blank >/dev/null
lab_stop client
start_client --origin "$ON_PHONE" --origin http://tether.example:6354
check "with --origin the page of the other site opens it" socket_is open "$ON_PHONE"
check "with --origin a page of another port of the laptop still cannot" laptop_refuses "$ON_LAPTOP"
check "with --origin the laptop has that name, and its page relays" relays "http://tether.example:6354/"
check "with --origin another name is none" laptop_refuses "http://rebinding.example:6354/" \
	"ws://rebinding.example:6354/websocket"
check "with --origin the laptop's own page relays" relays "$OWN"

# A browser that lets pages from the internet reach local addresses, as all did once.
stop_driver
start_driver --disable-features=LocalNetworkAccessChecks,LocalNetworkAccessChecksWebSockets
check "where the browser allows it, the server's page relays" page open "http://$SERVER/"
check "it claims no more than it knows" page says "Both ends are connected"
check "the laptop reaches the internet through the server's page" tunnel_ready
check "where the browser allows it, a page of the internet does not open the WebSocket" \
	laptop_refuses "http://$WEB/"
stop_driver

lab_passed
