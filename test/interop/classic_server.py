#!/usr/bin/python3
# SPDX-License-Identifier: ISC
"""The remote host of the classic recipe: a Tornado WebSocket server and Scapy.

Stands for a server that this project did not write. A text message from the phone is an IP packet in
base64: it gets this host's address as its source, and Scapy computes its checksums and sends it. What
the network answers is sniffed, gets the laptop's address back, and goes to the phone in the same form.
The ports stay as they are, so this serves one laptop. The kernel knows nothing of these connections
and would reset them; an iptables rule prevents it, as the recipe says:
    iptables -A OUTPUT -p tcp --tcp-flags RST RST -j DROP
Run it as root, with that rule in place.   usage: classic_server.py INTERFACE
"""
import base64
import sys

import tornado.ioloop
import tornado.web
import tornado.websocket
from scapy.all import ICMP, IP, TCP, UDP, AsyncSniffer, conf, get_if_addr

interface = sys.argv[1]
own_address = get_if_addr(interface)
inside_of = {}  # (protocol, our port or echo identifier) -> the laptop's address
loop = tornado.ioloop.IOLoop.current()
conf.verb = 0
sender = conf.L3socket(iface=interface)


def port_of(packet, field):
    """The packet's entry in inside_of: ports are a transport's, ICMP has an identifier instead."""
    for protocol in TCP, UDP:
        if protocol in packet:
            return protocol, getattr(packet[protocol], field)
    if ICMP in packet:
        return ICMP, packet[ICMP].id
    return None


def without_checksums(packet):
    """The same packet with its checksums left for Scapy to compute."""
    for layer in IP, TCP, UDP, ICMP:
        if layer in packet:
            del packet[layer].chksum
    return packet


class Phone(tornado.websocket.WebSocketHandler):
    current = None

    def check_origin(self, origin):
        return True

    def open(self):
        Phone.current = self

    def on_message(self, message):
        packet = IP(base64.b64decode(message))
        key = port_of(packet, "sport")
        if key:
            inside_of[key] = packet.src
            packet.src = own_address
            sender.send(without_checksums(packet))


def packet_to_phone(packet):
    key = port_of(packet, "dport")
    if key in inside_of and Phone.current:
        packet.dst = inside_of[key]
        answer = bytes(without_checksums(packet))
        Phone.current.write_message(base64.b64encode(answer).decode())


tornado.web.Application([("/websocket/?", Phone)]).listen(8080)
sniffer = AsyncSniffer(
    iface=interface, store=False, filter=f"ip dst {own_address} and not tcp port 8080",
    prn=lambda frame: IP in frame and loop.add_callback(packet_to_phone, frame[IP]))
sniffer.start()
loop.start()
