# SPDX-License-Identifier: ISC
"""A client of draft 76 (draft-ietf-hybi-thewebsocketprotocol-00) that can also send what no browser would, for
draft76-raw.py, doors-raw.py and the lab. It is written from the draft, with no other library's help."""

import hashlib
import random
import socket
import struct

from ws_raw import LIMIT_S, Peer, check, short

# The draft's own handshakes: where they stand, both keys, the bytes behind the head, the answer's last bytes.
SAMPLES = [
    ("1.2", "4 @1  46546xW%0l 1 5", "12998 5 Y3 1  .P00", b"^n:ds[4U", b"8jKS'y:G*Co,Wxa-"),
    ("1.3", "18x 6]8vM;54 *(5:  {   U1]8  z [  8", "1_ tx7X d  <  nw  334J702) 7]o}` 0", b"Tm[K T2u",
     b"fQJ,fN/4F4!~K~MH"),
    ("4.1", "P388 O503D&ul7 {K%gX( %7  15", "1 N ?|k UT0or 3o  4 I97N 5-S3O 31", b"G0\"-Z?GX",
     b"0st3Rl&q-2ZU^weu"),
    ("5.2", "3e6b263  4 17 80", "17  9 G`ZD9   2 2b 7X 3 /r90", b"WjN}|M(6", b"n`9eBk9z$R8pOtVb")]


def make_key():
    """A key and its number (section 4.1, items 16 to 25)."""
    spaces = random.randint(1, 12)
    number = random.randint(0, 0xFFFFFFFF // spaces)
    text = list(str(number * spaces))
    for _ in range(random.randint(1, 12)):
        text.insert(random.randint(0, len(text)), chr(random.choice([*range(0x21, 0x30), *range(0x3A, 0x7F)])))
    for _ in range(spaces):
        text.insert(random.randint(1, len(text) - 1), " ")
    return "".join(text), number


def request(target="/", *, host="localhost", keys=("12 3", "4 56"), origin="http://localhost", more=(), **fields):
    """The head of a request (section 4.1) as bytes. Named fields replace the usual ones; None leaves one out."""
    usual = {"Upgrade": "WebSocket", "Connection": "Upgrade", "Host": host, "Origin": origin,
             "Sec-WebSocket-Key1": keys[0], "Sec-WebSocket-Key2": keys[1]}
    usual.update({name.capitalize(): value for name, value in fields.items() if name in ("upgrade", "connection")})
    lines = [f"{fields.get('method', 'GET')} {target} {fields.get('version', 'HTTP/1.1')}"]
    lines += [f"{name}: {value}" for name, value in usual.items() if value is not None]
    return "\r\n".join(lines + list(more)).encode("latin-1") + b"\r\n\r\n"


class Peer76(Peer):
    """One end of a connection; its frames are those of section 5.3."""

    def text(self, payload):
        self.send(b"\x00" + payload + b"\xff")

    def expect_text(self, payload):
        kind = self.take(1)
        check(kind == b"\x00", f"a frame of type {kind.hex()} came, not text")
        while b"\xff" not in self.buffer:
            check(self.receive_more(), f"the connection ended in a message: {short(self.buffer)}")
        got, self.buffer = self.buffer.split(b"\xff", 1)
        check(got == payload, f"{short(got)} came, not {short(payload)}")

    def expect_close(self):
        """The closing handshake (section 1.4), and the end of the stream."""
        got = self.take(2)
        check(got == b"\xff\x00", f"{got.hex()} came, no closing handshake")


def open_client76(address, port, target="/", **options):
    """A client that has done the opening handshake, and checked the answer as section 4.1 wants."""
    peer = Peer76(socket.create_connection((address, port), LIMIT_S))
    (key1, number1), (key2, number2) = make_key(), make_key()
    challenge = random.randbytes(8)
    peer.send(request(target, keys=(key1, key2), **options) + challenge)
    first, fields = peer.head()
    check(first == "HTTP/1.1 101 WebSocket Protocol Handshake", f"the handshake is answered by {first}")
    check(fields.get("upgrade") == "WebSocket", f"Upgrade is {fields.get('upgrade')}")
    check(fields.get("connection") == "Upgrade", f"Connection is {fields.get('connection')}")
    check(fields.get("sec-websocket-origin") == options.get("origin", "http://localhost"),
          f"Sec-WebSocket-Origin is {fields.get('sec-websocket-origin')}")
    location = f"ws://{options.get('host', 'localhost')}{target}"
    check(fields.get("sec-websocket-location") == location,
          f"Sec-WebSocket-Location is {fields.get('sec-websocket-location')}")
    proof = peer.take(16)
    check(proof == hashlib.md5(struct.pack("!II", number1, number2) + challenge).digest(),
          f"the answer to {key1!r}, {key2!r} is {proof.hex()}")
    return peer
