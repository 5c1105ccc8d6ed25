#!/usr/bin/python3
# SPDX-License-Identifier: ISC
"""Our WebSocket server against a client that also breaks the rules, case by case with the section of RFC 6455
that decides it.

    test/interop/ws-raw.py [--server 'COMMAND'] [CASE]

COMMAND (build/ws-echo unless given) is started with ADDR:PORT appended and echoes text and binary on path /,
with messages of up to 1 MiB. CASE runs those whose name contains it.
"""

import argparse
import os
import shlex
import socket
import struct
import sys
import time

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from ws_raw import (BINARY, CLOSE, CONTINUATION, KEY, MESSAGE_MAX, PING, PONG, ROOT, SIZES, TEXT, Cases, Failed,
                    Program, check, close_payload, connect, frame, free_port, open_client, request, short)

ADDRESS = "127.0.0.1"
PORT = free_port()


def opened():
    return open_client(ADDRESS, PORT)


def echoes(peer, opcode=TEXT, payload=b"still there"):
    peer.frame(opcode, payload)
    peer.expect_message(opcode, payload)


# --- section 4: the opening handshake


def handshake_answer(data):
    peer = connect(ADDRESS, PORT)
    peer.send(data)
    first, fields = peer.head()
    peer.close()
    return int(first.split(" ")[1]), fields


def handshake_sample():
    status, fields = handshake_answer(request(key="dGhlIHNhbXBsZSBub25jZQ=="))
    check(status == 101, f"the answer is {status}")
    check(fields.get("sec-websocket-accept") == "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=",
          f"Sec-WebSocket-Accept is {fields.get('sec-websocket-accept')}")


def handshake_accepted(**options):
    peer = open_client(ADDRESS, PORT, **options)
    echoes(peer)
    peer.close()


def handshake_refused(statuses, **options):
    status, fields = handshake_answer(request(**options))
    check(status in statuses, f"the answer is {status}, not {' or '.join(map(str, statuses))}")
    if statuses == [426]:
        check("13" in fields.get("sec-websocket-version", "").split(", "),
              f"Sec-WebSocket-Version is {fields.get('sec-websocket-version')}")


def handshake_slowly():
    peer = connect(ADDRESS, PORT)
    peer.send_slowly(request())
    check(peer.head()[0].startswith("HTTP/1.1 101 "), "no 101")
    echoes(peer)
    peer.close()


# --- section 5: frames


def echo_size(opcode, size):
    peer = opened()
    echoes(peer, opcode, bytes(97 + i % 26 for i in range(size)) if opcode == TEXT else os.urandom(size))
    echoes(peer)
    peer.close()


def zero_mask():
    """A masking key of zeros is a key like any other."""
    peer = opened()
    peer.send(b"\x81\x85\0\0\0\0hello")
    peer.expect_message(TEXT, b"hello")
    peer.close()


def fragments(parts, opcode, between=None):
    peer = opened()
    for i, part in enumerate(parts):
        peer.frame(opcode if i == 0 else CONTINUATION, part, fin=i == len(parts) - 1)
        if between is not None and i < len(parts) - 1:
            peer.frame(PING, between + b"%d" % i)
            peer.expect_pong(between + b"%d" % i)
    peer.expect_message(opcode, b"".join(parts))
    echoes(peer)
    peer.close()


def pongs_in_the_middle():
    peer = opened()
    peer.send(frame(TEXT, b"a", fin=False) + frame(PONG, b"unasked") + frame(CONTINUATION, b"b"))
    peer.expect_message(TEXT, b"ab")
    peer.close()


def close_in_the_middle():
    peer = opened()
    peer.send(frame(TEXT, b"a", fin=False) + frame(CLOSE, close_payload(1000)))
    peer.expect_close(1000)
    peer.expect_end()


def ping(payload):
    peer = opened()
    peer.frame(PING, payload)
    peer.expect_pong(payload)
    echoes(peer)
    peer.close()


def many_pings():
    """Section 5.5.3 lets a pong stand for the pings before it: the last one must be answered."""
    peer = opened()
    peer.send(b"".join(frame(PING, b"%d" % i) for i in range(50)))
    last = -1
    while last < 49:
        fin, opcode, payload = peer.receive()
        check((fin, opcode) == (True, PONG), f"opcode {opcode} came")
        check(int(payload) > last, f"pong {payload!r} after {last}")
        last = int(payload)
    echoes(peer)
    peer.close()


def unasked_pong():
    peer = opened()
    peer.frame(PONG, b"unasked")
    peer.frame(PONG)
    echoes(peer)
    peer.close()


def many_frames_at_once():
    peer = opened()
    payloads = [b"frame %d" % i for i in range(2000)]
    peer.send(b"".join(frame(TEXT if i % 2 else BINARY, p) for i, p in enumerate(payloads)))
    for i, payload in enumerate(payloads):
        peer.expect_message(TEXT if i % 2 else BINARY, payload)
    peer.close()


def byte_by_byte():
    peer = opened()
    peer.send_slowly(frame(TEXT, "Grüße 🙂".encode() * 20) + frame(PING, b"slow") +
                     frame(BINARY, b"a", fin=False) + frame(CONTINUATION, b"b" * 300))
    peer.expect_message(TEXT, "Grüße 🙂".encode() * 20)
    peer.expect_pong(b"slow")
    peer.expect_message(BINARY, b"a" + b"b" * 300)
    peer.send_slowly(frame(CLOSE, close_payload(1000, b"slow")))
    peer.expect_close(1000)
    peer.expect_end()


def odd_pieces():
    """Frames cut at places that have nothing to do with their borders."""
    peer = opened()
    payloads = [os.urandom(size) for size in (3, 126, 70000, 0, 125, 1)]
    data = b"".join(frame(BINARY, payload) for payload in payloads)
    for i in range(0, len(data), 8191):
        peer.send(data[i:i + 8191])
    for payload in payloads:
        peer.expect_message(BINARY, payload)
    peer.close()


def refused(data, *codes):
    """What breaks a rule ends the connection with one of these codes (section 7.1.7)."""
    peer = opened()
    echoes(peer)
    try:
        peer.send(data)
    except (BrokenPipeError, ConnectionResetError):
        pass            # the server need not read to the end of what it refuses
    peer.expect_close(*codes)
    peer.expect_end()


def longer_length_form(form):
    """Section 5.2 has the sender use the shortest form; a receiver may accept a longer one or refuse it."""
    peer = opened()
    peer.frame(TEXT, b"hello", form=form)
    fin, opcode, payload = peer.receive()
    check((opcode, payload) == (TEXT, b"hello") or (opcode, payload[:2]) == (CLOSE, close_payload(1002)),
          f"opcode {opcode} came with {short(payload)}")
    peer.close()


# --- section 5.5.1 and 7: closing


def closing(payload, *codes):
    peer = opened()
    peer.frame(CLOSE, payload)
    peer.expect_close(*codes)
    peer.expect_end()


def nothing_after_close():
    peer = opened()
    peer.send(frame(CLOSE, close_payload(1000)) + frame(TEXT, b"late") + frame(PING, b"late"))
    peer.expect_close(1000)
    peer.expect_end()


def echo_then_close():
    """What was asked before the Close is answered before it."""
    peer = opened()
    peer.send(frame(BINARY, b"z" * 100000) + frame(CLOSE, close_payload(1001)))
    peer.expect_message(BINARY, b"z" * 100000)
    peer.expect_close(1001)
    peer.expect_end()


# --- section 8.1: UTF-8


def utf8_in_pieces(data):
    """Each byte in a frame of its own."""
    fragments([data[i:i + 1] for i in range(len(data))], TEXT)


def bad_utf8_in_pieces(data):
    parts = [data[i:i + 1] for i in range(len(data))]
    refused(b"".join(frame(TEXT if i == 0 else CONTINUATION, part, fin=i == len(parts) - 1)
                     for i, part in enumerate(parts)), 1007)


# --- section 10.4 and robustness


def limit_in_fragments(total, fits):
    peer = opened()
    piece, sent = b"f" * 65536, 0
    try:
        while sent < total:
            part = piece[:min(len(piece), total - sent)]
            peer.frame(BINARY if sent == 0 else CONTINUATION, part, fin=sent + len(part) == total)
            sent += len(part)
    except (BrokenPipeError, ConnectionResetError):
        check(not fits, "the connection ended before the limit")
    if fits:
        peer.expect_message(BINARY, b"f" * total)
        peer.close()
    else:
        peer.expect_close(1009)
        peer.expect_end()


def vanish(data, reset):
    peer = opened()
    peer.send(data)
    if reset:
        peer.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    peer.close()
    handshake_accepted()


def half_closed():
    """A client that only shuts its sending side down without a Close is let go of."""
    peer = opened()
    echoes(peer)
    peer.socket.shutdown(socket.SHUT_WR)
    while peer.receive_more():
        pass
    handshake_accepted()


def silent_connections():
    silent = [connect(ADDRESS, PORT) for _ in range(200)]
    for peer in silent[::2]:
        peer.send(b"GET / HTTP/1.1\r\nHost: local")
    try:
        handshake_accepted()
    finally:
        for peer in silent:
            peer.close()
    handshake_accepted()


def slow_reader():
    """A client that sends and never reads is its own problem only."""
    greedy = opened()
    greedy.socket.setblocking(False)
    data = frame(BINARY, b"g" * 65536)
    end = time.monotonic() + 2
    sent = 0
    while time.monotonic() < end and sent < 64 * len(data):
        try:
            sent += greedy.socket.send(data[sent % len(data):])
        except BlockingIOError:
            time.sleep(0.01)
        except (BrokenPipeError, ConnectionResetError):
            break
    handshake_accepted()
    greedy.close()


VALID_TEXT = [
    ("U+0000", "\0"), ("the last of one byte", "\x7f"), ("the first of two bytes", "\x80"),
    ("the last of two bytes", "\u07ff"), ("the first of three bytes", "\u0800"),
    ("the last before the surrogates", "\ud7ff"), ("the first after them", "\ue000"),
    ("U+FFFF", "\uffff"), ("the first of four bytes", "\U00010000"), ("U+10FFFF", "\U0010ffff"),
    ("a byte order mark", "\ufeffx"), ("words", "κόσμε, 世界, 🙂 and Grüße")]

INVALID_TEXT = [
    ("a lone continuation byte", b"ab\x80c"), ("bytes that never occur", b"a\xfe\xff"), ("0xf5", b"\xf5\x80\x80\x80"),
    ("an overlong form of two bytes", b"\xc0\x80"), ("0xc1", b"\xc1\xbf"),
    ("an overlong form of three bytes", b"\xe0\x9f\xbf"), ("an overlong form of four bytes", b"\xf0\x8f\xbf\xbf"),
    ("the first surrogate", b"\xed\xa0\x80"), ("the last surrogate", b"\xed\xbf\xbf"),
    ("a code point beyond U+10FFFF", b"\xf4\x90\x80\x80"), ("a second byte that is none", b"\xc3\x28"),
    ("a third byte that is none", b"\xe2\x82\x28"), ("a fourth byte that is none", b"\xf0\x9f\x99\x28"),
    ("an end after one of two bytes", b"ab\xc3"), ("an end after two of three bytes", b"\xe2\x82"),
    ("an end after three of four bytes", b"\xf0\x9f\x99"),
    ("a bad byte after 100 000 good ones", b"g" * 100000 + b"\xff")]


def run_handshakes(case):
    case("4.2.2: the RFC's own key gives the RFC's own Sec-WebSocket-Accept", handshake_sample)
    case("4.2.1: Upgrade and Connection are read whatever their case", lambda:
         handshake_accepted(upgrade="WEBSOCKET", connection="UPGRADE"))
    case("4.2.1: 'Connection: keep-alive, Upgrade' is an upgrade", lambda: handshake_accepted(
        connection="keep-alive, Upgrade"))
    case("4.1: a request that comes byte by byte is understood", handshake_slowly)
    case("9.1: extensions that are offered are declined", lambda: handshake_accepted(
        more=["Sec-WebSocket-Extensions: permessage-deflate; client_max_window_bits, x-other"]))
    case("4.2.2: subprotocols that are offered are declined", lambda: handshake_accepted(
        more=["Sec-WebSocket-Protocol: chat, superchat"]))
    case("4.4: version 8 is answered by 426 and the version to use", lambda: handshake_refused(
        [426], ws_version="8"))
    case("4.2.1: a missing version is refused", lambda: handshake_refused([400, 426], ws_version=None))
    case("4.2.1: a missing key is answered by 400", lambda: handshake_refused([400], key=None))
    for name, key in [("too short", "c2hvcnQ="), ("too long", "dGhpcyBpcyBub3Qgc2l4dGVlbiBieXRlcw=="),
                      ("not base64", "!!!!!!!!!!!!!!!!!!!!!!=="), ("empty", "")]:
        case(f"4.2.1: a key that is {name} is answered by 400", lambda: handshake_refused([400], key=key))
    case("11.3.1: a second key is answered by 400", lambda: handshake_refused(
        [400], more=["Sec-WebSocket-Key: " + KEY.decode()]))
    for version in "13", "8":
        case(f"11.3.5: a second version, {version}, is answered by 400", lambda version=version: handshake_refused(
            [400], more=[f"Sec-WebSocket-Version: {version}"]))
    case("4.2.1: a second Host is answered by 400 (RFC 9112, 3.2)", lambda: handshake_refused(
        [400], more=["Host: other"]))
    case("4.2.1: a missing Host is answered by 400", lambda: handshake_refused([400], host=None))
    case("4.1: a POST is refused", lambda: handshake_refused([400, 404, 405, 426, 501], method="POST"))
    case("4.1: HTTP/1.0 is refused", lambda: handshake_refused([400, 404, 426, 505], version="HTTP/1.0"))
    case("4.2.1: without Upgrade it is no handshake", lambda: handshake_refused(
        [200, 400, 404, 426], upgrade=None))
    case("4.2.1: with another Upgrade it is no handshake", lambda: handshake_refused(
        [200, 400, 404, 426], upgrade="h2c"))
    case("4.2.1: with 'Connection: close' it is no handshake", lambda: handshake_refused(
        [200, 400, 404, 426], connection="close"))
    case("4.2.2: another path is answered by 404", lambda: handshake_refused([404], target="/elsewhere"))


def run_frames(case):
    for size in SIZES:
        case(f"5.2: text of {size} bytes comes back", echo_size, TEXT, size)
        case(f"5.2: binary of {size} bytes comes back", echo_size, BINARY, size)
    case("5.3: a masking key of zeros works", zero_mask)
    for form in 16, 64:
        case(f"5.2: a length of 5 in {form} bits is read or refused, not misread", longer_length_form, form)

    case("5.4: two fragments are one message", fragments, [b"hel", b"lo"], TEXT)
    case("5.4: many fragments, empty ones among them, are one message", fragments,
         [b"", b"a", b"", b"b" * 200, b"c" * 70000, b""], BINARY)
    case("5.4: a message of empty fragments is an empty message", fragments, [b"", b"", b""], TEXT)
    case("5.4: pings between fragments are answered at once", fragments, [b"a" * 10, b"b" * 10, b"c"], TEXT, b"p")
    case("5.4: a pong between fragments changes nothing", pongs_in_the_middle)
    case("5.4: a Close between fragments closes", close_in_the_middle)
    case("5.4: a continuation of nothing ends with 1002", refused, frame(CONTINUATION, b"x"), 1002)
    case("5.4: a continuation after a whole message ends with 1002", continuation_after_message)
    case("5.4: a new message within another ends with 1002", refused,
         frame(TEXT, b"x", fin=False) + frame(TEXT, b"y"), 1002)

    for size in 0, 1, 125:
        case(f"5.5.2: a ping of {size} bytes brings a pong with the same", ping, os.urandom(size))
    case("5.5.3: of many pings at once the last is answered", many_pings)
    case("5.5.3: a pong that nobody asked for changes nothing", unasked_pong)
    for name, opcode in [("ping", PING), ("pong", PONG), ("Close", CLOSE)]:
        payload = close_payload(1000) if opcode == CLOSE else b""
        case(f"5.5: a {name} of 126 bytes ends with 1002", refused, frame(opcode, payload.ljust(126, b"x")), 1002)
        case(f"5.5: a {name} in fragments ends with 1002", refused, frame(opcode, payload, fin=False), 1002)

    for rsv, name in [(4, "RSV1"), (2, "RSV2"), (1, "RSV3"), (7, "all reserved bits")]:
        case(f"5.2: {name} on text ends with 1002", refused, frame(TEXT, b"x", rsv=rsv), 1002)
        case(f"5.2: {name} on a ping ends with 1002", refused, frame(PING, b"x", rsv=rsv), 1002)
    case("5.2: a reserved bit on a continuation ends with 1002", refused,
         frame(TEXT, b"x", fin=False) + frame(CONTINUATION, b"x", rsv=4), 1002)
    for opcode in [3, 4, 5, 6, 7, 11, 12, 13, 14, 15]:
        case(f"5.2: the reserved opcode {opcode} ends with 1002", refused, frame(opcode, b"x"), 1002)
    for name, opcode in [("text", TEXT), ("binary", BINARY), ("a ping", PING), ("a Close", CLOSE)]:
        case(f"5.1: {name} without a mask ends with 1002", refused,
             frame(opcode, close_payload(1000), masked=False), 1002)

    case("5: many frames in one segment are answered in order", many_frames_at_once)
    case("5: frames that come byte by byte are understood", byte_by_byte)
    case("5: frames cut at odd places are understood", odd_pieces)


def continuation_after_message():
    peer = opened()
    echoes(peer)
    peer.frame(CONTINUATION, b"x")
    peer.expect_close(1002)
    peer.expect_end()


def run_closing(case):
    case("5.5.1: a Close without a code is answered, and the server ends the connection", closing, b"", None, 1000)
    case("5.5.1: a Close with the longest reason is answered", closing, close_payload(1000, b"r" * 123), 1000)
    case("5.5.1: a Close with a reason in UTF-8 is answered", closing, close_payload(1000, "schön".encode()), 1000)
    case("5.5.1: a Close with a body of one byte ends with 1002", closing, b"\x03", 1002)
    case("5.5.1: a Close with a reason that is not UTF-8 ends with 1007", closing,
         close_payload(1000, b"\xff\xfe"), 1007, 1002)
    case("5.5.1: nothing is answered after the Close", nothing_after_close)
    case("7.1.1: what came before the Close is answered before it", echo_then_close)
    for code in [1000, 1001, 1002, 1003, 1007, 1008, 1009, 1010, 1011, 1012, 1013, 1014, 3000, 3999, 4000, 4001, 4999]:
        case(f"7.4: close code {code} is answered by the same", closing, close_payload(code), code)
    for code in [0, 999, 1004, 1005, 1006, 1015, 1016, 1100, 2000, 2999]:
        case(f"7.4: close code {code}, which may not be sent, ends with 1002", closing, close_payload(code), 1002)


def run_utf8(case):
    for name, text in VALID_TEXT:
        data = text.encode()
        case(f"8.1: {name} comes back, whole and byte by byte in fragments",
             lambda: (fragments([data], TEXT), utf8_in_pieces(data)))
    for name, data in INVALID_TEXT:
        case(f"8.1: {name} ends with 1007", refused, frame(TEXT, data), 1007)
    for name, data in INVALID_TEXT[:-1]:
        case(f"8.1: {name} ends with 1007 also byte by byte in fragments", bad_utf8_in_pieces, data)
    case("8.1: a bad byte in a first fragment ends with 1007 before the others come", refused,
         frame(TEXT, b"good \xce\xba\xe1 bad", fin=False), 1007)
    case("8.1: a surrogate is refused in a first fragment", refused,
         frame(TEXT, b"\xed\xa0\x80", fin=False), 1007)
    case("8.1: binary need not be UTF-8", fragments, [b"\xff\xfe", b"\x80\xc0"], BINARY)


def run_limits(case):
    over = MESSAGE_MAX + 1
    case("10.4: the head of a frame over 1 MiB is enough to end with 1009", refused,
         frame(BINARY, b"", length=over), 1009)
    case("10.4: fragments of 1 MiB in all come back", limit_in_fragments, MESSAGE_MAX, True)
    case("10.4: fragments of 1 MiB and a byte in all end with 1009", limit_in_fragments, over, False)
    case("10.4: a fragment whose head goes beyond 1 MiB ends with 1009", refused,
         frame(BINARY, b"x" * 1000, fin=False) + frame(CONTINUATION, b"", length=MESSAGE_MAX - 999), 1009)
    case("5.2: a length of 2^62 ends with 1009", refused, frame(BINARY, b"", length=1 << 62), 1009)
    for name, length in [("2^63", 1 << 63), ("2^64 - 1", (1 << 64) - 1)]:
        case(f"5.2: a length of {name}, whose highest bit may not be set, ends with 1002 or 1009", refused,
             frame(BINARY, b"", length=length), 1002, 1009)
    case("7.1: a client that goes in the middle of a frame harms nobody", vanish, frame(TEXT, b"x", length=900), False)
    case("7.1: a client that resets in the middle of a frame harms nobody", vanish,
         frame(TEXT, b"x", length=900), True)
    case("7.1: a client that resets while its echo is on the way harms nobody", vanish,
         frame(BINARY, b"x" * MESSAGE_MAX), True)
    case("7.1: a client that ends its sending side is let go of", half_closed)
    case("10: two hundred silent connections keep nobody out", silent_connections)
    case("10: a client that never reads keeps nobody waiting", slow_reader)


def main():
    arguments = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    arguments.add_argument("--server", default=os.path.join(ROOT, "build", "ws-echo"), metavar="COMMAND")
    arguments.add_argument("case", nargs="?", metavar="CASE")
    options = arguments.parse_args()
    program = Program(shlex.split(options.server) + [f"{ADDRESS}:{PORT}"])
    cases = Cases(program, options.case)
    try:
        program.wait_listening(ADDRESS, PORT)
        for group in run_handshakes, run_frames, run_closing, run_utf8, run_limits:
            group(cases.run)
    except Failed as failure:
        print(f"not ok - the echo server runs: {failure}")
        cases.failed += 1
    finally:
        stopped = program.stop()
    if options.server.endswith("ws-echo"):
        cases.run("the echo server leaves with status 0 when asked to stop", check_stopped, stopped, program)
    cases.finish()


def check_stopped(stopped, program):
    program.alive = lambda: None
    check(stopped, f"status {program.process.returncode}: {program.output()[-600:]}")


main()
