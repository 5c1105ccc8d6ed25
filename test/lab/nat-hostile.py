#!/usr/bin/python3
# SPDX-License-Identifier: ISC
"""Floods for the NAT's tests.

    nat-hostile.py laptop KIND SERVER --until FILE    a laptop: syns, datagrams, pings, fragments
    nat-hostile.py internet KIND SERVER --until FILE  the Internet, on the server's own link:
                                                      unsolicited, errors, fragments

Sends 100 000 packets (--packets), then goes on, slower, until the file exists. Prints how many it
sent.
"""
import argparse
import itertools
import os
import random
import socket
import struct
import sys
import time

sys.dont_write_bytecode = True
sys.path.insert(0, __file__.rsplit("/", 1)[0])
from nat_phone import Phone, checksum, frame, ip_packet  # noqa: E402

LAPTOP = "192.168.77.7"
WEB = "192.0.2.80"
BATCH = 500
PAUSE_S = 0.05  # between batches, when enough were sent
dice = random.Random("hostile")


def somewhere():
    return f"{dice.randrange(20, 100)}.{dice.randrange(256)}.{dice.randrange(256)}.{dice.randrange(1, 255)}"


def with_sum(protocol, source, destination, head, place, data=b""):
    pseudo = (socket.inet_aton(source) + socket.inet_aton(destination)
              + struct.pack(">HH", protocol, len(head) + len(data)))
    total = checksum(pseudo + head + data)
    return head[:place] + struct.pack(">H", total) + head[place + 2:] + data


def syn(source, destination, sport, dport):
    head = struct.pack(">HHIIBBHHH", sport, dport, dice.getrandbits(32), 0, 0x50, 2, 60000, 0, 0)
    return ip_packet(6, source, destination, with_sum(6, source, destination, head, 16))


def datagram(source, destination, sport, dport, data=b"flood"):
    head = struct.pack(">HHHH", sport, dport, 8 + len(data), 0)
    return ip_packet(17, source, destination, with_sum(17, source, destination, head, 6, data))


def icmp(kind, code, rest, source, destination, data=b""):
    body = struct.pack(">BBH", kind, code, 0) + rest + data
    return ip_packet(1, source, destination, body[:2] + struct.pack(">H", checksum(body)) + body[4:])


def fragment(source, destination, number):
    """First parts, middle parts, and parts that overlap, of datagrams that never end."""
    ident, part = number // 3 & 0xffff, number % 3
    offset = (0, 40, 39)[part]
    body = struct.pack(">HHHH", 1000 + ident % 60000, 7, 9000, 0) + bytes(312)
    return ip_packet(17, source, destination, body, ident, 0x2000 | offset)


def port(number):
    return number % 65535 + 1


LAPTOPS = {
    "syns": lambda n, server: syn(LAPTOP, WEB, port(n), 9000 + n // 65535),
    "datagrams": lambda n, server: datagram(LAPTOP, somewhere(), port(n), 53),
    "pings": lambda n, server: icmp(8, 0, struct.pack(">HH", n & 0xffff, 1), LAPTOP, WEB),
    # To nowhere: a target's own reassembly buffer would be full for all, which is not the NAT's.
    "fragments": lambda n, server: fragment(LAPTOP, "45.1.2.3", n),
}


def error(n, server):
    """About a packet that may or may not have been sent from each port."""
    inner = (datagram if n % 2 else syn)(server, WEB, port(n // 2), 7)
    return icmp(3, n % 4, bytes(4), somewhere(), server, inner[:48])


INTERNET = {
    "unsolicited": lambda n, server: (datagram if n % 2 else syn)(somewhere(), server, 53, port(n // 2)),
    "errors": error,
    "fragments": lambda n, server: fragment(somewhere(), server, n),
}


def way_of_laptop(server):
    phone = Phone(server)
    return lambda packets: phone.send_frames(b"".join(frame(2, packet) for packet in packets))


def way_of_internet(server):
    """Onto the link, past this host's own stack."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        sock.connect((server, 9))
        sock.send(b"")  # so that the kernel knows the neighbour
    time.sleep(0.5)
    neighbour = os.popen(f"ip neighbour show {server}").read().split("lladdr ")[1][:17]
    with open("/sys/class/net/eth0/address") as file:
        own = file.read().strip()
    header = bytes.fromhex((neighbour + own).replace(":", "")) + b"\x08\0"
    sock = socket.socket(socket.AF_PACKET, socket.SOCK_RAW)
    sock.bind(("eth0", 0x0800))

    def send(packets):
        for packet in packets:
            sock.send(header + packet)
    return send


def main():
    parser = argparse.ArgumentParser(description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("who", choices=["laptop", "internet"])
    parser.add_argument("kind")
    parser.add_argument("server")
    parser.add_argument("--packets", type=int, default=131072)
    parser.add_argument("--until", required=True)
    options = parser.parse_args()
    make = (LAPTOPS if options.who == "laptop" else INTERNET)[options.kind]
    batches = [[make(n, options.server) for n in range(start, start + BATCH)]
               for start in range(0, options.packets, BATCH)]
    send = (way_of_laptop if options.who == "laptop" else way_of_internet)(options.server)
    print("begins", flush=True)
    sent = 0
    for batch in itertools.cycle(batches):
        if sent >= options.packets:
            if os.path.exists(options.until):
                break
            time.sleep(PAUSE_S)
        send(batch)
        sent += len(batch)
    print(f"sent {sent} packets")


main()
