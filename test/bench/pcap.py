# SPDX-License-Identifier: ISC
"""Captures of tcpdump: packets, and which bytes of a TCP stream are new.

A capture is of an Ethernet interface or of a TUN device. `size` is what a link carries of a packet, that is all
but the Ethernet header. Where a host leaves the cutting into segments to its interface, a packet may be of many
segments.
"""
import collections
import socket
import struct

RAW_LINKS = 12, 101  # DLT_RAW, LINKTYPE_RAW
ETHERNET = 1
ETHERNET_HEAD = 14
TICKS = {0xA1B2C3D4: 1000, 0xA1B23C4D: 1}  # ns a unit of a time's second half
SYN, ACK = 2, 16
MOST = 1 << 31  # bytes of a stream

# sender is the Ethernet address; source and target are (address, port). What is not TCP has no ports, flags, numbers
# and payload.
Packet = collections.namedtuple("Packet", "at_ns sender size is_tcp source target flags seq ack payload")


def parse_packet(at_ns, sender, data):
    """An IPv4 packet, or an ARP packet."""
    is_arp = data[:4] == b"\0\1\x08\0"
    source, target = ((data[14:18], data[24:28]) if is_arp else (data[12:16], data[16:20]))
    source, target = socket.inet_ntoa(source), socket.inet_ntoa(target)
    if is_arp or len(data) < 40 or data[9] != socket.IPPROTO_TCP:
        return Packet(at_ns, sender, len(data), False, (source, 0), (target, 0), 0, 0, 0, b"")
    start, whole = (data[0] & 15) * 4, struct.unpack_from(">H", data, 2)[0] or len(data)
    sport, dport, seq, ack, offset, flags = struct.unpack_from(">HHIIBB", data, start)
    return Packet(at_ns, sender, len(data), True, (source, sport), (target, dport), flags, seq, ack,
                  data[start + (offset >> 4) * 4:whole])


def read(path):
    """The packets of a capture, in its order."""
    with open(path, "rb") as file:
        data = file.read()
    order = "<" if struct.unpack_from("<I", data)[0] in TICKS else ">"
    magic, _, _, _, _, _, link = struct.unpack_from(order + "IHHiIII", data)
    head = 0 if link in RAW_LINKS else ETHERNET_HEAD
    packets, at = [], 24
    while at + 16 <= len(data):
        seconds, parts, length, whole = struct.unpack_from(order + "IIII", data, at)
        if length < whole:
            raise ValueError(f"{path}: a packet was cut off")
        at += 16
        packets.append(parse_packet(seconds * 1_000_000_000 + parts * TICKS[magic], data[at:at + head][6:12],
                                    data[at + head:at + length]))
        at += length
    return packets


class Ranges:
    """Which bytes of a stream were seen: [start, end] each, in order and apart."""

    def __init__(self):
        self.parts = []

    def add(self, start, end):
        """Returns those that are new, in parts."""
        new, at, kept = [], start, []
        whole = [start, end]
        for part in self.parts:
            if part[1] < start or part[0] > end:
                kept.append(part)
                continue
            if at < part[0]:
                new.append((at, part[0]))
            at = max(at, part[1])
            whole = [min(whole[0], part[0]), max(whole[1], part[1])]
        if at < end:
            new.append((at, end))
        self.parts = sorted(kept + [whole])
        return new


# What a packet adds to its stream: which bytes of it (start to end) are new here, in parts. A stream is known by the
# number of its first byte, which stays when a NAT gives the connection another port; `back` is the other direction's,
# and `acked` how much of that is acknowledged. Positions count from a stream's first byte.
Step = collections.namedtuple("Step", "packet stream start end new back acked")


def follow(packets):
    """A step for each packet; its stream is None where it is not TCP, or the connection's SYN was not captured."""
    firsts, seen, steps = {}, collections.defaultdict(Ranges), []
    for packet in packets:
        way, back = (packet.source, packet.target), (packet.target, packet.source)
        if packet.flags & SYN:
            firsts[way] = (packet.seq + 1) & 0xFFFFFFFF
        if way not in firsts or not packet.is_tcp:
            steps.append(Step(packet, None, 0, 0, [], None, 0))
            continue
        start = 0 if packet.flags & SYN else (packet.seq - firsts[way]) & 0xFFFFFFFF
        if start > MOST:  # a keep-alive's byte is the one before
            start = 0
        end = start + len(packet.payload)
        acked = (packet.ack - firsts[back]) & 0xFFFFFFFF if back in firsts and packet.flags & ACK else 0
        steps.append(Step(packet, firsts[way], start, end, seen[firsts[way]].add(start, end) if end > start else [],
                          firsts.get(back), acked if acked <= MOST else 0))
    return steps
