#!/bin/bash
# SPDX-License-Identifier: ISC
# What a person reads is true: brings about each state of the table in doc/states.md, with a real Chromium as the
# phone and tether-client on a terminal, and finds the table's words on both. The times that it took are printed;
# only what takes five times as long as the table promises is an error, as machines are busy.
#
#   test/lab/test-states.sh
#
# Needs root, build/tether-*, and: test/packages.sh lab browser terminal
. "$(dirname "$0")/lab.sh"
LAB_MODE=keyed
PAGE=http://$LAPTOP:6354/
ONLINE="The laptop is online"
REACHED=" names fail " # by test/browser/face.test.js
PATIENCE=5             # times what the table promises

now_ms() { echo $(($(date +%s%N) / 1000000)); }

# ---- the browser ----

start_driver() { # ARGUMENTS...
	coproc DRIVER { lab_exec phone node "$LAB_ROOT/test/browser/driver.js" "$@" 2>>"$(lab_log driver)"; }
	exec 7<&"${DRIVER[0]}" 8>&"${DRIVER[1]}"
}

stop_driver() {
	local pid=$DRIVER_PID
	exec 8>&- 7<&-
	eval "exec ${DRIVER[1]}>&-"
	wait "$pid"
}

# ---- the terminal ----

start_client() { # ARGUMENTS...
	seen=$LAB_DIR/terminal-$((++terminals))
	mkdir "$seen"
	lab_start client laptop env TERM=xterm-256color "$LAB_PYTHON" "$LAB_ROOT/test/lab/terminal.py" "$seen" 100 60 \
		"$LAB_BUILD/tether-client" --wifi wifi0 "$@"
	lab_wait_listening client laptop 6354
}

keyed_client() { start_client --key-file "$LAB_DIR/key" --server "$SERVER" "$@"; }
open_client() { start_client --open --server "$SERVER"; }

status_line() { grep '^phone ' "$seen/screen" | tail -n 1; }
terminal_says() { [[ $(status_line) =~ ^phone\ (up|down)\ \ "$1"(\ \ |$) || $(status_line) == *"  $1  "* ]]; }

# When the terminal says it, into a file.
watch_terminal() { # WORDS
	local deadline=$((SECONDS + 60))
	until terminal_says "$1"; do
		[ $SECONDS -lt $deadline ] || return
		sleep 0.05
	done
	now_ms >"$LAB_DIR/terminal-said"
}

# ---- the table ----

column() { # STATE COLUMN
	awk -F ' *[|] *' -v state="$1" -v column="$2" '$2 == state { print $column }' "$LAB_ROOT/doc/states.md"
}

in_time() { # WHERE SINCE-MS UNTIL-MS PROMISED-S
	local took=$(($3 - $2))
	echo "$1 $took ms"
	[ $took -le $(($4 * 1000 * PATIENCE)) ] || { echo "the $1 took $took ms, and $4 s are promised"; return 1; }
}

claims_nothing() { # PAGE-WORDS TERMINAL-WORDS
	[[ $1 == *"$ONLINE"* || $1 == - ]] || page silent "$ONLINE" || return
	[[ $2 == *"server up"* || $2 == - ]] || ! terminal_says "server up" || { status_line; return 1; }
}

# Page and terminal say what the table has for this state, in time; the cause was at $since.
both_say() { # STATE
	local page terminal within
	page=$(column "$1" 4) terminal=$(column "$1" 5) within=$(column "$1" 6)
	within=${within% s}
	[ "$within" -gt 0 ] || { echo "the table has no such state"; return 1; }
	page=${page/–/-} terminal=${terminal/–/-}
	rm -f "$LAB_DIR/terminal-said"
	[ "$terminal" = - ] || watch_terminal "$terminal" &
	[ "$page" = - ] || { page says "$page" && page_at=$(now_ms); } || return
	wait $!
	[ "$page" = - ] || in_time page "$since" "$page_at" "$within" || return
	[ "$terminal" = - ] || [ -s "$LAB_DIR/terminal-said" ] || { echo "the terminal says: $(status_line)"; return 1; }
	[ "$terminal" = - ] || in_time terminal "$since" "$(cat "$LAB_DIR/terminal-said")" "$within" || return
	claims_nothing "$page" "$terminal"
}

# Does what brings the state about, and looks.
state() { # STATE COMMAND...
	local name=$1 said
	shift
	since=$(now_ms)
	"$@" >"$LAB_DIR/cause.out" 2>&1 || { not_ok "$name" "$(tail -n 1 "$LAB_DIR/cause.out")"; return; }
	check "$name: page and terminal say \"$(column "$name" 4)\", \"$(column "$name" 5)\"" both_say "$name"
	sed -n 's/^\(page\|terminal\) [0-9]* ms$/#   &/p' "$LAB_DIR/check.out"
	REACHED="$REACHED $name "
}

all_are_reached() {
	local name
	while read -r name; do
		[[ $REACHED == *" $name "* ]] || { echo "nothing reached: $name"; return 1; }
	done < <(sed -n '/^|---/,/^$/s/^| \([^|]*\) |.*/\1/p' "$LAB_ROOT/doc/states.md")
}

# ---- causes ----

opens_page() { page open "${1:-$PAGE}"; } # [URL]
begin_talking() { lab_start talk laptop ping -i 0.5 "$NEAR"; }
firewall_closes() {
	lab_exec server nft "add table inet closed; add chain inet closed in { type filter hook input priority -300; };
		add rule inet closed in tcp dport { 80, 443, 8080 } drop"
}
firewall_opens() { lab_exec server nft delete table inet closed; }
wifi_is_lost() {
	lab_exec laptop nft "add table inet lost; add chain inet lost in { type filter hook input priority -300; };
		add rule inet lost in iifname wifi0 drop"
}
wifi_is_back() { lab_exec laptop nft delete table inet lost; }
signal() { kill "-$1" "${LAB_PID[$2]}"; } # SIGNAL NAME
nothing() { :; }
restart_client() { # keyed_client|open_client [ARGUMENTS...]
	page open about:blank
	lab_stop client
	"$@"
}
fresh() { page open about:blank; }
crowd() {
	lab_start crowd phone "$LAB_PYTHON" -u "$LAB_ROOT/test/interop/keyed_laptop.py" --key-file "$LAB_DIR/key" \
		--connect "ws://$SERVER:8080/websocket" crowd
	wait_for 60 grep -q 'all are here' "$(lab_log crowd)"
}

lab_up
start_targets || lab_die "the web hosts do not start"
start_server || lab_die "tether-server does not start"
keyed_client || lab_die "tether-client does not start"
start_driver

state "no phone" nothing
state "online" opens_page
lab_stop server
start_server
state "online" nothing
state "server stopped" lab_stop server TERM
start_server
state "online" nothing
begin_talking
signal STOP server
state "server frozen" nothing
signal CONT server
state "online" nothing
since=$(now_ms)
lab_stop server KILL
state "server killed" nothing
lab_stop talk
fresh
state "refused" opens_page
start_server
state "online" nothing
state "taken over" start_relay
lab_stop relay
page click "#main-button" >/dev/null
state "online" nothing
state "stopped" page click "#main-button"
page click "#main-button" >/dev/null
state "online" nothing
wifi_is_lost
state "laptop silent" nothing
wifi_is_back
state "online" nothing
state "no laptop" lab_stop client

lab_exec server "$LAB_BUILD/tether-server" --new-key --key-file "$LAB_DIR/other-key" >/dev/null
start_client --key-file "$LAB_DIR/other-key" --server "$SERVER"
state "wrong key" opens_page
restart_client start_client --key-file "$LAB_DIR/key"
state "no server" opens_page
restart_client keyed_client
firewall_closes
state "firewall" opens_page
state "firewall, later" nothing
firewall_opens
state "online" nothing
restart_client nothing
lab_stop server
start_server
check "laptops take all places" crowd
keyed_client
state "full" opens_page
lab_stop crowd
restart_client keyed_client
state "blocked" opens_page "http://$SERVER/"
stop_driver
start_driver --disable-features=LocalNetworkAccessChecks,LocalNetworkAccessChecksWebSockets
state "mute" opens_page "http://$SERVER/"
restart_client open_client
state "open, wants key" opens_page
fresh
lab_stop server
LAB_MODE=open start_server
state "open, nothing" opens_page
begin_talking
state "open, online" nothing
signal STOP server
state "open, frozen" nothing
signal CONT server
state "open, online" nothing
lab_stop talk
restart_client keyed_client
state "no session" opens_page
check "each state of the table was reached" all_are_reached
stop_driver
lab_passed
