#!/usr/bin/python3
# SPDX-License-Identifier: ISC
"""DHCP on the laptop's own Wi-Fi, seen from the phone's side.

  dhcp.py read PCAP             what a capture says: one line a message, "TYPE from MAC: ..."
  dhcp.py crowd IF COUNT        COUNT clients want addresses at a time: each gets one of its own, or says which did not
  dhcp.py hostile IF SECONDS    sends what no client would
  dhcp.py serve IF ADDRESS      another server: offers 10.42.0.100 to who asks, until it is ended

The messages are made and read by Scapy, whose DHCP is not ours.
"""
import collections
import random
import struct
import sys
import time

from scapy.all import (BOOTP, DHCP, IP, UDP, Ether, Raw, conf, rdpcap, sendp, sniff, AsyncSniffer)
from scapy.layers.dhcp import DHCPTypes

conf.verb = 0
EVERYBODY = "ff:ff:ff:ff:ff:ff"
NUMBER = {name: number for number, name in DHCPTypes.items()}
MAGIC = b"\x63\x82\x53\x63"


def codes(packet):
    """The numbers of a message's options, from its bytes."""
    data = bytes(packet[UDP].payload)[240:]
    found = []
    while data and data[0] != 255:
        if data[0] == 0:
            data = data[1:]
            continue
        found.append(data[0])
        data = data[2 + data[1]:]
    return found


def fields(packet):
    options = {one[0]: one[1] for one in packet[DHCP].options if isinstance(one, tuple)}
    bootp = packet[BOOTP]
    mac = ":".join(f"{byte:02x}" for byte in bootp.chaddr[:6])
    return (f"{DHCPTypes.get(options.get('message-type'), '?')} from {packet[IP].src} to {packet[IP].dst} of {mac}"
            f" has {bootp.ciaddr} yours {bootp.yiaddr} siaddr {bootp.siaddr} lease {options.get('lease_time', 0)}"
            f" options {' '.join(map(str, sorted(codes(packet))))}")


def read(path):
    for packet in rdpcap(path):
        if DHCP in packet:
            print(fields(packet))


def message(mac, kind, number, *options, **more):
    head = {"chaddr": bytes.fromhex(mac.replace(":", "")) + b"\0" * 10, "xid": number, "flags": 0x8000}
    head.update(more)
    return (Ether(src=mac, dst=EVERYBODY) / IP(src="0.0.0.0", dst="255.255.255.255") / UDP(sport=68, dport=67)
            / BOOTP(**head) / DHCP(options=[("message-type", kind), *options, "end"]))


def crowd(interface, count):
    clients = {1000 + i: f"02:00:00:00:{i >> 8:02x}:{i & 255:02x}" for i in range(count)}
    offers, acks = {}, {}

    def heard(packet):
        if BOOTP not in packet or packet[BOOTP].op != 2 or packet[BOOTP].xid not in clients:
            return
        kind = dict(one for one in packet[DHCP].options if isinstance(one, tuple))["message-type"]
        (offers if kind == NUMBER["offer"] else acks)[packet[BOOTP].xid] = packet[BOOTP].yiaddr
    listener = AsyncSniffer(iface=interface, filter="udp src port 67", prn=heard, store=False)
    listener.start()
    deadline = time.time() + 60
    while len(acks) < count and time.time() < deadline:
        for number, mac in clients.items():
            if number in offers and number not in acks:
                sendp(message(mac, "request", number, ("server_id", "192.168.134.89"),
                              ("requested_addr", offers[number])), iface=interface)
            elif number not in offers:
                sendp(message(mac, "discover", number), iface=interface)
        time.sleep(1.5)
    listener.stop()
    twice = [address for address, times in collections.Counter(acks.values()).items() if times > 1]
    print(f"{len(acks)} of {count} clients have an address; given twice: {twice or 'none'}: {' '.join(acks.values())} ")
    sys.exit(0 if len(acks) == count and not twice else 1)


def nonsense(dice):
    """One message: from nobody, of a group, cut, with options that lie, of an odd type, through a relay ..."""
    mac = f"02:ff:{dice.randrange(256):02x}:{dice.randrange(256):02x}:{dice.randrange(256):02x}:00"
    kind = dice.choice(list(DHCPTypes)[1:8])
    more = dice.choice([{}, {"op": 2}, {"htype": 6}, {"hlen": 255}, {"hlen": 0}, {"giaddr": "192.168.134.7"},
                        {"ciaddr": "255.255.255.255"}, {"ciaddr": "192.168.134.255"}, {"ciaddr": "192.168.134.89"},
                        {"options": b"\0\0\0\0"}])
    if dice.random() < 0.1:
        mac = "01:00:5e:00:00:01"
    frame = bytes(message(mac, kind, dice.randrange(1 << 32),
                          ("requested_addr", f"192.168.134.{dice.randrange(256)}"), ("server_id", "192.168.134.89"),
                          ("client_id", dice.randbytes(dice.choice([0, 1, 2, 7, 254]))), **more))
    at = 14 + 20 + 8
    payload = bytearray(frame[at:])
    for _ in range(dice.choice([0, 0, 1, 3, 40])):
        payload[dice.randrange(236, len(payload))] = dice.randrange(256)
    payload = payload[:dice.choice([len(payload), len(payload), dice.randrange(len(payload)), 240])]
    source = dice.choice(["0.0.0.0", "192.168.134.89", "192.168.134.200", "255.255.255.255", "8.8.8.8"])
    return (Ether(src="02:ff:00:00:00:01", dst=EVERYBODY) / IP(src=source, dst="255.255.255.255")
            / UDP(sport=68, dport=67) / Raw(bytes(payload)))


def hostile(interface, seconds):
    dice = random.Random("hostile")
    socket = conf.L2socket(iface=interface)
    deadline = time.time() + seconds
    sent = 0
    while time.time() < deadline:
        socket.send(nonsense(dice))
        sent += 1
    print(f"{sent} messages")


def serve(interface, address):
    def heard(packet):
        if BOOTP not in packet or packet[BOOTP].op != 1:
            return
        request = packet[BOOTP]
        sendp(Ether(dst=EVERYBODY) / IP(src=address, dst="255.255.255.255") / UDP(sport=67, dport=68)
              / BOOTP(op=2, xid=request.xid, flags=request.flags, yiaddr="10.42.0.100", chaddr=request.chaddr)
              / DHCP(options=[("message-type", "offer"), ("server_id", address), ("router", address), "end"]),
              iface=interface)
    print("listening", flush=True)
    sniff(iface=interface, filter="udp dst port 67", prn=heard, store=False)


def main():
    command, where = sys.argv[1:3]
    if command == "read":
        read(where)
    elif command == "crowd":
        crowd(where, int(sys.argv[3]))
    elif command == "hostile":
        hostile(where, float(sys.argv[3]))
    else:
        serve(where, sys.argv[3])


main()
