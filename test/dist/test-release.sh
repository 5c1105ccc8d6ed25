#!/bin/bash
# SPDX-License-Identifier: ISC
# A new user's path on two machines with Debian 12, with nothing but the release's tarball: the
# server runs after three commands, the client after two.
#
#   test/dist/test-release.sh       TARBALL=... for a tarball that is there
#
# Needs root, and: test/packages.sh build debian
. "$(dirname "$0")/debian.sh"

tarball=$(release_tarball) || debian_die "cannot make a tarball"
name=$(basename "$tarball" .tar.gz)

as_user() { # MACHINE COMMAND-LINE
	echo "$1# $2"
	in_debian "$1" sh -c "cd /root && $2"
}

tarball_has_its_parts() {
	local part
	for part in tether-{client,server,relay} man/tether-{client,server,relay}.8 systemd/tether-{client,server,key}.service \
		completion/tether install.sh LICENSE CHANGES; do
		tar -tzf "$tarball" "$name/$part" || return
	done
}

files() { (cd "$(root_of server)/usr/local" && find . ! -type d) | sort; }

check "the tarball has its parts in one folder" tarball_has_its_parts
for machine in server laptop; do
	debian_new $machine
	cp "$tarball" "$(root_of $machine)/root"
	debian_boot $machine
done
debian_wire
files >"$DEBIAN_DIR/before"

check "server, first command: unpack" as_user server "tar xzf $name.tar.gz"
check "server, second command: install" as_user server "$name/install.sh"
check "server, third command: start it, now and always" as_user server "systemctl enable --now tether-server"
check "the server listens" listens server 127.0.0.1:8080
check "the client's line is there for root to read" in_debian server grep tether-client /var/lib/tether/laptop
line=$(in_debian server grep tether-client /var/lib/tether/laptop)
line=${line//THIS-HOST/$SERVER}

check "client, first command: unpack" as_user laptop "tar xzf $name.tar.gz"
in_debian laptop sh -c "cd /root && exec $name/${line#"${line%%[! ]*}"} --wifi wlan0" >"$DEBIAN_DIR/client" 2>&1 &
check "client, second command: the line that the server made, and the Wi-Fi's name" listens laptop $LAPTOP:6354
mkdir "$DEBIAN_DIR/phone" && tar -C "$DEBIAN_DIR/phone" -xzf "$tarball"
start_phone "$DEBIAN_DIR/phone/$name/tether-relay"
check "the laptop reaches the server's host through the tether" tether_carries

check "the server is taken away again" as_user server "systemctl disable --now tether-server && $name/install.sh uninstall"
check "nothing of it is left in /usr/local" diff "$DEBIAN_DIR/before" <(files)
debian_passed
