#!/bin/bash
# SPDX-License-Identifier: ISC
# Builds the programs in every way that is promised, with warnings as errors, and looks at what comes
# out: compilers (gcc, clang), static and not, 64 and 32 bits, both byte orders, the layout of the
# source, and the size of the static binaries with musl.
set -u
cd "$(dirname "$0")/../.." || exit 1
status=0

ok() { echo "ok - $1"; }
not_ok() { echo "not ok - $1: $2"; status=1; }

builds() { # NAME FOLDER VARIABLE=VALUE...
	local name=$1 folder=build/$2 said
	shift 2
	if ! said=$(make -s -j"$(nproc)" BUILD="$folder" "$@" all 2>&1); then
		echo "$said" | tail -n 20
		not_ok "$name" "make failed"
	elif grep -i warning <<<"$said" | grep -v "Using 'getaddrinfo' in statically linked" | grep .; then
		not_ok "$name" "warnings"
	else
		ok "$name"
	fi
}

is_static() { ! readelf -l "$1" | grep -q INTERP; }

builds "gcc builds the programs without a warning" check-gcc CC=gcc CFLAGS='-O2 -Werror'
builds "clang builds the programs without a warning" check-clang CC=clang CFLAGS='-O2 -Werror'
builds "gcc builds static programs" check-gcc-static CC=gcc STATIC=1 CFLAGS='-O2 -Werror'
builds "clang builds static programs" check-clang-static CC=clang STATIC=1 CFLAGS='-O2 -Werror'
builds "musl's gcc builds static programs" check-musl CC=musl-gcc STATIC=1 CFLAGS='-Os -Werror'
for triplet in aarch64-linux-gnu arm-linux-gnueabihf mips-linux-gnu; do
	builds "gcc cross-builds static programs for $triplet" "check-$triplet" CC=$triplet-gcc STATIC=1 \
		CFLAGS='-O2 -Werror'
done
# clang stands in for a 32-bit compiler of another make; it compiles, and does not link.
for triplet in arm-linux-gnueabihf mips-linux-gnu; do
	if make -s -j"$(nproc)" BUILD="build/check-clang-$triplet" STATIC=1 CFLAGS='-O2 -Werror' \
		CC="clang --target=$triplet -isystem /usr/$triplet/include" objects; then
		ok "clang compiles everything for $triplet without a warning"
	else
		not_ok "clang compiles everything for $triplet without a warning" "make failed"
	fi
done

for program in tether-client tether-server tether-relay; do
	for folder in check-gcc-static check-clang-static check-musl; do
		if is_static build/$folder/$program; then
			ok "$program of $folder needs no shared library"
		else
			not_ok "$program of $folder needs no shared library" "it names an interpreter"
		fi
	done
	strip -o build/stripped build/check-musl/$program
	size=$(stat -c %s build/stripped)
	if [ "$size" -lt 204800 ]; then
		ok "$program, static with musl and stripped, is below 200 KB ($size bytes)"
	else
		not_ok "$program, static with musl and stripped, is below 200 KB" "$size bytes"
	fi
done

if said=$(git ls-files '*.c' '*.h' | xargs clang-format --dry-run -Werror 2>&1); then
	ok "the source is laid out as .clang-format says"
else
	echo "$said" | head -n 20
	not_ok "the source is laid out as .clang-format says" "clang-format would change it"
fi

exit $status
