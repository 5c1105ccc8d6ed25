#!/bin/bash
# SPDX-License-Identifier: ISC
# mutants.sh [NAME...]: puts each fault of mutants.txt back, in a copy of the sources, and looks how
# soon the world finds it: within 1 000 seeds, or it is "not ok". SEEDS=... is another limit.
set -u
cd "$(dirname "$0")/../.." || exit 1
copy=build/mutant
seeds=${SEEDS:-1000}
status=0
names=" $* "

not_ok() {
	echo "not ok - $1"
	status=1
}

# Puts one fault in, looks who notices, and takes it out again: what it does not touch is built once.
try() { # NAME FILE CHANGE
	local found
	sed -i "$3" "$copy/$2"
	if cmp -s "$2" "$copy/$2"; then
		not_ok "$1: its change applies to nothing in $2"
	elif ! make -s -C "$copy" -j"$(nproc)" build/world/world >"$copy/log" 2>&1; then
		not_ok "$1: it does not compile ($(grep -m1 error: "$copy/log"))"
	elif found=$("$copy/build/world/world" -f 1 "$seeds" | grep -m1 '^seed'); then
		echo "ok - $1 is found: $found"
	else
		not_ok "$1: not found in $seeds seeds"
	fi
	cp "$2" "$copy/$2"
}

rm -rf "$copy" && mkdir -p "$copy/build"
cp -r Makefile src html test tools dist "$copy/"
while IFS='|' read -r name file change; do
	name=${name// /} file=${file// /}
	case $name in '#'* | '') continue ;; esac
	[ $# -eq 0 ] || [[ $names == *" $name "* ]] || continue
	try "$name" "$file" "$change"
done <test/world/mutants.txt
rm -rf "$copy"
exit $status
