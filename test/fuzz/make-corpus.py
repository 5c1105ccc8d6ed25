#!/usr/bin/python3
# SPDX-License-Identifier: ISC
"""Writes the seeds of the fuzz targets: test/fuzz/make-corpus.py [FOLDER], build/corpus unless told.

Each target's seeds are small inputs of its own format (see the head of its source), one of each kind
that matters, the same in every run. They save a fuzzer the time to find out what a request, a frame
or a packet looks like, and they are a small test of their own.
"""
import base64
import os
import struct
import sys

KEY = b"dGhlIHNhbXBsZSBub25jZQ=="  # RFC 6455 section 1.3
ACCEPT = b"s3pPLMBiTxaQ9kYGzzhZRbK+xOo="


def http_heads():
    upgrade = (b"GET /websocket HTTP/1.1\r\nHost: a:8080\r\nConnection: keep-alive, Upgrade\r\n"
               b"Upgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: " + KEY +
               b"\r\n\r\n")
    switching = (b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
                 b"Sec-WebSocket-Accept: " + ACCEPT + b"\r\n\r\n")
    return {
        "get": b"GET / HTTP/1.1\r\nHost: a\r\n\r\n",
        "page": b"GET /page.js?x=1 HTTP/1.1\r\nHost: a\r\nIf-None-Match: \"1\", W/\"2\"\r\n\r\n",
        "head": b"HEAD /index.html HTTP/1.0\r\nConnection: keep-alive\r\n\r\n",
        "absolute": b"GET http://a.b:80/c?d HTTP/1.1\r\nHost: a.b\r\nConnection: close\r\n\r\n",
        "body": b"POST /x HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\nhello",
        "chunked": b"POST /x HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n",
        "two": b"GET /a HTTP/1.1\r\nHost: a\r\n\r\nGET /b HTTP/1.1\r\nHost: b\r\n\r\n",
        "forwarded": b"GET / HTTP/1.1\r\nHost: a\r\nX-Forwarded-For: 1.1.1.1, 203.0.113.7\r\n\r\n",
        "forwarded-ipv6": b"GET / HTTP/1.1\r\nHost: a\r\nX-Forwarded-For: [2001:db8::7]:9\r\n\r\n",
        "empty-line": b"\r\nGET / HTTP/1.1\r\nHost: a\r\n\r\n",
        "bare-lf": b"GET / HTTP/1.1\nHost: a\n\n",
        "folded": b"GET / HTTP/1.1\r\nHost: a\r\n b\r\n\r\n",
        "many": b"GET / HTTP/1.1\r\nHost: a\r\n" + b"a: b\r\n" * 70 + b"\r\n",
        "long": b"GET / HTTP/1.1\r\nHost: " + b"a" * 8192 + b"\r\n\r\n",
        "upgrade": upgrade,
        "old-version": upgrade.replace(b"13", b"8"),
        "two-keys": upgrade.replace(b"Host: a:8080", b"Host: a\r\nSec-WebSocket-Key: " + KEY),
        "two-versions": upgrade.replace(b"Host: a:8080", b"Host: a\r\nSec-WebSocket-Version: 8"),
        "switching": switching,
        "extension": switching.replace(b"Upgrade: w", b"Sec-WebSocket-Extensions: x\r\nUpgrade: w"),
        "not-found": b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n",
        "no-reason": b"HTTP/1.1 200\r\n\r\n",
    }


def origins():
    """Lines: the server, a listed origin, a Host, an Origin (see fuzz_origin.c)."""
    def lines(server=b"", listed=b"", host=b"", origin=b""):
        return b"\n".join((server, listed, host, origin))
    return {
        "own": lines(host=b"169.254.134.89:6354", origin=b"http://169.254.134.89:6354"),
        "own-default": lines(host=b"1.2.3.4", origin=b"http://1.2.3.4:80"),
        "own-tls": lines(host=b"localhost:443", origin=b"https://LocalHost"),
        "own-ipv6": lines(host=b"[2001:db8::1]:80", origin=b"http://[2001:DB8:0::1]"),
        "server": lines(b"server.example:8080", b"", b"1.2.3.4", b"https://Server.example"),
        "server-ipv6": lines(b"[2001:db8::1]", b"", b"1.2.3.4", b"http://[2001:db8::1]:9"),
        "listed": lines(b"", b"https://tether.example", b"tether.example", b"HTTPS://tether.example:443"),
        "listed-port": lines(b"", b"http://a.example:8000", b"[::1]:1", b"http://a.example:8000"),
        "listed-scheme": lines(b"", b"capacitor://app", b"app", b"capacitor://app"),
        "null": lines(b"a", b"http://a", b"a", b"null"),
        "file": lines(b"a", b"http://a", b"a", b"file://"),
        "strange": lines(b"user@a:x", b"a://b:c@d", b"[::1%25eth0]:80", b"http://[v1.a]:99999/"),
        "mapped": lines(b"[::ffff:1.2.3.4]", b"http://[::]", b"0.0.0.0", b"http://[::ffff:102:304]"),
        "long": lines(b"a" * 300, b"http://" + b"b" * 300, b"[" + b"1" * 60 + b"]", b"x" * 300 + b"://y"),
    }


def frame(opcode, data=b"", final=True, mask=None, form=None):
    """A frame; `form` forces the two-byte (126) or eight-byte (127) length."""
    length = len(data)
    if form is None:
        form = length if length < 126 else 126 if length < 65536 else 127
    out = bytes([(0x80 if final else 0) | opcode, (0x80 if mask else 0) | form])
    if form == 126:
        out += struct.pack(">H", length)
    elif form == 127:
        out += struct.pack(">Q", length)
    if mask:
        data = bytes(b ^ mask[i % 4] for i, b in enumerate(data))
        out += mask
    return out + data


def streams(mask):
    """Streams of frames, masked or not."""
    def f(opcode, data=b"", final=True, form=None):
        return frame(opcode, data, final, mask, form)
    euro = "€".encode()
    return {
        "text": f(1, b"Hello"),
        "binary": f(2, bytes(range(256))),
        "fragments": f(1, b"Hel", False) + f(9, b"ping") + f(0, b"l", False) + f(0, b"o"),
        "split-character": f(1, euro[:1], False) + f(0, euro[1:2], False) + f(10) + f(0, euro[2:]),
        "bad-text": f(1, b"ab\xff"),
        "cut-text": f(1, euro[:2]),
        "empty": f(1) + f(2) + f(1, b"", False) + f(0),
        "close": f(1, b"x") + f(8, struct.pack(">H", 1000) + b"bye"),
        "close-empty": f(8),
        "close-short": f(8, b"\x03"),
        "close-1005": f(8, struct.pack(">H", 1005)),
        "long": f(2, b"x" * 1000),
        "too-long": f(2, b"x" * 1001),
        "not-minimal": f(2, b"x", form=126),
        "not-minimal-8": f(2, b"x" * 300, form=127),
        "lone-continuation": f(0, b"x"),
        "nested": f(1, b"a", False) + f(1, b"b"),
        "reserved": bytes([0xc1]) + f(1, b"a")[1:],
        "opcode": bytes([0x83]) + f(1, b"a")[1:],
        "many": b"".join(f(1 + i % 2, b"m" * i) for i in range(40)),
    }


def frames():
    seeds = {}
    for name, mask in (("client", b"\x37\xfa\x21\x3d"), ("server", None)):
        for what, stream in streams(mask).items():
            settings = 3 | (8 if mask else 0)
            seeds["%s-%s" % (name, what)] = bytes([settings, 0, 2, 1, 6, 50, 255, 3, 20]) + stream
    return seeds


def draft76():
    """Settings, then a request and what is behind it, or frames."""
    head = b"GET /websocket?id=1 HTTP/1.1\r\nHost: a:8080\r\nConnection: Upgrade\r\nUpgrade: WebSocket\r\n"
    keys = b"Sec-WebSocket-Key1: 3e6b263  4 17 80\r\nSec-WebSocket-Key2: 17  9 G`ZD9   2 2b 7X 3 /r90\r\n"
    origin, challenge = b"Origin: http://a\r\n", b"\r\nWjN}|M(6"
    streams76 = {
        "request": head + keys + origin + challenge + b"\x00early\xff",
        "no-origin": head + keys + challenge,
        "no-spaces": head + keys.replace(b" 4 17 ", b"4") + challenge,
        "no-multiple": head + keys.replace(b"80", b"81") + challenge,
        "long": head + keys + b"Origin: " + b"o" * 1000 + challenge,
        "text": b"\x00Hello\xff\x00\xff\x00" + bytes(range(255)) + b"\xff",
        "close": b"\x00x\xff\xff\x00\x00y\xff",
        "types": b"\x01a\xff\x7f\xff\x80\x00\xfe\x02\xff\x00\xff\x01x\x00z\xff",
        "lengths": b"\x80\x81\x48" + b"l" * 200 + b"\x80\x80\x80\x80\x80\x80\x80\x80\x01a\x00z\xff\x80" + b"\x80" * 9,
        "too-long": b"\x00" + b"x" * 1001 + b"\xff",
        "too-long-length": b"\x80\x87\x69" + b"x" * 20,
        "many": b"".join(b"\x00" + b"m" * i + b"\xff" for i in range(40)),
    }
    return {name: bytes([3, 0, 2, 1, 6, 50, 255, 3, 20]) + stream for name, stream in streams76.items()}


def conn():
    """Settings, then the stream in commands of at most 63 bytes."""
    seeds = {}
    for what, stream in streams(b"\x01\x02\x03\x04").items():
        commands = b"".join(bytes([len(part)]) + part
                            for part in (stream[i:i + 63] for i in range(0, len(stream), 63)))
        seeds[what] = b"\x00\x00" + commands
        seeds[what + "-refused"] = b"\x05\x00" + commands + b"\xc0" + b"\xc0" + commands
        seeds[what + "-ended"] = b"\x00\x01" + commands
    seeds["silence"] = b"\x00\x00" + (b"\x80" + b"") + (bytes([0x80 | 25]) + b"t" * 25) * 3
    return seeds


def texts():
    return {
        "ascii": b"\x00" + b"plain text, long enough for words of eight bytes",
        "kosme": b"\x02" + "κόσμε".encode(),
        "limits": b"\x01" + "\u0080\u07ff\u0800\uffff\U00010000\U0010ffff".encode(),
        "surrogate": b"\x00\xed\xa0\x80",
        "overlong": b"\x00\xc0\xaf",
        "beyond": b"\x00\xf4\x90\x80\x80",
        "cut": b"\x03\xf0\x9f\x98",
        "close": b"\x00\x03\xe8bye",
        "close-bad": b"\x00\x03\xe8\xff",
        "close-1004": b"\x00\x03\xec",
        "close-4999": b"\x00\x13\x87" + "grüße".encode(),
    }


def base64s():
    seeds = {"length-%d" % n: base64.b64encode(bytes(range(n))) for n in (0, 1, 2, 3, 4, 20, 60)}
    seeds["alphabet"] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"
    seeds["no-padding"] = b"Zm9vYg"
    seeds["unused-bits"] = b"Zm9vYh=="
    seeds["line-break"] = b"Zm9v\nYmFy"
    return seeds


def checksum(data):
    if len(data) % 2:
        data += b"\0"
    total = sum(struct.unpack(">%dH" % (len(data) // 2), data))
    while total >> 16:
        total = (total & 0xffff) + (total >> 16)
    return total ^ 0xffff


def ipv4(protocol, transport, fragment=0x4000, options=b""):
    header = struct.pack(">BBHHHBBH4s4s", 0x45 + len(options) // 4, 0,
                         20 + len(options) + len(transport), 7, fragment, 64, protocol, 0,
                         bytes([10, 0, 0, 1]), bytes([198, 51, 100, 9])) + options
    return header[:10] + struct.pack(">H", checksum(header)) + header[12:] + transport


def packets():
    pseudo = bytes([10, 0, 0, 1, 198, 51, 100, 9])

    def tcp(flags, payload=b"", options=b""):
        head = struct.pack(">HHIIBBHHH", 40000, 443, 1, 2, (20 + len(options)) // 4 << 4, flags,
                           64000, 0, 0) + options + payload
        total = checksum(pseudo + struct.pack(">BBH", 0, 6, len(head)) + head)
        return head[:16] + struct.pack(">H", total) + head[18:]

    def udp(payload):
        head = struct.pack(">HHHH", 5353, 53, 8 + len(payload), 0) + payload
        total = checksum(pseudo + struct.pack(">BBH", 0, 17, len(head)) + head)
        return head[:6] + struct.pack(">H", total) + head[8:]

    def icmp(kind, payload):
        head = struct.pack(">BBHHH", kind, 0, 0, 0x1234, 1) + payload
        return head[:2] + struct.pack(">H", checksum(head)) + head[4:]

    return {
        "syn": ipv4(6, tcp(0x02, options=b"\x02\x04\x05\xb4")),
        "ack": ipv4(6, tcp(0x10)),
        "data": ipv4(6, tcp(0x98, b"d" * 100)),
        "super": ipv4(6, tcp(0x99, b"s" * 2500, b"\x01" * 12)),
        "rst": ipv4(6, tcp(0x04)),
        "udp": ipv4(17, udp(b"query")),
        "udp-super": ipv4(17, udp(b"u" * 1000)),
        "udp-options": ipv4(17, udp(b"query"), options=b"\x01" * 8),
        "echo": ipv4(1, icmp(8, b"e" * 56)),
        "unreachable": ipv4(1, icmp(3, ipv4(17, udp(b"query"))[:28])),
        "first-fragment": ipv4(17, udp(b"f" * 40), 0x2000),
        "last-fragment": ipv4(17, b"f" * 40, 0x0005),
        "gre": ipv4(47, b"\0" * 20),
        "ipv6": b"\x60" + b"\0" * 47,
    }


def icmp6():
    """IPv6 packets, plain and behind extension headers."""
    def ipv6(following, rest, source=b"\x20\x01" + b"\0" * 13 + b"\1", to=b"\x20\x01" + b"\0" * 13 + b"\2"):
        return struct.pack(">IHBB", 0x60000000, len(rest), following, 64) + source + to + rest
    udp = struct.pack(">HHHH", 5000, 53, 8, 0)
    return {
        "udp": ipv6(17, udp),
        "tcp": ipv6(6, struct.pack(">HHIIBBHHH", 5000, 80, 1, 0, 0x50, 2, 65535, 0, 0)),
        "long": ipv6(17, udp + b"u" * 1300),
        "echo": ipv6(58, b"\x80" + b"\0" * 7),
        "error": ipv6(58, b"\x01" + b"\0" * 7),
        "options": ipv6(0, b"\x3c" + b"\0" * 7 + b"\x2b\x01" + b"\0" * 14 + b"\x11" + b"\0" * 7 + udp),
        "first-fragment": ipv6(44, b"\x11\0\0\1" + b"\0" * 4 + udp),
        "later-fragment": ipv6(44, b"\x11\0\0\x09" + b"\0" * 4 + udp),
        "group": ipv6(17, udp, to=b"\xff\x02" + b"\0" * 14),
    }


def dhcp():
    """Rows of messages (see fuzz_dhcp.c): passed time, length, message."""
    first, own = b"\xc0\xa8\x86\x64", b"\xc0\xa8\x86\x59"

    def message(kind, *options, has=b"\0" * 4, who=1, passed=0):
        body = b"\1\1\6\0" + b"seed" + b"\0" * 4 + has + b"\0" * 12 + bytes([2, 0, 0, 0, 0, who]) + b"\0" * 202
        body += b"\x63\x82\x53\x63" + bytes([53, 1, kind]) + b"\x37\3\1\3\6" + b"".join(options) + b"\xff"
        return struct.pack(">BH", passed, 0x8000 | len(body)) + body
    wants, asks = b"\x32\4" + first, b"\x36\4" + own
    lease = message(1) + message(3, wants, asks, passed=3)
    return {
        "lease": lease,
        "renew": lease + message(3, has=first, passed=200),
        "reboot": message(3, wants, b"\x33\4\0\0\0\x3c", b"\x3d\3\0me"),
        "others": lease + message(3, wants, who=2) + message(3, wants, b"\x36\4\1\2\3\4"),
        "decline": lease + message(4, wants, asks) + message(1, passed=7),
        "taken": message(1) + message(1, who=2, passed=3),
        "release": lease + message(7, asks, has=first) + message(8, has=first),
        "short": message(1)[:200], "padding": message(1, b"\0" * 9, b"\x0c\xff"),
    }


def ip():
    """Settings (flags, offload, scratch, new endpoint), then the packet."""
    seeds = {}
    for name, packet in packets().items():
        header = (packet[0] & 15) * 4
        place = header + {6: 16, 17: 6}.get(packet[9], 2)
        for kind, flags, size in (("whole", 0x31, 0), ("cut", 0x31, 100), ("partial", 0x3c, 0),
                                  ("partial-cut", 0x3d, 536), ("tiny", 0x11, 1),
                                  ("zero", 0x51, 0), ("zero-back", 0x61, 0)):
            settings = struct.pack(">BHHHHIH", flags, header, place, size, 2000, 0xcb007107, 20000)
            seeds["%s-%s" % (name, kind)] = settings + packet
    return seeds


def offload():
    """Settings, length and room of a piece, the virtio-net header, then the packet (see fuzz_offload.c)."""
    seeds = {}
    for name, packet in packets().items():
        header = (packet[0] & 15) * 4
        place = {6: 16, 17: 6}.get(packet[9], 2)
        kind = {6: 1, 17: 5}.get(packet[9], 0)
        for what, settings, needs, kind_of, most, size in (
                ("plain", 2, 0, 0, 0, 0), ("checksum", 2, 1, 0, 0, 0),
                ("segments", 2, 1, kind, 0, 500), ("whole", 2, 1, kind, 65535, 500),
                ("pieces", 2, 1, kind, 1100, 250), ("ecn", 2, 1, kind | 0x80, 300, 100),
                ("ethernet", 3, 1, kind, 700, 200), ("matching", 6, 1, kind, 0, 536),
                ("unknown", 2, 1, 3, 0, 500)):
            start = header + (14 if settings & 1 else 0)
            seeds["%s-%s" % (name, what)] = struct.pack(
                ">BHHBBHHHH", settings, most, 4000, needs, kind_of, 0, size, start, place) + packet
    return seeds


def coalesce():
    """A script of segments (see fuzz_coalesce.c)."""
    def segment(connection, length=1000, bits=0):
        return struct.pack(">BH", connection | bits, length)

    def changed(connection, at, bits, length=1000, good=0x20):
        return struct.pack(">BHHB", connection | 0x10 | good, length, at, bits)

    def raw(packet):
        return struct.pack(">BH", 0x08, len(packet)) + packet
    run = segment(1) * 5
    return {
        "run": run,
        "fragmentable": segment(2) * 5,
        "short-last": run + segment(1, 300) + run,
        "pushed": run + segment(1, 1000, 0x80) + run,
        "two": (segment(1) + segment(2)) * 8,
        "eight": b"".join(segment(i) for i in range(8)) * 4,
        "ended": run + segment(1, 1000, 0x40) + run,
        "acknowledgment": run + segment(1, 0) + run,
        "tiny": segment(3, 1) * 90,
        "long": segment(3, 2000) * 40,
        "fin": run + changed(1, 33, 0x01) + run,
        "flags": b"".join(changed(1, 33, 1 << i) + segment(1) for i in range(8)),
        "fields": b"".join(segment(1) + changed(1, at, 1) for at in range(52)),
        "damaged": run + changed(1, 500, 0x10, 1000, 0) + run,
        "options": run + changed(1, 51, 0x01) + run,
        "others": run + b"".join(raw(packet) for packet in packets().values()) + run,
    }


def nat():
    """A setting, then commands: 0 and 1 raw packets out and in, 2 time, 3 forget, 4 made packets."""
    seeds = {}
    for name, packet in packets().items():
        if len(packet) < 256:
            raw = bytes([0, len(packet)]) + packet
            seeds["raw-" + name] = b"\x04" + b"\x00" + raw + b"\x01" + raw
            seeds["super-" + name] = b"\x04" + b"\x20" + raw + b"\x21" + raw
    # Made packets: who, what, TCP flags, and the answer's flags where who has bit 6.
    udp = bytes([4, 0x40, 0x00, 0, 0])
    echo = bytes([4, 0x41, 0x02, 0, 0])
    handshake = bytes([4, 0x42, 0x01, 0x02, 0x12, 4, 0x42, 0x01, 0x10, 0x10])
    fins = bytes([4, 0x42, 0x01, 0x11, 0x11, 4, 0x02, 0x01, 0x10])
    minutes = bytes([2 | 8, 1, 0x2c])  # 300 s
    query = (struct.pack(">BBHHHBBH", 0x45, 0, 40, 7, 0, 64, 17, 0) + b"\x0a\0\0\1" + b"\xc0\0\0\3" +
             struct.pack(">4H", 4000, 53, 20, 0) + bytes(12))
    seeds["query"] = b"\x04" + b"\x00" + bytes([0, len(query)]) + query
    seeds["udp"] = b"\xff" + udp * 2 + minutes + udp
    seeds["echo"] = b"\xff" + echo + minutes + echo
    seeds["tcp"] = b"\xff" + handshake + fins + minutes
    seeds["crowded"] = b"\x01" + b"".join(bytes([4, 0x40 | i, i * 4 % 256, 0x02, 0x12])
                                          for i in range(60))
    seeds["forget"] = b"\xff" + handshake + udp + echo + bytes([3, 3 | 8, 3 | 16])
    return seeds


def link():
    """A message to a link, which is commands to its flow control, too."""
    def send(length, starved=0):
        return bytes([starved]) + struct.pack(">H", length)

    def hear(which, delay=0):
        return b"\x20" + struct.pack(">HI", which, delay)

    def wait(microseconds, shift=0):
        return bytes([0x60 | shift]) + struct.pack(">H", microseconds)
    rounds = b"".join(send(1500) * 8 + wait(20000) + hear(3, 500) + wait(1000) + hear(3)
                      for _ in range(12))
    owed = b"".join(b"\x80" + struct.pack(">H", 40000) for _ in range(4)) + wait(900) + b"\xa0"
    fast = b"".join(send(65535) * n + wait(50) + hear(n - 1, 0xffffffff) for n in range(1, 12))
    silence = send(1500) * 30 + wait(40000, 6) * 3 + send(1000) + wait(50) + hear(0)
    return {
        "text": base64.b64encode(packets()["udp"]),
        "packet": packets()["udp"],
        "rounds": rounds,
        "starved": send(100, 1) * 5 + wait(5000) + hear(4) + rounds,
        "fast": fast + wait(60000, 4) + fast,
        "owed": owed * 3,
        "silence": rounds + silence + rounds,
        "drained": rounds + wait(60000, 8) + rounds,
        "late": send(1500) + wait(50) + hear(0, 0xffffffff) + rounds,
        "path": send(1500) * 9 + b"\xc0" + rounds,
        "raw": send(1500) + b"\x4c" + struct.pack(">III", 2, 0xfffffffa, 7) + b"\x43abc",
    }


def runs():
    """Segments of connections that wait, and takings (see fuzz_run.c)."""
    def segment(bits, length=1000, *more):
        return bytes([bits]) + (bytes([more[0]]) if bits & 0x04 else b"") + struct.pack(">H", length) + bytes(more[1:])

    def take(most):
        return struct.pack(">BH", 0x40, most)
    run = segment(1) * 5
    return {
        "run": run + take(6000),
        "pushes": segment(9) * 5 + take(6000),
        "supers": segment(5, 3000, 249) * 3 + run + take(9000),
        "two": (segment(1) + segment(2)) * 8 + take(3000) * 8,
        "again": run + take(1500) + segment(0x81) + take(9000),
        "damaged": segment(1) + bytes([0x11]) + struct.pack(">HBB", 1000, 50, 1) + run + take(9000),
        "changed": segment(1) + bytes([0x31]) + struct.pack(">HBB", 1000, 33, 1) + run + take(9000),
    }


def fair_queue():
    """Commands: 0x00 made packets, 0x40 raw ones, 0x80 takes, 0xc0 time, 0xd0 a rate, 0xe0 clearing, 0xf0 TCP."""
    made = bytes([0x01, 5, 200, 0x12, 5, 220, 0x2b, 20, 255])  # three flows, without marks and with
    wait = bytes([0xc7, 0xff])
    seeds = {
        "made": made + b"\x8f",
        "late": made * 8 + wait + b"\x80" + wait + b"\x8f" + wait + b"\x8f",
        "slow": b"\xd2" + made * 8 + wait + b"\x82" + wait + b"\x8f",
        "full": bytes([0x01, 255, 255]) * 20 + made + b"\x8f",
        "leap": made + b"\xcf\xff" + made + b"\x8f",
        "cleared": made + b"\xe0" + made + b"\x8f",
        "acks": b"\xf1\x01\0\xf2\x01\0\xf1\x05\0\xf1\x05\0\xf2\x00\0\x81" + made + b"\xf1\x06\0\xf1\x07\0\x8f",
        "repeated": b"\xf1\0\x03\xf1\0\x43\xf1\0\x83\x81\xf1\0\x03\xf1\0\x43\x8f",
    }
    for name, packet in packets().items():
        if len(packet) < 256:
            raw = b"\x40" + bytes([len(packet)]) + packet
            seeds["raw-" + name] = raw * 3 + wait + b"\x80" + wait + b"\x8f"
    return seeds


def xnu():
    """Messages of a Mac's kernel: heads, and addresses that begin with their length and family."""
    def message(kind, bits, head, *addresses):
        body = struct.pack("<III", bits, 0x8863, 4) + head
        body += b"".join(address + b"\0" * (-len(address) % 4 or 4 * (not address)) for address in addresses)
        return struct.pack("<HBB", 4 + len(body), 5, kind) + body

    def inet(*parts):
        return b"\x10\2\0\0" + bytes(parts) + b"\0" * 8

    link = message(0xe, 0x10, b"\6" + b"\0" * 95, b"\x14\x12\4\0\6\3\6\0en0\1\2\3\4\5\6\0\0\0")
    short = message(0xc, 0xa4, b"\0" * 4, b"\7\0\0\0\xff\xff\xff", inet(192, 168, 43, 57), inet(192, 168, 43, 255))
    gone = message(0xd, 0x24, b"\0" * 4, b"", inet(10, 1, 2, 3))
    return {
        "list": link + short + short,
        "gone": gone,
        "route": message(1, 7, b"\0" * 76, inet(128), b"\x14\x12" + b"\0" * 18, inet(128)),
        "lying": link + b"\xff\x7f" + short[2:],
    }


def netlink():
    """In this machine's byte order, as the kernel speaks it."""
    def attribute(kind, data):
        out = struct.pack("=HH", 4 + len(data), kind) + data
        return out + b"\0" * (-len(out) % 4)

    def message(kind, body, sequence=1):
        return struct.pack("=IHHII", 16 + len(body), kind, 0, sequence, 0) + body

    attributes = attribute(1, b"eth0\0") + attribute(2, b"") + attribute(3, attribute(4, b"abcd"))
    route = message(24, b"\0" * 12 + attributes)
    done = message(3, b"\0\0\0\0")
    acknowledged = message(2, struct.pack("=i", 0) + b"\0" * 16)
    refused = message(2, struct.pack("=i", -17) + b"\0" * 16)
    late = message(2, struct.pack("=i", -1) + b"\0" * 16, 7)

    def datagrams(*parts):
        return b"".join(bytes([len(part)]) + part for part in parts)
    return {
        "attributes": attributes,
        "lying": struct.pack("=HH", 60000, 1) + attributes,
        "acknowledged": datagrams(acknowledged),
        "refused": datagrams(late, refused),
        "route": datagrams(route + acknowledged),
        "dump": datagrams(route + route, route, done),
        "cut": datagrams(route[:20], acknowledged[:30], acknowledged),
    }


def records():
    """Where to cut, then records."""
    configuration = bytes.fromhex("64400102" "05dc" "00100000" "02" "c0000201" "c0000202")

    def record(kind, body):
        return struct.pack(">I", kind << 24 | len(body)) + body
    tcp = packets()["data"]
    ipv6 = b"\x60" + b"\0" * 4 + b"\x08" + b"\0" * 42

    def super_packet(size, packet):
        return record(6, struct.pack(">H", size) + packet)
    large, datagrams = packets()["super"], packets()["udp-super"]
    return {
        "super": b"\x01" + super_packet(500, large) + tcp,
        "super-udp": b"\x02" + super_packet(100, datagrams) + super_packet(999, datagrams),
        "super-small": b"\x00" + super_packet(2500, large) + super_packet(1, large),
        "super-wrong": b"\x00" + super_packet(0, large) + super_packet(500, large + b"x"),
        "super-none": b"\x00" + super_packet(10, packets()["echo"]) + record(6, b"") + record(6, b"x"),
        "packet": b"\x01" + tcp,
        "packets": b"\x03" + tcp * 3 + ipv6,
        "configuration": b"\x01" + record(1, configuration),
        "configuration-longer": b"\x01" + record(1, configuration + b"later"),
        "configuration-cut": b"\x01" + record(1, configuration[:-1]),
        "resolvers": b"\x00" + record(1, configuration[:10] + b"\x09" + b"\x01\x02\x03\x04" * 9),
        "ping": b"\x02" + record(2, b"\0" * 8) + record(3, b"\1" * 8) + record(4, b"\x01"),
        "status": b"\x02" + record(3, b"\0" * 8) + record(6, b"\0\0\0\5") + record(6, b"\0\0"),
        "unknown": b"\x00" + record(0x3f, b"?" * 30) + tcp + record(0x70, b""),
        "too-long": b"\x00" + record(2, b"\0" * 8)[:9],
        "mixed": b"\x05" + record(3, b"\0" * 8) + tcp + record(1, configuration) + ipv6 + tcp,
    }


def sealed():
    """The keys' seed, then commands: which way, what (seal, deliver, change, raw), which message."""
    def command(what, message=0, way=0):
        return bytes([way | what << 1 | message << 3])

    def seal(text, way=0):
        return command(0, 0, way) + bytes([len(text)]) + text
    seals = b"".join(seal(b"record %d" % i) for i in range(10))
    everything = b"".join(command(1, i) for i in range(10))
    changes = b"".join(command(2, i) + bytes([1, i * 5, 1 << i % 8]) for i in range(10))
    found = bytes.fromhex("03 00000002 0000000000000001 2ad3013ab0274c8febcf561f9afcc193")  # an empty message's right tag
    return {
        "in-order": b"\x01" + seals + everything,
        "found": b"\x01\xf6" + found,
        "twice": b"\x02" + seals + everything + everything,
        "reversed": b"\x03" + seals + b"".join(command(1, 9 - i) for i in range(10)),
        "changed": b"\x04" + seals + changes + everything,
        "cut": b"\x05" + seals + command(2, 1) + b"\x04\x05" + command(2, 2) + b"\x04\x1d",
        "both-ways": b"\x06" + seal(b"up") + seal(b"down", 1) + command(1) + command(1, 0, 1),
        "jump": b"\x07" + seals + b"\x08\xff\xff\x20\x03far" + command(1, 10) + everything,
        "raw": b"\x08" + seals + command(3, 20) + b"\x03" + b"\0\0\0\2" + b"\0" * 80,
    }


def offers():
    """Settings (1: one place, 2: one laptop), then commands. Message 0 is the greeting, then come the first
    offers; the server's connections are 0 to 2, the laptops 3 and 4."""
    def deliver(message, to):
        return bytes([0, message, to])

    def session(answer):
        return (b"\x06" + deliver(1, 0) + deliver(answer, 3) + b"\x08" + deliver(answer + 1, 0) +
                b"\x09" + deliver(answer + 2, 3))
    one, two = b"\x02" + session(2), session(3)
    other = deliver(2, 1) + deliver(6, 4) + b"\x18" + deliver(7, 1)
    rekey = b"\x46" + deliver(5, 0) + b"\x08" + deliver(6, 3) + b"\x08" + deliver(8, 0) + deliver(7, 0)
    words = bytes([10, 0x2a, 0x4a, 0x1a]) * 4
    raw = bytes([11, 0, 20]) + b"\x45" + b"\0" * 19 + bytes([11, 3, 3]) + b"\x04\x01\x00"
    return {
        "session": one,
        "two": b"\x00" + two + other,
        "rekey": one + rekey,
        "again": one + deliver(1, 1) + deliver(1, 0) + deliver(2, 3) + deliver(3, 0),
        "words": one + words + b"\x06" * 30,
        "restart": one + b"\x0c\x08" + deliver(6, 0) + deliver(7, 3) + b"\x16" + deliver(8, 0) +
                   deliver(9, 3) + b"\x08" + deliver(10, 0),
        "full": b"\x01" + two + other + deliver(8, 4),
        "over": one + b"\x56\x08\x09" + deliver(3, 0) + deliver(4, 3),
        "forgotten": one + b"\x0e\x08" + deliver(5, 0),
        "changed": b"\x02\x06" + bytes([4, 1, 0, 1, 40, 1]) + deliver(1, 0) +
                   bytes([4, 3, 3, 1, 9, 1]) + deliver(3, 3) + b"\x08" + bytes([4, 4, 0, 1, 20, 1]) +
                   deliver(4, 0),
        "raw": one + raw,
    }


def dns():
    """An IP packet, or an answer."""
    good = bytes(2) + b"\x81\x80" + bytes(8)
    return {"answer": good, "failed": bytes(2) + b"\x81\x82" + bytes(8), "none": b"",
            "packet": struct.pack(">BBHHHBBH", 0x45, 0, 40, 7, 0, 64, 17, 0) + bytes(8) +
                      struct.pack(">4H", 53, 4000, 20, 0) + good}


TARGETS = {
    "http": http_heads, "handshake": http_heads, "frames": frames, "draft76": draft76, "conn": conn, "utf8": texts,
    "origin": origins, "base64": base64s, "ip": ip, "icmp6": icmp6, "dhcp": dhcp,
    "offload": offload, "coalesce": coalesce, "nat": nat, "link": link, "fair_queue": fair_queue, "netlink": netlink, "xnu": xnu,
    "dns": dns, "run": runs,
    "record": records, "sealed": sealed, "offer": offers,
}


def main():
    root = sys.argv[1] if len(sys.argv) > 1 else "build/corpus"
    for target, seeds in TARGETS.items():
        folder = os.path.join(root, target)
        os.makedirs(folder, exist_ok=True)
        for name, content in seeds().items():
            with open(os.path.join(folder, name), "wb") as out:
                out.write(content)


if __name__ == "__main__":
    main()
