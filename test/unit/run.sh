#!/bin/bash
# SPDX-License-Identifier: ISC
# Builds the unit tests and runs them:
#
#   test/unit/run.sh native       with the compiler that make uses
#   test/unit/run.sh sanitized    with clang's address and undefined-behaviour sanitizers
#   test/unit/run.sh cross [MACHINE...]   under qemu-user, for aarch64, arm (32 bits) and mips (big-endian)
set -u
cd "$(dirname "$0")/../.." || exit 1
status=0

# Each test program is one process; what it prints is marked with where it ran.
run_all() { # LABEL FOLDER RUNNER...
	local label=$1 folder=$2 program output
	shift 2
	for program in "$folder"/unit/test_*[!.]?; do
		[ -x "$program" ] || continue
		output=$("$@" "$program" 2>&1)
		local ended=$?
		sed -E "s/^(ok|not ok) - /\1 - $label: /" <<<"$output"
		[ $ended -eq 0 ] && continue
		status=1
		grep -q '^not ok - ' <<<"$output" ||
			echo "not ok - $label: $(basename "$program") ended with status $ended"
	done
}

build() { # LABEL VARIABLE=VALUE...
	local label=$1
	shift
	make -s -j"$(nproc)" "$@" unit-tests && return
	echo "not ok - $label: the unit tests do not build"
	status=1
	return 1
}

sanitize='-O1 -g -fsanitize=address,undefined -fno-sanitize-recover=all -fno-omit-frame-pointer'

case ${1-} in
native)
	build native BUILD=build && run_all native build env
	;;
sanitized)
	build sanitized BUILD=build/asan CC=clang FORTIFY= CFLAGS="$sanitize" \
		CPPFLAGS=-DSESSION_STRICT &&
		run_all sanitized build/asan env
	;;
cross)
	shift
	declare -A triplets=([aarch64]=aarch64-linux-gnu [arm]=arm-linux-gnueabihf [mips]=mips-linux-gnu)
	[ $# -gt 0 ] || set -- aarch64 arm mips
	export STORM_STEPS=20000 # an emulator is slow
	for machine in "$@"; do
		triplet=${triplets[$machine]}
		build "$machine" BUILD="build/$triplet" STATIC=1 CC="$triplet-gcc" &&
			run_all "$machine" "build/$triplet" "qemu-$machine-static"
	done
	;;
*)
	echo "usage: test/unit/run.sh native|sanitized|cross [MACHINE...]" >&2
	exit 2
	;;
esac
exit $status
