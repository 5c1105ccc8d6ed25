#!/bin/bash
# SPDX-License-Identifier: ISC
# Strangers in tens of thousands at the server's door, from one address and from many, while a keyed tether is
# in use: it goes on at its speed, a new phone of its laptop gets in, and memory and descriptors stay as they are.
#
#   test/lab/test-strangers.sh
#
# The strangers come at 2500 connections a second. A single host with 100 Mbit/s can open some more (about 16 000
# with a request and an offer on each), but here they share two processors with the tether that is measured; for
# the same reason they run with low priority, and the transfer that is compared asks for no more than 100 Mbit/s,
# as phones have them. What the machine gives without that limit is printed beside it.
# Needs root, build/tether-*, and: test/packages.sh lab
. "$(dirname "$0")/lab.sh"
LAB_MODE=keyed

limit_bytes=12500000 # a second: 100 Mbit/s
growth_max_kib=1024
one=("$NEAR")
many=() # addresses of the host "near"

# ---- what is measured ----

# The medians of five transfers, in Mbit/s.
limited_mbit() { traffic speed "$WEB" $((limit_bytes / 8)) --rate $limit_bytes; }
free_mbit() { traffic speed "$WEB" 8388608; }

descriptors() { find "/proc/${LAB_PID[server]}/fd" -type l | wc -l; }

descriptors_are() { [ "$(descriptors)" -eq "$1" ] || { echo "$(descriptors) descriptors, not $1"; return 1; }; }

above_half() { # MBIT OF-MBIT
	[ "${1:-0}" -gt $(($2 / 2)) ] || { echo "${1:-no} Mbit/s, where $2 were before"; return 1; }
}

# ---- strangers ----

come() { # KIND ADDRESSES...
	rm -f "$LAB_DIR/enough"
	lab_start strangers near nice -n 19 "$LAB_PYTHON" "$LAB_ROOT/test/lab/strangers.py" "$1" "$SERVER" 8080 \
		--from "${@:2}" --until "$LAB_DIR/enough"
}

go() {
	touch "$LAB_DIR/enough"
	lab_wait strangers 120 || { cat "$(lab_log strangers)"; return 1; }
	echo "#   $(tail -n 1 "$(lab_log strangers)")" >&3
}

counters_sum() { # PATHS...
	local path value sum=0
	for path in "$@"; do
		value=$(status_of server "$path") || return
		sum=$((sum + value))
	done
	echo $sum
}

counts_more() { # LEAST BEFORE PATHS...
	local now
	now=$(counters_sum "${@:3}") && [ $((now - $2)) -ge "$1" ]
}

# While they come, the server counts so many at least.
have_come() { # LEAST BEFORE PATHS...
	local status said
	wait_for 90 counts_more "$@"
	status=$?
	said="${*:3}: $(($(counters_sum "${@:3}") - $2)) more"
	echo "#   $said" >&3
	echo "$said"
	return $status
}

new_phone_gets_in() {
	local began=${EPOCHREALTIME/./}
	lab_stop relay
	start_relay
	tunnel_ready || return
	echo "#   with a new phone the tether works after $(((${EPOCHREALTIME/./} - began) / 1000)) ms" >&3
}

# Few get as far as their counter: the others give way to those behind them before they are heard, the more of them
# the busier the machine is. All 10 000 come in any case.
crowd() { # NAME KIND "LEAST COUNTERS..." ADDRESSES...
	local name=$1 before mbit least counters
	read -r least counters <<<"$3"
	read -ra counters <<<"$counters"
	before=$(counters_sum "${counters[@]}")
	come "$2" "${@:4}"
	mbit=$(limited_mbit)
	echo "# $name: ${mbit:-no} Mbit/s of at most $((limit_bytes / 125000)), before $mbit_before;" \
		"$(free_mbit) of all that there are, before $free_before"
	check "$name: the tether goes on at more than half of its speed" above_half "$mbit" "$mbit_before"
	check "$name: a new phone of the laptop gets in" new_phone_gets_in
	check "$name: the server sees them" have_come "$least" "$before" "${counters[@]}"
	check "$name: 10 000 have come" go
	check "$name: its descriptors are as before" wait_for 60 descriptors_are "$descriptors_before"
}

all_crowds() { # WHENCE ADDRESSES...
	crowd "silent strangers $1" silent "10000 http.accepted" "${@:2}"
	crowd "half requests $1" request "10000 http.accepted" "${@:2}"
	crowd "half offers $1" offer "20 keyed.strangers_evicted" "${@:2}"
	crowd "random bytes $1" noise "20 http.refused keyed.not_understood" "${@:2}"
	crowd "wrong keys on many connections $1" wrong "20 keyed.wrong_key keyed.rate_limited" "${@:2}"
	crowd "wrong keys on few connections $1" flood "100 keyed.wrong_key keyed.rate_limited" "${@:2}"
	echo "# the server has $(resident_kib server) KiB resident, $(descriptors) descriptors"
}

memory_is_flat() { # KIB-BEFORE
	local now
	now=$(resident_kib server)
	[ $((now - $1)) -le $growth_max_kib ] || { echo "$now KiB, where $1 were before"; return 1; }
}

held_connection_works() {
	touch "$LAB_DIR/go-on"
	lab_wait held 60 || { cat "$(lab_log held)"; return 1; }
}

exec 3>&1 # figures worth showing, past the output that "check" keeps
lab_up
for i in $(seq 101 132); do
	many+=("203.0.113.$i")
	lab_ip near address add "203.0.113.$i/24" dev eth0
done
start_targets || lab_die "the web hosts do not start"
check "tether-server starts" start_server
check "tether-client starts" start_client
start_relay
check "the tether is up" tunnel_ready
lab_passed || exit 1
lab_start held laptop "$LAB_PYTHON" "$LAB_TRAFFIC" idle "$WEB" --until "$LAB_DIR/go-on"
mbit_before=$(limited_mbit)
free_before=$(free_mbit)
descriptors_before=$(descriptors)
echo "# before: $mbit_before Mbit/s of at most $((limit_bytes / 125000)), $free_before of all that there are;" \
	"$(resident_kib server) KiB resident, $descriptors_before descriptors"
all_crowds "from one address" "${one[@]}"
resident_before=$(resident_kib server)
all_crowds "from ${#many[@]} addresses" "${many[@]}"
check "the server's memory did not grow in the second round" memory_is_flat "$resident_before"
mbit=$(limited_mbit)
echo "# after: $mbit Mbit/s of at most $((limit_bytes / 125000)), $(free_mbit) of all that there are"
check "when all are gone, the tether is as fast as it was" above_half "$mbit" "$mbit_before"
check "a TCP connection from before all that works" held_connection_works
check "the laptop is known by the session that it had" wait_for 10 status_is client session.state '"up"'
check "it had no forged message" status_is client session.forged 0
check "tether-server ends with status 0" lab_stop server
lab_passed
