#!/usr/bin/python3
# SPDX-License-Identifier: ISC
"""Tether's keyed protocol once more, written from doc/protocol.md alone, without a look at the programs.

As a module it is what another laptop's program would need: keys, handshake, sealed messages, records (see
keyed_laptop.py). As a program it checks the worked example of the document:

    test/interop/protocol.py doc/protocol.md

It prints a line a check, "ok - ..." or "not ok - ...". Needs Debian's python3-cryptography.
"""
import base64
import hashlib
import hmac
import ipaddress
import re
import struct
import sys

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey, X25519PublicKey
from cryptography.hazmat.primitives.ciphers.aead import ChaCha20Poly1305
from cryptography.hazmat.primitives.serialization import (
    Encoding, NoEncryption, PrivateFormat, PublicFormat)

OFFER, ANSWER, SEALED, REFUSAL, GREETING = 1, 2, 3, 4, 5
CONFIGURATION, PING, PONG, GOODBYE, ACKNOWLEDGEMENT, SUPER_PACKET = 1, 2, 3, 4, 5, 6
TAKES_TCP_SUPER, TAKES_UDP_SUPER = 1, 2
WRONG_KEY, UNKNOWN, KEYED = 1, 2, 3
INSIDE = ipaddress.IPv4Network("100.64.0.0/10")  # the laptops' addresses, but for its ends
STOPPED, FULL = 1, 2
WINDOW = 1984


class Unreadable(Exception):
    """A message that must be dropped; says why."""


# ---- the key ----

def check_sum(key):
    return hashlib.sha256(b"tether key" + key).digest()[:3]


def format_key(key):
    return base64.b32encode(key + check_sum(key)).decode().lower()


def parse_key(text):
    both = base64.b32decode(text.strip(" \t\r\n").upper())
    if len(both) != 35 or check_sum(both[:32]) != both[32:]:
        raise Unreadable("not a key")
    return both[:32]


# ---- the handshake ----

def hkdf(salt, material, count):
    """RFC 5869 with empty info: COUNT values of 32 bytes."""
    secret = hmac.digest(salt, material, "sha256")
    values = [b""]
    for number in range(1, count + 1):
        values.append(hmac.digest(secret, values[-1] + bytes([number]), "sha256"))
    return values[1:]


def nonce(counter):
    return struct.pack("<IQ", 0, counter)


def public_of(private):
    return X25519PrivateKey.from_private_bytes(private).public_key().public_bytes(
        Encoding.Raw, PublicFormat.Raw)


def fresh_private():
    return X25519PrivateKey.generate().private_bytes(
        Encoding.Raw, PrivateFormat.Raw, NoEncryption())


class Handshake:
    """The values that the steps of the document's table lead from one to the next."""

    def __init__(self, key):
        self.h = self.ck = hashlib.sha256(b"Noise_NNpsk0_25519_ChaChaPoly_SHA256").digest()
        self.k = None
        self.mix_hash(b"tether 1")
        self.ck, t, self.k = hkdf(self.ck, key, 3)
        self.mix_hash(t)

    def mix_hash(self, data):
        self.h = hashlib.sha256(self.h + data).digest()

    def mix_key(self, data):
        self.ck, self.k = hkdf(self.ck, data, 2)

    def mix_public(self, public):
        self.mix_hash(public)
        self.mix_key(public)

    def mix_shared(self, private, public):
        try:
            self.mix_key(X25519PrivateKey.from_private_bytes(private).exchange(
                X25519PublicKey.from_public_bytes(public)))
        except ValueError as error:  # all zero
            raise Unreadable("a bad public key") from error

    def seal(self, payload):
        sealed = ChaCha20Poly1305(self.k).encrypt(nonce(0), payload, self.h)
        self.mix_hash(sealed)
        return sealed

    def open(self, sealed):
        try:
            payload = ChaCha20Poly1305(self.k).decrypt(nonce(0), sealed, self.h)
        except InvalidTag as error:
            raise Unreadable("the tag of a handshake message is wrong") from error
        self.mix_hash(sealed)
        return payload

    def split(self):
        """The keys from laptop to server and from server to laptop."""
        return hkdf(self.ck, b"", 2)


class Offer:
    """The laptop's side of a handshake."""

    def __init__(self, key, private, index, identity, address, flags=0):
        self.private = private
        self.index = index
        self.state = Handshake(key)
        public = public_of(private)
        self.state.mix_public(public)
        payload = bytes([flags]) + struct.pack(">I", index) + identity + address
        self.message = bytes([OFFER]) + public + self.state.seal(payload)

    def take(self, message):
        """The session that an answer makes."""
        if len(message) < 54 or message[0] != ANSWER:
            raise Unreadable("not an answer")
        state = Handshake.__new__(Handshake)
        state.h, state.ck, state.k = self.state.h, self.state.ck, self.state.k
        public = message[1:33]
        state.mix_public(public)
        state.mix_shared(self.private, public)
        payload = state.open(message[33:])
        self.state = state
        self.peer_takes = payload[0]
        to_server, to_laptop = state.split()
        return Session(self.index, struct.unpack(">I", payload[1:5])[0], to_server, to_laptop)


class Answer:
    """The server's side: reads an offer, and answers it."""

    def __init__(self, key, offer):
        if not 74 <= len(offer) <= 256 or offer[0] != OFFER:
            raise Unreadable("not an offer")
        self.state = Handshake(key)
        self.public = offer[1:33]
        self.state.mix_public(self.public)
        payload = self.state.open(offer[33:])
        self.flags = payload[0]
        self.index, = struct.unpack(">I", payload[1:5])
        self.identity = payload[5:21]
        self.address = payload[21:25]

    def write(self, private, index):
        """The answer, and the session that it makes."""
        public = public_of(private)
        self.state.mix_public(public)
        self.state.mix_shared(private, self.public)
        sealed = self.state.seal(bytes([0]) + struct.pack(">I", index))
        to_server, to_laptop = self.state.split()
        return (bytes([ANSWER]) + public + sealed,
                Session(index, self.index, to_laptop, to_server))


# ---- sealed messages ----

class Session:
    def __init__(self, receive_index, send_index, send_key, receive_key):
        self.receive_index = receive_index
        self.send_index = send_index
        self.send_key = send_key
        self.receive_key = receive_key
        self.counter = 0
        self.seen = set()
        self.greatest = -1

    def seal(self, records):
        head = struct.pack(">BIQ", SEALED, self.send_index, self.counter)
        sealed = ChaCha20Poly1305(self.send_key).encrypt(nonce(self.counter), records, None)
        self.counter += 1
        return head + sealed

    def open(self, message):
        """The records in a message."""
        if len(message) < 29 or message[0] != SEALED:
            raise Unreadable("not a sealed message")
        _, index, counter = struct.unpack(">BIQ", message[:13])
        if index != self.receive_index:
            raise Unreadable("of another session")
        if counter in self.seen or counter <= self.greatest - WINDOW or counter == 2**64 - 1:
            raise Unreadable("replayed")
        try:
            records = ChaCha20Poly1305(self.receive_key).decrypt(nonce(counter), message[13:], None)
        except InvalidTag as error:
            raise Unreadable("forged") from error
        self.greatest = max(self.greatest, counter)
        self.seen.add(counter)
        self.seen = {number for number in self.seen if number > self.greatest - WINDOW}
        return records


# ---- records ----

def record(kind, body):
    return struct.pack(">I", kind << 24 | len(body)) + body


def read_records(data):
    """Yields pairs: a type, or None for an IP packet; and the body, or the packet."""
    while data:
        version = data[0] >> 4
        if version == 4 and len(data) >= 4:
            length = struct.unpack(">H", data[2:4])[0]
        elif version == 6 and len(data) >= 6:
            length = 40 + struct.unpack(">H", data[4:6])[0]
        elif version not in (4, 6) and len(data) >= 4:
            length = 4 + int.from_bytes(data[1:4], "big")
        else:
            return
        if length > len(data) or length == 0:
            return
        if version in (4, 6):
            yield None, data[:length]
        else:
            yield data[0], data[4:length]
        data = data[length:]


def check_sum_of(data):
    """The one's complement sum of RFC 1071, not complemented."""
    data += b"\0" * (len(data) % 2)
    total = sum(struct.unpack(f">{len(data) // 2}H", data))
    while total >> 16:
        total = (total & 0xFFFF) + (total >> 16)
    return total


def pseudo_sum(packet, header):
    """The sum of the pseudo-header of a packet's TCP or UDP part."""
    return check_sum_of(packet[12:20] + struct.pack(">BBH", 0, packet[9], len(packet) - header))


def super_packet(size, packet):
    """The record of a super-packet, of a packet with any checksum."""
    header = 4 * (packet[0] & 15)
    place = header + {6: 16, 17: 6}[packet[9]]
    packet = packet[:place] + struct.pack(">H", pseudo_sum(packet, header)) + packet[place + 2:]
    return record(SUPER_PACKET, struct.pack(">H", size) + packet)


def read_super_packet(body):
    """Segment size and packet; what the document says to check is checked."""
    if len(body) < 2 + 20:
        raise Unreadable("a super-packet without a packet")
    size, packet = struct.unpack(">H", body[:2])[0], body[2:]
    header = 4 * (packet[0] & 15)
    if packet[0] >> 4 != 4 or header < 20 or check_sum_of(packet[:header]) != 0xFFFF:
        raise Unreadable("a super-packet's IP header")
    if struct.unpack(">H", packet[2:4])[0] != len(packet):
        raise Unreadable("a super-packet's length")
    if packet[9] not in (6, 17) or struct.unpack(">H", packet[6:8])[0] & 0x3FFF:
        raise Unreadable("a super-packet that cannot be cut")
    headers = header + (8 if packet[9] == 17 else 4 * (packet[header + 12] >> 4))
    if packet[9] == 6 and (headers < header + 20 or packet[header + 13] & 0x06):
        raise Unreadable("a super-packet's TCP header")
    payload = len(packet) - headers
    if size == 0 or not size < payload <= 2048 * size:
        raise Unreadable("a super-packet's size")
    place = header + {6: 16, 17: 6}[packet[9]]
    if struct.unpack(">H", packet[place:place + 2])[0] != pseudo_sum(packet, header):
        raise Unreadable("a super-packet's checksum is not the pseudo-header's sum")
    return size, packet


class Configuration:
    def __init__(self, address, mtu, message_max, resolvers):
        self.address = address
        self.mtu = mtu
        self.message_max = message_max
        self.resolvers = resolvers

    @classmethod
    def read(cls, body):
        if len(body) < 11 or len(body) < 11 + 4 * body[10]:
            raise Unreadable("a short configuration")
        mtu, message_max = struct.unpack(">HI", body[4:10])
        address = ipaddress.IPv4Address(body[:4])
        ends = INSIDE[0], INSIDE[-1]
        if mtu < 576 or message_max < 4096 or address not in INSIDE or address in ends:
            raise Unreadable("a configuration that makes no sense")
        resolvers = [ipaddress.IPv4Address(body[11 + 4 * i:15 + 4 * i]) for i in range(body[10])]
        return cls(address, mtu, message_max, resolvers)

    def write(self):
        return (self.address.packed + struct.pack(">HIB", self.mtu, self.message_max,
                                                  len(self.resolvers))
                + b"".join(resolver.packed for resolver in self.resolvers))


def refusal(reason, message):
    subject = {WRONG_KEY: message[1:9], UNKNOWN: message[1:5], KEYED: b""}[reason]
    return bytes([REFUSAL, reason]) + subject.ljust(8, b"\0")


# ---- the worked example ----

def read_blocks(path):
    """The document's blocks that have a label: ```hex LABEL (bytes, # begins a remark) and ```text LABEL."""
    blocks = {}
    with open(path, encoding="utf-8") as file:
        text = file.read()
    for kind, label, content in re.findall(r"^```(hex|text) (\S+)\n(.*?)^```$", text, re.M | re.S):
        if kind == "hex":
            blocks[label] = bytes.fromhex(re.sub(r"#.*", "", content))
        else:
            blocks[label] = content.strip()
    return blocks


class Example:
    """What the inputs of the document's example lead to, under the labels of its blocks."""

    def __init__(self, given):
        key = given["key"]
        index_laptop, = struct.unpack(">I", given["laptop-index"])
        index_server, = struct.unpack(">I", given["server-index"])
        self.made = made = {}
        made["key-text"] = format_key(key)
        made["greeting"] = bytes([GREETING]) + given["server-run"]

        offer = Offer(key, given["laptop-ephemeral"], index_laptop, given["identity"],
                      given["address"])
        made["offer"] = offer.message
        made["offer-h"], made["offer-ck"], made["offer-k"] = (
            offer.state.h, offer.state.ck, offer.state.k)
        made["refusal-wrong-key"] = refusal(WRONG_KEY, offer.message)

        answer = Answer(key, offer.message)
        made["answer"], self.server = answer.write(given["server-ephemeral"], index_server)
        self.answer = answer
        self.laptop = offer.take(made["answer"])
        made["answer-h"] = offer.state.h
        made["key-to-server"], made["key-to-laptop"] = self.laptop.send_key, self.laptop.receive_key

        made["records-of-laptop"] = record(PING, given["clock"])
        made["message-of-laptop"] = self.laptop.seal(made["records-of-laptop"])
        made["message-of-laptop-as-text"] = base64.b64encode(made["message-of-laptop"]).decode()
        made["refusal-unknown"] = refusal(UNKNOWN, made["message-of-laptop"])

        config = Configuration(ipaddress.IPv4Address(given["address"]), 1500, 1048576,
                               [ipaddress.IPv4Address("192.0.2.53")])
        made["records-of-server"] = (record(CONFIGURATION, config.write()) + given["packet"]
                                     + record(PONG, given["clock"]))
        made["message-of-server"] = self.server.seal(made["records-of-server"])
        made["refusal-keyed"] = refusal(KEYED, given["packet"])


def checks(blocks):
    """Yields pairs: what is checked, and what is wrong, or None."""
    example = Example(blocks)
    for label, made in example.made.items():
        written = blocks.get(label)
        yield (f"Python makes the document's {label}",
               None if made == written else
               "the document has none" if written is None else
               f"made {made.hex() if isinstance(made, bytes) else made}")

    def same(what, one, other):
        return what, None if one == other else f"{one} is not {other}"

    yield same("Python reads the document's key text", parse_key(blocks["key-text"]), blocks["key"])
    yield same("Python reads the document's offer",
               (example.answer.flags, example.answer.identity, example.answer.address),
               (0, blocks["identity"], blocks["address"]))
    yield same("both ends have the same keys",
               (example.server.receive_key, example.server.send_key),
               (example.laptop.send_key, example.laptop.receive_key))
    yield same("Python opens the laptop's message",
               list(read_records(example.server.open(blocks["message-of-laptop"]))),
               [(PING, blocks["clock"])])
    opened = list(read_records(example.laptop.open(blocks["message-of-server"])))
    yield same("Python opens the server's message",
               opened[1:], [(None, blocks["packet"]), (PONG, blocks["clock"])])
    config = Configuration.read(opened[0][1])
    yield same("Python reads the document's configuration",
               (config.address.packed, config.mtu, config.message_max, config.resolvers),
               (blocks["address"], 1500, 1048576, [ipaddress.IPv4Address("192.0.2.53")]))
    yield same("the example has no block that nobody checks",
               set(blocks) - set(example.made),
               {"key", "laptop-ephemeral", "server-ephemeral", "laptop-index", "server-index",
                "server-run", "identity", "address", "clock", "packet"})


def main():
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    failed = 0
    for what, wrong in checks(read_blocks(sys.argv[1])):
        print(f"ok - {what}" if wrong is None else f"not ok - {what}: {wrong}")
        failed += wrong is not None
    sys.exit(failed > 0)


if __name__ == "__main__":
    main()
