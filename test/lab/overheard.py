#!/usr/bin/python3
# SPDX-License-Identifier: ISC
"""What somebody learns who records the wires of a tether: looks for known secrets in packet captures.

usage: overheard.py hidden|bare --page FILE --laptop ADDRESS --web ADDRESS CAPTURE.pcap...

The secrets are every 16 bytes in a row of a page that was loaded meanwhile, that the page was asked for, and
the addresses inside the tether, in binary and in writing. Each capture is searched

  as it passed      every packet, with its headers
  as a stream       each TCP connection's bytes in order
  without masks     the payload of each WebSocket message, as RFC 6455 section 5.3 undoes masking
  without base64    the bytes that each text message stands for

"hidden" is for a keyed tether: no secret may occur in any capture, and the WebSocket messages must be those of
the keyed protocol, some sealed ones in both directions among them; so it is sure that the search saw them.
"bare" is for an open tether: each secret must occur in each capture, which shows that the search can find.
"""
import argparse
import base64
import ipaddress
import struct
import sys

PIECE = 16
SEALED = 3
KEYED_TYPES = {1, 2, 3, 4, 5}
SEALED_LEAST = 3  # in each direction
TEXT, BINARY = 1, 2


class Failed(Exception):
    pass


# ---- captures ----

def packets(path):
    """The Ethernet frames of a capture as tcpdump writes it."""
    with open(path, "rb") as file:
        data = file.read()
    at = 24
    while at + 16 <= len(data):
        length = struct.unpack_from("<I", data, at + 8)[0]
        yield data[at + 16:at + 16 + length]
        at += 16 + length


def segment(packet):
    """(connection and direction, sequence number, is it the first, payload) of a TCP segment, or None."""
    if len(packet) < 54 or packet[12:14] != b"\x08\x00" or packet[23] != 6:
        return None
    ip = packet[14:14 + struct.unpack_from(">H", packet, 16)[0]]
    tcp = ip[4 * (ip[0] & 15):]
    ports_and_number = struct.unpack_from(">HHI", tcp)
    flow = (ip[12:16], ports_and_number[0], ip[16:20], ports_and_number[1])
    return flow, ports_and_number[2], bool(tcp[13] & 2), tcp[4 * (tcp[12] >> 4):]


def streams(path):
    """Each direction of each TCP connection whose beginning was recorded, as bytes in order."""
    flows = {}
    for packet in packets(path):
        if (found := segment(packet)) is not None:
            flow, number, is_first, payload = found
            if is_first:
                flows[flow] = (number + 1, [])
            elif flow in flows and payload:
                flows[flow][1].append(((number - flows[flow][0]) & 0xFFFFFFFF, payload))
    for flow, (_, segments) in flows.items():
        whole = bytearray()
        for offset, payload in sorted(segments):
            if offset > len(whole):
                raise Failed(f"{path}: a packet of {flow} is missing")
            whole += payload[len(whole) - offset:]
        yield bytes(whole)


# ---- WebSocket ----

def unmask(data, key):
    keys = (key * (len(data) // 4 + 1))[:len(data)]
    return (int.from_bytes(data, "big") ^ int.from_bytes(keys, "big")).to_bytes(len(data), "big")


def frames(stream):
    """(opcode, whether it was masked, payload) of each frame of a WebSocket; of other streams none."""
    head, _, data = stream.partition(b"\r\n\r\n")
    if b"upgrade: websocket" not in head.lower():
        return
    at = 0
    while at + 2 <= len(data):
        opcode, masked, length = data[at] & 15, data[at + 1] >> 7, data[at + 1] & 127
        at += 2
        if length == 126:
            length, at = struct.unpack_from(">H", data, at)[0], at + 2
        elif length == 127:
            length, at = struct.unpack_from(">Q", data, at)[0], at + 8
        key = data[at:at + 4 * masked]
        at += len(key)
        payload = data[at:at + length]
        at += length
        if len(payload) == length:
            yield opcode, bool(masked), unmask(payload, key) if masked else payload


class Capture:
    def __init__(self, path):
        self.path = path
        self.messages = []  # (whether it was masked, bytes)
        whole = list(streams(path))
        texts = []
        payloads = []
        for stream in whole:
            for opcode, masked, payload in frames(stream):
                payloads.append(payload)
                if opcode == TEXT:
                    texts.append(base64.b64decode(payload + b"=" * (-len(payload) % 4)))
                    self.messages.append((masked, texts[-1]))
                elif opcode == BINARY:
                    self.messages.append((masked, payload))
        self.views = {
            "as it passed": list(packets(path)),
            "as a stream": whole,
            "without masks": payloads,
            "without base64": texts,
        }

    def finds(self, secret):
        """The views in which a secret occurs."""
        return [name for name, parts in self.views.items() if any(secret in part for part in parts)]

    def sealed(self, masked):
        return sum(1 for was_masked, message in self.messages
                   if was_masked == masked and message[0] == SEALED)


# ---- the two verdicts ----

def secrets(options):
    """Name and bytes of each secret."""
    with open(options.page, "rb") as file:
        page = file.read()
    laptop, web = (ipaddress.IPv4Address(address) for address in (options.laptop, options.web))
    yield "the request's host", f"Host: {web}".encode()
    yield "the laptop's address", laptop.packed
    yield "the addresses of a packet up", laptop.packed + web.packed
    yield "the addresses of a packet down", web.packed + laptop.packed
    if len(page) < 4 * PIECE:
        raise Failed("the page is too short")
    for at in range(len(page) - PIECE + 1):
        yield f"the page's {page[at:at + PIECE]!r}", page[at:at + PIECE]


def hidden(capture, options):
    for name, secret in [*secrets(options), ("the address in writing", options.laptop.encode())]:
        if views := capture.finds(secret):
            raise Failed(f"{name} can be read {', '.join(views)}")
    types = {message[0] for _, message in capture.messages}
    if not types <= KEYED_TYPES:
        raise Failed(f"there are messages of types {sorted(types)}")
    if min(capture.sealed(True), capture.sealed(False)) < SEALED_LEAST:
        raise Failed("too few sealed messages were recorded")


def bare(capture, options):
    for name, secret in secrets(options):
        if not capture.finds(secret):
            raise Failed(f"{name} was not found")


def main():
    parser = argparse.ArgumentParser(description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("verdict", choices=["hidden", "bare"])
    parser.add_argument("--page", required=True)
    parser.add_argument("--laptop", required=True)
    parser.add_argument("--web", required=True)
    parser.add_argument("captures", nargs="+")
    options = parser.parse_args()
    for path in options.captures:
        try:
            capture = Capture(path)
            {"hidden": hidden, "bare": bare}[options.verdict](capture, options)
        except Failed as failure:
            sys.exit(f"{path}: {failure}")
        print(f"{path}: {len(capture.messages)} messages, {capture.sealed(True)} and "
              f"{capture.sealed(False)} sealed, {len(list(secrets(options)))} secrets")


main()
