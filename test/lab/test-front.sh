#!/bin/bash
# SPDX-License-Identifier: ISC
# A TLS front: nginx, with the configuration that README has, carries the tether from a real browser to the server,
# by wss:// and with a certificate. The server names the phone that the front names, and keeps its status to itself. (How the
# limits count is in test/interop/http-raw.py.)
#
#   test/lab/test-front.sh
#
# Needs root, build/tether-*, and: test/packages.sh lab front
. "$(dirname "$0")/lab.sh"

FRONT=wss://$SERVER/websocket

make_certificate() {
	openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 2 -subj "/CN=tether.example" \
		-addext "subjectAltName=DNS:tether.example,IP:$SERVER" -keyout "$LAB_DIR/tls.key" -out "$LAB_DIR/tls.pem" ||
		return
	# What Chromium takes instead of an authority's word: the hash of this one key.
	openssl x509 -in "$LAB_DIR/tls.pem" -pubkey -noout | openssl pkey -pubin -outform der |
		openssl dgst -sha256 -binary | base64 >"$LAB_DIR/spki"
}

# README's, around it what Debian's nginx.conf has, and a careless front that passes everything.
write_configuration() {
	local server
	server=$(awk '/^```nginx/ { on = 1; next } /^```/ { on = 0 } on' "$LAB_ROOT/README.md" |
		sed "s|/etc/ssl/tether.example.pem|$LAB_DIR/tls.pem|; s|/etc/ssl/tether.example.key|$LAB_DIR/tls.key|")
	grep -q 'location = /websocket' <<<"$server" || { echo "README has no configuration for nginx"; return 1; }
	mkdir -p "$LAB_DIR/nginx"
	cat >"$LAB_DIR/nginx.conf" <<-CONF
		daemon off;
		user root;
		worker_processes 1;
		pid $LAB_DIR/nginx/pid;
		events {}
		http {
			access_log off;
			client_body_temp_path $LAB_DIR/nginx/body;
			proxy_temp_path $LAB_DIR/nginx/proxy;
			fastcgi_temp_path $LAB_DIR/nginx/fastcgi;
			uwsgi_temp_path $LAB_DIR/nginx/uwsgi;
			scgi_temp_path $LAB_DIR/nginx/scgi;
			$server
			server {
				listen 8443;
				location / { proxy_pass http://127.0.0.1:8080; }
			}
		}
	CONF
}

start_front() {
	lab_start nginx server nginx -c "$LAB_DIR/nginx.conf" -e stderr
	lab_wait_listening nginx server 443
}

start_fronted_server() { # ARGUMENTS...
	lab_start server server "$LAB_BUILD/tether-server" --key-file "$LAB_DIR/key" --listen 127.0.0.1:8080 "$@"
	lab_wait_server
}

# status.json as somebody gets it: the HTTP status alone.
status_code() { # HOST URL ARGUMENTS-OF-CURL...
	lab_exec "$1" curl -ksS --max-time 5 -o /dev/null -w '%{http_code}' "${@:3}" "$2"
}
status_code_is() { # CODE HOST URL ARGUMENTS-OF-CURL...
	local code
	code=$(status_code "${@:2}")
	[ "$code" = "$1" ] || { echo "it is $code"; return 1; }
}

page_names_the_front() {
	lab_exec phone curl -sS "http://$LAPTOP:6354/config.json" | grep -F "\"server\":\"$FRONT\"" || return
	lab_exec phone curl -sS -D - -o /dev/null "http://$LAPTOP:6354/" | grep -F "wss://$SERVER:443"
}

phone_is_named() { grep -q "comes through phone 198.51.100.2" "$(lab_log server)"; }
front_alone() { ! lab_exec server ss -Htn state established '( sport = :8080 )' | grep -v 127.0.0.1; }

lab_up
LAB_MODE=keyed
start_targets || lab_die "the web hosts do not start"
check "a certificate is made" make_certificate
check "README has nginx's configuration" write_configuration
check "tether-server starts behind it" start_fronted_server --front 127.0.0.1
check "it leaves port 443 to the front" eval '! lab_listens server 443'
check "nginx starts" start_front
check "tether-client starts" start_client --server "$FRONT"
lab_passed || exit 1
check "the laptop's page is told the front, and may connect to it" page_names_the_front

CHROMIUM_MORE="--ignore-certificate-errors-spki-list=$(cat "$LAB_DIR/spki")"
export CHROMIUM_MORE
start_browser
check "the laptop is online through Chromium and nginx" tunnel_ready 60
check "the server names the phone, and not the front" phone_is_named
check "no phone comes to the server but through the front" front_alone
check "twenty pings in a row come back" lab_exec laptop ping -q -c 20 -i 0.05 -W 5 "$WEB"
check "16 MB come down whole" traffic download "$WEB" 16777216
check "8 MB go up whole" traffic upload "$WEB" 8388608
check "the front takes WebSockets alone" status_code_is 404 near "https://$SERVER/status.json"
check "also where a front passes everything it gets no status.json" status_code_is 403 near "http://$SERVER:8443/status.json"
check "nor for one who claims to be the server itself" \
	status_code_is 403 near "http://$SERVER:8443/status.json" -H "X-Forwarded-For: 127.0.0.1"
check "the page is nobody's secret" status_code_is 200 near "http://$SERVER:8443/"
check "the server's owner reads it by another address" \
	status_code_is 200 server http://127.0.0.1:8080/status.json --interface 127.0.0.2

lab_stop browser
lab_start tls phone socat TCP-LISTEN:8081,bind=127.0.0.1,fork,reuseaddr "OPENSSL:$SERVER:443,cafile=$LAB_DIR/tls.pem"
lab_wait_listening tls phone 8081 || lab_die "socat does not start"
lab_start relay phone "$LAB_BUILD/tether-relay" --laptop "ws://$LAPTOP:6354/websocket" \
	--server ws://127.0.0.1:8081/websocket
check "tether-relay passes the front with socat's help" tunnel_ready 30
lab_stop relay
lab_passed
