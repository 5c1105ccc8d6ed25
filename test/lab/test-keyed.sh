#!/bin/bash
# SPDX-License-Identifier: ISC
# The keyed tether: how the key is made, handed over and refused; every kind of traffic under it; and
# what somebody learns who records the wires.
#
#   test/lab/test-keyed.sh [relay|chromium]     what plays the phone
#
# What has nothing to do with the phone is tested with the relay alone.
# Needs root, build/tether-*, and: test/packages.sh lab browser
. "$(dirname "$0")/lab.sh"

phone=${1:-relay}
size=104857600 # 100 MB
key_file= # in the lab, see below
wrong_key_limit_s=10  # it takes a fraction of a second; a busy machine may take longer

nothing_gets_through() { ! lab_exec laptop ping -c 3 -i 0.3 -W 1 "$NEAR"; }

at_least() { # client|server COUNTER LEAST
	local value
	value=$(status_of "$1" "$2") && [ "$value" -ge "$3" ] || { echo "$1: $2 is ${value:-not there}"; return 1; }
}

says() { # PROGRAM TEXT: in its log
	grep -F "$2" "$(lab_log "$1")" || { cat "$(lab_log "$1")"; return 1; }
}

# ---- the key's way from the server to the laptop ----

# The server, with what it prints on stdout in a file of its own.
start_server_apart() {
	lab_start server server sh -c 'exec "$@" >"$0"' "$LAB_DIR/said" "$LAB_BUILD/tether-server" \
		--key-file "$key_file"
	lab_wait_server
}

# The command for the laptop that the server printed.
laptops_line() { sed -n 's/^    \(tether-client .*\)$/\1/p' "$LAB_DIR/said"; }

line_is_exact() {
	[[ $(laptops_line) =~ ^tether-client\ --server\ $SERVER\ --key\ [a-z2-7]{56}$ ]] ||
		{ cat "$LAB_DIR/said"; return 1; }
}

line_has_the_files_key() { [ "$(laptops_line | sed 's/.* //')" = "$(cat "$key_file")" ]; }

is_private() { [ "$(stat -c %a "$1")" = 600 ] || { stat "$1"; return 1; }; } # FILE

log_has_no_key() { ! grep -F "$(cat "$key_file")" "$(lab_log "$1")"; } # PROGRAM

said_nothing() { [ ! -s "$LAB_DIR/said" ] || { cat "$LAB_DIR/said"; return 1; }; }

start_client_as() { # COMMAND-LINE... of the laptop, which begins with tether-client
	lab_start client laptop env "PATH=$LAB_BUILD:$PATH" "$@"
	lab_wait_listening client laptop 6354
}

start_client_with_line() {
	# shellcheck disable=SC2046 # words
	start_client_as $(laptops_line) --wifi wifi0
}

start_client_with_file() { start_client_as tether-client --key-file "$1" --server "$SERVER" --wifi wifi0; } # FILE

command_line_hides() { # KEY
	local words
	words=$(tr '\0' ' ' <"/proc/${LAB_PID[client]}/cmdline")
	[[ $words == *" --key xxxx"* && $words != *"$1"* ]] || { echo "$words"; return 1; }
}

# The laptop is given the key in the way that the arguments say, and reaches the server.
client_gets_through() { # ARGUMENTS...
	lab_stop client
	start_client_as "$@" --wifi wifi0 && tunnel_ready
}

test_hand_over() {
	check "tether-server starts without a key file" start_server_apart
	check "the key file it made is for its owner alone" is_private "$key_file"
	check "so is the file beside it, for the NAT's ports" is_private "$key_file.ports"
	check "it prints the line for the laptop" line_is_exact
	check "the line has the key that is in the file" line_has_the_files_key
	check "its log does not have the key" log_has_no_key server
	check "tether-client starts with that very line and --wifi" start_client_with_line
	start_phone "$phone"
	check "the tether is up with it" tunnel_ready 60
	check "the list of processes does not show the key" command_line_hides "$(cat "$key_file")"
	check "the client's log does not have the key" log_has_no_key client
	check "status.json says that the session is up" status_is client session.state '"up"'
	check "the server counts one session" status_is server keyed.sessions 1
}

test_ways() {
	check "--key gives the key" client_gets_through tether-client --key "$(cat "$key_file")"
	check "--key-file gives the key" client_gets_through tether-client --key-file "$key_file"
	check "TETHER_KEY gives the key" client_gets_through "TETHER_KEY=$(cat "$key_file")" tether-client
	check "a key in capitals and between spaces will do" client_gets_through \
		"TETHER_KEY=  $(tr "[:lower:]" "[:upper:]" <"$key_file") " tether-client
}

test_restart() {
	lab_stop server
	check "the server starts again with its key file" start_server_apart
	check "it prints no key this time" said_nothing
	check "its log does not have the key either" log_has_no_key server
	check "it says where the key is" says server "the key for laptops is in $key_file"
	check "the laptop that was there goes on" tunnel_ready 60
}

# ---- wrong keys ----

new_key() {
	cp "$key_file" "$LAB_DIR/old-key"
	lab_exec server "$LAB_BUILD/tether-server" --new-key --key-file "$key_file" >"$LAB_DIR/said" || return
	! cmp "$key_file" "$LAB_DIR/old-key" && is_private "$key_file" && line_has_the_files_key
}

# How long after the phone's being there the laptop knows.
wrong_key_is_shown() {
	wait_for 30 status_is client phone.connected true
	local began=${EPOCHREALTIME/./} took
	wait_for $wrong_key_limit_s status_is client session.state '"wrong key"' || {
		status_of client session.state
		return 1
	}
	took=$((${EPOCHREALTIME/./} - began))
	echo "# \"wrong key\" is shown $((took / 1000)) ms after the phone is connected" >&3
}

ports_file_is_the_same() { cmp "$key_file.ports" "$LAB_DIR/old-ports"; }

test_wrong_key() {
	cp "$key_file.ports" "$LAB_DIR/old-ports"
	check "--new-key replaces the key and prints the line" new_key
	check "it leaves the file for the ports" ports_file_is_the_same
	check "the server that runs keeps the old key" tunnel_ready
	for name in relay client server; do lab_stop $name; done
	start_server_apart
	start_client_with_file "$LAB_DIR/old-key"
	start_phone "$phone"
	check "a laptop with the old key learns that it is wrong" wrong_key_is_shown
	check "its log says so too" says client "error: wrong key: the server does not accept it"
	check "the server counts wrong keys" at_least server keyed.wrong_key 1
	check "nothing gets through with a wrong key" nothing_gets_through
	check "no session came of it" status_is server keyed.sessions 0
	check "with the new key the tether works" client_gets_through tether-client --key-file "$key_file"
	check "and status.json says so" status_is client session.state '"up"'
}

# ---- wrong usage ----

# A program ends with a status and certain words.
ends_with() { # STATUS WORDS HOST COMMAND...
	local status=$1 words=$2 got
	shift 2
	lab_exec "$1" timeout 20 "${@:2}" >"$LAB_DIR/ends" 2>&1
	got=$?
	cat "$LAB_DIR/ends"
	grep -qF -- "$words" "$LAB_DIR/ends" && [ $got -eq "$status" ] || { echo "status $got, not: $words"; return 1; }
}

bad_key() { # NAME KEY WORDS
	local words="--key does not hold a key: $3"
	[ -n "$2" ] || words="--key wants a value"
	check "a key $1 is refused, by --key" ends_with 2 "$words" laptop "$LAB_BUILD/tether-client" --key "$2"
	check "a key $1 is refused, by TETHER_KEY" ends_with 2 "TETHER_KEY does not hold a key: $3" laptop \
		env "TETHER_KEY=$2" "$LAB_BUILD/tether-client"
	echo "$2" >"$LAB_DIR/bad-key"
	check "a key $1 is refused, in the laptop's file" ends_with 1 "bad-key does not hold a key: $3" laptop \
		"$LAB_BUILD/tether-client" --key-file "$LAB_DIR/bad-key"
	check "a key $1 is refused, in the server's file" ends_with 1 "bad-key does not hold a key: $3" server \
		"$LAB_BUILD/tether-server" --key-file "$LAB_DIR/bad-key"
	check "the server leaves that file as it is" grep -qxF -- "$2" "$LAB_DIR/bad-key"
}

test_bad_keys() {
	local key
	lab_stop server # its ports are wanted
	key=$(cat "$key_file")
	bad_key "that is too short" "${key:0:55}" "it has 55 characters where a key has 56"
	bad_key "that is too long" "${key}a" "it has 57 characters where a key has 56"
	bad_key "of no length" "" "it has 0 characters where a key has 56"
	bad_key "with a 1 at place 17" "${key:0:16}1${key:17}" "its character 17 is none of a-z and 2-7"
	bad_key "with a space inside" "${key:0:28} ${key:29}" "its character 29 is none of a-z and 2-7"
	bad_key "with two letters exchanged" "$(exchanged "$key")" "its check sum is wrong"
}

# A key with two neighbours exchanged that differ.
exchanged() { # KEY
	local i
	for ((i = 0; i < 55; i++)); do
		[ "${1:i:1}" = "${1:i+1:1}" ] || break
	done
	echo "${1:0:i}${1:i+1:1}${1:i:1}${1:i+2}"
}

test_bad_files() {
	local client=$LAB_BUILD/tether-client server=$LAB_BUILD/tether-server
	local powerless=(setpriv "--bounding-set=-dac_override,-dac_read_search")
	install -m 000 "$key_file" "$LAB_DIR/locked"
	check "a key file that is not there stops the client" ends_with 1 "there is no key file $LAB_DIR/none" \
		laptop "$client" --key-file "$LAB_DIR/none"
	check "the server cannot make one in a folder that is not there" ends_with 1 \
		"cannot make the key file $LAB_DIR/none/key: No such file or directory" \
		server "$server" --key-file "$LAB_DIR/none/key"
	check "a file that may not be read stops the client" ends_with 1 \
		"cannot read the key file $LAB_DIR/locked: Permission denied" \
		laptop "${powerless[@]}" "$client" --key-file "$LAB_DIR/locked"
	check "a file that may not be read stops the server" ends_with 1 \
		"cannot read the key file $LAB_DIR/locked: Permission denied" \
		server "${powerless[@]}" "$server" --key-file "$LAB_DIR/locked"
	check "a folder is no key file" ends_with 1 "cannot read the key file $LAB_DIR: Is a directory" \
		server "$server" --key-file "$LAB_DIR"
	cp "$key_file" "$LAB_DIR/half"
	chmod 600 "$LAB_DIR/half"
	echo nonsense >"$LAB_DIR/half.ports"
	check "a bad file for the ports stops the server" ends_with 1 "half.ports does not hold a key" \
		server "$server" --key-file "$LAB_DIR/half"
}

test_usage() {
	local client=$LAB_BUILD/tether-client server=$LAB_BUILD/tether-server words="contradict each other"
	check "the client wants a key or --open" ends_with 2 "with --key, --key-file or TETHER_KEY" laptop "$client"
	check "the client refuses --open with --key" ends_with 2 "$words" laptop "$client" --open --key x
	check "the client refuses --open with --key-file" ends_with 2 "$words" laptop \
		"$client" --open --key-file "$key_file"
	check "the server refuses --open with --key-file" ends_with 2 "$words" server \
		"$server" --open --key-file "$key_file"
	check "the server refuses --open with --new-key" ends_with 2 "$words" server "$server" --open --new-key
}

test_readers() {
	lab_stop client
	chmod 640 "$key_file"
	chgrp 65534 "$key_file"
	chmod 640 "$key_file.ports" # as systemd's credentials look, which root and one user can read
	start_server_apart
	start_client_with_file "$key_file"
	check "the server warns of a key file that others can read" \
		says server "others can read the key in $key_file: chmod 600 $key_file"
	check "the server does not warn of a file that the group root can read" \
		eval '! says server "others can read the key in $key_file.ports"'
	check "the client warns of a key file that others can read" \
		says client "others can read the key in $key_file: chmod 600 $key_file"
	check "all the same the tether works" tunnel_ready 60
	chmod 600 "$key_file" "$key_file.ports"
	chgrp 0 "$key_file"
}

# ---- one end open, the other keyed ----

ping_and_count() {
	lab_exec laptop ping -c 1 -W 1 "$NEAR"
	at_least "$1" "$2" 1
}

# Something of what the laptop sends reaches the other end.
counts_soon() { wait_for 30 ping_and_count "$@" || at_least "$@" 1; } # client|server COUNTER

test_mixed() {
	lab_stop client
	lab_stop server
	start_server_apart
	start_client_as tether-client --open --server "$SERVER" --wifi wifi0
	check "an open laptop at a keyed server: the server counts what it does not understand" \
		counts_soon server keyed.not_understood
	check "the laptop counts the refusals, which it does not understand" counts_soon client drops.bad_message
	check "nothing gets through" nothing_gets_through
	check "no packet of it reached the NAT" status_is server packets_up 0
	lab_stop client
	lab_stop server
	LAB_MODE=open start_server
	start_client_with_file "$key_file"
	check "a keyed laptop at an open server: the server counts what it does not understand" \
		counts_soon server drops.bad_message
	check "nothing gets through" nothing_gets_through
	check "the laptop says that there is no session" status_is client session.state '"handshake"'
	check "the keyed laptop sent no packet" status_is client packets_up 0
	for name in client server relay; do lab_stop $name; done
}

# ---- traffic ----

pings() { lab_exec laptop ping -c 5 -i 0.2 -W 5 "$1"; } # ADDRESS

test_traffic() {
	check "100 MB come from a web host, whole, through $phone" traffic download "$WEB" $size
	check "100 MB go to a web host, whole, through $phone" traffic upload "$WEB" $size
	check "datagrams of 1 to 1472 bytes go and come back through $phone" traffic udp "$WEB"
	check "200 TCP connections exchange data at the same time through $phone" traffic parallel "$WEB"
	check "a host behind the router answers a ping through $phone" pings "$WEB"
	check "what went is binary" status_is client form '"binary"'
	for program in client server; do
		check "the $program counts the bytes up" at_least $program bytes_up $size
		check "the $program counts the bytes down" at_least $program bytes_down $size
	done
	check "no genuine message was taken for a forged one" status_is server keyed.forged 0
	check "nor for a repeated one" status_is server keyed.replayed 0
	check "nor by the laptop" status_is client session.forged 0
	for name in client relay browser; do lab_stop $name; done
}

# ---- a phone that carries text only ----

start_text_relay() {
	lab_start relay phone "$LAB_PYTHON" "$LAB_ROOT/test/lab/text-relay.py" \
		"ws://$LAPTOP:6354/websocket" "ws://$SERVER:8080/websocket"
}

test_text() {
	start_client_with_file "$key_file"
	start_text_relay
	check "through a phone that carries text only the session comes up" tunnel_ready 60
	check "it lost binary messages before" says relay lost
	check "status.json says that the form is text" status_is client form '"text"'
	check "10 MB come as text, whole" traffic download "$WEB" 10485760
	check "10 MB go as text, whole" traffic upload "$WEB" 10485760
	check "datagrams go and come back as text" traffic udp "$WEB" --first 1400
	lab_stop relay
	start_text_relay
	check "the phone is back, and the tether works again" tunnel_ready 20
	check "that was the same session" status_is client session.sessions 1
	lab_stop relay
	lab_stop client
}

# ---- what can be read on the wires ----

listen_in() {
	capture_start wifi phone wifi0 ip
	capture_start cell phone cell0 ip
	capture_start websocket server eth0 "tcp port 8080"
}

load_page() { traffic_page >"$LAB_DIR/page" && [ -s "$LAB_DIR/page" ]; }

# Of the page, what is not in many other pages too.
traffic_page() { lab_exec laptop curl -sS --fail --max-time 20 "http://$WEB/" | sed -n '/<h1>/,/<img/p'; }

# What the captures of a page show: "hidden" or "bare", see overheard.py.
overheard() { # VERDICT
	local name captures=()
	for name in wifi cell websocket; do
		capture_stop $name >/dev/null
		captures+=("$LAB_DIR/$name.pcap")
	done
	"$LAB_PYTHON" "$LAB_ROOT/test/lab/overheard.py" "$1" --page "$LAB_DIR/page" --web "$WEB" \
		--laptop "$(status_of client address | tr -d '"')" "${captures[@]}" >"$LAB_DIR/overheard" 2>&1
	local status=$?
	sed 's/^.*\//# /' "$LAB_DIR/overheard" >&3
	cat "$LAB_DIR/overheard"
	return $status
}

test_wires() { # NAME VERDICT START-PHONE...
	listen_in
	"${@:3}"
	check "$1: the tether is up" tunnel_ready 60
	check "$1: a page is loaded" load_page
	check "$1: on the wires, the page and the addresses are $2" overheard "$2"
	for name in relay browser client; do lab_stop $name; done
}

test_all_wires() {
	start_client_with_file "$key_file"
	test_wires "keyed, through $phone" hidden start_phone "$phone"
	[ "$phone" = relay ] || return
	start_client_with_file "$key_file"
	test_wires "keyed, as text" hidden start_text_relay
	lab_stop server
	LAB_MODE=open start_server
	LAB_MODE=open start_client
	test_wires "open, for comparison" bare start_phone "$phone"
}

exec 3>&1 # figures worth showing, past the output that "check" keeps
lab_up
key_file=$LAB_DIR/key
start_targets || lab_die "the web hosts do not start"
test_hand_over
lab_passed || exit 1
if [ "$phone" = relay ]; then
	test_ways
	test_restart
	test_wrong_key
	test_bad_keys
	test_bad_files
	test_usage
	test_readers
	test_mixed
	start_server_apart
	start_client_with_file "$key_file"
	start_phone "$phone"
	check "the tether is up again" tunnel_ready 60
fi
test_traffic
[ "$phone" != relay ] || test_text
test_all_wires
check "tether-server ends with status 0 when it is asked to" lab_stop server
lab_passed
