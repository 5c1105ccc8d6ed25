#!/bin/bash
# SPDX-License-Identifier: ISC
# dist/cloud-init.yaml: cloud-init takes it for valid, and runs it in a Debian 12 as in a cloud,
# where a web server has the release.
#
#   test/dist/test-cloud.sh
#
# Needs root, and: test/packages.sh build debian
. "$(dirname "$0")/debian.sh"

data=dist/cloud-init.yaml
tarball=$(release_tarball) || debian_die "cannot make a tarball"
net=tether-$$-cloud

# The user-data as its owner fills it in.
filled() { # CHECKSUM
	sed "s,URL=.*,URL=http://127.0.0.1:9000/$(basename "$tarball"),; s,SHA256=.*,SHA256=$1," "$data"
}

boot() { # MACHINE CHECKSUM
	local seed
	debian_new "$1" cloud
	seed=$(root_of "$1")/var/lib/cloud/seed/nocloud
	mkdir -p "$seed"
	echo "instance-id: $1" >"$seed/meta-data"
	filled "$2" >"$seed/user-data"
	echo 'network: {config: disabled}' >"$(root_of "$1")/etc/cloud/cloud.cfg.d/99-no-network.cfg"
	debian_boot "$1" "$net"
	in_debian "$1" cloud-init status --wait >/dev/null
}

key_is_not_in() { # FOLDER...
	local key
	key=$(in_debian host cat /var/lib/tether/key) && [ ${#key} -gt 40 ] || return
	! in_debian host grep -rlF "$key" "$@"
}

sockets() { in_debian host ss -Htuln | awk '{ print $1, $5 }' | sed 's/\[::\]/*/' | sort -u | xargs; }

check "cloud-init takes the user-data for valid" cloud-init schema --config-file "$data"
check "the user-data is smaller than clouds take (16 KB)" [ "$(stat -c %s "$data")" -lt 16384 ]
debian_layer cloud cloud-init
ip netns add "$net" && trap 'kill $web; debian_clean; ip netns delete "$net"' EXIT
ip -n "$net" link set lo up && ip -n "$net" link add eth0 type veth peer name far0 &&
	ip -n "$net" address add 198.18.7.2/24 dev eth0 && ip -n "$net" link set eth0 up &&
	ip -n "$net" link set far0 up && ip -n "$net" route add default via 198.18.7.1
ip netns exec "$net" /usr/bin/python3 -m http.server -b 127.0.0.1 -d "$(dirname "$tarball")" 9000 >/dev/null 2>&1 &
web=$!

boot host "$(sha256sum "$tarball" | cut -c 1-64)"
check "cloud-init has run the installation" in_debian host grep -q "release.tar.gz: OK" /var/log/cloud-init-output.log
check "the server runs" listens host 127.0.0.1:8080
check "it starts with the host from now on" is enabled in_debian host systemctl is-enabled tether-server
check "the laptop's line is in a file" in_debian host grep -q "tether-client --server .* --key" /var/lib/tether/laptop
check "which root alone can read" is "600 root" in_debian host stat -c '%a %U' /var/lib/tether/laptop
check "the key is in no log" key_is_not_in /var/log /run/log /var/lib/cloud /run/cloud-init
check "nor on the console" sh -c "! grep -F '$(in_debian host cat /var/lib/tether/key)' '$DEBIAN_DIR/host/console'"
check "nothing listens but the server" is "tcp *:443 tcp *:80 tcp *:8080 tcp 127.0.0.1:9000" sockets
kill -9 "${DEBIAN_PID[host]}"
unset "DEBIAN_PID[host]"

boot wrong "$(sha256sum "$data" | cut -c 1-64)"
check "a release with another checksum is not installed" sh -c "! ls '$(root_of wrong)'/usr/local/sbin/tether-server"
debian_passed
