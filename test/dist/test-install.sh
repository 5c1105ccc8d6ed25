#!/bin/bash
# SPDX-License-Identifier: ISC
# Installs into a folder, compares what is there with a list, and takes it away again.
#
#   test/dist/test-install.sh
#
# Needs build/tether-*, and: test/packages.sh build docs
set -u
cd "$(dirname "$0")/../.." || exit 1
root=$PWD/build/installed
status=0

ok() { echo "ok - $1"; }
not_ok() { echo "not ok - $1: $2"; status=1; }

check_same() { # NAME WANTED GOT
	local said
	if said=$(diff <(echo "$2") <(echo "$3")); then
		ok "$1"
	else
		not_ok "$1" "$(tr '\n' ' ' <<<"$said")"
	fi
}

# What make install puts in place, as MODE PATH, without the folders.
files() { # SBIN MAN COMPLETIONS SYSTEMD OPENRC
	local program
	for program in tether-client tether-relay tether-server; do
		echo "755 $1/$program"
		echo "644 $2/man8/$program.8"
		echo "644 $3/$program"
	done
	[ "$4" = no ] || printf "644 $4/%s.service\n" tether-client tether-key tether-server
	[ "$5" = no ] || printf "755 $5/%s\n" tether-client tether-server
}

there() { (cd "$root" && find . ! -type d -printf '%m /%P\n') | sort; }
everything() { (cd "$root" && find . -printf '%y %m /%P\n') | sort; }

# Programs of the host's own, and folders that were there before, stay.
begin() {
	rm -rf "$root"
	mkdir -p "$root"/usr/local/{sbin,share/man,lib} "$root"/{usr/sbin,usr/share/man,usr/man,lib,etc/init.d}
	echo mine >"$root/usr/local/sbin/mine"
	everything >build/installed-before
}

trial() { # NAME FILES VARIABLE=VALUE...
	local name=$1 wanted=$2
	shift 2
	begin
	# Whoever installs may have a umask that would hide the files.
	(umask 077 && make -s DESTDIR="$root" "$@" install)
	check_same "make install puts $name" "$(sort <<<"$wanted"$'\n'"644 /usr/local/sbin/mine")" "$(there)"
	check_same "$name: its folders are open to all" "" "$(find "$root" -type d ! -perm 755)"
	grep -rqs '@SBINDIR@' "$root" && not_ok "$name: every place is filled in" "$(grep -rl '@SBINDIR@' "$root")"
	make -s DESTDIR="$root" "$@" uninstall
	check_same "make uninstall takes exactly this away: $name" "$(<build/installed-before)" "$(everything)"
}

trial "all under /usr/local" "$(files /usr/local/sbin /usr/local/share/man \
	/usr/local/share/bash-completion/completions /usr/local/lib/systemd/system no)"
trial "all where a distribution wants it" "$(files /usr/sbin /usr/share/man \
	/usr/share/bash-completion/completions /lib/systemd/system no)" PREFIX=/usr SYSTEMD_DIR=/lib/systemd/system
trial "manual pages elsewhere, and OpenRC's scripts in place of systemd's units" "$(files /usr/local/sbin /usr/man \
	/usr/local/share/bash-completion/completions no /etc/init.d)" MANDIR=/usr/man SYSTEMD_DIR=no OPENRC_DIR=/etc/init.d

make -s DESTDIR="$root" install
check_same "an installed program runs" "tether-server $(sed -n 's/^VERSION := //p' Makefile)" \
	"$("$root/usr/local/sbin/tether-server" --version)"
check_same "the units start the installed programs" "/usr/local/sbin/tether-client /usr/local/sbin/tether-server" \
	"$(sed -n 's/^ExecStart=\([^ ]*tether-[^ ]*\).*/\1/p' "$root"/usr/local/lib/systemd/system/*.service | sort | xargs)"

if said=$(shellcheck dist/install.sh dist/debian/* && shellcheck -s sh -e SC1091,SC2034 dist/openrc/* &&
	shellcheck -s bash dist/completion/tether && shellcheck -x -P SCRIPTDIR -e SC2015,SC2016,SC2034 test/dist/{debian,test-{cloud,deb,install,openrc,release,systemd}}.sh); then
	ok "shellcheck finds nothing wrong in the scripts"
else
	echo "$said"
	not_ok "shellcheck finds nothing wrong in the scripts" "see above"
fi
exit $status
