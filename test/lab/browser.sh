#!/bin/sh
# SPDX-License-Identifier: ISC
# Opens a page in Chromium, without a window.
#   browser.sh stay PROFILE-DIRECTORY URL      until it is ended
#   browser.sh print PROFILE-DIRECTORY URL     once loaded, prints the page's elements and ends
# The profile directory is made, or used again. Background services of the
# browser's maker are off: the lab has no internet. --no-sandbox because the
# tests run as root, which Chromium's sandbox refuses. CHROMIUM_MORE has further arguments.
case $1 in
stay) mode=--remote-debugging-port=0 ;;
print) mode=--dump-dom ;;
*) echo "usage: browser.sh stay|print PROFILE-DIRECTORY URL" >&2; exit 2 ;;
esac
exec chromium --headless=new --no-sandbox --disable-gpu --disable-quic --log-level=3 \
	--no-first-run --disable-background-networking --disable-component-update \
	--disable-sync --disable-extensions ${CHROMIUM_MORE:-} $mode --user-data-dir="$2" "$3"
