#!/bin/bash
# SPDX-License-Identifier: ISC
# The profile for small devices (make SMALL=1, doc/small.md): how much memory the programs have at
# most while two laptops are busy, and that limits which contradict each other do not compile.
#
# Static programs with musl, as small devices have them. They give no memory back while they run, so
# what is resident afterwards is the most there was. smaps_rollup counts pages, where status only
# estimates. Needs root, musl-gcc, and: test/packages.sh build lab check
cd "$(dirname "$0")/../.." || exit 1
make -s -j"$(nproc)" SMALL=1 STATIC=1 CC=musl-gcc CFLAGS=-Os BUILD=build/small all >/dev/null ||
	{ echo "not ok - make SMALL=1 builds the programs: make failed"; exit 1; }
LAB_BUILD=$PWD/build/small
LAB_MODE=keyed
. test/lab/lab.sh

size=31457280 # 30 MB
laptops="laptop laptop2"

refuses() { # LIMIT SENTENCE: the build ends with that sentence
	local said folder=build/small-wrong
	if said=$(make -s BUILD=$folder LIMITS="$1" $folder/obj/src/base/rate.o 2>&1); then
		echo "it compiles"
		return 1
	fi
	grep -q "$2" <<<"$said" || { echo "$said" | head -n 3; return 1; }
}

start_pair() { # LAPTOP PHONE
	lab_start "client-$1" "$1" "$LAB_BUILD/tether-client" --key-file "$LAB_DIR/key" --wifi wifi0 \
		--server "$SERVER"
	lab_wait_listening "client-$1" "$1" 6354 || return
	lab_start "relay-$1" "$2" "$LAB_BUILD/tether-relay" --laptop "ws://$LAPTOP:6354/websocket" \
		--server "ws://$SERVER:8080/websocket"
	wait_for 30 lab_exec "$1" ping -c 1 -W 1 "$NEAR" || { echo "$1 gets nothing through"; return 1; }
}

# Every laptop loads down and up at the same time, and opens many connections after that.
all_busy() {
	local host what failed=0
	local -a jobs=()
	for host in $laptops; do
		for what in download upload; do
			lab_exec "$host" "$LAB_PYTHON" "$LAB_TRAFFIC" $what "$WEB" $size &
			jobs+=($!)
		done
	done
	for job in "${jobs[@]}"; do wait "$job" || failed=1; done
	for host in $laptops; do
		lab_exec "$host" "$LAB_PYTHON" "$LAB_TRAFFIC" parallel "$WEB" || failed=1
	done
	return $failed
}

most_below() { # NAME KIB
	local kib
	kib=$(awk '/^Rss:/ { print $2 }' "/proc/${LAB_PID[$1]}/smaps_rollup")
	echo "# $1: $kib KiB resident"
	[ "$kib" -lt "$2" ] && return
	echo "$kib KiB are resident, less than $2 are promised" >"$LAB_DIR/why"
	return 1
}

checked() { # NAME COMMAND...: like check, and shows what the command says
	local name=$1
	shift
	if "$@"; then ok "$name"; else not_ok "$name" "$(cat "$LAB_DIR/why")"; fi
}

lab_up
lab_add_pair laptop2 phone2 198.18.7 || lab_die "no second laptop"
start_targets || lab_die "the web hosts do not start"
check "the small tether-server starts" start_server
check "a small laptop and phone get through" start_pair laptop phone
check "a second laptop and its phone get through" start_pair laptop2 phone2
check "30 MB a way and a laptop pass, whole, and 200 connections a laptop after them" all_busy
checked "with two laptops at work the small tether-server stays below 2 MB" most_below server 2048
for host in $laptops; do
	checked "the small tether-client of $host stays below 1 MB" most_below "client-$host" 1024
	checked "the small tether-relay of $host stays below 1 MB" most_below "relay-$host" 1024
done

check "a message that is too short for a packet does not compile" \
	refuses LINK_TX_SIZE=65536 "behind a full batch the largest packet fits, in base64"
check "a send buffer beyond what the other end takes does not compile" \
	refuses "WS_MESSAGE_MAX=140000" "each end takes what the other may send"
check "more connections than the loop can watch do not compile" \
	refuses LOOP_MAX_FDS=64 "the loop can watch all connections"
check "fewer large buffers than laptops do not compile" \
	refuses SERVER_LARGE_BUFFERS=16 "each laptop's phone has large buffers"
check "a limit that there is not is named" \
	refuses NO_SUCH_LIMIT=1 "src/limits.h has no NO_SUCH_LIMIT"
lab_passed
