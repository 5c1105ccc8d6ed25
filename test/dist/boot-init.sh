#!/bin/sh
# SPDX-License-Identifier: ISC
# The init of a machine that has nothing but busybox and the three programs, for test-boot.sh.
#
#   laptop ··a0··a1·· phone ··b0··b1·· server ··c0··c1·· this namespace, 192.0.2.80, a web host
#
# Laptop, phone and server are network namespaces, each kept by a process that sleeps. 10 MB of
# random bytes come from the web host through the tether. What happens is told on the console, in
# lines "boot: ..." that the test reads.
/bin/busybox --install -s /bin
export PATH=/bin
mount -t proc proc /proc
mount -t sysfs sysfs /sys
mount -t devtmpfs devtmpfs /dev
mount -t tmpfs -o size=24m tmpfs /tmp
mkdir -p /dev/net
for module in crc32c_generic libcrc32c nfnetlink nf_tables veth tun; do
	[ ! -f "/modules/$module.ko" ] || insmod "/modules/$module.ko" || echo "boot: no $module"
done
[ -c /dev/net/tun ] || mknod /dev/net/tun c 10 200

leave() { # WORD
	echo "boot: $1"
	sync
	poweroff -f
	sleep 60
}

host() { # NAME; makes a namespace
	unshare -n sleep 100000 &
	eval "$1=$!"
	sleep 1
	eval "in_$1() { nsenter -t $! -n \"\$@\"; }"
	eval "in_$1 ip link set lo up"
}

wire() { # NAME PROCESS NAME PROCESS: a veth pair, whose ends go to these namespaces
	ip link add name "$1" type veth # the kernel names the other end
	ip link set veth0 name "$3"
	ip link set "$1" netns "$2"
	[ -z "$4" ] || ip link set "$3" netns "$4"
}

resident() { # PROGRAM; smaps_rollup counts pages, where status only estimates
	pid=$(pidof "tether-$1") || leave "tether-$1 is gone: $(tail -n 3 "/tmp/$1.log")"
	echo "boot: $1 $(awk '/^Rss:/ { print $2 }' "/proc/$pid/smaps_rollup") KiB"
}

ip link set lo up
host laptop
host phone
host server
# shellcheck disable=SC2154 # host() has set them
{
	wire a0 "$laptop" a1 "$phone"
	wire b0 "$phone" b1 "$server"
	wire c0 "$server" c1 ""
}
in_laptop ip link set a0 up
in_phone ip link set a1 up
in_phone ip address add 169.254.1.1/16 dev a1
in_phone ip link set b0 up
in_phone ip address add 203.0.113.2/24 dev b0
in_server ip link set b1 up
in_server ip address add 203.0.113.10/24 dev b1
in_server ip link set c0 up
in_server ip address add 192.0.2.10/24 dev c0
ip link set c1 up
ip address add 192.0.2.80/24 dev c1

mkdir /tmp/web
dd if=/dev/urandom of=/tmp/web/random bs=1M count=10 2>/dev/null
right=$(sha256sum </tmp/web/random)
httpd -h /tmp/web

in_server tether-server --key-file /tmp/key --interface c0 >/tmp/server.log 2>&1 &
until [ -s /tmp/key ] && grep -q 'translating to' /tmp/server.log; do
	sleep 1
	pidof tether-server >/dev/null || leave "the server ended: $(tail -n 3 /tmp/server.log)"
done
in_laptop tether-client --key-file /tmp/key --server 203.0.113.10 --wifi a0 >/tmp/client.log 2>&1 &
in_phone tether-relay --server ws://203.0.113.10:8080/websocket >/tmp/relay.log 2>&1 &
tries=0
until in_laptop ping -c 1 -W 2 192.0.2.80 >/dev/null 2>&1; do
	tries=$((tries + 1))
	if [ $tries -ge 60 ]; then
		cat /tmp/*.log
		leave "nothing gets through"
	fi
done
echo "boot: the tether is up"
begun=$(date +%s)
got=$(in_laptop wget -q -O - http://192.0.2.80/random | sha256sum)
ended=$(date +%s)
echo "boot: 10 MB in $((ended - begun)) s"
resident client
resident relay
resident server
echo "boot: $(awk '/^MemTotal|^MemAvailable/ { printf "%s %s KiB ", $1, $2 }' /proc/meminfo)"
if [ "$got" = "$right" ]; then
	leave "the checksum is right"
else
	cat /tmp/*.log
	leave "the checksum is wrong"
fi
