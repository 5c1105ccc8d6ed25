#!/bin/bash
# SPDX-License-Identifier: ISC
# The Debian package in a Debian 12 that systemd runs: installed, run, upgraded, removed and purged.
#
#   test/dist/test-deb.sh
#
# Needs root, and: test/packages.sh build debian
. "$(dirname "$0")/debian.sh"

rm -f build/tether_*.deb
make -s deb >/dev/null || exit 1
deb=$(echo build/tether_*.deb)

lintian_is_content() {
	local said
	said=$(lintian --allow-root "$deb" 2>&1) && ! grep '^E:' <<<"$said" || { echo "$said"; return 1; }
}

# All files, but those that change whenever packages do.
everything() {
	(cd "$(root_of host)" && find . -xdev \( -path ./proc -o -path ./sys -o -path ./run -o -path ./tmp -o -path ./var/log \
		-o -path ./var/lib/dpkg -o -path ./var/lib/systemd -o -path ./var/cache -o -path ./var/tmp \) -prune \
		-o -printf '%m %u %P\n') | sort
}

unchanged() { # FILE
	diff "$1" <(everything)
}

debian_new host
debian_boot host
in_debian host ip link add eth0 type veth peer name far0
in_debian host sh -c 'ip address add 198.18.7.2/24 dev eth0 && ip link set eth0 up && ip link set far0 up &&
	ip route add default via 198.18.7.1'
everything >"$DEBIAN_DIR/before"
install_package() { in_debian host sh -c 'cat >/tmp/tether.deb && dpkg -i /tmp/tether.deb; status=$?; rm /tmp/tether.deb; exit $status' <"$1"; }

check "lintian finds no error in the package" lintian_is_content
check "the package is installed" install_package "$deb"
check "it has put the programs in place" in_debian host tether-client --version
check "its files are as they were packed" is "" in_debian host dpkg --verify tether
check "nothing was started" is inactive in_debian host systemctl is-active tether-server
check "the server is enabled and starts" in_debian host systemctl enable --now tether-server
check "it listens" listens host 127.0.0.1:8080
key=$(in_debian host cat /var/lib/tether/key)
pid=$(in_debian host systemctl show -p MainPID --value tether-server)
check "the package is installed once more, as in an upgrade" install_package "$deb"
check "the server was restarted by it" wait_for 10 in_debian host sh -c \
	"pid=\$(systemctl show -p MainPID --value tether-server); [ \$pid != 0 ] && [ \$pid != $pid ]"
check "it listens again" listens host 127.0.0.1:8080
check "the key is the same" is "$key" in_debian host cat /var/lib/tether/key
check "the package is removed" in_debian host dpkg -r tether
check "the server does not run any more" is "" in_debian host sh -c 'cat /proc/[0-9]*/comm | grep tether'
check "the key is still there" is "$key" in_debian host cat /var/lib/tether/key
check "the package is purged" in_debian host dpkg -P tether
check "nothing is left of it" unchanged "$DEBIAN_DIR/before"
debian_passed
