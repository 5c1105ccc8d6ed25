#!/usr/bin/python3
# SPDX-License-Identifier: ISC
"""Who gets in at the doors of tether-client and tether-server, tried by a raw client that writes any Origin and Host:
which web pages may open the laptop's WebSocket (RFC 6455, 10.2; RFC 6454), by which names it may be called (DNS
rebinding), and who keeps his place when one peer takes them all.

    test/interop/doors-raw.py [CASE]

Needs root: it runs itself in a network namespace of its own. CASE runs those whose name contains it.
"""

import json
import os
import re
import resource
import socket
import subprocess
import sys
import time

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import draft76_raw
from http_raw import ADDRESS, Answer, head, in_namespace, with_program
from ws_raw import LIMIT_S, ROOT, Cases, Peer, check, connect, request, wait_for

CLIENT = ["tether-client", "--open", "--listen", f"{ADDRESS}:6354", "--no-routes"]
HERE = f"{ADDRESS}:6354"
SLOTS = 128             # HTTP_SLOTS of src/limits.h
PREFIX = "2001:db8"     # in the namespace, all of its addresses are this host's own

# What tether-client is started with, beside the server.
LISTED = ["https://tether.example", "http://192.168.1.2:8000/", "HTTP://[2001:db8:0::5]:99", "capacitor://app"]

# Origins that open the WebSocket of a laptop that is called 127.0.0.1:6354; None is no Origin at all.
LET_IN = [None, f"http://{HERE}", f"https://{HERE}", f"HTTP://{HERE}",
          "http://server.example", "https://server.example", "http://server.example:8080", "http://SERVER.example:9",
          "https://tether.example", "https://tether.example:443", "https://Tether.Example", "http://192.168.1.2:8000",
          "http://[2001:db8::5]:99", "capacitor://app"]
KEPT_OUT = ["http://evil.example", "https://evil.example", "null", "", "file://", "*", "about:blank",
            f"http://{ADDRESS}", f"http://{ADDRESS}:6355", f"http://{ADDRESS}.evil.example:6354",
            f"http://evil.example:6354#{HERE}", f"http://{HERE}@evil.example", f"http://evil.example/http://{HERE}",
            f"http://{HERE}/", f"http://{HERE} http://evil.example", f"http://{HERE}, http://{HERE}",
            f"ws://{HERE}", HERE, f"//{HERE}", "http://localhost:6354", "http://[::1]:6354", "http://127.1:6354",
            "http://2130706433:6354", "http://server.example.evil.example", "http://evilserver.example",
            "http://a.server.example", "ws://server.example", "http://tether.example", "https://tether.example:8443",
            "https://tether.example.evil.example", "http://192.168.1.2", "http://192.168.1.2:80000",
            "capacitor://app2", "ionic://app", "http://b\xfccher.example", "http://evil.example:80:6354"]

# Names by which the laptop may be called, and may not.
CALLED = [HERE, ADDRESS, "localhost", "LOCALHOST:6354", "[::1]:6354", "[2001:db8::1]", "169.254.134.89:6354",
          "tether.example", "tether.example:6354", "app"]
MISCALLED = ["evil.example", "evil.example:6354", "127.0.0.1.evil.example", "localhost.evil.example", "laptop.local",
             "localhost.", "server.example", "127.1", "0x7f.0.0.1", "2130706433", "127.0.0.01", "::1", "[::1",
             "[localhost]", "127.0.0.1, localhost", "user@127.0.0.1", "127.0.0.1:", "127.0.0.1:x", "127.0.0.1/", ""]


def ask(data, port=6354):
    """One request on a connection of its own; its answer."""
    peer = connect(ADDRESS, port)
    try:
        peer.send(data)
        return Answer(peer, head_only=data.startswith(b"HEAD"))
    finally:
        peer.close()


def origin_lines(*origins):
    return [f"Origin: {origin}" for origin in origins if origin is not None]


def ask_websocket(*origins, host=HERE):
    data = request("/websocket", host=host).decode("latin-1")[:-2]
    return ask((data + "".join(line + "\r\n" for line in origin_lines(*origins)) + "\r\n").encode("latin-1"))


def ask_draft76(origin):
    return ask(draft76_raw.request("/websocket", host=HERE, origin=origin) + b"12345678")


def draft76_let_in(origin):
    ask_draft76(origin).expect(101)
    no_phone()


def draft76_kept_out(origin):
    check_counted(lambda: check_refusal(ask_draft76(origin)))


def status():
    return json.loads(ask(head("/status.json", host=HERE)).expect(200).body)


def check_refusal(answer):
    """A refusal says what to open, shows nothing else, and ends the connection."""
    answer.expect(403)
    check(answer.type.startswith("text/plain"), f"the answer is {answer.type}")
    check(f"http://{HERE}/".encode() in answer.body, f"the answer does not say what to open: {answer.body!r}")
    check("close" in answer.fields.get("connection", ""), "the connection goes on")
    check("content-security-policy" in answer.fields, "the answer has no Content-Security-Policy")


def check_counted(function):
    """What is refused is counted, one each, and no phone is connected by it."""
    before = status()["http"]["forbidden"]
    function()
    after = status()
    check(after["http"]["forbidden"] == before + 1, f"forbidden went from {before} to {after['http']['forbidden']}")
    check(not after["phone"]["connected"], "a phone is connected")


def no_phone():
    wait_for("no phone is connected", lambda: not status()["phone"]["connected"])


def let_in(origin):
    ask_websocket(origin).expect(101)
    no_phone()


def is_shown(origin):
    """Whether an origin is fit to be shown: one that --origin takes (those with an invalid port aside)."""
    return re.fullmatch(r"[a-z][a-z0-9+.-]*://([a-z0-9._-]+|\[[0-9a-f:.]+\])(:\d{1,5})?", origin, re.I) is not None


def kept_out(*origins):
    """The refusal names the origin that --origin needs; what is none is not repeated."""
    def ask_and_check():
        answer = ask_websocket(*origins)
        check_refusal(answer)
        said = answer.body.decode().partition("--origin ")[2].strip()
        shown = len(origins) == 1 and is_shown(origins[0]) and not origins[0].endswith(":80000")
        wanted = origins[0] if shown else "SCHEME://HOST[:PORT]"
        check(said == wanted, f"it is told to use --origin {said}, not {wanted}")
    check_counted(ask_and_check)


def check_refusal_of(origin, host):
    check_counted(lambda: check_refusal(ask_websocket(origin, host=host)))


def logged(cases, began):
    """The log says of the first that was refused how to let it in, and of a crowd no more than that."""
    ask_websocket(KEPT_OUT[0]).expect(403)
    lines = [line for line in cases.program.output().splitlines() if "(403)" in line]
    check(lines and f"--origin {KEPT_OUT[0]} would" in lines[0], f"it logged {lines[:1]}")
    minutes = int((time.monotonic() - began) / 60)
    check(len(lines) <= 1 + minutes, f"it logged {len(lines)} lines in {minutes} minutes")


def called(host):
    ask(head("/", host=host)).expect(200)
    ask(head("/status.json", host=host)).expect(200)
    ask_websocket(None, host=host).expect(101)
    no_phone()


def miscalled(host):
    for data in head("/", host=host), head("/config.json", host=host), head("/no-such-file", host=host), \
            head("/status.json", method="POST", host=host):
        check_counted(lambda data=data: check_refusal(ask(data)))
    check_counted(lambda: ask(head("/", method="HEAD", host=host)).expect(403))
    check_counted(lambda: check_refusal(ask_websocket(None, host=host)))
    # An attacker's own page, whose name now leads here: to the browser, all is one origin.
    check_counted(lambda: check_refusal(ask_websocket(f"http://{host}", host=host)))


def own_page_by_name():
    """Called by the name of a listed origin, the laptop's own page is the one of that name."""
    ask_websocket("http://tether.example:6354", host="tether.example:6354").expect(101)
    no_phone()
    ask_websocket(f"http://{HERE}", host="tether.example:6354").expect(403)


def old_http():
    ask(head("/", host=None, version="HTTP/1.0")).expect(200)
    check_refusal(ask(head("/", host=None, version="HTTP/1.0", more=["Origin: http://evil.example"])))
    check_refusal(ask(head("/", host="evil.example", version="HTTP/1.0")))


def page_is_no_websocket():
    """Elsewhere an Origin is nobody's business: without permission (CORS) a page cannot read the answer."""
    answer = ask(head("/", host=HERE, more=["Origin: http://evil.example"])).expect(200)
    check("access-control-allow-origin" not in answer.fields, "the answer lets pages from elsewhere read it")


def door_cases(cases):
    case, began = cases.run, time.monotonic()
    for origin in LET_IN:
        case(f"a page of {'no origin' if origin is None else origin} opens the WebSocket", let_in, origin)
        case(f"also by draft 76: {origin}", draft76_let_in, origin)
    for origin in KEPT_OUT:
        case(f"a page of {origin or 'an empty origin'!r} is kept out", kept_out, origin)
        case(f"also by draft 76: {origin!r}", draft76_kept_out, origin)
    case("two Origins are one too many", kept_out, f"http://{HERE}", f"http://{HERE}")
    case("two Origins of which one is good are kept out", kept_out, f"http://{HERE}", "http://evil.example")
    for host in CALLED:
        case(f"the laptop may be called {host}", called, host)
    for host in MISCALLED:
        case(f"the laptop may not be called {host or 'nothing'!r} (DNS rebinding)", miscalled, host)
    case("its own page by the name of a listed origin opens the WebSocket", own_page_by_name)
    case("HTTP/1.0 without a Host is let in, unless a page asks", old_http)
    case("pages from elsewhere cannot read what the laptop serves", page_is_no_websocket)
    case("the log names the first page that was refused, and no crowd", logged, cases, began)


def server_cases(case):
    """The server has no such doors: its page may be called by any name, and any page may open its WebSocket."""
    data = request("/websocket", host="any.example", more=["Origin: http://evil.example"])
    case("tether-server takes any Origin and Host", lambda: ask(data, 8080).expect(101))
    case("also by draft 76", lambda: ask(draft76_raw.request("/websocket", host="any.example",
         origin="http://evil.example") + b"12345678", 8080).expect(101))


# ---- options ----

def refused(*arguments, open_mode=("--open",)):
    done = subprocess.run([os.path.join(ROOT, "build", CLIENT[0]), *open_mode, *CLIENT[2:], *arguments], timeout=LIMIT_S,
                          stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False)
    check(done.returncode == 2, f"it ends with status {done.returncode}: {done.stderr}")
    check("--origin" in done.stderr, f"it says {done.stderr}")


def option_cases(case):
    case("--origin null without --open is wrong usage", lambda: refused(
        "--origin", "null", "--key-file", "/none", open_mode=[]))
    for origin in ["", "/", "Null", "null/", "tether.example", "http://", "http:///", "https://tether.example//",
                   "https://tether.example/page", "https://tether.example:0", "https://tether.example:x", "*",
                   "https://*.example", "https://user@tether.example", "https://2001:db8::1", "://tether.example"]:
        case(f"--origin {origin!r} is wrong usage", refused, "--origin", origin)
    case("--origin without a value is wrong usage", refused, "--origin")
    case("more --origin than there is room for are wrong usage", refused,
         *[part for i in range(17) for part in ("--origin", f"https://{i}.example")])


# ---- places ----

def connect_from(source, address, port):
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    connection = socket.socket(family, socket.SOCK_STREAM)
    connection.settimeout(LIMIT_S)
    # The address alone: the kernel picks the port when it knows where to, and so does not run out of them.
    connection.setsockopt(socket.IPPROTO_IP, 24, 1)     # IP_BIND_ADDRESS_NO_PORT of <linux/in.h>
    connection.bind((source, 0))
    connection.connect((address, port))
    return Peer(connection)


def begin(source, address, port):
    """A connection whose request is not finished yet."""
    peer = connect_from(source, address, port)
    peer.send(b"GET /style.css HTTP/1.1\r\nHost: localhost\r\n")
    return peer


def check_kept(honest, attack):
    """Honest peers keep their places, whatever number of connections attack() opens meanwhile."""
    held = []
    try:
        attack(held)
        for peer in honest:
            peer.send(b"\r\n")
            Answer(peer).expect(200)
        attack(held)
        for peer in honest:         # kept for the next request
            peer.send(head("/style.css"))
            Answer(peer).expect(200)
    finally:
        for peer in honest + held:
            peer.close()


def crowd_of(source, address, port, count=3 * SLOTS):
    """An attack: source(i) is where its i-th connection comes from."""
    return lambda held: held.extend(connect_from(source(i), address, port) for i in range(count))


def one_takes_all(port):
    check_kept([begin("127.0.0.3", ADDRESS, port)],
               crowd_of(lambda i: "127.0.0.2", ADDRESS, port))


def each_has_a_share(port):
    """Ten honest peers with six connections each, and an attacker: 60 of 128 places are within their share."""
    check_kept([begin(f"127.0.1.{i}", ADDRESS, port) for i in range(10) for _ in range(6)],
               crowd_of(lambda i: "127.0.0.2", ADDRESS, port))


def late_comer(port):
    """All places are the attacker's: who comes then gets one, and keeps it."""
    held = []
    try:
        crowd_of(lambda i: "127.0.0.2", ADDRESS, port)(held)
        check_kept([begin("127.0.0.3", ADDRESS, port)], crowd_of(lambda i: "127.0.0.2", ADDRESS, port))
    finally:
        for peer in held:
            peer.close()


def one_network(port):
    """All the addresses of one /64 are one peer; IPv4 peers of an IPv6 socket are told apart."""
    address = f"{PREFIX}::1"
    check_kept([begin(f"{PREFIX}:1::5", address, port), begin("127.0.0.3", ADDRESS, port),
                begin("127.0.0.4", ADDRESS, port)],
               crowd_of(lambda i: f"{PREFIX}:66::{i + 1:x}", address, port))
    check_kept([begin("127.0.0.3", ADDRESS, port)], crowd_of(lambda i: "127.0.0.2", ADDRESS, port))


def many_sources(port):
    """More attackers than places: the oldest gives way, and who finishes in time is served."""
    held = []
    try:
        crowd_of(lambda i: f"127.1.{i // 200}.{i % 200 + 1}", ADDRESS, port)(held)
        for _ in range(20):
            peer = begin("127.0.0.3", ADDRESS, port)
            peer.send(b"\r\n")
            Answer(peer).expect(200)
            peer.close()
    finally:
        for peer in held:
            peer.close()


def place_cases(case, name, port):
    for what, function in [("a peer keeps its place while another one wants them all", one_takes_all),
                           ("peers keep their share of the places", each_has_a_share),
                           ("a late comer gets a place, and keeps it", late_comer),
                           ("among attackers with many addresses, a quick one is served", many_sources)]:
        case(f"{name}: {what}", function, port)


def main():
    in_namespace()
    subprocess.run(["ip", "-6", "route", "add", "local", f"{PREFIX}::/32", "dev", "lo"], check=True)
    subprocess.run(["sysctl", "-q", "-w", "net.ipv6.ip_nonlocal_bind=1"], check=True)
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    cases = Cases(only=sys.argv[1] if len(sys.argv) > 1 else None)
    origins = [part for origin in LISTED for part in ("--origin", origin)]
    with_program(cases, CLIENT + ["--server", "Server.example:8080"] + origins, [6354],
                 lambda case: door_cases(cases))
    with_program(cases, CLIENT, [6354], lambda case: (
        case("without --server and --origin the own page is let in", let_in, f"http://{HERE}"),
        case("without --server its page is kept out", kept_out, "http://server.example"),
        case("without --origin a page from elsewhere is kept out", kept_out, "https://tether.example"),
        place_cases(case, "tether-client", 6354)))
    with_program(cases, CLIENT + ["--origin", "null"], [6354], lambda case: (
        case("with --origin null a page without an origin opens the WebSocket", let_in, "null"),
        case("with --origin null the own page is let in", let_in, f"http://{HERE}"),
        *[case(f"with --origin null a page of {origin!r} is kept out", kept_out, origin)
          for origin in ("file://", "NULL", "null, null", "http://null", "http://evil.example")],
        case("with --origin null it may not be called by any name", check_refusal_of, "null", "evil.example"),
        case("it says what --origin null opens", lambda: check(
            "any site that a browser shows can be the phone" in cases.program.output(), "it does not"))))
    option_cases(cases.run)
    with_program(cases, ["tether-server", "--open", "--page", "none"], [8080], lambda case: (
        server_cases(case),
        place_cases(case, "tether-server", 8080),
        case("tether-server: the addresses of one IPv6 network are one peer", one_network, 8080)))
    cases.finish()


main()
