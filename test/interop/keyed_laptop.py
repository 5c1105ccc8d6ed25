#!/usr/bin/python3
# SPDX-License-Identifier: ISC
"""A second laptop for the keyed protocol: it knows what doc/protocol.md says (protocol.py) and nothing else.

    keyed_laptop.py --key-file FILE --connect ws://SERVER:8080/websocket CHECK   the laptop and its relay in one
    keyed_laptop.py --key-file FILE --listen ADDRESS:PORT CHECK                  a relay connects

CHECK is one of the functions below that are marked so; --text speaks in the text form, --target names the
host that answers pings and, on UDP port 7, echoes. Packets are made and read by hand: no TUN device, no root.
The last line says what was seen, or what was wrong; the exit status is 0 or 1.
"""
import argparse
import asyncio
import base64
import collections
import ipaddress
import os
import random
import struct
import sys

import websockets

import protocol

PATIENCE_S = 5    # for an answer
SILENCE_S = 0.7   # in which nothing should come
PLACES = 64       # SERVER_LINKS of src/limits.h
OFFER_INTERVAL_S = 0.2  # OFFER_INTERVAL_MS: how often one address may come
CHECKS = {}


def a_check(function):
    CHECKS[function.__name__.replace("_", "-")] = function
    return function


class Wrong(Exception):
    pass


def expect(what, got, wanted):
    if got != wanted:
        raise Wrong(f"{what}: {got}, not {wanted}")


# ---- packets ----

def internet_checksum(data):
    data += b"\0" * (len(data) % 2)
    total = sum(struct.unpack(f">{len(data) // 2}H", data))
    while total >> 16:
        total = (total & 0xFFFF) + (total >> 16)
    return ~total & 0xFFFF


def make_packet(source, target, protocol_number, body):
    head = struct.pack(">BBHHHBBH4s4s", 0x45, 0, 20 + len(body), random.randrange(65536), 0, 64,
                       protocol_number, 0, source.packed, target.packed)
    return head[:10] + struct.pack(">H", internet_checksum(head)) + head[12:] + body


def make_ping(source, target, identifier, data):
    body = struct.pack(">BBHHH", 8, 0, 0, identifier, 1) + data
    body = body[:2] + struct.pack(">H", internet_checksum(body)) + body[4:]
    return make_packet(source, target, 1, body)


def make_datagram(source, port, target, target_port, data):
    head = struct.pack(">HHH", port, target_port, 8 + len(data))
    pseudo = source.packed + target.packed + struct.pack(">BBH", 0, 17, 8 + len(data))
    check = internet_checksum(pseudo + head + b"\0\0" + data) or 0xFFFF
    return make_packet(source, target, 17, head + struct.pack(">H", check) + data)


def make_segment(source, port, target, target_port, sequence, acknowledged, flags, data=b"",
                 options=b""):
    body = struct.pack(">HHIIBBHHH", port, target_port, sequence & 0xFFFFFFFF,
                       acknowledged & 0xFFFFFFFF, (20 + len(options)) << 2, flags, 65535, 0, 0)
    body += options + data
    pseudo = source.packed + target.packed + struct.pack(">BBH", 0, 6, len(body))
    check = internet_checksum(pseudo + body)
    return make_packet(source, target, 6, body[:16] + struct.pack(">H", check) + body[18:])


def read_packet(packet):
    """Source, destination, protocol and body of a packet whose checksum is right."""
    length = 4 * (packet[0] & 15)
    expect("the IP header's checksum", internet_checksum(packet[:length]), 0)
    return (ipaddress.IPv4Address(packet[12:16]), ipaddress.IPv4Address(packet[16:20]), packet[9],
            packet[length:])


def random_address():
    """One of those that the server gives away; other laptops have others."""
    return str(ipaddress.IPv4Address("100.64.0.0") + random.randrange(1, 2**22 - 1))


# ---- connections ----

class Phone:
    """One connection that leads to the server, and the form that is spoken on it."""

    def __init__(self, socket, text):
        self.socket = socket
        self.text = text

    async def send(self, message):
        await self.socket.send(base64.b64encode(message).decode() if self.text else message)

    async def receive(self, patience=PATIENCE_S):
        """The next message, or None when none comes in time."""
        try:
            data = await asyncio.wait_for(self.socket.recv(), patience)
        except asyncio.TimeoutError:
            return None
        if isinstance(data, str):
            return base64.b64decode(data, validate=True)
        return data

    async def receive_of(self, kind, patience=PATIENCE_S):
        """The next message of a type; others are passed over."""
        while True:
            message = await self.receive(patience)
            if message is None or message[0] == kind:
                return message

    async def end(self, patience):
        """The close code that the other end gives."""
        await asyncio.wait_for(self.socket.wait_closed(), patience)
        return self.socket.close_code


class World:
    """What a check is given: ways to the server."""

    def __init__(self, options):
        self.text = options.text
        self.url = options.connect
        self.listen = options.listen
        self.target = ipaddress.IPv4Address(options.target)
        with open(options.key_file, encoding="ascii") as file:
            self.key = protocol.parse_key(file.read())
        self.came = asyncio.Queue()
        self.open = []

    async def phone(self):
        if self.url:
            socket = await websockets.connect(self.url, compression=None, ping_interval=None)
        else:
            socket = await asyncio.wait_for(self.came.get(), 20)
        self.open.append(socket)
        return Phone(socket, self.text)

    async def serve(self):
        async def on_relay(socket):
            await self.came.put(socket)
            await socket.wait_closed()

        address, port = self.listen.rsplit(":", 1)
        return await websockets.serve(on_relay, address, int(port), compression=None,
                                      ping_interval=None)

    async def close(self):
        for socket in self.open:
            await socket.close()


class Laptop:
    def __init__(self, key, address="0.0.0.0", identity=None, flags=0):
        self.key = key
        self.flags = flags
        self.acknowledges = False
        self.identity = identity or os.urandom(16)
        self.wanted = ipaddress.IPv4Address(address)
        self.session = None
        self.before = None
        self.configuration = None
        self.records = collections.deque()

    def offer(self):
        return protocol.Offer(self.key, protocol.fresh_private(), random.getrandbits(32),
                              self.identity, self.wanted.packed, self.flags)

    def take(self, offer, message):
        self.before, self.session = self.session, offer.take(message)
        self.peer_takes = offer.peer_takes

    async def shake_hands(self, phone):
        """Offers until an answer comes, as the document says, and takes it."""
        offer = self.offer()
        for pause in (1, 2, 4, 8):
            await phone.send(offer.message)
            message = await phone.receive_of(protocol.ANSWER, pause)
            if message is not None:
                self.take(offer, message)
                return offer
        raise Wrong("no answer to the offer")

    async def start(self, phone):
        """The handshake, the first ping, and what the server says to it."""
        offer = await self.shake_hands(phone)
        await self.ping(phone)
        if self.configuration is None:
            raise Wrong("no configuration came")
        return offer

    async def say(self, phone, *records):
        message = self.session.seal(b"".join(records))
        await phone.send(message)
        return message

    def open(self, message):
        session = self.session
        if self.before is not None and message[1:5] == struct.pack(">I", self.before.receive_index):
            session = self.before
        for kind, body in protocol.read_records(session.open(message)):
            if kind == protocol.CONFIGURATION:
                self.configuration = protocol.Configuration.read(body)
            self.records.append((kind, body))
        return session

    async def hear(self, phone, kind, patience=PATIENCE_S):
        """The next record of a type (None: a packet) that comes on a connection, or None."""
        while True:
            while self.records:
                record = self.records.popleft()
                if record[0] == kind:
                    return record[1]
            message = await phone.receive_of(protocol.SEALED, patience)
            if message is None:
                return None
            self.heard_under = self.open(message)

    async def hear_packet(self, phone, patience=PATIENCE_S):
        """The next packet or super-packet that comes: its segment size or None, and the packet; or None."""
        while True:
            while self.records:
                kind, body = self.records.popleft()
                if kind is None:
                    return None, body
                if kind == protocol.SUPER_PACKET:
                    return protocol.read_super_packet(body)
            message = await phone.receive_of(protocol.SEALED, patience)
            if message is None:
                return None
            self.open(message)
            if self.acknowledges:
                await self.say(phone, protocol.record(protocol.ACKNOWLEDGEMENT,
                                                      message[1:5] + message[9:13] + bytes(4)))

    async def ping(self, phone, *before):
        """A ping and its pong, on one connection."""
        clock = os.urandom(8)
        await self.say(phone, *before, protocol.record(protocol.PING, clock))
        expect("the pong", await self.hear(phone, protocol.PONG), clock)

    async def is_answered(self, phone, message):
        """Whether a pong comes for a message."""
        await phone.send(message)
        return await self.hear(phone, protocol.PONG, SILENCE_S) is not None

    def sealed_ping(self, counter=None):
        if counter is not None:
            self.session.counter = counter
        return self.session.seal(protocol.record(protocol.PING, os.urandom(8)))


# ---- checks ----

async def exchange(laptop, phone, target):
    """A ping and a datagram to the Internet, and back."""
    source = laptop.configuration.address
    data = os.urandom(56)
    await laptop.say(phone, make_ping(source, target, 77, data))
    answer = await laptop.hear(phone, None)
    if answer is None:
        raise Wrong("no answer to an ICMP echo request")
    expect("the answer to the ping", read_packet(answer)[:3], (target, source, 1))
    expect("its ICMP", read_packet(answer)[3][:1] + read_packet(answer)[3][4:],
           b"\0" + struct.pack(">HH", 77, 1) + data)

    data = os.urandom(1000)
    await laptop.say(phone, make_datagram(source, 40000, target, 7, data))
    answer = await laptop.hear(phone, None)
    if answer is None:
        raise Wrong("no answer to a datagram")
    expect("the answer to the datagram", read_packet(answer)[:3], (target, source, 17))
    expect("its UDP", (read_packet(answer)[3][:4], read_packet(answer)[3][8:]),
           (struct.pack(">HH", 7, 40000), data))


@a_check
async def echo(world):
    """handshake, configuration, a ping and a datagram to the Internet"""
    phone = await world.phone()
    laptop = Laptop(world.key, random_address())
    await laptop.start(phone)
    expect("the address", laptop.configuration.address, laptop.wanted)
    await exchange(laptop, phone, world.target)
    return f"MTU {laptop.configuration.mtu}, messages up to {laptop.configuration.message_max}"


@a_check
async def many_packets(world):
    """twelve packets in one message, all answered"""
    phone = await world.phone()
    laptop = Laptop(world.key)
    await laptop.start(phone)
    source = laptop.configuration.address
    packets = [make_datagram(source, 41000 + i, world.target, 7, bytes([i]) * 1200)
               for i in range(12)]
    await laptop.say(phone, *packets)
    came = set()
    while len(came) < 12:
        answer = await laptop.hear(phone, None)
        if answer is None:
            raise Wrong(f"{len(came)} of 12 packets were answered")
        came.add(read_packet(answer)[3][8])
    return "all are answered"


class Connection:
    """TCP by hand: what comes in order is taken and acknowledged, the rest waits for its repetition."""

    def __init__(self, laptop, phone, target, target_port):
        self.laptop = laptop
        self.phone = phone
        self.ends = (laptop.configuration.address, random.randrange(20000, 60000), target, target_port)
        self.sequence = random.getrandbits(32)
        self.expected = 0
        self.supers = 0   # super-packets that came
        self.largest = 0  # payload of the longest packet that was none
        self.heard = set()  # acknowledgment numbers

    def segment(self, flags, data=b"", options=b""):
        return make_segment(*self.ends, self.sequence, self.expected, flags, data, options)

    async def open(self):
        await self.laptop.say(self.phone, self.segment(0x02, options=b"\2\4\5\xb4"))  # SYN, MSS 1460
        heard = await self.laptop.hear_packet(self.phone)
        if heard is None:
            raise Wrong("no answer to a SYN")
        tcp = read_packet(heard[1])[3]
        expect("the flags of the answer to a SYN", tcp[13], 0x12)
        self.sequence += 1
        self.expected = struct.unpack(">I", tcp[4:8])[0] + 1
        await self.laptop.say(self.phone, self.segment(0x10))

    async def read(self):
        """The bytes that come next."""
        while True:
            heard = await self.laptop.hear_packet(self.phone)
            if heard is None:
                raise Wrong("nothing comes any more")
            size, packet = heard
            source, target, number, tcp = read_packet(packet)
            expect("where a packet comes from", (source, target, number),
                   (self.ends[2], self.ends[0], 6))
            if size is None:
                pseudo = packet[12:20] + struct.pack(">BBH", 0, 6, len(tcp))
                expect("a segment's checksum", internet_checksum(pseudo + tcp), 0)
            sequence, acknowledged = struct.unpack(">II", tcp[4:12])
            self.heard.add(acknowledged)
            data = tcp[4 * (tcp[12] >> 4):]
            if size is None:
                self.largest = max(self.largest, len(data))
            else:
                self.supers += 1
            if not data:
                continue
            if sequence == self.expected & 0xFFFFFFFF:
                self.expected += len(data)
                await self.laptop.say(self.phone, self.segment(0x10))
                return data
            await self.laptop.say(self.phone, self.segment(0x10))

    async def say(self, data, size):
        """Sends bytes as one super-packet."""
        await self.laptop.say(self.phone, protocol.super_packet(size, self.segment(0x18, data)))
        self.sequence += len(data)

    async def reset(self):
        await self.laptop.say(self.phone, self.segment(0x14))


async def connect(world, flags, target_port):
    phone = await world.phone()
    laptop = Laptop(world.key, flags=flags)
    await laptop.start(phone)
    laptop.acknowledges = True
    if not laptop.peer_takes & protocol.TAKES_TCP_SUPER:
        raise Wrong("the server takes no super-packets of TCP")
    connection = Connection(laptop, phone, world.target, target_port)
    await connection.open()
    return connection


async def download(connection, until, most):
    """Bytes of a file, until there is enough of it. Returns how many came."""
    await connection.laptop.say(connection.phone, connection.segment(
        0x18, b"GET /bytes/%d HTTP/1.0\r\n\r\n" % most))
    connection.sequence += len(b"GET /bytes/%d HTTP/1.0\r\n\r\n" % most)
    came = 0
    while came < most and not until(came):
        came += len(await connection.read())
    await connection.reset()
    return came


@a_check
async def super_packets_out(world):
    """super-packets of TCP and UDP go out, and are segments there"""
    connection = await connect(world, 0, 7)
    sent = os.urandom(30000)
    await connection.say(sent[:7], 3)
    await connection.say(sent[7:12007], 1000)
    await connection.say(sent[12007:], 1460)
    came = b""
    while len(came) < len(sent):
        came += await connection.read()
    expect("whether the echo is what was sent", came == sent, True)
    expect("super-packets that came unasked", connection.supers, 0)
    await connection.reset()
    laptop, phone = connection.laptop, connection.phone
    if not laptop.peer_takes & protocol.TAKES_UDP_SUPER:
        return "TCP; the server's kernel knows no UDP super-packets"
    data = b"".join(bytes([i]) * 1000 for i in range(9)) + bytes([9])
    await laptop.say(phone, protocol.super_packet(1000, make_datagram(
        laptop.configuration.address, 42000, world.target, 7, data)))
    echoes = set()
    while len(echoes) < 10:
        heard = await laptop.hear_packet(phone)
        if heard is None:
            raise Wrong(f"{len(echoes)} of 10 datagrams were answered")
        body = read_packet(heard[1])[3]
        if read_packet(heard[1])[2] == 17:
            echoes.add(body[8:])
    expect("the datagrams", echoes, {data[i:i + 1000] for i in range(0, len(data), 1000)})
    return "TCP and UDP"


@a_check
async def super_packets_order(world):
    """a super-packet stays behind the segment that is before it in the message"""
    connection = await connect(world, 0, 7)
    sent = os.urandom(5000)
    first = connection.sequence & 0xFFFFFFFF
    segment = connection.segment(0x10, sent[:600])
    connection.sequence += 600
    rest = protocol.super_packet(1000, connection.segment(0x18, sent[600:]))
    connection.sequence += len(sent) - 600
    await connection.laptop.say(connection.phone, segment, rest)
    came = b""
    while len(came) < len(sent):
        came += await connection.read()
    expect("whether the echo is what was sent", came == sent, True)
    # Who gets the end first acknowledges at once that the beginning is missing (RFC 5681 section 4.2).
    expect("whether the beginning was missed", first in connection.heard, False)
    await connection.reset()
    return "as sent"


@a_check
async def super_packets_in(world):
    """who takes super-packets of TCP gets them, once the link is seen to be fast"""
    connection = await connect(world, protocol.TAKES_TCP_SUPER, 80)
    came = await download(connection, lambda came: connection.supers >= 3, 200 * 2**20)
    if connection.supers < 3:
        raise Wrong(f"{connection.supers} super-packets in {came} bytes")
    return f"{connection.supers} of them in {came} bytes"


@a_check
async def super_packets_unasked(world):
    """who takes none, or those of another protocol, gets segments"""
    for flags in (0, protocol.TAKES_UDP_SUPER, 0xFC):
        connection = await connect(world, flags, 80)
        came = await download(connection, lambda came: came >= 2**20, 200 * 2**20)
        expect("super-packets", connection.supers, 0)
        if connection.largest > 1460:
            raise Wrong(f"a segment of {connection.largest} bytes")
    return f"{came} bytes in segments of up to {connection.largest}"


@a_check
async def super_packets_broken(world):
    """a record that holds no super-packet is dropped, and the session goes on"""
    phone = await world.phone()
    laptop = Laptop(world.key)
    await laptop.start(phone)
    source = laptop.configuration.address
    good = make_datagram(source, 43000, world.target, 7, bytes(3000))
    ping = make_ping(source, world.target, 1, bytes(100))

    def broken(packet, at, value):
        packet = packet[:at] + value + packet[at + len(value):]
        return packet[:10] + struct.pack(">H", internet_checksum(
            packet[:10] + bytes(2) + packet[12:20])) + packet[12:]
    bodies = [b"", b"\1", b"\0\1", b"\4\0" + good[:19], b"\0\0" + good, b"\0\1" + good,
              b"\x0b\xb8" + good, b"\4\0" + good + b"x", b"\4\0" + good[:-1], b"\0\x20" + ping,
              b"\4\0" + broken(good, 0, b"\x65"), b"\4\0" + broken(good, 6, b"\x20"),
              b"\4\0" + broken(good, 9, b"\x2f"), b"\4\0" + good[:10] + b"\1\1" + good[12:],
              b"\4\0" + make_segment(source, 5, world.target, 80, 1, 0, 2, bytes(3000))]
    for body in bodies:
        await laptop.say(phone, protocol.record(protocol.SUPER_PACKET, body))
    await exchange(laptop, phone, world.target)
    return f"{len(bodies)} of them"


@a_check
async def greeting(world):
    """the server greets each connection with the same 8 bytes"""
    first = await (await world.phone()).receive()
    second = await (await world.phone()).receive()
    if first is None or len(first) != 9 or first[0] != protocol.GREETING:
        raise Wrong(f"the greeting is {first}")
    expect("the second greeting", second, first)
    return first.hex()


@a_check
async def addresses(world):
    """an address out of the range, or another laptop's, is not given"""
    phone, other_phone = await world.phone(), await world.phone()
    laptop, other = Laptop(world.key, "192.168.1.1"), Laptop(world.key)
    await laptop.start(phone)
    address = laptop.configuration.address
    if address not in ipaddress.IPv4Network("100.64.0.0/10"):
        raise Wrong(f"the server gives {address}")
    other.wanted = address
    await other.start(other_phone)
    if other.configuration.address == address:
        raise Wrong(f"two laptops have {address}")
    again = Laptop(world.key, "100.64.1.1", laptop.identity)
    await again.start(phone)
    expect("the address of a laptop that is known", again.configuration.address, address)
    return f"{address} and {other.configuration.address}"


@a_check
async def refusals(world):
    """a wrong key, an unknown index and a packet in the clear are refused as the document says"""
    phone = await world.phone()
    stranger = Laptop(os.urandom(32))
    for reason, message in (
            (protocol.WRONG_KEY, stranger.offer().message),
            (protocol.UNKNOWN, struct.pack(">BIQ", 3, 0x01020304, 5) + bytes(40)),
            (protocol.KEYED, make_ping(ipaddress.IPv4Address("100.64.0.1"), world.target, 1, b""))):
        await phone.send(message)
        expect(f"refusal {reason}", await phone.receive_of(protocol.REFUSAL),
               protocol.refusal(reason, message))
    for message in (b"\x07unknown type", b"\x01short", b"\x03" + bytes(20), b"\x02" + bytes(60)):
        await phone.send(message)
    expect("the refusal of a short offer", await phone.receive_of(protocol.REFUSAL),
           protocol.refusal(protocol.WRONG_KEY, b""))
    expect("what follows", await phone.receive(SILENCE_S), None)
    await Laptop(world.key).start(phone)
    return "and the connection still serves the right key"


@a_check
async def growth(world):
    """what later versions may add is passed over"""
    phone = await world.phone()
    laptop = Laptop(world.key)
    offer = laptop.offer()
    longer = protocol.Offer.__new__(protocol.Offer)
    longer.private, longer.index, longer.state = offer.private, offer.index, protocol.Handshake(
        world.key)
    public = protocol.public_of(offer.private)
    longer.state.mix_public(public)
    payload = b"\xff" + struct.pack(">I", offer.index) + laptop.identity + bytes(4) + b"more of it"
    await phone.send(bytes([1]) + public + longer.state.seal(payload))
    answer = await phone.receive_of(protocol.ANSWER)
    if answer is None:
        raise Wrong("a longer offer is not answered")
    laptop.take(longer, answer)
    await laptop.ping(phone, protocol.record(0x3F, b"of a later version"))
    await laptop.ping(phone, protocol.record(0x80, b""))
    clock = os.urandom(8)
    await laptop.say(phone, protocol.record(protocol.PING, clock), b"\x30\0\1\0too short")
    expect("the pong before a broken record", await laptop.hear(phone, protocol.PONG), clock)
    return "an offer's payload, unknown records, and a broken one"


@a_check
async def replay(world):
    """each message counts once, and none that is 1984 below the greatest"""
    phone = await world.phone()
    laptop = Laptop(world.key)
    await laptop.start(phone)
    for counter, answered in ((10000, True), (10000, False), (9999, True), (10001, True),
                              (10001 - 1984, False), (10001 - 1983, True), (10001 - 1983, False),
                              (2**64 - 1, False), (10002, True), (2**40, True), (10003, False)):
        expect(f"whether counter {counter} is answered",
               await laptop.is_answered(phone, laptop.sealed_ping(counter)), answered)
    forged = bytearray(laptop.sealed_ping(2**40 + 1))
    forged[-1] ^= 1
    expect("whether a forged message is answered",
           await laptop.is_answered(phone, bytes(forged)), False)
    expect("whether its counter is still good",
           await laptop.is_answered(phone, laptop.sealed_ping(2**40 + 1)), True)
    return "as the document says"


@a_check
async def recorded_offer(world):
    """an offer that somebody repeats gets an answer and displaces nothing"""
    phone, thief = await world.phone(), await world.phone()
    laptop = Laptop(world.key)
    offer = laptop.offer()
    answers = []
    for _ in range(2):
        await phone.send(offer.message)
        answers.append(await phone.receive_of(protocol.ANSWER))
    expect("the second answer on the same connection", answers[1], answers[0])
    laptop.take(offer, answers[0])
    await laptop.ping(phone)
    await thief.send(offer.message)
    other = await thief.receive_of(protocol.ANSWER)
    if other is None or other == answers[0]:
        raise Wrong("another connection should get another answer")
    await laptop.ping(phone)
    message = laptop.sealed_ping()
    expect("whether a ping is answered", await laptop.is_answered(phone, message), True)
    await thief.send(message)  # a replay, now that the first has arrived: it moves nothing
    await laptop.ping(phone)
    return "the session stays"


@a_check
async def new_keys(world):
    """a new handshake beside the session, which goes on until the new one is there"""
    phone = await world.phone()
    laptop = Laptop(world.key)
    await laptop.start(phone)
    address, first = laptop.configuration.address, laptop.session
    offer = laptop.offer()
    await phone.send(offer.message)
    answer = await phone.receive_of(protocol.ANSWER)
    await laptop.ping(phone)
    expect("the session before the first message under the new one", laptop.heard_under, first)
    laptop.take(offer, answer)
    late = first.seal(protocol.record(protocol.PING, bytes(8)))
    laptop.configuration = None
    await laptop.ping(phone)
    expect("the session after it", laptop.heard_under, laptop.session)
    expect("the address", laptop.configuration and laptop.configuration.address, address)
    expect("whether a late message of the old session is answered",
           await laptop.is_answered(phone, late), True)
    expect("the session of that answer", laptop.heard_under, laptop.session)
    return "nothing is lost"


@a_check
async def take_over(world):
    """which of two connections the server sends on"""
    old, new = await world.phone(), await world.phone()
    laptop = Laptop(world.key)
    await laptop.start(old)
    await laptop.ping(new)                 # opened later: takes over
    await old.send(laptop.sealed_ping())   # the older one does not, while the newer works
    if await laptop.hear(new, protocol.PONG) is None:
        raise Wrong("the older connection took over from one that works")
    await asyncio.sleep(2.2)
    await laptop.ping(old)                 # it was silent for two seconds
    await laptop.ping(new)
    await new.socket.close()
    await asyncio.sleep(0.3)
    await exchange(laptop, old, world.target)
    await old.socket.close()
    third = await world.phone()
    await laptop.ping(third)               # no new handshake
    await exchange(laptop, third, world.target)
    return "newer, then silent, then closed, then another"


@a_check
async def strangers(world):
    """close codes for who says nothing, too much, or too long a thing"""
    silent, talker, long = await world.phone(), await world.phone(), await world.phone()
    for _ in range(256):
        await talker.send(b"\x07")
    expect("the close code of 256 strange messages", await talker.end(PATIENCE_S), 4002)
    await long.send(b"\x03" + bytes(2000))
    for _ in range(255):
        await long.send(b"\x03" + bytes(2000))
    expect("the close code of 256 long strange messages", await long.end(PATIENCE_S), 1009)
    expect("the close code of silence", await silent.end(13), 4002)
    return "4002, 1009, 4002"


async def take_all_places(world):
    laptops = []
    for _ in range(PLACES):
        laptops.append((Laptop(world.key), await world.phone()))
        await laptops[-1][0].start(laptops[-1][1])
        await asyncio.sleep(OFFER_INTERVAL_S)
    return laptops


@a_check
async def full(world):
    """one laptop more than there are places for is told so, and comes in when there is one"""
    laptops = await take_all_places(world)
    last, phone = Laptop(world.key), await world.phone()
    await last.shake_hands(phone)
    await last.say(phone, protocol.record(protocol.PING, bytes(8)))
    expect("what the last one hears", await last.hear(phone, protocol.GOODBYE), b"\2")
    await laptops[0][0].ping(laptops[0][1])
    await laptops[5][1].socket.close()
    await asyncio.sleep(0.3)
    await last.start(phone)
    return "goodbye, then a session"


@a_check
async def crowd(world):
    """laptops take all places, until somebody ends this"""
    laptops = await take_all_places(world)
    print("all are here")
    while True:
        for laptop, phone in laptops:
            await laptop.ping(phone)
        await asyncio.sleep(3)


@a_check
async def one_phone(world):
    """twenty laptops after one another on one connection, as when a laptop's program is started again"""
    phone = await world.phone()
    for number in range(20):
        laptop = Laptop(world.key)
        await laptop.shake_hands(phone)
        await laptop.say(phone, protocol.record(protocol.PING, bytes(8)))
        if await laptop.hear(phone, protocol.PONG) is None:
            raise Wrong(f"laptop {number + 1} is not served")
    await phone.socket.close()
    return "all are served"


@a_check
async def restart(world):
    """the server stops, and starts again: goodbye, another greeting, an unknown index, a new session"""
    phone = await world.phone()
    run = await phone.receive()
    laptop = Laptop(world.key, random_address())
    await laptop.start(phone)
    print("stop the server", flush=True)
    expect("what the laptop hears", await laptop.hear(phone, protocol.GOODBYE, 20), b"\1")
    expect("the close code", await phone.end(PATIENCE_S), 1001)
    for _ in range(100):
        try:
            phone = await world.phone()
            break
        except OSError:
            await asyncio.sleep(0.2)
    if await phone.receive() == run:
        raise Wrong("the greeting is the same")
    message = laptop.sealed_ping()
    await phone.send(message)
    expect("the refusal", await phone.receive_of(protocol.REFUSAL),
           protocol.refusal(protocol.UNKNOWN, message))
    await laptop.start(phone)
    expect("the address", laptop.configuration.address, laptop.wanted)
    await exchange(laptop, phone, world.target)
    return "the laptop goes on"


async def run(options):
    world = World(options)
    listener = await world.serve() if options.listen else None
    try:
        print(await CHECKS[options.check](world))
        return 0
    except (Wrong, protocol.Unreadable, OSError, asyncio.TimeoutError,
            websockets.WebSocketException) as error:
        print(f"{type(error).__name__}: {error}")
        return 1
    finally:
        await world.close()
        if listener is not None:
            listener.close()


def main():
    parser = argparse.ArgumentParser(description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--key-file", required=True)
    way = parser.add_mutually_exclusive_group(required=True)
    way.add_argument("--connect", metavar="URL")
    way.add_argument("--listen", metavar="ADDRESS:PORT")
    parser.add_argument("--target", default="203.0.113.20", metavar="ADDRESS")
    parser.add_argument("--text", action="store_true")
    parser.add_argument("check", choices=CHECKS, metavar="CHECK", help=", ".join(CHECKS))
    sys.exit(asyncio.run(run(parser.parse_args())))


if __name__ == "__main__":
    main()
