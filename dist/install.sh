#!/bin/sh
# SPDX-License-Identifier: ISC
# Puts Tether in place, or takes it away.
#
#   install.sh [install | uninstall]
#
# In the environment, or by default:
#   PREFIX       /usr/local; programs go to PREFIX/sbin
#   DESTDIR      nothing; goes before all paths, for packages
#   MANDIR       PREFIX/share/man
#   SYSTEMD_DIR  PREFIX/lib/systemd/system, where systemd looks too; "no" for none
#   OPENRC_DIR   none; /etc/init.d where OpenRC starts services
#   BIN          this script's folder: where the programs are
# No service is started or stopped, and no key is touched.
set -eu
umask 022
here=$(cd "$(dirname "$0")" && pwd)
PREFIX=${PREFIX:-/usr/local}
DESTDIR=${DESTDIR:-}
MANDIR=${MANDIR:-$PREFIX/share/man}
SYSTEMD_DIR=${SYSTEMD_DIR:-$PREFIX/lib/systemd/system}
OPENRC_DIR=${OPENRC_DIR:-no}
BIN=${BIN:-$here}
completions=$PREFIX/share/bash-completion/completions

put() { # MODE FILE FOLDER NAME
	mkdir -p "$DESTDIR$3"
	# Beside it first, and then renamed: a program that runs keeps its file.
	case $2 in
	*/systemd/* | */openrc/*) sed "s,@SBINDIR@,$PREFIX/sbin,g" "$2" >"$DESTDIR$3/$4.new" ;;
	*) cp "$2" "$DESTDIR$3/$4.new" ;;
	esac
	chmod "$1" "$DESTDIR$3/$4.new"
	mv -f "$DESTDIR$3/$4.new" "$DESTDIR$3/$4"
}

take() { # MODE FILE FOLDER NAME
	rm -f "$DESTDIR$3/$4"
}

# Folders that few others have, when they are empty.
take_folders() {
	for folder in "$MANDIR/man8" "$completions" "${completions%/*}" "$SYSTEMD_DIR" "${SYSTEMD_DIR%/*}"; do
		[ ! -d "$DESTDIR$folder" ] || rmdir "$DESTDIR$folder" 2>/dev/null || :
	done
}

each() { # put | take
	for program in tether-client tether-server tether-relay; do
		"$1" 755 "$BIN/$program" "$PREFIX/sbin" "$program"
		"$1" 644 "$here/man/$program.8" "$MANDIR/man8" "$program.8"
		"$1" 644 "$here/completion/tether" "$completions" "$program"
	done
	if [ "$SYSTEMD_DIR" != no ]; then
		for unit in tether-client tether-server tether-key; do
			"$1" 644 "$here/systemd/$unit.service" "$SYSTEMD_DIR" "$unit.service"
		done
	fi
	if [ "$OPENRC_DIR" != no ]; then
		for program in tether-client tether-server; do
			"$1" 755 "$here/openrc/$program" "$OPENRC_DIR" "$program"
		done
	fi
}

case ${1:-install} in
install) each put ;;
uninstall)
	each take
	take_folders
	;;
*)
	echo "usage: install.sh [install | uninstall]" >&2
	exit 2
	;;
esac
