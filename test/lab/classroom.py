#!/usr/bin/python3
# SPDX-License-Identifier: ISC
"""The laptops of a class and the host that they talk to, each in a namespace of the lab.

usage: classroom.py LAB COUNT WEB-ADDRESS     (a command a line; each is answered by a line: "ok", or why not)
  open PORT|own    each laptop connects to the web host from that port, the same for all, or from one of its own,
                   and says its number by TCP and by UDP (of ports that the kernel chooses, two may be the same)
  talk [NUMBER]    all laptops, or one, say something by TCP and hear it again: the connections live
  push NUMBER      the web host speaks first, to a laptop that is silent
  overheard        what came to each laptop was its own, and no laptop had to refuse anything

What travels is text that begins with "laptop NUMBER ", so that it is known whose it is on every TUN device.
"""
import ctypes
import os
import re
import select
import socket
import sys
import time

CLONE_NEWNET = 0x40000000  # of <linux/sched.h>
PACKET_OUTGOING = 4  # of <linux/if_packet.h>
ETH_P_IP = 0x0800
PORT = 9000
OWN_PORTS = 10000  # and the laptop's number
PATIENCE_S = 30
RST = 4
lab, count, web = sys.argv[1], int(sys.argv[2]), sys.argv[3]
libc = ctypes.CDLL(None, use_errno=True)


def enter(host):
    """What is opened from here on is that host's."""
    with open(f"/run/netns/tether-{lab}-{host}") as namespace:
        if libc.setns(namespace.fileno(), CLONE_NEWNET) != 0:
            raise OSError(ctypes.get_errno(), host)


class Wrong(Exception):
    pass


class Laptop:
    def __init__(self, number):
        self.number = number
        self.tcp = self.udp = self.far = None
        enter(f"laptop{number}")
        self.tun = socket.socket(socket.AF_PACKET, socket.SOCK_DGRAM, socket.htons(ETH_P_IP))
        self.tun.bind(("tether0", ETH_P_IP))
        self.tun.setblocking(False)
        self.said = 0

    def text(self):
        self.said += 1
        return f"laptop {self.number} says {self.said}\n".encode()

    def open(self, port):
        enter(f"laptop{self.number}")
        for old in self.tcp, self.udp, self.far:
            if old:
                old.close()
        self.tcp, self.udp = socket.socket(), socket.socket(type=socket.SOCK_DGRAM)
        for sock in self.tcp, self.udp:
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            sock.bind(("", port))
            sock.settimeout(PATIENCE_S)
        self.tcp.connect((web, PORT))
        self.far, _ = listener.accept()
        self.far.settimeout(PATIENCE_S)
        self.talk()
        self.ask()

    def send(self, source, destination):
        text = self.text()
        source.sendall(text)
        got = b""
        while len(got) < len(text):
            data = destination.recv(4096)
            if not data:
                raise Wrong(f"laptop {self.number}: the connection has ended")
            got += data
        if got != text:
            raise Wrong(f"laptop {self.number}: {got!r} came instead of {text!r}")

    def talk(self):
        self.send(self.tcp, self.far)
        self.send(self.far, self.tcp)

    def ask(self):
        """A datagram and its answer; datagrams may be lost."""
        deadline = time.monotonic() + PATIENCE_S
        while time.monotonic() < deadline:
            text = self.text()
            self.udp.sendto(text, (web, PORT))
            if select.select([datagrams], [], [], 1)[0]:
                data, peer = datagrams.recvfrom(4096)
                datagrams.sendto(data, peer)
            if select.select([self.udp], [], [], 1)[0] and self.udp.recv(4096) == text:
                return
        raise Wrong(f"laptop {self.number}: no datagram comes back")

    def overheard(self):
        own = 0
        while True:
            try:
                packet, (_, _, kind, _, _) = self.tun.recvfrom(65536)
            except BlockingIOError:
                return own
            whose = re.search(rb"laptop (\d+) ", packet)
            if whose and int(whose[1]) != self.number:
                raise Wrong(f"laptop {self.number} got a packet of laptop {int(whose[1])}")
            own += whose is not None and kind != PACKET_OUTGOING
            flags = packet[(packet[0] & 15) * 4 + 13] if packet[9] == socket.IPPROTO_TCP else 0
            if flags & RST:
                raise Wrong(f"laptop {self.number}: a connection was reset")


def obey(command, argument=None):
    chosen = [laptops[int(argument) - 1]] if argument and argument.isdigit() and command != "open" else laptops
    for laptop in chosen:
        if command == "open":
            laptop.open(OWN_PORTS + laptop.number if argument == "own" else int(argument))
        elif command == "talk":
            laptop.talk()
        elif command == "push":
            laptop.send(laptop.far, laptop.tcp)
        elif command == "overheard":
            if laptop.overheard() == 0:
                raise Wrong(f"laptop {laptop.number} got nothing")
        else:
            raise Wrong(f"{command} is no command")


enter("web")
listener = socket.create_server((web, PORT), backlog=64)
listener.settimeout(PATIENCE_S)
datagrams = socket.socket(type=socket.SOCK_DGRAM)
datagrams.bind((web, PORT))
laptops = [Laptop(number) for number in range(1, count + 1)]
for line in sys.stdin:
    try:
        obey(*line.split())
        print("ok", flush=True)
    except (OSError, Wrong) as error:
        print(f"{line.strip()}: {error}", flush=True)
