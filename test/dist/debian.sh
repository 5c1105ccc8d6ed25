#!/bin/bash
# SPDX-License-Identifier: ISC
# Debian 12, installed from nothing, in which the project's packages and units are tried.
#
#   . test/dist/debian.sh; debian_new NAME; debian_boot NAME; in_debian NAME COMMAND...
#
# The base is made once by debootstrap, in build/debian-12. Each machine is a copy of it
# (overlayfs), in a container of systemd-nspawn with a network namespace of its own, so systemd
# itself runs in it. All of it goes when the shell ends. Needs root and: test/packages.sh debian
cd "$(dirname "${BASH_SOURCE[0]}")/../.." || exit 1

DEBIAN_BASE=$PWD/build/debian-12
DEBIAN_DIR=$(mktemp -d "$PWD/build/debian.XXXXXX") # on a disk: overlayfs wants its layers there
declare -A DEBIAN_PID=()                           # of the first process in a machine
DEBIAN_FAILED=0

ok() { echo "ok - $1"; }

not_ok() { # NAME WHY
	echo "not ok - $1: $2"
	DEBIAN_FAILED=$((DEBIAN_FAILED + 1))
}

# The last line that the command prints says why it failed.
check() { # NAME COMMAND...
	local title=$1 said
	shift
	if said=$("$@" 2>&1); then
		ok "$title"
	else
		echo "${said//$'\n'/$'\n'#   }"
		not_ok "$title" "$(tail -n 1 <<<"${said:-$* failed}")"
	fi
}

is() { # WANTED COMMAND...
	local wanted=$1 said
	shift
	said=$("$@")
	[ "$said" = "$wanted" ] || { echo "it is \"$said\" and not \"$wanted\""; return 1; }
}

wait_for() { # SECONDS COMMAND...
	local end=$((SECONDS + $1))
	shift
	until "$@" >/dev/null 2>&1; do
		[ $SECONDS -lt $end ] || { echo "in vain: $*"; return 1; }
		sleep 0.2
	done
}

debian_passed() { [ $DEBIAN_FAILED -eq 0 ]; } # a suite's last command

debian_die() {
	echo "debian.sh: $*" >&2
	exit 1
}

debian_base() {
	[ -e "$DEBIAN_BASE/complete" ] && return
	rm -rf "$DEBIAN_BASE"
	debootstrap --variant=minbase --include=systemd,systemd-sysv,dbus,iproute2,iputils-ping,curl,ca-certificates \
		bookworm "$DEBIAN_BASE" ${DEBIAN_MIRROR:+"$DEBIAN_MIRROR"} >build/debootstrap.log 2>&1 ||
		debian_die "debootstrap failed; see build/debootstrap.log"
	touch "$DEBIAN_BASE/complete"
}

# More packages, installed once over the base.
debian_layer() { # LAYER PACKAGE...
	local layer=$DEBIAN_BASE+$1 root=$DEBIAN_DIR/layer-$1/root
	shift
	debian_base
	[ -e "$layer/complete" ] && return
	rm -rf "$layer"
	mkdir -p "$layer" "$root" "$root/../work"
	mount -t overlay -o "lowerdir=$DEBIAN_BASE,upperdir=$layer,workdir=$root/../work" overlay "$root" &&
		cp -L /etc/resolv.conf "$root/etc/resolv.conf" &&
		DEBIAN_FRONTEND=noninteractive chroot "$root" sh -c "apt-get -qq update &&
			apt-get -qq -y --no-install-recommends install $*" >build/debian-layer.log 2>&1 ||
		debian_die "apt-get failed; see build/debian-layer.log"
	umount "$root"
	touch "$layer/complete"
}

root_of() { echo "$DEBIAN_DIR/$1/root"; } # NAME

debian_new() { # NAME [LAYER]
	local dir=$DEBIAN_DIR/$1 lower=$DEBIAN_BASE
	debian_base
	[ -z "${2:-}" ] || lower=$DEBIAN_BASE+$2:$lower
	mkdir -p "$dir"/{root,upper,work}
	mount -t overlay -o "lowerdir=$lower,upperdir=$dir/upper,workdir=$dir/work" overlay "$dir/root" ||
		debian_die "cannot mount an overlay"
}

# Starts the machine's own systemd. It has a network of its own, with no interface but lo, or a
# namespace's.
debian_boot() { # NAME [NAMESPACE]
	local dir=$DEBIAN_DIR/$1 network=--private-network nspawn
	[ -z "${2:-}" ] || network=--network-namespace-path=/run/netns/$2
	systemd-nspawn -q --register=no --keep-unit "$network" --capability=CAP_NET_ADMIN \
		--machine="tether-$$-$1" --console=pipe --boot -D "$dir/root" </dev/null >"$dir/console" 2>&1 &
	nspawn=$!
	wait_for 20 pgrep -P $nspawn || { cat "$dir/console"; debian_die "systemd-nspawn failed"; }
	DEBIAN_PID[$1]=$(pgrep -P $nspawn | head -n 1)
	wait_for 60 is_up "$1" || { cat "$dir/console"; debian_die "the machine does not come up"; }
	# A real machine's udev does this.
	in_debian "$1" chmod 666 /dev/net/tun
}

is_up() { # NAME
	case $(in_debian "$1" systemctl is-system-running) in running | degraded) ;; *) return 1 ;; esac
}

in_debian() { # NAME COMMAND...
	local pid=${DEBIAN_PID[$1]}
	shift
	env -i PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin HOME=/root LC_ALL=C \
		nsenter -t "$pid" -a -- "$@"
}

in_net() { # NAME COMMAND-OF-THIS-MACHINE...
	local pid=${DEBIAN_PID[$1]}
	shift
	nsenter -t "$pid" -n -- "$@"
}

# ---- a server and a laptop, and a phone between them ----

SERVER=198.18.7.2
LAPTOP=169.254.134.89
PHONE=tether-$$-phone # its network namespace

wire() { # MACHINE INTERFACE ADDRESS|none PHONE-ADDRESS
	ip -n "$PHONE" link add "to-$1" type veth peer name "$2" netns "${DEBIAN_PID[$1]}" &&
		ip -n "$PHONE" address add "$4" dev "to-$1" && ip -n "$PHONE" link set "to-$1" up &&
		in_debian "$1" ip link set "$2" up && { [ "$3" = none ] || in_debian "$1" ip address add "$3" dev "$2"; }
}

# Of the machines "server", with eth0, and "laptop", with wlan0.
debian_wire() {
	ip netns add "$PHONE" && ip -n "$PHONE" link set lo up &&
		wire server eth0 $SERVER/24 198.18.7.1/24 && in_debian server ip route add default via 198.18.7.1 &&
		wire laptop wlan0 none 169.254.1.1/16 || debian_die "cannot wire the machines"
}

start_phone() { # RELAY
	ip netns exec "$PHONE" "$1" --server ws://$SERVER:8080/websocket >"$DEBIAN_DIR/relay" 2>&1 &
}

tether_carries() { # [SECONDS]
	wait_for "${1:-30}" in_debian laptop ping -c 1 -W 1 $SERVER
}

listens() { wait_for 10 in_debian "$1" curl -sf "http://$2/status.json"; } # MACHINE ADDR:PORT

# A tarball as it is released, in build/: that of $TARBALL, or one of what is built here.
release_tarball() {
	local version name
	[ -z "${TARBALL:-}" ] || { echo "$TARBALL"; return; }
	version=$(sed -n 's/^VERSION := //p' Makefile)
	name=tether-$version-linux-$(uname -m)
	make -s STATIC=1 BUILD=build/static all >/dev/null 2>&1 && rm -rf "build/$name" && mkdir "build/$name" &&
		cp build/static/tether-{client,server,relay} "build/$name" && strip "build/$name"/* &&
		cp -r LICENSE CHANGES README.md dist/{install.sh,man,completion,systemd,openrc} "build/$name" &&
		tar -C build -czf "build/$name.tar.gz" "$name" && echo "build/$name.tar.gz"
}

debian_clean() {
	local name
	ip netns delete "$PHONE" 2>/dev/null
	kill -9 "${DEBIAN_PID[@]}" 2>/dev/null
	for name in $(jobs -p); do kill "$name" 2>/dev/null; done
	wait
	for name in "$DEBIAN_DIR"/*/root; do
		umount -R "$name" 2>/dev/null
	done
	rm -rf --one-file-system "$DEBIAN_DIR"
}
trap debian_clean EXIT
trap 'exit 1' INT TERM
