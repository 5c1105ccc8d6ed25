#!/usr/bin/python3
# SPDX-License-Identifier: ISC
"""Our server of draft 76 (draft-ietf-hybi-thewebsocketprotocol-00) against a client that also breaks the rules, case
by case with the section of the draft that decides it.

    test/interop/draft76-raw.py [--server 'COMMAND'] [CASE]

COMMAND (build/ws-echo unless given) is started with ADDR:PORT appended and echoes on path /, with messages of up to
1 MiB. CASE runs those whose name contains it. At the end stands how many cases each section had, and passed.
"""

import argparse
import os
import shlex
import socket
import sys

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import ws_raw
from draft76_raw import SAMPLES, Peer76, make_key, open_client76, request
from ws_raw import LIMIT_S, MESSAGE_MAX, ROOT, TEXT, Cases, Program, check, connect, free_port, open_client

ADDRESS = "127.0.0.1"
PORT = free_port()
SECTIONS = {"1.2": "overview", "1.3": "opening handshake", "1.4": "closing handshake", "4.1": "the client's handshake",
            "5.1": "reading the client's handshake", "5.2": "answering it", "5.3": "data framing",
            "5.4": "errors in UTF-8", "6": "closing", "7": "security"}


def opened():
    return open_client76(ADDRESS, PORT)


def echoes(peer, payload=b"still there"):
    peer.text(payload)
    peer.expect_text(payload)


def alone():
    """The server lives on, and serves others."""
    peer = opened()
    echoes(peer)
    peer.close()


# --- the opening handshake


def sample(key1, key2, challenge, proof):
    peer = Peer76(socket.create_connection((ADDRESS, PORT), LIMIT_S))
    peer.send(request(keys=(key1, key2), host="example.com", origin="http://example.com",
                      more=["Sec-WebSocket-Protocol: sample"]) + challenge)
    first, fields = peer.head()
    check(first == "HTTP/1.1 101 WebSocket Protocol Handshake", f"the answer is {first}")
    check(fields["sec-websocket-origin"] == "http://example.com", f"the origin is {fields['sec-websocket-origin']}")
    check(fields["sec-websocket-location"] == "ws://example.com/", f"it is at {fields['sec-websocket-location']}")
    got = peer.take(16)
    check(got == proof, f"the answer ends with {got}")
    echoes(peer)
    peer.close()


def random_keys():
    for _ in range(200):
        opened().close()


def refused(status=400, data=None, **options):
    """Nothing but a status comes, and the connection ends."""
    peer = connect(ADDRESS, PORT)
    peer.send(data or request(**options) + b"12345678")
    first, fields = peer.head()
    check(first.split(" ")[1] == str(status), f"the answer is {first}, not {status}")
    peer.take(int(fields.get("content-length", "0")))
    check(not peer.receive_more(), f"the connection goes on with {peer.buffer!r}")
    peer.close()


def slowly():
    peer = Peer76(socket.create_connection((ADDRESS, PORT), LIMIT_S))
    peer.send_slowly(request() + b"12345678")
    check(peer.head()[0].startswith("HTTP/1.1 101 "), "no 101")
    peer.take(16)
    echoes(peer)
    peer.close()


def challenge_is_waited_for():
    """Before the last of the eight bytes nothing is answered; then a frame may follow at once."""
    peer = Peer76(socket.create_connection((ADDRESS, PORT), LIMIT_S))
    peer.send(request() + b"1234567")
    peer.socket.settimeout(0.3)
    try:
        check(False, f"{peer.socket.recv(1000)!r} came before the challenge was whole")
    except socket.timeout:
        peer.socket.settimeout(LIMIT_S)
    peer.send(b"8\x00early\xff")
    peer.head()
    peer.take(16)
    peer.expect_text(b"early")
    peer.close()


def challenge_never_comes():
    peer = connect(ADDRESS, PORT)
    peer.send(request() + b"1234567")
    check(not peer.receive_more(), f"{peer.buffer!r} came")
    peer.close()


def no_origin():
    peer = Peer76(socket.create_connection((ADDRESS, PORT), LIMIT_S))
    peer.send(request(origin=None) + b"12345678")
    _, fields = peer.head()
    check("sec-websocket-origin" not in fields, "an origin came that nobody named")
    peer.take(16)
    echoes(peer)
    peer.close()


def no_rfc6455_headers():
    """The answer has no Sec-WebSocket-Accept, which is the other protocol's."""
    peer = connect(ADDRESS, PORT)
    peer.send(request() + b"12345678")
    _, fields = peer.head()
    check("sec-websocket-accept" not in fields and "sec-websocket-protocol" not in fields, f"it has {fields}")
    peer.close()


# --- frames


def sizes():
    for size in [0, 1, 125, 126, 127, 16383, 65535, 65536, MESSAGE_MAX - 1, MESSAGE_MAX]:
        peer = opened()
        echoes(peer, b"t" * size)
        echoes(peer)
        peer.close()


def skipped(data):
    """Before, between and behind messages these bytes change nothing, at once and byte by byte."""
    peer = opened()
    peer.send(data + b"\x00one\xff" + data + data + b"\x00two\xff" + data)
    peer.expect_text(b"one")
    peer.expect_text(b"two")
    if len(data) < 1000:
        peer.send_slowly(data)
    echoes(peer)
    peer.close()


def dropped(data):
    """The closing handshake comes, then the end of the stream, and no echo of what is behind the fault."""
    peer = opened()
    echoes(peer)
    peer.send(data + b"\x00never\xff")
    peer.expect_close()
    peer.expect_end()
    peer.close()
    alone()


def unchanged(payload):
    peer = opened()
    echoes(peer, payload)
    peer.close()


def many():
    peer = opened()
    peer.send(b"".join(b"\x00message %d\xff" % i for i in range(2000)))
    for i in range(2000):
        peer.expect_text(b"message %d" % i)
    peer.close()


def odd_pieces():
    peer = opened()
    data = b"".join(b"\x00" + b"x" * size + b"\xff\x80\x03abc" for size in range(0, 700, 7))
    for at in range(0, len(data), 41):
        peer.send(data[at:at + 41])
    for size in range(0, 700, 7):
        peer.expect_text(b"x" * size)
    peer.close()


# --- closing


def client_closes(data=b"\xff\x00"):
    peer = opened()
    echoes(peer)
    peer.send(b"\x00last\xff" + data)
    peer.expect_text(b"last")
    peer.expect_close()
    peer.expect_end()
    peer.close()


def closes_and_talks():
    """What comes behind the client's own closing handshake is nobody's."""
    peer = opened()
    peer.send(b"\xff\x00\x00late\xff")
    peer.expect_close()
    peer.expect_end()
    peer.close()


def half_closed():
    peer = opened()
    peer.send(b"\x00half a message")
    peer.socket.shutdown(socket.SHUT_WR)
    while peer.receive_more():
        pass
    check(b"half" not in peer.buffer, "half a message came back")
    alone()


# --- both protocols


def no_frames_of_rfc6455():
    """To the draft such a frame is one of type 0x81 with a length, and thrown away."""
    peer = opened()
    peer.send(ws_raw.frame(TEXT, b"Hello", masked=False))
    echoes(peer)
    peer.close()


def no_draft_frames():
    """And the reverse: text of the draft on a connection of RFC 6455 ends with 1002."""
    peer = open_client(ADDRESS, PORT)
    peer.send(b"\x00Hello\xff")
    peer.expect_close(1002)
    peer.expect_end()
    peer.close()


def side_by_side():
    old, new = opened(), open_client(ADDRESS, PORT)
    for i in range(20):
        echoes(old, b"old %d" % i)
        new.frame(TEXT, b"new %d" % i)
        new.expect_message(TEXT, b"new %d" % i)
    old.close()
    new.close()


def run_handshakes(case):
    for section, key1, key2, challenge, proof in SAMPLES:
        case(f"{section}: the draft's own handshake of this section", sample, key1, key2, challenge, proof)
    case("4.1: 200 handshakes with random keys", random_keys)
    case("5.1: a request that comes byte by byte is understood", slowly)
    case("1.3: the eight bytes behind the head are waited for, and a frame behind them is read", challenge_is_waited_for)
    case("1.3: who never sends the eighth byte is let go of", challenge_never_comes)
    case("5.1: who names no origin gets none back", no_origin)
    case("5.2: the answer has nothing of RFC 6455", no_rfc6455_headers)
    good, bad = make_key()[0], "1  3"
    for name, keys in [("no spaces in the first key", ("123", good)), ("no spaces in the second key", (good, "123")),
                       ("a number that is no multiple of its spaces", (bad, good)),
                       ("the same in the second key", (good, bad)), ("a number of 33 bits", ("8589934 592", good)),
                       ("a number of 300 digits", ("1 " + "9" * 300, good)), ("an empty key", ("", good)),
                       ("a first key that is missing", (None, good)), ("a second key that is missing", (good, None))]:
        status = 426 if keys[0] is None else 400  # without the first, it is a request of neither protocol
        case(f"5.2: {name}: refused with {status}", lambda keys=keys, status=status: refused(status, keys=keys))
    for number in 1, 2:
        case(f"5.1: key {number} twice: refused with 400", lambda number=number: refused(
            more=[f"Sec-WebSocket-Key{number}: {good}"]))
    case("5.1: a POST: refused with 400", lambda: refused(method="POST"))
    case("5.1: HTTP/1.0: refused with 400", lambda: refused(version="HTTP/1.0"))
    case("5.1: no Connection: refused with 400", lambda: refused(connection=None))
    case("5.1: a body: refused with 400", lambda: refused(more=["Content-Length: 8"]))
    case("5.1: no Host: refused with 400", lambda: refused(host=None))
    case("5.1: two origins: refused with 400", lambda: refused(more=["Origin: http://other"]))
    case("5.1: an origin of 2000 bytes: refused with 431", lambda: refused(431, origin="http://" + "o" * 2000))
    case("5.1: another path: 404", lambda: refused(404, target="/elsewhere"))
    case("7: a key of RFC 6455 beside the draft's: refused with 400", lambda: refused(
        more=["Sec-WebSocket-Key: " + ws_raw.KEY.decode()]))
    case("7: a version of RFC 6455 beside the draft's keys: refused with 400", lambda: refused(
        more=["Sec-WebSocket-Version: 13"]))


def run_frames(case):
    case("1.2: text of 0 bytes to 1 MiB comes back", sizes)
    case("5.3: 2000 messages at once come back in order", many)
    case("5.3: frames cut at odd places are understood", odd_pieces)
    for kind in 0x01, 0x02, 0x0F, 0x7F:
        case(f"5.3: a delimited frame of type {kind:#04x} is thrown away", skipped, bytes([kind]) + b"a\x00b\xff")
        case(f"5.3: also an empty one of type {kind:#04x}", skipped, bytes([kind, 0xFF]))
    for kind in 0x80, 0x81, 0x82, 0xFE:
        case(f"5.3: a frame with a length of type {kind:#04x} is thrown away", skipped, bytes([kind, 4]) + b"a\xff\x00b")
        case(f"5.3: also an empty one of type {kind:#04x}", skipped, bytes([kind, 0]))
    case("5.3: a frame of type 0xff with a length is thrown away", skipped, b"\xff\x02\xff\x00")
    case("5.3: a length of 200 in two bytes", skipped, b"\x80\x81\x48" + b"\xff" * 200)
    case("5.3: a length of 3 in eight bytes", skipped, b"\x80\x80\x80\x80\x80\x80\x80\x80\x03abc")
    case("5.3: a length of 1 MiB", skipped, b"\x80\xc0\x80\x00" + b"\x00" * MESSAGE_MAX)
    case("5.3: a length of 1 MiB and 1: dropped", dropped, b"\x80\xc0\x80\x01")
    case("5.3: a length of 56 bits: dropped", dropped, b"\x80" + b"\xff" * 7 + b"\x7f")
    case("5.3: a length of nine bytes: dropped", dropped, b"\x80" + b"\x80" * 8 + b"\x01a")
    case("5.3: a length that never ends: dropped", dropped, b"\x80" * 100)
    case("5.3: text of 1 MiB and 1: dropped", dropped, b"\x00" + b"t" * (MESSAGE_MAX + 1) + b"\xff")
    case("5.3: text that never ends: dropped", dropped, b"\x00" + b"t" * (MESSAGE_MAX + 70000))
    case("5.3: another delimited frame that never ends: dropped", dropped, b"\x01" + b"t" * (MESSAGE_MAX + 70000))
    for name, payload in [("a zero", b"a\x00b"), ("two bytes", "ß".encode()), ("four bytes", "🙂".encode())]:
        case(f"5.4: text with {name} comes back", unchanged, payload)
    for name, payload in [("half a character", b"ab\xc3"), ("a surrogate", b"\xed\xa0\x80"), ("0xfe", b"a\xfe")]:
        case(f"5.4: text with {name} harms nothing", unchanged, payload)


def run_closings(case):
    case("1.4: a client closes: what it said before is answered, then its Close", client_closes)
    case("5.3: a length of 0 in two bytes closes, too", client_closes, b"\xff\x80\x00")
    case("6: what comes behind a Close is nobody's", closes_and_talks)
    case("6: a client that ends in the middle of a message is let go of", half_closed)
    case("7: a frame of RFC 6455 is no message here", no_frames_of_rfc6455)
    case("7: a frame of the draft on a connection of RFC 6455 ends with 1002", no_draft_frames)
    case("7: connections of both protocols stand side by side", side_by_side)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--server", default=os.path.join(ROOT, "build", "ws-echo"))
    parser.add_argument("case", nargs="?")
    options = parser.parse_args()
    program = Program(shlex.split(options.server) + [f"{ADDRESS}:{PORT}"])
    cases = Cases(program, options.case)
    table = {}

    def case(name, function, *arguments):
        before = cases.failed
        cases.run("draft 76, " + name, function, *arguments)
        passed, all_ = table.get(name.split(":")[0], (0, 0))
        table[name.split(":")[0]] = (passed + (cases.failed == before), all_ + 1)

    try:
        program.wait_listening(ADDRESS, PORT)
        run_handshakes(case)
        run_frames(case)
        run_closings(case)
    finally:
        stopped = program.stop()
        cases.program = None
    cases.run("the echo server leaves with status 0 when asked to stop", lambda: check(stopped, program.output()[-300:]))
    for section in sorted(table):
        passed, all_ = table[section]
        print(f"# draft-ietf-hybi-thewebsocketprotocol-00 {section:4} {SECTIONS[section]:31} {passed:3} of {all_:3}")
    cases.finish()


main()
