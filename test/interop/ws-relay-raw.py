#!/usr/bin/python3
# SPDX-License-Identifier: ISC
"""Our WebSocket client, in tether-relay, facing servers that break the rules: what it asks for, what it refuses
and how it comes back, with the section of RFC 6455 that decides each case.

    test/interop/ws-relay-raw.py [--relay 'COMMAND'] [CASE]

COMMAND (build/tether-relay unless given) is started anew for each case with --laptop URL --server URL appended. The
laptop behaves; the server is the one that does not.
"""

import argparse
import base64
import os
import shlex
import socket
import sys
import time

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from ws_raw import (BINARY, CLOSE, CONTINUATION, LIMIT_S, MESSAGE_MAX, PING, ROOT, TEXT, Cases, Failed, Peer, Program,
                    accept_value, check, close_payload, frame, short, wait_for)

RELAY = None
NOBODY = 4002  # the server's code where no laptop speaks
SILENT = 4003  # the laptop's where the server does not answer
SEALED = b"\x03"  # how a message begins that the server owes an answer


class Listener:
    """A TCP server on a port of its own, on which the relay's connections are taken one by one."""

    def __init__(self):
        self.socket = socket.create_server(("127.0.0.1", 0), backlog=16)
        self.socket.settimeout(LIMIT_S)
        self.port = self.socket.getsockname()[1]
        self.url = f"ws://127.0.0.1:{self.port}/websocket"

    def accept(self):
        """A connection and the handshake that came on it: (peer, first line, fields)."""
        try:
            connection, _ = self.socket.accept()
        except socket.timeout:
            raise Failed(f"no connection came for {LIMIT_S:g} s") from None
        peer = Peer(connection, client=False)
        first, fields = peer.head()
        return peer, first, fields

    def open(self, extra=b""):
        """A connection, its handshake done; extra bytes follow in the same segment."""
        peer, _, fields = self.accept()
        peer.send(answer(fields) + extra)
        return peer


class Session:
    """A relay between two listeners; the laptop is connected at once, and the relay knows it."""

    def __enter__(self):
        self.laptop, self.server = Listener(), Listener()
        self.relay = Program(RELAY + ["--laptop", self.laptop.url, "--server", self.server.url])
        self.up = self.laptop.open()
        self.up.frame(PING, b"open?")
        self.up.expect_pong(b"open?")
        return self

    def __exit__(self, *failure):
        try:
            if not failure[0]:
                self.relay.alive()
        finally:
            self.relay.stop()
            self.laptop.socket.close()
            self.server.socket.close()

    def works(self, peer):
        """Messages are copied both ways. Those from the laptop may be dropped until the relay has seen the server's
        answer, so the server speaks first."""
        peer.frame(TEXT, b"down")
        self.up.expect_message(TEXT, b"down")
        self.up.frame(BINARY, b"up")
        peer.expect_message(BINARY, b"up")


def answer(fields, *, status="101 Switching Protocols", upgrade="websocket", connection="Upgrade", accept=None,
           more=()):
    """A server's handshake (section 4.2.2) as bytes; None leaves a field out only for those that a case breaks."""
    if accept is None:
        accept = accept_value(fields["sec-websocket-key"].encode())
    lines = [f"HTTP/1.1 {status}"]
    lines += [f"{name}: {value}" for name, value in
              [("Upgrade", upgrade), ("Connection", connection), ("Sec-WebSocket-Accept", accept.decode())] if value]
    return "\r\n".join(lines + list(more)).encode() + b"\r\n\r\n"


def asks_rightly():
    with Session() as session:
        keys = set()
        for _ in range(2):
            peer, first, fields = session.server.accept()
            check(first == "GET /websocket HTTP/1.1", f"it asks for {first}")
            check(fields.get("host") == f"127.0.0.1:{session.server.port}", f"Host is {fields.get('host')}")
            check(fields.get("upgrade", "").lower() == "websocket", f"Upgrade is {fields.get('upgrade')}")
            check("upgrade" in fields.get("connection", "").lower(), f"Connection is {fields.get('connection')}")
            check(fields.get("sec-websocket-version") == "13", f"version {fields.get('sec-websocket-version')}")
            check("sec-websocket-extensions" not in fields, "it offers extensions")
            key = fields.get("sec-websocket-key", "")
            check(len(base64.b64decode(key, validate=True)) == 16, f"the key is {key}")
            keys.add(key)
            check(not peer.buffer, f"after the request came {short(peer.buffer)}")
            peer.close()
        check(len(keys) == 2, "two attempts use one key")


def masks():
    with Session() as session:
        peer = session.server.open()
        session.works(peer)
        for i in range(30):
            session.up.frame(TEXT, b"%d" % i)
            peer.expect_message(TEXT, b"%d" % i)
        check(len(set(peer.masks)) >= 30, "masking keys repeat")


def accepts(make, extra=b""):
    """An unusual but right answer is taken."""
    with Session() as session:
        peer, _, fields = session.server.accept()
        peer.send(make(fields) + extra)
        if extra:
            session.up.expect_message(TEXT, b"at once")
        session.works(peer)


def slowly():
    with Session() as session:
        peer, _, fields = session.server.accept()
        peer.send_slowly(answer(fields) + frame(TEXT, "Grüße".encode(), masked=False) +
                         frame(BINARY, b"a" * 300, masked=False))
        session.up.expect_message(TEXT, "Grüße".encode())
        session.up.expect_message(BINARY, b"a" * 300)
        session.works(peer)


def ends(peer):
    """The connection ends, and nothing but a Close came on it before."""
    while peer.receive_more():
        pass
    if peer.buffer:
        fin, opcode, payload = peer.receive()
        check(opcode == CLOSE and not peer.buffer, f"opcode {opcode} came with {short(payload)}")


def refuses(make):
    """A wrong answer ends the connection; the relay comes back, and takes a right one."""
    with Session() as session:
        peer, _, fields = session.server.accept()
        peer.send(make(fields) + frame(TEXT, b"must not be copied", masked=False))
        ends(peer)
        session.works(session.server.open())


def fails(data, *codes):
    """Frames against the rules end the connection with one of these codes; the relay comes back. The server is
    the one to end the TCP connection (section 7.1.1)."""
    with Session() as session:
        peer = session.server.open()
        session.works(peer)
        peer.send(data)
        peer.expect_close(*codes)
        peer.close()
        session.works(session.server.open())


def endless_answer():
    with Session() as session:
        peer, _, _ = session.server.accept()
        peer.send(b"HTTP/1.1 101 Switching Protocols\r\n")
        line = b"X-Endless: " + b"e" * 1000 + b"\r\n"
        try:
            for _ in range(4096):
                peer.send(line)
        except (BrokenPipeError, ConnectionResetError):
            pass
        else:
            raise Failed("it read 4 MB of header fields")
        session.works(session.server.open())


def backs_off():
    """Refused again and again, the relay waits longer each time."""
    with Session() as session:
        times = []
        for _ in range(5):
            peer, _, _ = session.server.accept()
            times.append(time.monotonic())
            peer.send(b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n")
            peer.close()
        gaps = [later - earlier for earlier, later in zip(times, times[1:])]
        told = ", ".join(f"{gap:.2f}" for gap in gaps)
        check(gaps[0] > 0.1, f"the first wait is {gaps[0]:.2f} s")
        check(gaps[3] > 1.5 * gaps[0], f"the waits are {told} s")
        session.works(session.server.open())


def messages_wait_for_nobody():
    """While the server is away, the laptop's messages are dropped, not kept for later."""
    with Session() as session:
        for _ in range(2000):
            session.up.frame(BINARY, b"stale" * 250)
        session.up.frame(PING, b"read them all")
        session.up.expect_pong(b"read them all")
        peer = session.server.open()
        peer.frame(TEXT, b"now")
        session.up.expect_message(TEXT, b"now")
        session.up.frame(TEXT, b"fresh")
        peer.expect_message(TEXT, b"fresh")


def greeting_waits():
    """A server greets once, as soon as its connection opens. A laptop that is a little later gets it all the same."""
    laptop, server = Listener(), Listener()
    relay = Program(RELAY + ["--laptop", laptop.url, "--server", server.url])
    try:
        late, _, fields = laptop.accept()
        peer = server.open(frame(BINARY, b"greeting", masked=False))
        peer.frame(PING, b"read it?")
        time.sleep(0.3)
        late.send(answer(fields))
        late.expect_message(BINARY, b"greeting")
        relay.alive()
    finally:
        relay.stop()
        laptop.socket.close()
        server.socket.close()


def laptop_returns():
    """The laptop finds that the server does not answer, and closes; the relay connects to it again at once. What the
    server says meanwhile waits."""
    with Session() as session:
        peer = session.server.open()
        session.works(peer)
        time.sleep(2.5)  # what comes in the first two seconds waits in any case
        session.up.frame(CLOSE, close_payload(SILENT))
        session.up.expect_close(SILENT)
        session.up.close()
        late, _, fields = session.laptop.accept()
        peer.frame(BINARY, b"meanwhile")
        time.sleep(0.3)
        late.send(answer(fields))
        session.up = late
        session.up.expect_message(BINARY, b"meanwhile")
        session.works(peer)


def silent_server():
    """A server that takes the connection and never answers is given up; meanwhile the laptop is served."""
    with Session() as session:
        peer, _, _ = session.server.accept()
        session.up.frame(PING, b"alive?")
        session.up.expect_pong(b"alive?")
        session.server.socket.settimeout(max(LIMIT_S, 60))
        session.works(session.server.open())
        peer.close()


def is_closed(peer):
    try:
        peer.send(b"?")
    except (BrokenPipeError, ConnectionResetError):
        return True
    return False


def laptop_comes_while_the_server_leaves():
    """The server, for which there was no laptop, has said goodbye, and its connection is not over when the laptop
    comes. The laptop gets a new one, and the old one is closed."""
    with Session() as session:
        left = session.server.open()
        session.works(left)
        session.up.close()
        laptop, _, fields = session.laptop.accept()
        left.frame(CLOSE, close_payload(NOBODY))
        left.expect_close(NOBODY)
        laptop.send(answer(fields))
        session.up = laptop
        session.up.frame(PING, b"open?")
        session.up.expect_pong(b"open?")
        session.works(session.server.open())
        wait_for("the old connection is closed", lambda: is_closed(left))


def goes_back():
    """The laptop waits for room on a second connection to the server. When that one breaks, the first, which has room
    again, is used, and the laptop need not wait."""
    long = b"x" * (MESSAGE_MAX * 3 // 4)
    with Session() as session:
        session.server.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 16384)
        first = session.server.open()
        session.works(first)
        session.up.frame(BINARY, SEALED + long)  # to which there is no answer
        session.up.frame(BINARY, b"E" + long)  # for which there is no room
        second = session.server.open()
        session.up.frame(BINARY, b"F" + long)  # nor on the second
        first.expect_message(BINARY, SEALED + long)
        time.sleep(0.5)  # so that the relay has seen room on the first, and none on the second
        second.close()
        first.expect_message(BINARY, b"F" + long)


def was_ended(peer):
    peer.socket.setblocking(False)
    try:
        return peer.socket.recv(1, socket.MSG_PEEK) == b""
    except BlockingIOError:
        return False
    except ConnectionResetError:
        return True


def old_one_ends():
    """What a silent server's old connection still brings is copied until the new one has brought something; then the
    old one is ended, and not many seconds later."""
    with Session() as session:
        old = session.server.open()
        session.works(old)
        session.up.frame(BINARY, SEALED + b"to which there is no answer")
        old.expect_message(BINARY, SEALED + b"to which there is no answer")
        new = session.server.open()
        session.up.frame(PING, b"open?")
        session.up.expect_pong(b"open?")
        old.frame(TEXT, b"late")
        session.up.expect_message(TEXT, b"late")
        session.works(new)
        wait_for("the old connection is ended", lambda: was_ended(old), 7)


def stops():
    with Session() as session:
        peer = session.server.open()
        session.works(peer)
        check(session.relay.stop(), f"status {session.relay.process.returncode}: {session.relay.output()[-600:]}")
        for end in peer, session.up:
            ends(end)
        session.relay.alive = lambda: None


def run(case):
    case("4.1: its request is as it should be, with a new key each time", asks_rightly)
    case("5.3: each frame it sends is masked, with a key of its own", masks)

    case("4.1: an answer with fields it does not know is taken", accepts, lambda fields: answer(
        fields, more=["Server: other", "X-Long: " + "x" * 500, "Date: today"]))
    case("4.1: Upgrade and Connection are read whatever their case", accepts, lambda fields: answer(
        fields, upgrade="WebSocket", connection="upgrade"))
    case("4.1: a frame in the same segment as the answer is not lost", accepts, answer,
         frame(TEXT, b"at once", masked=False))
    case("4.1: an answer and frames that come byte by byte are understood", slowly)

    case("4.1: a wrong Sec-WebSocket-Accept is refused", refuses, lambda fields: answer(
        fields, accept=b"s3pPLMBiTxaQ9kYGzzhZRbK+xOo="))
    case("4.1: an empty Sec-WebSocket-Accept is refused", refuses, lambda fields: answer(fields, accept=b""))
    case("11.3.3: a second Sec-WebSocket-Accept is refused", refuses, lambda fields: answer(
        fields, more=["Sec-WebSocket-Accept: " + accept_value(fields["sec-websocket-key"].encode()).decode()]))
    case("11.3.3: a second Sec-WebSocket-Accept that is wrong is refused", refuses, lambda fields: answer(
        fields, more=["Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo="]))
    case("4.1: a second Upgrade is refused", refuses, lambda fields: answer(fields, more=["Upgrade: websocket"]))
    case("4.1: an Upgrade to more than WebSocket is refused", refuses, lambda fields: answer(
        fields, upgrade="h2c, websocket"))
    case("4.1: an answer without Upgrade is refused", refuses, lambda fields: answer(fields, upgrade=""))
    case("4.1: an answer with another Upgrade is refused", refuses, lambda fields: answer(fields, upgrade="h2c"))
    case("4.1: an answer without Connection is refused", refuses, lambda fields: answer(fields, connection=""))
    case("4.1: an extension that was not asked for is refused", refuses, lambda fields: answer(
        fields, more=["Sec-WebSocket-Extensions: permessage-deflate"]))
    case("4.1: a subprotocol that was not asked for is refused", refuses, lambda fields: answer(
        fields, more=["Sec-WebSocket-Protocol: chat"]))
    for status in "200 OK", "302 Found", "401 Unauthorized", "404 Not Found", "503 Service Unavailable":
        case(f"4.1: the answer {status} is a failure, and it tries again", refuses,
             lambda fields, status=status: answer(fields, status=status,
                                                  more=["Location: /elsewhere", "Content-Length: 0"]))
    case("4.1: an answer that is not HTTP is refused", refuses, lambda fields: b"SSH-2.0-other\r\n\r\n")
    case("10: an answer without end is given up, and it tries again", endless_answer)

    case("5.1: a frame that is masked ends with 1002", fails, frame(TEXT, b"x", masked=True), 1002)
    case("5.2: a reserved bit ends with 1002", fails, frame(TEXT, b"x", rsv=4, masked=False), 1002)
    case("5.2: a reserved opcode ends with 1002", fails, frame(3, b"x", masked=False), 1002)
    case("5.4: a continuation of nothing ends with 1002", fails, frame(CONTINUATION, b"x", masked=False), 1002)
    case("5.5: a ping of 126 bytes ends with 1002", fails, frame(PING, b"x" * 126, masked=False), 1002)
    case("5.5: a ping in fragments ends with 1002", fails, frame(PING, b"x", fin=False, masked=False), 1002)
    case("5.5.1: a Close with a body of one byte ends with 1002", fails, frame(CLOSE, b"\x03", masked=False), 1002)
    case("7.4: a Close with 1005 ends with 1002", fails, frame(CLOSE, close_payload(1005), masked=False), 1002)
    case("8.1: text that is not UTF-8 ends with 1007", fails, frame(TEXT, b"\xc3\x28", masked=False), 1007)
    case("8.1: bad UTF-8 across fragments ends with 1007", fails,
         frame(TEXT, b"\xe2\x82", fin=False, masked=False) + frame(CONTINUATION, b"\x28", masked=False), 1007)
    case("10.4: a message over 1 MiB ends with 1009", fails,
         frame(BINARY, b"", length=MESSAGE_MAX + 1, masked=False), 1009)
    case("5.2: a length whose highest bit is set ends with 1002 or 1009", fails,
         frame(BINARY, b"", length=1 << 63, masked=False), 1002, 1009)

    case("7.2.3: refused again and again, it waits longer each time", backs_off)
    case("messages for a side that is away are dropped, not kept", messages_wait_for_nobody)
    case("what the server says before the laptop's connection opens reaches the laptop", greeting_waits)
    case("what the server says while the laptop's connection is made anew reaches the laptop", laptop_returns)
    case("a server that never answers is given up, and the laptop is served meanwhile", silent_server)
    case("a server that leaves while the laptop comes is connected to anew", laptop_comes_while_the_server_leaves)
    case("when the second connection breaks, the laptop goes on by the first", goes_back)
    case("an old connection ends when the new one has brought something", old_one_ends)
    case("asked to stop, it leaves with status 0 and ends both connections", stops)


def main():
    global RELAY
    arguments = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    arguments.add_argument("--relay", default=os.path.join(ROOT, "build", "tether-relay"), metavar="COMMAND")
    arguments.add_argument("case", nargs="?", metavar="CASE")
    options = arguments.parse_args()
    RELAY = shlex.split(options.relay)
    cases = Cases(only=options.case)
    run(cases.run)
    cases.finish()


main()
