#!/usr/bin/python3
# SPDX-License-Identifier: ISC
"""Sends one ping to each address given, straight into the tether-server's WebSocket.

    nat-message.py SERVER SOURCE DESTINATION...

A laptop's own routes would keep packets for loopback and link-local addresses at home.
"""
import socket
import struct
import sys

sys.dont_write_bytecode = True
sys.path.insert(0, __file__.rsplit("/", 1)[0])
from nat_phone import Phone, checksum, ip_packet  # noqa: E402


def ping(source, destination):
    body = b"\x08\0\0\0" + struct.pack(">HH", 77, 1) + b"knock knock"
    body = body[:2] + struct.pack(">H", checksum(body)) + body[4:]
    return ip_packet(socket.IPPROTO_ICMP, source, destination, body)


phone = Phone(sys.argv[1])
phone.send([ping(sys.argv[2], address) for address in sys.argv[3:]])
phone.wait_until_read()
