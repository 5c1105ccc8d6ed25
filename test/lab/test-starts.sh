#!/bin/bash
# SPDX-License-Identifier: ISC
# Starts that cannot succeed: each ends with the right exit status (1: it could not
# go on, 2: wrong usage) and a message that names the thing.
#
#   test/lab/test-starts.sh
#
# Needs root, build/tether-*, and: test/packages.sh lab
. "$(dirname "$0")/lab.sh"

# Runs the command, which must end by itself within some seconds.
ends() { # STATUS PATTERN COMMAND...
	local wanted=$1 pattern=$2 status output
	shift 2
	output=$(timeout 10 "$@" 2>&1)
	status=$?
	echo "$output"
	[ $status -eq "$wanted" ] || { echo "exit status $status instead of $wanted"; return 1; }
	grep -qiE -e "$pattern" <<<"$output" || { echo "no \"$pattern\" in what it said: $output"; return 1; }
}

refuses() { # NAME STATUS PATTERN HOST PROGRAM [ARGUMENTS...]
	local name=$1 status=$2 pattern=$3 host=$4 program=$5
	shift 5
	check "$name" ends "$status" "$pattern" \
		ip netns exec "$(lab_ns "$host")" "$LAB_DIR/$program" "$@"
}

lab_up
chmod 755 "$LAB_DIR" # the copies are run by another user too
cp "$LAB_BUILD"/tether-{client,server,relay} "$LAB_DIR"
client=(laptop tether-client --open --wifi wifi0)
server=(server tether-server --open)

for program in tether-client tether-server tether-relay; do
	refuses "$program --help explains itself" 0 "usage: $program" laptop $program --help
	refuses "$program --version says its version" 0 "^$program [0-9]" laptop $program --version
	refuses "$program names an option that it does not know" 2 "nonsense" laptop $program --nonsense
	refuses "$program names an argument that it has no use for" 2 "surplus" laptop $program surplus
	refuses "$program -h explains itself" 0 "usage: $program" laptop $program -h
	refuses "$program takes no abbreviation" 2 "no option --serv" laptop $program --serv ws://127.0.0.1/
	refuses "$program does not show what a wrong option was given" 2 "no option --k\$" laptop $program --k=secret
done
refuses "an option takes its value after '=', too" 2 "--listen .* somewhere" "${server[@]}" --listen=somewhere
refuses "an option does not take another one for its value" 2 "--key-file wants a value" \
	laptop tether-client --key-file --open
refuses "tether-server that cannot make its key file says so" 1 "nowhere/key" \
	server tether-server --key-file "$LAB_DIR/nowhere/key"

# No key's file may come of a mistaken command line. (This is the key of all zeros.)
key=aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaoipb5
no_file_is_made() { # STATUS PATTERN ARGUMENTS...
	local status=$1 pattern=$2 folder
	shift 2
	folder=$(mktemp -d "$LAB_DIR/keys.XXXX")
	# Without an interface: a server that takes what it is given ends all the same.
	(cd "$folder" && ends "$status" "$pattern" ip netns exec "$(lab_ns server)" \
		"$LAB_DIR/tether-server" --interface nosuch0 "$@") >"$LAB_DIR/said" ||
		{ cat "$LAB_DIR/said"; return 1; }
	[ -z "$(ls -A "$folder")" ] || { echo "it made $(ls -A "$folder")"; return 1; }
	! grep "$key" "$LAB_DIR/said"
}
check "tether-server has no --key, and makes no file of that name" no_file_is_made 2 "no option --key\$" --key "$key"
check "tether-server takes no key for a file's name, nor shows it" \
	no_file_is_made 2 "--key-file wants a file's name, not a key" --key-file "$key"
check "tether-server takes no key for a file's name in a folder" \
	no_file_is_made 2 "--key-file wants a file's name, not a key" --new-key --key-file "./$key"
refuses "tether-client takes no key for a file's name" 2 "--key-file wants a file's name, not a key" \
	laptop tether-client --key-file "$key"

refuses "tether-client without a key says what is needed" 2 "--key" laptop tether-client
refuses "tether-relay without --server says that it is needed" 2 "--server" phone tether-relay
refuses "an option without its value is wrong usage" 2 "--listen" "${server[@]}" --listen
refuses "a port that is none is wrong usage" 2 "99999" "${server[@]}" --listen 0.0.0.0:99999
refuses "a port range that is upside down is wrong usage" 2 "30000-20000" "${server[@]}" --ports 30000-20000
refuses "a port range that is no range is wrong usage" 2 "many" "${server[@]}" --ports many
refuses "a route that is none is wrong usage" 2 "10.1.0.0/40" "${client[@]}" --route 10.1.0.0/40
refuses "a listening address that is none is wrong usage" 2 "somewhere" "${client[@]}" --listen somewhere
refuses "an address of a relay that is none is wrong usage" 2 "--server .* gopher" \
	phone tether-relay --server gopher://x/
at_server=(laptop tether-client --open --wifi nosuch0 --server)
refuses "a server's address with a number beyond 255 is wrong usage" 2 "IPv4.* 203.0.113.300" \
	"${at_server[@]}" 203.0.113.300
refuses "a server's IPv6 address wants brackets" 2 "in brackets.* 2001:db8::1" "${at_server[@]}" 2001:db8::1
refuses "the printed line's THIS-HOST is to be replaced" 2 "public address.* THIS-HOST" "${at_server[@]}" THIS-HOST:8080
refuses "a server's address that is right is taken" 1 "nosuch0" "${at_server[@]}" '[2001:db8::1]:8080'
refuses "a relay's server wants brackets too" 2 "--server .*in brackets" phone tether-relay --server ws://2001:db8::1/
refuses "a relay's laptop is an address, too" 2 "--laptop .*IPv4" phone tether-relay --laptop ws://169.254.134.300:6354/
refuses "an origin's host is an address, too" 2 "--origin .*IPv4" laptop tether-client --open --origin https://10.1.2.256

refuses "tether-client names a Wi-Fi interface that is not there" 1 "nosuch0" \
	laptop tether-client --open --wifi nosuch0
refuses "tether-client that is to listen where the laptop has no address says what is missing" 1 "$LAPTOP.*--wifi" \
	laptop tether-client --open --listen "$LAPTOP:6354"
refuses "tether-server names an interface that is not there" 1 "nosuch0" "${server[@]}" --interface nosuch0
nobody=(setpriv --reuid=65534 --regid=65534 --clear-groups)
check "tether-client says that it needs root" ends 1 "root|CAP_NET_ADMIN|permi" \
	ip netns exec "$(lab_ns laptop)" "${nobody[@]}" "$LAB_DIR/tether-client" --open --wifi wifi0
check "tether-server says that it needs root" ends 1 "root|CAP_NET_|permi" \
	ip netns exec "$(lab_ns server)" "${nobody[@]}" "$LAB_DIR/tether-server" --open
# /dev/net holds nothing but what the command puts there.
with_dev_net() { # STATUS PATTERN SHELL-COMMAND
	ends "$1" "$2" unshare --mount sh -c "mount -t tmpfs none /dev/net && $3 && exec \"\$@\"" sh \
		ip netns exec "$(lab_ns laptop)" "$LAB_DIR/tether-client" --open --wifi wifi0
}
check "tether-client says what to do where /dev/net/tun is missing" \
	with_dev_net 1 "/dev/net/tun.*modprobe tun" true
check "tether-client says that a plain file is not the TUN driver" \
	with_dev_net 1 "/dev/net/tun.*not the kernel's TUN driver.*mknod" 'touch /dev/net/tun'
check "tether-client says that a folder is not the TUN driver" \
	with_dev_net 1 "/dev/net/tun.*not the kernel's TUN driver.*mknod" 'mkdir /dev/net/tun'
refuses "tether-client says that another kind of interface has the TUN device's name" 1 \
	"lo is a network interface already.*choose another name" "${client[@]}" --tun lo
refuses "tether-client says that a name is none for a TUN device" 1 \
	"a/b is no name for a network device" "${client[@]}" --tun a/b
refuses "tether-client says that no phone comes to the loopback interface" 1 \
	"no network interface lo that a phone could reach" \
	laptop tether-client --open --wifi lo
lab_start holder laptop "$LAB_BUILD/tether-client" --open --listen 127.0.0.1:7000 --tun held0
check "a program that holds a TUN device starts" lab_wait_listening holder laptop 7000
refuses "tether-client says that another program has the TUN device" 1 \
	"held0.*another program has this device" "${client[@]}" --tun held0
lab_stop holder

hold_port() { # HOST PORT
	lab_start holder "$1" "$LAB_PYTHON" "$LAB_TRAFFIC" --http-port "$2" --echo-port 7001 serve
	lab_wait_listening holder "$1" "$2"
}

hold_port server 8080
refuses "tether-server names the port that is taken" 1 "8080" "${server[@]}"
lab_stop holder
lab_wifi_address
hold_port laptop 6354
refuses "tether-client names the port that is taken" 1 "6354" "${client[@]}"
lab_stop holder
hold_port server 80
check "tether-server goes on where port 80 is taken" start_server
check "it warns about port 80" grep -i "80.*\(taken\|use\)" "$(lab_log server)"
check "its page is on port 8080" lab_exec near curl -sS --max-time 5 -o /dev/null --fail "http://$SERVER:8080/"
lab_stop holder
lab_stop server

lab_ip server route delete default
refuses "tether-server says that there is no default route" 1 "default route|--interface" "${server[@]}"
lab_ip server route add default via 203.0.113.1

lab_start relay phone "$LAB_BUILD/tether-relay" --laptop ws://169.254.7.7:6354/websocket \
	--server "ws://$SERVER:8080/websocket"
sleep 3
check "tether-relay goes on trying where nobody answers" lab_running relay
check "tether-relay says whom it cannot reach" \
	wait_for 20 grep "not connected to 169.254.7.7" "$(lab_log relay)"
check "tether-relay ends with status 0 while it tries" lab_stop relay
check "after all that, tether-server starts" start_server
check "after all that, tether-client starts" start_client
lab_passed
