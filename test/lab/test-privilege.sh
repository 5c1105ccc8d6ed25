#!/bin/bash
# SPDX-License-Identifier: ISC
# What tether-client and tether-server may still do once they run: their user, their
# capabilities, their system calls; and that all the same they tether, and leave both
# hosts as they were.
#
#   test/lab/test-privilege.sh
#
# Needs root, a C compiler, and: test/packages.sh build lab check
# It builds the programs itself, in three ways.
. "$(dirname "$0")/lab.sh"

OWN_USER=76354
NOBODY=65534 # where there is no such user
NET_ADMIN=$((1 << 12))
NET_RAW=$((1 << 13))
WIFI=$((NET_ADMIN | NET_RAW)) # what follows a Wi-Fi interface that is made anew
DAC_READ_SEARCH=$((1 << 2))
SIGSYS_STATUS=$((128 + 31))

status_field() { sed -n "s/^$2:[[:space:]]*//p" "/proc/${LAB_PID[$1]}/status" | tr -s '[:space:]' ' '; } # NAME FIELD

field_is() { # NAME FIELD VALUE
	local value
	value=$(status_field "$1" "$2")
	[ "${value% }" = "$3" ] || { echo "$1: $2 is \"$value\", not \"$3\""; return 1; }
}

# Everything that a process's powers are made of.
powers_are() { # NAME USER CAPABILITIES [BOUNDING-SET]
	local name=$1 user=$2 set
	set=$(printf '%016x' "$3")
	field_is "$name" Uid "$user $user $user $user" && field_is "$name" Gid "$user $user $user $user" &&
		field_is "$name" Groups "" && field_is "$name" CapPrm "$set" && field_is "$name" CapEff "$set" &&
		field_is "$name" CapInh 0000000000000000 && field_is "$name" CapAmb 0000000000000000 &&
		field_is "$name" CapBnd "$(printf '%016x' "${4:-0}")" &&
		field_is "$name" NoNewPrivs 1 && field_is "$name" Seccomp 2
}

# A process that is not "dumpable" is root's in /proc, whoever's it is (proc(5)).
dumps_no_core() { # NAME
	local proc=/proc/${LAB_PID[$1]}
	grep -E '^Max core file size +0 +0 ' "$proc/limits" && [ "$(stat -c %u "$proc/stat")" -eq 0 ] || {
		grep core "$proc/limits"
		stat -c %u "$proc/stat"
		return 1
	}
}

# What the system lets root do is not said to have failed.
could_do_all() { ! grep -h cannot "$(lab_log server)" "$(lab_log client)"; }

start_all() { start_server && start_client && start_relay && tunnel_ready; }

mkdir_page() { # a page for root alone
	mkdir -m 700 "$LAB_DIR/page" &&
		(umask 077 && echo '<p>for root alone</p>' >"$LAB_DIR/page/index.html") &&
		ln -s /etc/passwd "$LAB_DIR/page/passwd.txt"
}

fetches() { # HOST URL PATTERN
	local got
	got=$(lab_exec "$1" curl -sS --max-time 5 "$2") || return
	grep -q "$3" <<<"$got" || { echo "$got" | head; return 1; }
}

wifi_lifetime() {
	lab_ip laptop address show dev wifi0 | sed -n "/$LAPTOP/{n;s/.*valid_lft \([0-9]*\)sec.*/\1/p}"
}

# Its lifetime grows again after it has fallen.
wifi_address_is_renewed() {
	local before now
	before=$(wifi_lifetime)
	for ((i = 0; i < 300; i++)); do
		now=$(wifi_lifetime)
		[ "${now:-0}" -gt "${before:-60}" ] && return
		before=$now
		sleep 0.1
	done
	echo "the lifetime is $now s and falls"
	return 1
}

goes_on_after_a_stop() { # NAME: poll() with a time limit becomes another system call by this
	kill -STOP "${LAB_PID[$1]}" && sleep 1.5 && kill -CONT "${LAB_PID[$1]}" && sleep 1.5 && lab_running "$1"
}

# ---- with ordinary options ----

test_traffic() { # BUILD: how the names of the tests end
	wait_for 10 addresses_settled laptop server
	remember laptop
	remember server
	check "client and server start and tether ($1)" start_all
	check "neither says that it cannot do something ($1)" could_do_all
	check "the server has a user of its own and has no capability ($1)" powers_are server $OWN_USER 0
	check "the client has a user of its own and may follow its Wi-Fi ($1)" powers_are client $OWN_USER $WIFI
	check "the server leaves no core file ($1)" dumps_no_core server
	check "the client leaves no core file ($1)" dumps_no_core client
	check "10 MB come, whole ($1)" traffic download "$WEB" 10485760
	lab_passed || return
	check "10 MB go, whole ($1)" traffic upload "$WEB" 10485760
	check "10 MB come from the server's own link, whole ($1)" traffic download "$NEAR" 10485760
	check "datagrams of 1 to 1472 bytes go and come back ($1)" traffic udp "$WEB"
	check "50 connections exchange data ($1)" traffic parallel "$WEB" --count 50
	check "an address where nobody is costs nothing ($1)" nobody_answers
	check "the client serves the page ($1)" fetches phone "http://$LAPTOP:6354/" '<html'
	check "the server serves it too ($1)" fetches near "http://$SERVER/" '<html'
	check "the client tells its status ($1)" status_is client phone.connected true
	check "the server tells it too ($1)" status_is server links 1
	check "the client goes on after SIGSTOP and SIGCONT ($1)" goes_on_after_a_stop client
	check "the server goes on after SIGSTOP and SIGCONT ($1)" goes_on_after_a_stop server
	check "the Wi-Fi address is renewed ($1)" wifi_address_is_renewed
	check "the tether still works ($1)" tunnel_ready
	check "tether-client ends with status 0 ($1)" lab_stop client
	check "the laptop is as before ($1)" unchanged laptop
	check "tether-server ends with status 0 ($1)" lab_stop server
	check "the server is as before ($1)" unchanged server
	lab_stop relay
}

nobody_answers() { ! lab_exec laptop ping -c 2 -i 0.5 -W 2 203.0.113.99; }

# ---- a call that is not theirs ----

call_inside() { "$LAB_DIR/call-inside" "${LAB_PID[$1]}" "$2"; } # NAME NUMBER

# The numbers of x86-64.
call_is_allowed() { # NAME NUMBER
	call_inside "$1" "$2" && sleep 0.5 && lab_running "$1"
}

call_ends_it() { # NAME NUMBER
	call_inside "$1" "$2" || return
	lab_wait "$1" 10
	local status=$?
	[ $status -eq $SIGSYS_STATUS ] || { echo "it ended with status $status, or not (124)"; return 1; }
}

server_ends_at() { # CALL NUMBER
	start_server >/dev/null
	check "the server ends by SIGSYS at $1" call_ends_it server "$2"
	check "the server's host is as before then" soon_unchanged server
}

client_ends_at() { # CALL NUMBER
	start_client >/dev/null
	check "the client ends by SIGSYS at $1" call_ends_it client "$2"
	check "the laptop is as before then, but for its Wi-Fi address" soon_unchanged_but_wifi laptop
}

test_calls() {
	[ "$(uname -m)" = x86_64 ] || lab_die "call-inside knows x86-64 only"
	check "a tool that calls from inside is built" \
		cc -Wall -o "$LAB_DIR/call-inside" "$LAB_ROOT/test/lab/call-inside.c"
	remember laptop
	remember server
	start_server >/dev/null
	check "a call that is allowed, getpid(), does the server no harm" call_is_allowed server 39
	check "it ends with status 0 after that" lab_stop server
	server_ends_at 'execve()' 59
	server_ends_at 'socket()' 41
	server_ends_at 'openat()' 257
	server_ends_at 'ptrace()' 101
	server_ends_at 'a number of x32, poll()' $((0x40000000 + 7))
	client_ends_at 'execve()' 59
	client_ends_at 'setuid()' 105
	check "the client starts again after that" start_client
	check "tether-client ends with status 0 after that" lab_stop client
	check "the laptop is as before, Wi-Fi address too" unchanged laptop
}

# ---- with other options, and for other users ----

sees_only_the_page() { # NAME
	local root
	root=$(readlink "/proc/${LAB_PID[$1]}/root")
	[ "$root" = "$LAB_DIR/page" ] || { echo "its root is $root"; return 1; }
}

start_client_as() { # COMMAND...: what runs the program with less power from the start
	lab_start client laptop "$@" "$LAB_BUILD/tether-client" --open --wifi wifi0 --server "$SERVER"
	lab_wait_listening client laptop 6354 && wait_for 10 grep -q 'on the phone' "$(lab_log client)"
}

start_server_as() { # COMMAND...
	lab_start server server "$@" "$LAB_BUILD/tether-server" --open
	lab_wait_server
}

map_users() { # PID USERS GROUPS; only a process that is in a namespace of its own lets this be done
	echo "0 0 $2" >"/proc/$1/uid_map" && echo "0 0 $3" >"/proc/$1/gid_map"
}

# In a container, which has users from 0 to USERS - 1, groups to GROUPS - 1, and a network of its own.
start_client_among() { # USERS GROUPS
	rm -f "$LAB_DIR/go" && mkfifo "$LAB_DIR/go"
	# shellcheck disable=SC2016 # the inner shell's
	lab_start client laptop unshare --user --net sh -c 'read -r _ <"$0" && exec "$@"' "$LAB_DIR/go" \
		"$LAB_BUILD/tether-client" --open --listen 0.0.0.0:6354
	wait_for 10 map_users "${LAB_PID[client]}" "$1" "$2" && echo >"$LAB_DIR/go" &&
		wait_for 10 field_is client Seccomp 2
}

test_folder() {
	check "a page for root alone is made" mkdir_page
	start_server --html "$LAB_DIR/page" >/dev/null
	start_client --html "$LAB_DIR/page" >/dev/null
	check "the client serves a folder's page that only root may read" \
		fetches phone "http://$LAPTOP:6354/" 'for root alone'
	check "the server serves it" fetches near "http://$SERVER/" 'for root alone'
	check "both see a change of it" eval 'echo "<p>changed</p>" >"$LAB_DIR/page/index.html" &&
		fetches phone "http://$LAPTOP:6354/" changed && fetches near "http://$SERVER/" changed'
	check "a link out of the folder is not followed" fetches near "http://$SERVER/passwd.txt" 'Not Found'
	check "the server may read and nothing else" powers_are server $OWN_USER $DAC_READ_SEARCH
	check "the client may read and follow its Wi-Fi, and nothing else" \
		powers_are client $OWN_USER $((DAC_READ_SEARCH | WIFI))
	check "the server sees nothing but the folder" sees_only_the_page server
	check "the client sees nothing but the folder" sees_only_the_page client
	check "tether-client ends with status 0" lab_stop client
	check "tether-server ends with status 0" lab_stop server
}

# Some pages of the process's are kept out of swap space, and no more than its keys need.
locks_its_keys() { # NAME
	local kib
	kib=$(status_field "$1" VmLck)
	kib=${kib%% *}
	[ "$kib" -gt 0 ] && [ "$kib" -le 64 ] || { echo "$1: $kib KiB are locked"; return 1; }
}

test_keys() {
	local LAB_MODE=keyed
	start_server >/dev/null
	start_client >/dev/null
	check "the server keeps its keys out of swap space" locks_its_keys server
	check "the client keeps its keys out of swap space" locks_its_keys client
	echo "# resident: server $(resident_kib server) KiB, client $(resident_kib client) KiB"
	check "the keyed client ends with status 0" lab_stop client
	check "the keyed server ends with status 0" lab_stop server
}

test_users() {
	lab_wifi_address
	lab_start client laptop "$LAB_BUILD/tether-client" --open
	check "a client that lends no address starts" lab_wait_listening client laptop 6354
	check "it may bind to devices, and nothing else" wait_for 10 powers_are client $OWN_USER $NET_RAW
	check "it ends with status 0" lab_stop client
	lab_start client laptop "$LAB_BUILD/tether-client" --open --listen 127.0.0.1:6354
	check "a client that listens on loopback alone starts" lab_wait_listening client laptop 6354
	check "it has no capability at all" wait_for 10 powers_are client $OWN_USER 0
	check "it ends with status 0, too" lab_stop client
	lab_ip laptop address delete "$LAPTOP/16" dev wifi0
	remember laptop
	remember server

	check "a server starts as root with groups" start_server_as setpriv --groups=4,27
	check "it has a user of its own, without them" powers_are server $OWN_USER 0
	check "it ends with status 0 then" lab_stop server

	check "a server with capabilities starts as an ordinary user" start_server_as "${user[@]}"
	check "a client with capabilities starts as an ordinary user" start_client_as "${user[@]}"
	check "the server keeps its user and has no capability" powers_are server 1234 0 $bounding
	check "the client keeps its user and may follow its Wi-Fi" powers_are client 1234 $WIFI $bounding
	check "the ordinary user's server leaves no core file" dumps_no_core server
	check "the ordinary user's client leaves no core file" dumps_no_core client
	start_relay
	check "they tether" tunnel_ready
	check "the ordinary user's client ends with status 0" lab_stop client
	check "the ordinary user's server ends with status 0" lab_stop server
	check "the laptop is as before, after an ordinary user" unchanged laptop
	check "the server is as before, after an ordinary user" unchanged server

	check "a client starts where there are only 65536 users" start_client_among 65536 65536
	check "it is nobody" powers_are client $NOBODY 0
	check "it ends with status 0 there" lab_stop client
	check "a client starts where there is no user but root, though there are groups" start_client_among 1 100000
	check "it says that it stays root" grep -q 'going on as root' "$(lab_log client)"
	check "it has no capability then" field_is client CapPrm 0000000000000000
	check "it ends with status 0 as root" lab_stop client

	check "a server starts as a root that may not change its user" start_server_as "${container[@]}"
	check "it warns that it stays root" grep -q 'going on as root' "$(lab_log server)"
	check "it is root without a capability" powers_are server 0 0 $few
	check "it ends with status 0 too" lab_stop server
	lab_stop relay
}

# Less power from the start: an ordinary user, or the root of a container, with what the programs need to
# start. (dac_override: here /dev/net/tun is root's alone.)
few=$((WIFI | 1 << 10 | 1 << 1))
few_names=+net_admin,+net_raw,+net_bind_service,+dac_override
user=(setpriv --reuid=1234 --regid=1234 --clear-groups --inh-caps="$few_names" --ambient-caps="$few_names")
container=(setpriv --clear-groups --bounding-set="-all,$few_names")
# Without CAP_SETPCAP a bounding set stays as it is.
bounding=$((16#$(sed -n 's/^CapBnd:[[:space:]]*//p' /proc/self/status)))

# ---- all of it ----

build() { make -s -C "$LAB_ROOT" "$@" all; }

# With one build, in a lab of its own.
traffic_with() { # BUILD
	LAB_BUILD=$LAB_ROOT/$1
	lab_up "$BASHPID"
	start_targets || lab_die "the web hosts do not start"
	test_traffic "$1"
	lab_passed
}

lab_up
check "the programs are built, with shared libraries" build BUILD=build
check "the programs are built, static" build STATIC=1 BUILD=build/static
check "the programs are built, static with musl" build STATIC=1 CC=musl-gcc CFLAGS=-Os BUILD=build/musl
declare -A others
for folder in build build/static build/musl; do
	traffic_with $folder >"$LAB_DIR/${folder//\//-}.out" 2>&1 &
	others[$folder]=$!
done
start_targets || lab_die "the web hosts do not start"
wait_for 10 addresses_settled laptop server
test_calls
test_folder
test_keys
test_users
for folder in "${!others[@]}"; do
	wait "${others[$folder]}"
	status=$?
	cat "$LAB_DIR/${folder//\//-}.out"
	[ $status -eq 0 ] || LAB_FAILED=$((LAB_FAILED + 1))
done
lab_passed
