#!/bin/bash
# SPDX-License-Identifier: ISC
# Breaks the macOS files in one way of mutants.txt at a time. The layer, or what then does not work in the lab,
# must find each. First the client as it is passes the same.
#
#   test/darwin/mutants.sh [NUMBER | NAME...]     NUMBER: the first of them alone
#
# Needs root, build/tether-server, build/tether-relay, and: test/packages.sh build lab names
LAB_ROOT=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
"$LAB_ROOT/test/unpack.sh" || exit 1
. "$LAB_ROOT/test/lab/lab.sh"
. "$LAB_ROOT/test/lab/names-lab.sh"
. "$LAB_ROOT/test/lab/macos-lab.sh"
COPY=$LAB_ROOT/build/darwin-mutant

# What a client must do; says what it does not.
passes() {
	new_record
	start_mac >"$LAB_DIR/why" || { tail -n 1 "$LAB_DIR/why"; return 1; }
	nothing_refused || return
	shows "$AT" 10 && grep -q '(wifi0)' "$(lab_log client)" || { echo "its address is not shown"; return 1; }
	start_mac_relay
	tunnel_ready 20 && wait_for 20 by_getent || { nothing_refused && echo "nothing comes through, or no name"; return 1; }
	lab_exec laptop ping -6 -c 1 -W 1 2001:db8::1 >"$LAB_DIR/ping6" 2>&1
	grep -qi 'unreachable: \(no route\|administrative\|address\)' "$LAB_DIR/ping6" || { echo "IPv6 is not refused"; return 1; }
	change_address "$HOTSPOT.77"
	shows "$HOTSPOT.77" 10 || { echo "another address is not shown"; return 1; }
	lab_stop relay
	lab_stop client KILL
	change_address "$AT"
	wait_for 10 store_is_empty || { echo "the dynamic store is not empty after kill -9"; return 1; }
	soon_unchanged laptop || return
	nothing_refused
}

clean_up() {
	lab_stop relay
	lab_stop client KILL
	change_address "$AT"
}

# Makes a client with one fault in it. All but the file's objects is as in the real one.
mutate() { # FILE CHANGE
	rm -rf "$COPY" && mkdir -p "$COPY/build" || return
	cp -a "$LAB_ROOT"/{Makefile,src,html,tools,dist,test} "$COPY/"
	mkdir -p "$COPY/build/obj/test" || return
	cp -a "$LAB_ROOT/build/darwin" "$LAB_ROOT/build/limits_of_build.h" "$COPY/build/"
	cp -a "$LAB_ROOT/build/obj/test/darwin" "$COPY/build/obj/test/"
	rm -f "$COPY/build/darwin/tether-client"
	sed -i "$2" "$COPY/$1"
	! cmp -s "$LAB_ROOT/$1" "$COPY/$1" || { echo "its change applies to nothing in $1"; return 1; }
	make -s -C "$COPY" build/darwin/tether-client
}

is_found() { # NAME
	local why
	MAC=$COPY/build/darwin/tether-client
	if passes >"$LAB_DIR/passes" 2>&1; then
		not_ok "$1 is found" "the lab passes with it"
	else
		why=$(grep -m 1 '^refused' "$LAB_DIR/record") || why=$(tail -n 1 "$LAB_DIR/passes")
		ok "$1 is found ($why)"
	fi
	clean_up
}

macos_lab_up
remember laptop
check "the client is built" make -s -C "$LAB_ROOT" build/darwin/tether-client
check "the client as it is passes" passes
clean_up
lab_passed || exit 1
wanted=" $* "
left=1000
[[ ! ${1:-} =~ ^[0-9]+$ ]] || { left=$1 && shift; }
while IFS='|' read -r name file change <&9; do
	name=${name// /} file=${file// /}
	case $name in '#'* | '') continue ;; esac
	[ $((left--)) -gt 0 ] || break
	[ $# -eq 0 ] || [[ $wanted == *" $name "* ]] || continue
	if mutate "$file" "$change" >"$LAB_DIR/made" 2>&1; then
		is_found "$name"
	else
		not_ok "$name is made" "$(tail -n 1 "$LAB_DIR/made")"
	fi
done 9<"$LAB_ROOT/test/darwin/mutants.txt"
rm -rf "$COPY"
MAC=$LAB_ROOT/build/darwin/tether-client
check "the client as it is passes afterwards, too" passes
lab_passed
