#!/bin/bash
# SPDX-License-Identifier: ISC
# The keyed protocol as doc/protocol.md tells it, against the programs: protocol.py and keyed_laptop.py were
# written from that text alone.
#
#   test/interop/test-protocol.sh
#
# Needs root, build/tether-*, and: test/packages.sh lab interop
. "$(dirname "$0")/../lab/lab.sh"
here=$LAB_ROOT/test/interop
LAB_MODE=keyed

# The second laptop beside the server's Internet, its own relay.
laptop() { # CHECK [OPTIONS...]
	lab_exec phone "$LAB_PYTHON" "$here/keyed_laptop.py" --key-file "$LAB_DIR/key" \
		--connect "ws://$SERVER:8080/websocket" --target "$NEAR" "$@"
}

# The same on the laptop, where tether-relay connects it.
laptop_with_relay() { # CHECK [OPTIONS...]
	start_relay
	lab_exec laptop "$LAB_PYTHON" "$here/keyed_laptop.py" --key-file "$LAB_DIR/key" \
		--listen "$LAPTOP:6354" --target "$NEAR" "$@"
	local status=$?
	lab_stop relay
	return $status
}

over_a_restart() {
	lab_start restarted phone "$LAB_PYTHON" -u "$here/keyed_laptop.py" --key-file "$LAB_DIR/key" \
		--connect "ws://$SERVER:8080/websocket" --target "$NEAR" restart
	wait_for 20 grep -q 'stop the server' "$(lab_log restarted)" && lab_stop server &&
		start_server && lab_wait restarted 40
	local status=$?
	tail -n 1 "$(lab_log restarted)"
	return $status
}

"$LAB_PYTHON" "$here/protocol.py" "$LAB_ROOT/doc/protocol.md" || LAB_FAILED=1
lab_up
start_targets || lab_die "the web hosts do not start"
lab_wifi_address
check "tether-server starts and makes a key" start_server
check "the second laptop: handshake, configuration, a ping and a datagram" laptop echo
check "the second laptop: the same in the text form" laptop echo --text
check "the second laptop: the same through tether-relay" laptop_with_relay echo
check "the second laptop: twelve packets in one message" laptop many-packets
check "super-packets of a laptop go out as segments" laptop super-packets-out
check "a super-packet stays behind what is before it" laptop super-packets-order
check "a laptop that takes super-packets gets them" laptop super-packets-in
check "… and in the text form" laptop super-packets-in --text
check "a laptop that takes none gets none" laptop super-packets-unasked
check "what is no super-packet is dropped" laptop super-packets-broken
check "the server greets each connection alike" laptop greeting
check "inside addresses are given as the document says" laptop addresses
check "what cannot be taken is refused as the document says" laptop refusals
check "… and in the text form" laptop refusals --text
check "what later versions may add is passed over" laptop growth
check "each message counts once, in a window of 1984" laptop replay
check "a recorded offer displaces nothing" laptop recorded-offer
check "new keys are agreed on beside the session" laptop new-keys
check "the path follows the newest connection that works" laptop take-over
check "strangers who are silent, too many or too long have to go" laptop strangers
check "one laptop more than there are places for waits" laptop full
check "a laptop goes on after the server's restart" over_a_restart
check "twenty laptops after one another come through one connection" laptop one-phone
lab_passed
