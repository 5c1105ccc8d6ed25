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
while IFS='|' read -r name file change; do
	name=${name// /} file=${file// /}
	case $name in '#'* | '') continue ;; esac
	[ $# -eq 0 ] || [[ $names == *" $name "* ]] || continue
	rm -rf "$copy" && mkdir -p "$copy/build"
	cp -r Makefile src html test tools dist "$copy/"
	sed -i "$change" "$copy/$file"
	if cmp -s "$file" "$copy/$file"; then
		echo "not ok - $name: its change applies to nothing in $file"
		status=1
		continue
	fi
	if ! make -s -C "$copy" -j"$(nproc)" build/world/world >"$copy/log" 2>&1; then
		echo "not ok - $name: it does not compile ($(grep -m1 error: "$copy/log"))"
		status=1
		continue
	fi
	found=
	for ((first = 1; first <= seeds; first += 50)); do
		found=$("$copy/build/world/world" $first 50 | grep -m1 '^seed')
		[ -z "$found" ] || break
	done
	if [ -n "$found" ]; then
		echo "ok - $name is found: $found"
	else
		echo "not ok - $name: not found in $seeds seeds"
		status=1
	fi
done <test/world/mutants.txt
rm -rf "$copy"
exit $status
