#!/bin/bash
# SPDX-License-Identifier: ISC
# What a NAT discovery (RFC 5780) finds out about the tether: coturn's client on the
# laptop, coturn's server with two addresses on web.
#
#   test/lab/test-nat-discovery.sh
#
# Needs root, build/tether-*, and: test/packages.sh lab nat
. "$(dirname "$0")/lab.sh"

start_turnserver() {
	lab_start turnserver web turnserver -n --no-cli --stun-only --no-auth --no-tls --no-dtls \
		-L "$WEB" -L 192.0.2.81 -p 3478 --alt-listening-port 3479 --log-file stdout \
		--simple-log --pidfile "$LAB_DIR/turnserver.pid" --db "$LAB_DIR/turndb"
	lab_wait_listening turnserver web 3479
}

start_tether() { # SERVER-ARGUMENTS...
	start_server "$@" && start_client && start_relay && tunnel_ready
}

stop_tether() {
	lab_stop relay
	lab_stop client && lab_stop server
}

discovers() { # PATTERN OPTION
	local output
	output=$(lab_exec laptop timeout 60 turnutils_natdiscovery "$2" "$WEB" 2>&1)
	grep -qE "$1" <<<"$output" && return
	echo "$output"
	grep -iE 'mapping|filtering' <<<"$output" | tail -n 1
	return 1
}

lab_up
check "coturn's server starts with two addresses" start_turnserver
lab_passed || exit 1
check "the tether starts" start_tether
check "coturn finds endpoint-independent mapping" discovers 'Endpoint Independent Mapping' -m
check "coturn finds endpoint-independent filtering" discovers 'Endpoint Independent Filtering' -f
check "the tether stops" stop_tether
check "the tether starts with --filter address" start_tether --filter address
check "coturn finds endpoint-independent mapping with --filter address" \
	discovers 'Endpoint Independent Mapping' -m
check "coturn finds address-dependent filtering with --filter address" \
	discovers 'Address Dependent Filtering' -f
check "the tether stops again" stop_tether
lab_passed
