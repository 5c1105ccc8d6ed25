#!/bin/sh
# SPDX-License-Identifier: ISC
# Packs the programs, manual pages, completion and units as a Debian package:
# BUILD/../tether_VERSION-1_ARCH.deb
#
#   BUILD=build/deb VERSION=1.0 dist/debian/build.sh      (make deb)
#
# Nothing is started when the package is installed: the same package is for laptops and for servers.
# Removing it leaves the key, purging takes it away, too.
set -eu
cd "$(dirname "$0")/../.."
: "${BUILD:?}" "${VERSION:?}"
maintainer=${MAINTAINER:-The Tether authors <tether@lists.tether.invalid>}
arch=$(dpkg --print-architecture)
root=$BUILD/root
doc=$root/usr/share/doc/tether
when=$(date -R -u -d "@${SOURCE_DATE_EPOCH:-$(git log -1 --format=%ct 2>/dev/null || date +%s)}")

umask 022
rm -rf "$root"
mkdir -p "$root/DEBIAN" "$doc"
BIN=$BUILD PREFIX=/usr DESTDIR=$root MANDIR=/usr/share/man SYSTEMD_DIR=/lib/systemd/system dist/install.sh
strip --remove-section=.comment --remove-section=.note "$root"/usr/sbin/*
gzip -9n "$root"/usr/share/man/man8/*
cp README.md doc/*.md "$doc"
gzip -9nc CHANGES >"$doc/changelog.gz"
printf 'tether (%s-1) unstable; urgency=medium\n\n  * See changelog.gz.\n\n -- %s  %s\n' \
	"$VERSION" "$maintainer" "$when" | gzip -9n >"$doc/changelog.Debian.gz"
{
	echo "Format: https://www.debian.org/doc/packaging-manuals/copyright-format/1.0/"
	printf '\nFiles: *\nCopyright: 2026 The Tether authors\nLicense: ISC\n'
	sed '1,2d; s/^$/./; s/^/ /' LICENSE
} >"$doc/copyright"

# The C library that the programs were linked with, or a later one.
libc=$(objdump -T "$root"/usr/sbin/* | grep -o 'GLIBC_[0-9.]*' | sort -uV | tail -n 1 | tr -d 'A-Z_')
cat >"$root/DEBIAN/control" <<END
Package: tether
Version: $VERSION-1
Architecture: $arch
Maintainer: $maintainer
Installed-Size: $(du -ks "$root/usr" | cut -f 1)
Depends: libc6 (>= $libc)
Section: net
Priority: optional
Description: get a laptop online through the web browser of a phone
 A laptop without Internet gets online through the web browser of any phone.
 Nothing is installed on the phone: it opens a page, which copies messages
 between the laptop (tether-client) and a host in the cloud (tether-server).
 What passes is sealed between these two.
END
for script in postinst prerm postrm; do
	install -m 755 "dist/debian/$script" "$root/DEBIAN/$script"
done
(cd "$root" && find usr lib -type f -print0 | sort -z | xargs -0 md5sum >DEBIAN/md5sums)
dpkg-deb --root-owner-group --build "$root" "$BUILD/../tether_$VERSION-1_$arch.deb"
