#!/bin/bash
# SPDX-License-Identifier: ISC
# Small devices, booted and not only compiled for: a machine that qemu emulates, with 64 MB of
# memory, Debian's kernel, busybox, and the three programs as a small device gets them (make
# SMALL=1).
#
#   test/dist/test-boot.sh [armhf|mipsel]...        both, if left out
#
# test/dist/boot-init.sh says what happens inside. Kernel and busybox are Debian's packages for that
# processor, taken apart in build/boot/ and not installed.
# Needs: test/packages.sh dist boot
set -u
cd "$(dirname "$0")/../.." || exit 1
. test/dist/report.sh
[ $# -gt 0 ] || set -- armhf mipsel
limit_s=${BOOT_LIMIT_S:-420}

# Downloads packages for another processor, and takes them apart.
fetch() { # ARCH PACKAGE...
	local lists=$PWD/build/boot/$1/lists options depends
	options=(-qq -o "APT::Architecture=$1" -o "APT::Architectures=$1" -o "Dir::State::lists=$lists"
		-o Dir::State::status=/dev/null -o Dir::Cache::pkgcache= -o Dir::Cache::srcpkgcache=
		-o APT::Sandbox::User=root)
	mkdir -p "$lists/partial" "build/boot/$1/debs"
	apt-get "${options[@]}" update # a list that is missing shows at the download
	depends=$(apt-cache "${options[@]}" depends "$2" | sed -n 's/.*Depends: //p' | head -n 1)
	(cd "build/boot/$1/debs" && apt-get "${options[@]}" download "$depends" busybox-static) || return
	for package in "build/boot/$1/debs"/*.deb; do
		dpkg -x "$package" "build/boot/$1/root" || return
	done
}

# What the machine starts with: the programs, busybox, modules, and the init.
make_initramfs() { # ARCH PROGRAMS
	local root=build/boot/$1/root into=build/boot/$1/initramfs module
	rm -rf "$into"
	mkdir -p "$into"/{bin,proc,sys,dev,tmp,etc,modules} || return
	cp "$root/bin/busybox" "$2"/tether-{client,server,relay} "$into/bin/" || return
	ln -s busybox "$into/bin/sh"
	for module in crc32c_generic libcrc32c nfnetlink nf_tables veth tun; do
		find "$root" -name "$module.ko" -exec cp {} "$into/modules/" \;
	done
	install -m 755 test/dist/boot-init.sh "$into/init" || return
	(cd "$into" && find . | cpio --quiet -o -H newc -R 0:0 | gzip -1) >"build/boot/$1/initramfs.gz"
}

machine() { # ARCH; runs it; its console is stdout
	local kernel
	kernel=$(echo "build/boot/$1/root/boot/vmlinuz"*)
	case $1 in
	armhf) set -- qemu-system-arm -M virt -cpu cortex-a7 -append "console=ttyAMA0 panic=-1 quiet" \
		-initrd "build/boot/$1/initramfs.gz" ;;
	mipsel) set -- qemu-system-mipsel -M malta -vga none -append "console=ttyS0 panic=-1 quiet" \
		-initrd "build/boot/$1/initramfs.gz" ;;
	esac
	timeout "$limit_s" "$@" -m 64 -kernel "$kernel" -nographic -no-reboot -nic none </dev/null
}

says() { grep -q "^boot: $1" "$console"; } # WORDS

resident_below() { # PROGRAM KIB
	local kib
	kib=$(sed -n "s/^boot: $1 \([0-9]*\) KiB.*/\1/p" "$console")
	if [ -n "$kib" ] && [ "$kib" -lt "$2" ]; then
		ok "tether-$1 has less than $2 KiB resident after that ($kib)"
	else
		not_ok "tether-$1 has less than $2 KiB resident after that" "${kib:-unknown}"
	fi
}

boots() { # ARCH NAME-OF-CROSS KERNEL
	local begun=$SECONDS
	console=build/boot/$1/console
	if [ ! -d "build/boot/$1/root" ] && ! fetch "$1" "$3"; then
		rm -rf "build/boot/$1/root"
		not_ok "$1: kernel and busybox can be had" "apt-get could not download them"
		return
	fi
	if ! dist/cross.sh "$2" "build/boot/$1/programs" SMALL=1 >"build/boot/$1/make.log" 2>&1 ||
		! make_initramfs "$1" "build/boot/$1/programs"; then
		not_ok "$1: the programs are built" "$(tail -n 1 "build/boot/$1/make.log")"
		return
	fi
	machine "$1" | tr -d '\r' >"$console"
	grep '^boot: ' "$console" | sed 's/^/# /'
	if says "the checksum is right"; then
		ok "a machine with 64 MB ($1) boots, and 10 MB pass client, relay and server, whole"
	else
		tail -n 30 "$console" | sed 's/^/#   /'
		not_ok "a machine with 64 MB ($1) boots, and 10 MB pass client, relay and server, whole" \
			"$(tail -n 1 "$console")"
	fi
	resident_below client 1024
	resident_below relay 1024
	resident_below server 2048
	echo "# $1 took $((SECONDS - begun)) s"
}

for arch in "$@"; do
	case $arch in
	armhf) boots armhf armv7 linux-image-armmp ;;
	mipsel) boots mipsel mipsel linux-image-4kc-malta ;;
	*) not_ok "$arch can be booted" "no such machine" ;;
	esac
done
exit $status
