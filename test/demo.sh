#!/bin/bash
# SPDX-License-Identifier: ISC
# Shows a tether at work, on one machine: a laptop without internet, a phone with
# Chromium, a remote host, and a web site, each a network namespace (see
# test/lab/lab.sh). Prints what happens, as it happens; nothing remains afterwards.
#
#   test/demo.sh             after make; installs missing Debian packages by itself
#
# Exit status: 0 when everything that the story tells came true.
here=$(dirname "$0")
"$here/packages.sh" lab chromium || exit 1
. "$here/lab/lab.sh"

say() { printf '%s\n' "$*"; }

fail() {
	say "   It failed: $*"
	lab_show_logs
	exit 1
}

now_ms() { echo $(($(date +%s%N) / 1000000)); }

# Fetches a path of the web site, and shows its size, its time, and that it is whole.
fetch() { # PATH
	local url=http://$WEB$1 file=$LAB_DIR/fetched bytes seconds
	read -r bytes seconds < <(lab_exec laptop curl -sS --fail --max-time 60 -o "$file" \
		-w '%{size_download} %{time_total}\n' "$url") || fail "no answer from $url"
	lab_exec web curl -sS --fail -o "$file.original" "http://127.0.0.1$1" || fail "no original of $1"
	cmp -s "$file" "$file.original" || fail "$url arrived changed"
	printf '   %-16s %8d bytes in %4.0f ms, same SHA-256 as on the web host: %.12s…\n' "$1" "$bytes" \
		"$(awk -v s="$seconds" 'BEGIN { print s * 1000 }')" "$(sha256sum <"$file")"
}

story_of_page() { # what a browser on the laptop shows of the page
	lab_start laptop-browser laptop "$LAB_ROOT/test/lab/browser.sh" print "$LAB_DIR/laptop-profile" \
		"http://$WEB/"
	lab_wait laptop-browser 60
	sed -n 's/.*<h1>\(.*\)<\/h1>.*/\1/p; s/.*<p id="story">\(.*\)<\/p>.*/\1/p' "$(lab_log laptop-browser)"
}

show_counters() { # client|server
	say "   tether-$1: $(status_of "$1" packets_up) packets up ($(status_of "$1" bytes_up) bytes)," \
		"$(status_of "$1" packets_down) packets down ($(status_of "$1" bytes_down) bytes)"
}

LAB_MODE=keyed
lab_up
start_targets || fail "the web site does not start"

say "1. Four hosts, each in a network namespace of this machine:"
say "   laptop        $LAPTOP on Wi-Fi; no way to the internet"
say "   phone         $PHONE on Wi-Fi, 198.51.100.2 on the cellular network; forwards nothing"
say "   remote host   $SERVER"
say "   web site      $WEB, behind a router"

say "2. The laptop, alone, opens http://$WEB/ ..."
if said=$(lab_exec laptop curl -sS --max-time 3 "http://$WEB/" 2>&1); then
	fail "the laptop reached the web without a tether"
fi
say "   $said"

say "3. On the remote host: tether-server makes a key, and prints the line for the laptop:"
start_server || fail "tether-server did not start"
line=$(sed -n 's/^ *\(tether-client .*\)/\1/p' "$(lab_log server)")
say "   $line"
say "   On the laptop, with its Wi-Fi interface added: --wifi wifi0"
read -r -a words <<<"$line"
lab_start client laptop "$LAB_BUILD/tether-client" "${words[@]:1}" --wifi wifi0
lab_wait_listening client laptop 6354 || fail "tether-client did not start"

say "4. On the phone, $(chromium --version 2>/dev/null | cut -d' ' -f1-2) opens http://$LAPTOP:6354/"
start_ms=$(now_ms)
start_browser
wait_for 60 status_is client phone.connected true || fail "the page did not connect to the laptop"
tunnel_ready 60 >/dev/null || fail "the page does not relay"
status_is client session.state '"up"' || fail "there is no session"
say "   $(($(now_ms) - start_ms)) ms later the page has connected to both hosts, and relays what it cannot read:"
say "   laptop and server have agreed on fresh keys through it."

say "5. The laptop pings the web site, through the phone's page:"
pings=$(lab_exec laptop ping -c 5 -i 0.3 -W 5 "$WEB") || fail "no answer to a ping"
sed -n 's/^\([0-9]* packets.*loss\).*/   \1/p; s/^rtt/   round trip/p' <<<"$pings"

say "6. A browser on the laptop opens http://$WEB/ and shows:"
story=$(story_of_page)
sed 's/^/   "/; s/$/"/' <<<"$story"
[[ $story == *"3 of 3 pictures are shown."* ]] || fail "the page is not whole"

say "7. The page and its pictures once more, each compared with the original:"
fetch /
for picture in 1 2 3; do
	fetch /picture/$picture.png
done

say "8. A download of 20 MB, and an upload, checked by SHA-256:"
said=$(traffic download "$WEB" 20971520 2>&1) || fail "$said"
say "   down: $said"
said=$(traffic upload "$WEB" 20971520 2>&1) || fail "$said"
say "   up:   $said"

say "9. What the programs counted:"
show_counters client
show_counters server

say "10. Both are asked to end, and put everything back."
lab_stop client || fail "tether-client ended with status $?"
lab_stop server || fail "tether-server ended with status $?"
routes=$(lab_ip laptop route)
[ -z "$routes" ] || fail "the laptop kept routes: $routes"
say "    The laptop has no route again. That was the tether."
