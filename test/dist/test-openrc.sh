#!/bin/bash
# SPDX-License-Identifier: ISC
# OpenRC's scripts, in a Debian 12 with OpenRC.
#
#   test/dist/test-openrc.sh
#
# Needs root, build/tether-*, and: test/packages.sh debian
. "$(dirname "$0")/debian.sh"

debian_layer openrc openrc
debian_new host openrc
make -s DESTDIR="$(root_of host)" SYSTEMD_DIR=no OPENRC_DIR=/etc/init.d install || exit 1

# What runs in the machine; its "ok" lines are this suite's.
cat >"$(root_of host)/root/trial" <<'END'
check() { # NAME COMMAND-LINE
	if said=$(eval "$2" 2>&1); then echo "ok - $1"; else echo "$said" | sed 's/^/#   /'; echo "not ok - $1: $2"; fi
}
listens() { # ADDR:PORT
	for i in $(seq 50); do curl -sf "http://$1/status.json" >/dev/null && return; sleep 0.2; done
	return 1
}
no_process() { for i in $(seq 50); do grep -q "^$1" /proc/[0-9]*/comm || return 0; sleep 0.2; done; return 1; }
export RC_SYS=systemd-nspawn
for level in sysinit boot default; do openrc $level; done >/dev/null 2>&1
ip link set lo up
ip link add eth0 type veth peer name wlan0
ip address add 198.18.7.2/24 dev eth0; ip link set eth0 up; ip link set wlan0 up
ip route add default via 198.18.7.1
rc-service -q --nodeps tether-server start >/dev/null 2>&1
check "the server starts under OpenRC" "listens 127.0.0.1:8080"
check "the key is made, and root alone can read it" "[ \"\$(stat -c '%a %U' /var/lib/tether/key)\" = '600 root' ]"
check "the laptop's line is in a file" "grep -q 'tether-client --server .* --key' /var/lib/tether/laptop"
check "the key is in no log" "test -s /var/lib/tether/key && ! grep -rlFf /var/lib/tether/key /var/log"
old=$(pidof tether-server)
check "reload starts the server anew" "rc-service --nodeps tether-server reload && sleep 3 && listens 127.0.0.1:8080"
check "it is another process" "[ \"$old\" != \"\$(pidof tether-server)\" ]"
install -d /etc/tether
install -m 600 /var/lib/tether/key /etc/tether/client.key
printf 'SERVER=198.18.7.2\nOPTIONS="--wifi wlan0"\n' >/etc/tether/client
rc-service -q --nodeps tether-client start >/dev/null 2>&1
check "the client starts under OpenRC" "listens 169.254.134.89:6354"
for name in client server; do
	check "the $name stops" "rc-service --nodeps tether-$name stop && no_process tether-$name"
done
check "nothing is left of them" "[ -z \"\$(ip -o link show type tun; ip -4 -o address show dev wlan0)\" ]"
END
in_machine() {
	systemd-nspawn -q --register=no --keep-unit --as-pid2 --private-network --capability=CAP_NET_ADMIN \
		--machine="tether-$$-openrc" -D "$(root_of host)" "$@" </dev/null 2>"$DEBIAN_DIR/console"
}
in_machine sh /root/trial | tee "$DEBIAN_DIR/said"
! grep -q '^not ok' "$DEBIAN_DIR/said" && grep -q '^ok' "$DEBIAN_DIR/said"
