#!/usr/bin/python3
# SPDX-License-Identifier: ISC
"""A server: a NAT for one laptop, with Scapy. Run it as root: server.py INTERFACE

The kernel knows nothing of the laptop's connections, and must not reset them:
    iptables -A OUTPUT -p tcp --tcp-flags RST RST -j DROP
"""
import asyncio
import base64
import sys

import websockets
from scapy.all import IP, AsyncSniffer, conf, get_if_addr

own, wire = get_if_addr(sys.argv[1]), conf.L3socket(iface=sys.argv[1])
inside = {}  # whose packets come to (protocol, port): the laptop's address, and its phone


def fresh(packet):
    del packet.chksum, packet.payload.chksum  # Scapy makes them anew
    return packet


async def phone(socket, path):
    async for message in socket:
        packet = IP(base64.b64decode(message))
        if packet.version == 4 and packet.proto in (1, 6, 17):  # ICMP has no ports: all of it is the laptop's
            inside[packet.proto, getattr(packet.payload, "sport", 0)] = packet.src, socket
            packet.src = own
            wire.send(fresh(packet))


def answer(packet):
    if (end := (packet.proto, getattr(packet.payload, "dport", 0))) in inside:
        packet.dst, socket = inside[end]
        websockets.broadcast({socket}, base64.b64encode(bytes(fresh(packet))).decode())


async def main():
    loop = asyncio.get_running_loop()
    AsyncSniffer(iface=sys.argv[1], store=False, filter=f"ip dst {own} and not tcp port 8080",
                 prn=lambda frame: loop.call_soon_threadsafe(answer, frame[IP])).start()
    async with websockets.serve(phone, "", 8080):
        await asyncio.Future()

asyncio.run(main())
