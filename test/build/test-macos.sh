#!/bin/bash
# SPDX-License-Identifier: ISC
# Cross-builds client and relay for a Mac, with warnings as errors, and looks at what comes out: kind, oldest
# system, signature, libraries, symbols, size. None of it can be run here; test/darwin/ runs the same source.
# Needs: test/packages.sh build dist
set -u
. "$(dirname "$0")/report.sh"
cd "$(dirname "$0")/../.." || exit 1
export LC_ALL=C
status=0
most=409600 # bytes

header() { llvm-objdump --macho --private-headers "$1" 2>/dev/null; }
is_not() { [ "$1" = "$2" ] || echo "it is $1, not $2"; }
libraries() { llvm-objdump --macho --dylibs-used "$1" | sed -n 's/^\t\(.*\) (.*/\1/p' | tr '\n' ' '; }

# Symbols that are not libSystem's. (llvm-nm says which library each is looked for in.)
strangers() {
	llvm-nm -m -u "$1" | grep -v '(from libSystem)$' | grep -v ' dyld_stub_binder '
}

check_program() { # ARCH PROGRAM CPUTYPE
	local file=build/macos/$1/$2 size
	[ -s "$file" ] || { echo "there is no $file" | report "$2 is built for $1"; return; }
	size=$(stat -c %s "$file")
	is_not "$(header "$file" | awk '/MH_MAGIC_64/ { print $2 }')" "$3" | report "$2 for $1 is a program of that kind"
	is_not "$(header "$file" | awk '/ minos / { print $2 }')" 11.0 | report "$2 for $1 starts from macOS 11 on"
	is_not "$(libraries "$file")" "/usr/lib/libSystem.B.dylib " | report "$2 for $1 needs libSystem alone"
	strangers "$file" | report "each undefined symbol of $2 for $1 is libSystem's"
	{ [ "$size" -lt $most ] || echo "$size bytes"; } | report "$2 for $1 is below 400 KB"
	echo "# $2 for $1: $size bytes, $(llvm-nm -u "$file" | wc -l) undefined symbols"
}

# Where one that is for Apple's processors has none, the kernel ends it at once.
check_signature() { header "$1" | grep -q LC_CODE_SIGNATURE || echo "there is no LC_CODE_SIGNATURE"; }

builds() { # ARCH
	rm -rf "build/macos/$1"
	dist/macos.sh "$1" "build/macos/$1" CFLAGS='-O2 -Werror' 2>&1
}

kinds=(arm64:ARM64 x86_64:X86_64)
for kind in "${kinds[@]}"; do
	arch=${kind%:*}
	builds "$arch" | report "make macos builds the programs for $arch without a word"
	for program in tether-client tether-relay; do
		check_program "$arch" "$program" "${kind#*:}"
	done
done
for program in tether-client tether-relay; do
	check_signature "build/macos/arm64/$program" | report "$program for arm64 is signed"
done

grep -nE '^#[[:space:]]*(if|el)' src/*/*.[ch] | grep -E 'APPLE|__MACH__|darwin' | grep -v '^src/base/' |
	report "no source but src/base/ asks what system it is for"
grep -nE '#include <(linux/|sys/(signalfd|prctl|sysinfo))|AF_PACKET|AF_NETLINK|accept4|SOCK_(CLOEXEC|NONBLOCK)' \
	src/*/*.[ch] | grep -vE '^src/([a-z]+/[a-z_]+_linux\.c|wire/|os/(netlink|nftables)\.h)|:[[:space:]]*//' |
	report "what only Linux has is in its own files"

# A Mac has GNU make 3.81. Later ones brought these: != and ::= (4.0), file (4.0), ONESHELL, private, undefine,
# and define with an operator (3.82), let and intcmp (4.4).
grep -nE '(^|[^:])(::=|!=)|\$\((file|guile|let|intcmp) |^\.ONESHELL|^(private|undefine) |^define [^ ]+ [+?:]?=' \
	Makefile dist/*.mk | report "the Makefile keeps to what GNU make 3.81 knows"
exit $status
