#!/bin/bash
# SPDX-License-Identifier: ISC
# What tether-client shows on a terminal, with somebody in front of it (terminal.py): the QR code of its
# page's address, which zbarimg reads from a picture of the screen, and the status line.
#
#   test/lab/test-terminal.sh
#
# Needs root, build/tether-*, and: test/packages.sh lab terminal
. "$(dirname "$0")/lab.sh"
LAB_MODE=keyed
longest=fdff:ffff:ffff:ffff:ffff:ffff:ffff:ffff
blocks='▀\|▄'

look_at() { seen=$LAB_DIR/$1-terminal; } # NAME

# A program in a terminal of its own, with a folder for what is seen there.
lab_start_seen() { # NAME COLUMNS LINES COMMAND...
	look_at "$1"
	mkdir "$seen"
	lab_start "$1" laptop env TERM=xterm-256color "$LAB_PYTHON" "$LAB_ROOT/test/lab/terminal.py" \
		"$seen" "${@:2}"
}

start_on_terminal() { # NAME COLUMNS LINES [TERM=KIND] [ARGUMENTS...]
	local place=("${@:1:3}") kind=()
	shift 3
	[[ ${1-} != TERM=* ]] || { kind=(env "$1"); shift; }
	# shellcheck disable=SC2046 # two words
	lab_start_seen "${place[@]}" "${kind[@]}" "$LAB_BUILD/tether-client" $(lab_mode) --server "$SERVER" "$@"
}

shows() { grep -q -e "$1" "$seen/screen" || { tail -n 30 "$seen/screen"; return 1; }; } # PATTERN
soon_shows() { wait_for 20 shows "$1" || shows "$1"; }
shows_line() { grep -qx -e "tether-client: $1" "$seen/screen" || { cat "$seen/screen"; return 1; }; } # TEXT
status_line() { grep '^phone ' "$seen/screen"; }
never_showed() { ! grep -q -e "$1" "$seen/raw" || { cat -v "$seen/raw" | tail -n 30; return 1; }; } # PATTERN
types() { printf '%b' "$1" >"$seen/keys" && mv "$seen/keys" "$seen/type"; } # KEYS
resize() { echo "$1 $2" >"$seen/new-size" && mv "$seen/new-size" "$seen/size"; } # COLUMNS LINES

picture_is_there() { [ -s "$seen/light.pbm" ]; }

# Both pictures: of a dark terminal and of a light one. Something must have been seen there already.
camera_reads() { # NAME TEXT
	local picture read
	kill -USR1 "${LAB_PID[$1]}" && wait_for 10 picture_is_there || return
	for picture in dark light; do
		read=$(zbarimg -q --nodbus --raw "$seen/$picture.pbm")
		[ "$read" = "$2" ] || { cat "$seen/screen"; echo "the $picture picture says \"$read\""; return 1; }
	done
}

one_status_line_at_a_time() {
	[ "$(cat "$seen/most")" -eq 1 ] || { cat "$seen/screen"; echo "$(cat "$seen/most") status lines"; return 1; }
}

# After the end: whole log lines, and the QR code, and nothing of the status line.
only_log_lines_remain() {
	! grep -v -e '^tether-client: ' -e "^\( \|$blocks\)*$" "$seen/screen"
}

narrower_than() { # COLUMNS
	local line
	line=$(status_line)
	[ ${#line} -gt 0 ] && [ ${#line} -lt "$1" ]
}

# Log lines come while the status line stands below.
phone_comes_and_goes() {
	local times
	for times in 1 2; do
		lab_stop relay
		soon_shows '^phone down  waiting for a phone' || { echo "the ${times}th time"; return 1; }
		start_relay
		soon_shows '^phone up  server up' || { echo "the ${times}th time"; return 1; }
	done
}

log_lines_are_whole() {
	shows_line "phone $PHONE is connected" && shows_line 'the session with the server is up' &&
		[ "$(grep -cx "tether-client: phone $PHONE is connected" "$seen/screen")" -eq 3 ]
}

# Five datagrams keep five mappings.
makes_mappings() { lab_exec laptop "$LAB_PYTHON" -c '
import socket
for _ in range(5):
    socket.socket(type=socket.SOCK_DGRAM).sendto(b"", ("192.0.2.80", 7))'; }

has_mappings() { [ "$(status_of client session.mappings)" -ge 5 ]; }

download_is_shown() {
	lab_start download laptop "$LAB_PYTHON" "$LAB_TRAFFIC" download "$WEB" $((64 * 1048576)) --rate 4194304
	soon_shows '  down [0-9.]* Mbit/s  '
	local status=$?
	lab_stop download
	return $status
}

becomes_narrow() { resize 30 24 && wait_for 10 narrower_than 30; }
becomes_wide() { resize 100 24 && soon_shows '  [0-9]* NAT entr\(y\|ies\)$'; }

# Ctrl-S stops the terminal; the status line alone must not stop the tether.
tethers_while_the_terminal_is_stopped() {
	types '\x13' && sleep 3 && tunnel_ready 5 && types '\x11'
}

test_status_line() {
	check "the client starts on a terminal" start_on_terminal client 80 24 --wifi wifi0
	check "the status line says that there is no phone" soon_shows '^phone down  waiting for a phone$'
	check "a camera reads the page's address from the screen" camera_reads client "http://$LAPTOP:6354/"
	check "the address is there in words, too" shows_line "on the phone, open http://$LAPTOP:6354/"
	start_relay
	check "the laptop reaches a host" tunnel_ready
	check "five sockets send a datagram each" makes_mappings
	check "the status line follows the phone, which comes and goes" phone_comes_and_goes
	check "log lines are whole" log_lines_are_whole
	check "the status line tells rates, round trip and time" \
		soon_shows '^phone up  server up  up [0-9.]* k\?bit/s  down [0-9.]* k\?bit/s  [0-9]* ms  0:[0-9][0-9]'
	check "it tells the entries that the server's NAT has" soon_shows '  [5-9] NAT entries$'
	check "so does status.json" has_mappings
	check "it tells the rate of a download" download_is_shown
	check "it is cut in a window that becomes narrow" becomes_narrow
	check "and whole again in a wide one" becomes_wide
	check "the tether goes on while the terminal is stopped" tethers_while_the_terminal_is_stopped
	check "there was one status line at a time" one_status_line_at_a_time
	check "Ctrl-C ends the client with status 0" lab_stop client
	check "then nothing of the status line is left" only_log_lines_remain
	lab_stop relay
}

# ---- a window that breaks its lines anew when it becomes narrow, as tmux's does ----

tmux_do() { lab_exec laptop env TERM=xterm-256color tmux -S "$LAB_DIR/tmux" -f /dev/null "$@"; } # COMMAND...

# What is seen and was, lines that were broken put together again, without log lines and QR codes.
tmux_rest() { tmux_do capture-pane -p -J -S - | sed 's/ *$//' | grep -v -e '^tether-client: ' -e "^\( \|$blocks\)*$"; }
tmux_has() { [ "$(tmux_rest)" = "$1" ] || { tmux_rest; return 1; }; } # TEXT
tmux_soon_has() { wait_for 20 tmux_has "$1" || tmux_has "$1"; }

start_in_tmux() {
	# shellcheck disable=SC2016,SC2046 # the inner shell's; two words
	tmux_do new-session -d -x 80 -y 24 sh -c 'trap : INT; "$@"; sleep 600' sh \
		"$LAB_BUILD/tether-client" $(lab_mode) --server "$SERVER" --wifi wifi0 &&
		tmux_do set-option -g window-size manual
}

becomes_narrow_in_tmux() { # COLUMNS
	tmux_do resize-window -x "$1" -y 24
}

test_narrowing() {
	check "the client starts in tmux" start_in_tmux
	check "its status line is there" tmux_soon_has 'phone down  waiting for a phone'
	check "the window becomes so narrow that the line is broken" becomes_narrow_in_tmux 20
	check "then there is a short one, and nothing of the old one" tmux_soon_has 'phone down'
	check "the window becomes wide" becomes_narrow_in_tmux 60
	check "then the whole line is there, and nothing else" tmux_soon_has 'phone down  waiting for a phone'
	check "it becomes narrow again, and the client ends" eval 'becomes_narrow_in_tmux 20 && tmux_do send-keys C-c'
	check "then nothing of the status line is left in tmux" tmux_soon_has ''
	tmux_do kill-server
}

# ---- other terminals, and none ----

# Each of these clients has a port of its own, and leaves the routes alone, so that they run beside each other.
start_all() {
	lab_ip laptop address add "$longest/64" dev wifi0 nodad
	start_on_terminal longest 80 24 --no-routes --listen "[$longest]:65535" &&
		start_on_terminal small 80 18 --no-routes --listen "$LAPTOP:6401" &&
		start_on_terminal dumb 80 24 TERM=dumb --no-routes --listen "$LAPTOP:6402" &&
		start_on_terminal unknown 80 24 TERM= --no-routes --listen "$LAPTOP:6403" &&
		start_on_terminal everywhere 80 24 --no-routes --listen 0.0.0.0:6404 &&
		start_on_terminal quiet 80 24 -q --no-routes --listen "$LAPTOP:6405" &&
		start_in_background --no-routes --listen "$LAPTOP:6406" &&
		start_with_file --no-routes --listen "$LAPTOP:6407"
}

# In the background of a shell, which has the terminal, until the first Ctrl-C.
start_in_background() { # ARGUMENTS...
	# shellcheck disable=SC2046,SC2016 # two words; the shell inside expands
	lab_start_seen background 80 24 bash -c 'set -m; "$@" & trap fg INT; wait; wait' bash \
		"$LAB_BUILD/tether-client" $(lab_mode) "$@"
}

start_with_file() { # ARGUMENTS...
	# shellcheck disable=SC2046 # two words
	lab_start file laptop env TERM=xterm "$LAB_BUILD/tether-client" $(lab_mode) "$@"
}

says_where() { grep -q 'on the phone, open http://' "$1"; } # FILE

# All but the quiet one have said so, and had time to draw the status line twice.
all_have_started() {
	local name
	for name in longest small dumb unknown everywhere background; do
		wait_for 20 says_where "$LAB_DIR/$name-terminal/screen" || { echo "$name"; return 1; }
	done
	wait_for 20 says_where "$(lab_log file)" && sleep 2.5
}

drew_status_line() { tr '\r' '\n' <"$seen/raw" | grep -q '^phone down'; }

# What only a terminal can do, and the status line.
is_plain() { ! LC_ALL=C grep -n -e '[^ -~]' -e 'phone down' "$1"; } # FILE
wrote_plain_lines() { tr -d '\r' <"$seen/raw" >"$seen/lines" && is_plain "$seen/lines"; }
wrote_nothing() { [ ! -s "$seen/raw" ] || { cat -v "$seen/raw"; return 1; }; }

all_end() {
	local name
	for name in longest small dumb unknown everywhere background file quiet; do
		lab_stop $name || { echo "$name ended with status $?"; return 1; }
	done
}

test_others() {
	lab_wifi_address
	check "clients start on other terminals, and on none" start_all
	check "they say where the phone finds them" all_have_started
	look_at longest
	check "a camera reads the longest of addresses" camera_reads longest "http://[$longest]:65535/"
	look_at small
	check "on a small terminal there is no QR code that does not fit" never_showed "$blocks"
	check "that is said" shows 'no room for its QR code: 33 columns and 19 lines'
	check "the status line is there" drew_status_line
	look_at dumb
	check "a terminal that understands nothing gets log lines only" wrote_plain_lines
	look_at unknown
	check "so does one of an unknown kind" wrote_plain_lines
	look_at everywhere
	check "no address that is shown is 0.0.0.0" never_showed '0\.0\.0\.0'
	check "the QR code leads to an address of the laptop's" camera_reads everywhere "http://$LAPTOP:6404/"
	look_at quiet
	check "with -q there is nothing at all" wrote_nothing
	look_at background
	check "in the background of a shell there is no status line" never_showed 'phone down'
	types '\x03'
	check "in its foreground there is" soon_shows '^phone down'
	check "a file gets log lines only" is_plain "$(lab_log file)"
	check "all of them end with status 0" all_end
}

lab_up
start_targets || lab_die "the web hosts do not start"
start_server >/dev/null || lab_die "the server does not start"
test_status_line
test_narrowing
test_others
lab_passed
