#!/bin/bash
# SPDX-License-Identifier: ISC
# For suites about names: hosts of the lab with an /etc and a /run of their own, and resolvers of Debian's
# on them, unpacked by test/unpack.sh. Source it after lab.sh.

NAMES_UNPACKED=$LAB_ROOT/build/resolvers
NAMES_MULTIARCH=$(dirname "$(find "$NAMES_UNPACKED/usr/lib" -name libnss_resolve.so.2)")
NAMES_LIBRARIES=$NAMES_MULTIARCH/systemd:$NAMES_MULTIARCH
HOTSPOT=192.168.43 # of a phone: .1 is the phone, .5 the laptop
SITE=site.tether-lab.net

# A host gets an /etc and a /run that only it sees, for what in_host runs.
own_files() { # HOST
	local folder=$LAB_DIR/$1
	mkdir -p "$folder" && cp -a /etc "$folder/etc" && rm -f "$folder/etc/resolv.conf" || return
	grep -q ^systemd-resolve: /etc/passwd ||
		echo 'systemd-resolve:x:64991:64991::/:/usr/sbin/nologin' >>"$folder/etc/passwd"
	echo 'hosts: files dns' >"$folder/etc/nsswitch.conf"
	# shellcheck disable=SC2016 # for the other shell
	lab_start "files-$1" "$1" unshare -m sh -c 'mount --make-rprivate / && mount --bind "$0" /etc &&
		mount -t tmpfs run /run && mkdir -p /run/dbus /run/systemd &&
		echo ready && exec sleep 100000' "$folder/etc"
	wait_for 10 grep -q ready "$(lab_log "files-$1")"
}

in_host() { # HOST COMMAND...
	local pid=${LAB_PID[files-$1]}
	shift
	nsenter -t "$pid" -m -n "$@"
}

start_in() { # NAME HOST COMMAND...
	local name=$1 host=$2
	shift 2
	lab_start "$name" "$host" nsenter -t "${LAB_PID[files-$host]}" -m "$@"
}

resolv_conf() { # HOST ADDRESS...: without addresses there is no such file
	local file=$LAB_DIR/$1/etc/resolv.conf
	shift
	rm -f "$file"
	[ $# -gt 0 ] || return 0
	{ printf 'nameserver %s\n' "$@" && echo 'options timeout:2 attempts:2'; } >"$file"
}

listens_53() { lab_exec "$1" dig +time=1 +tries=1 "@$2" . ns 2>&1 | grep -q status:; } # HOST ADDRESS

# What each of our unbounds has in its configuration.
unbound_common() { # ADDRESS
	cat <<-END
		server:
		    interface: $1
		    username: ""
		    chroot: ""
		    directory: "$LAB_DIR"
		    pidfile: ""
		    use-syslog: no
		    do-daemonize: no
		    module-config: "iterator"
		    access-control: 0.0.0.0/0 allow
		    edns-buffer-size: 4096
		    max-udp-size: 4096
		    do-not-query-localhost: no
		    num-queries-per-thread: 2048
		    outgoing-range: 2100
	END
}

# A resolver that knows some names for certain, one of them with 4 000 bytes, and that there are no others.
start_authority() { # NAME HOST ADDRESS
	local file=$LAB_DIR/$1.conf i
	{
		unbound_common "$3"
		echo '    local-zone: "." static'
		echo "    local-data: '$SITE. A $WEB'"
		echo "    local-data: 'who.tether-lab.net. TXT $1'"
		for i in $(seq 16); do echo "    local-data: 'big.tether-lab.net. TXT $i-$(printf '%0230d' 0)'"; done
	} >"$file"
	lab_start "$1" "$2" "$NAMES_UNPACKED/usr/sbin/unbound" -d -c "$file"
	wait_for 10 answers "$2" "$3" "$SITE"
}

answers() { lab_exec "$1" dig +time=1 +tries=1 +short "@$2" "$3" 2>&1 | grep -q "$WEB"; } # HOST ADDRESS NAME

# ---- the laptop's own resolvers; UPSTREAM may be left out where it says so ----

start_unbound() { # HOST UPSTREAM
	local file=$LAB_DIR/local-unbound.conf
	{
		unbound_common 127.0.0.1
		printf 'forward-zone:\n    name: "."\n    forward-addr: %s\n' "$2"
	} >"$file"
	start_in resolver "$1" "$NAMES_UNPACKED/usr/sbin/unbound" -d -c "$file"
	wait_for 10 listens_at "$1" 127.0.0.1
}

start_dnsmasq() { # HOST UPSTREAM
	start_in resolver "$1" env LD_LIBRARY_PATH="$NAMES_LIBRARIES" "$NAMES_UNPACKED/usr/sbin/dnsmasq" -k -u root \
		-C /dev/null -x "" --no-resolv --no-hosts --bind-interfaces --listen-address=127.0.0.1 \
		--edns-packet-max=4096 --server="$2"
	wait_for 10 listens_at "$1" 127.0.0.1
}

listens_at() { lab_exec "$1" ss -Hln4u "sport = :53" | grep -q "$2"; } # HOST ADDRESS

start_bus() { # HOST
	cat >"$LAB_DIR/bus.conf" <<-END
		<!DOCTYPE busconfig PUBLIC "-//freedesktop//DTD D-Bus Bus Configuration 1.0//EN"
		 "http://www.freedesktop.org/standards/dbus/1.0/busconfig.dtd">
		<busconfig>
		  <type>system</type>
		  <listen>unix:path=/run/dbus/system_bus_socket</listen>
		  <auth>EXTERNAL</auth>
		  <policy context="default">
		    <allow user="*"/>
		    <deny own="*"/>
		    <deny send_type="method_call"/>
		    <allow send_type="signal"/>
		    <allow send_requested_reply="true" send_type="method_return"/>
		    <allow send_requested_reply="true" send_type="error"/>
		    <allow receive_type="method_call"/>
		    <allow receive_type="method_return"/>
		    <allow receive_type="error"/>
		    <allow receive_type="signal"/>
		    <allow send_destination="org.freedesktop.DBus"/>
		  </policy>
		  <include>$NAMES_UNPACKED/usr/share/dbus-1/system.d/org.freedesktop.resolve1.conf</include>
		</busconfig>
	END
	start_in bus "$1" dbus-daemon --nofork --nopidfile --config-file="$LAB_DIR/bus.conf"
	wait_for 10 in_host "$1" test -S /run/dbus/system_bus_socket
}

start_resolved() { # HOST
	start_in resolver "$1" env LD_LIBRARY_PATH="$NAMES_LIBRARIES" "$NAMES_UNPACKED/lib/systemd/systemd-resolved"
	wait_for 10 resolvectl_in "$1" status
}

resolvectl_in() { # HOST ARGUMENTS...
	local host=$1
	shift
	in_host "$host" env LD_LIBRARY_PATH="$NAMES_LIBRARIES" "$NAMES_UNPACKED/usr/bin/resolvectl" --no-pager "$@"
}
