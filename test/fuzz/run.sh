#!/bin/bash
# SPDX-License-Identifier: ISC
# Runs the fuzz targets that are built (build/fuzz/fuzz_NAME), each for some seconds:
#
#   test/fuzz/run.sh SECONDS
#
# The seeds in build/corpus/NAME are made first. What a target finds interesting is kept in
# build/fuzz/found/NAME for the next time; an input that is a finding goes to build/fuzz/, and
#   build/fuzz/fuzz_NAME build/fuzz/NAME-...
# shows it again. As many targets run at a time as there are processors.
set -u
cd "$(dirname "$0")/../.." || exit 1

folder=build/fuzz
case ${1-} in
'' | *[!0-9]*)
	echo "usage: test/fuzz/run.sh SECONDS" >&2
	exit 2
	;;
esac

run_target() { # PROGRAM SECONDS
	local name=${1##*/fuzz_} status count took why
	local found=$folder/found/$name log=$folder/$name.log
	mkdir -p "$found"
	SECONDS=0
	"$1" -max_total_time="$2" -rss_limit_mb=512 -timeout=10 -print_final_stats=1 \
		-artifact_prefix="$folder/$name-" "$found" "build/corpus/$name" >"$log" 2>&1
	status=$?
	took=$SECONDS
	count=$(sed -n 's/^stat::number_of_executed_units: *//p' "$log")
	if [ $status -eq 0 ]; then
		echo "ok - fuzz target $name ran ${count:-0} inputs in $took s without a finding"
		return 0
	fi
	why=$(grep -m1 -E 'not so: |ERROR: |runtime error: ' "$log")
	echo "not ok - fuzz target $name: ${why:-it ended with status $status} (see $log)"
	sed -n '/runtime error:\|ERROR:\|not so:/,$p' "$log" | head -40
	return 1
}

test/fuzz/make-corpus.py build/corpus || exit 1
programs=("$folder"/fuzz_*)
if [ ! -x "${programs[0]}" ]; then
	echo "not ok - fuzz targets: none is built in $folder/ (make fuzz-programs)"
	exit 1
fi

export folder
export -f run_target
printf '%s\0' "${programs[@]}" |
	xargs -0 -P "$(nproc)" -I '{}' bash -c 'run_target "$@"' run '{}' "$1"
