#!/usr/bin/python3
# SPDX-License-Identifier: ISC
"""Strangers at the server's door, or at the laptop's: many connections, none of which belongs to a laptop or a phone.

usage: strangers.py KIND SERVER PORT --from ADDRESS... --count N --rate N --until FILE

  silent    connects and says nothing
  request   sends half an HTTP request
  visit     becomes a WebSocket, and says nothing more
  offer     becomes a WebSocket, and sends half of an offer
  noise     sends random bytes, every second time as a message of a WebSocket
  wrong     becomes a WebSocket, and sends an offer that no key has made
  flood     the same on 8 connections, 32 offers on each, which is as many as the server listens to, and then
            on new ones

A connection stays open until the server ends it, or until 10 000 newer ones are open. RATE is of connections a
second, with "flood" of offers. Goes on until COUNT have been made and FILE exists.
"""
import argparse
import collections
import itertools
import os
import resource
import select
import socket
import struct
import time

HELD_MAX = 10000
FLOOD_CONNECTIONS = 8
FLOOD_OFFERS = 32
TICK_S = 0.01
OFFER_SIZE = 74
OFFER = 1
BINARY = 2
UPGRADE = (b"GET /websocket HTTP/1.1\r\nHost: 169.254.134.89:6354\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
           b"Sec-WebSocket-Key: c2l4dGVlbiBieXRlcyEhIQ==\r\nSec-WebSocket-Version: 13\r\n\r\n")


def message(payload):
    """A binary WebSocket message, with a mask of zero."""
    length = (struct.pack(">BB", 0x80 | BINARY, 0x80 | len(payload)) if len(payload) < 126 else
              struct.pack(">BBH", 0x80 | BINARY, 0x80 | 126, len(payload)))
    return length + bytes(4) + payload


def wrong_offer():
    return message(bytes([OFFER]) + os.urandom(OFFER_SIZE - 1))


def words(kind, number):
    """What a connection says as soon as it is open."""
    if kind == "request":
        return UPGRADE[:len(UPGRADE) // 2]
    if kind == "offer":
        return UPGRADE + wrong_offer()[:OFFER_SIZE // 2]
    if kind == "noise":
        noise = os.urandom(1 + number % 1000)
        return UPGRADE + message(noise) if number % 2 else noise
    return UPGRADE + wrong_offer() if kind == "wrong" else UPGRADE if kind in ("flood", "visit") else b""


class Strangers:
    def __init__(self, options):
        self.options = options
        self.sources = itertools.cycle(getattr(options, "from"))
        self.poll = select.epoll()
        self.open = collections.OrderedDict()  # descriptor -> socket, the oldest first
        self.greeted = {}  # descriptor of one that has said its words -> offers since
        self.made = 0
        self.said = 0
        self.ended = 0  # by the server
        self.offers = 0

    def connect(self):
        if len(self.open) >= HELD_MAX:
            self.forget(next(iter(self.open)))
        sock = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
        sock.setblocking(False)
        sock.setsockopt(socket.IPPROTO_IP, socket.IP_BIND_ADDRESS_NO_PORT, 1)
        sock.bind((next(self.sources), 0))
        sock.connect_ex((self.options.server, self.options.port))
        self.open[sock.fileno()] = sock
        self.poll.register(sock.fileno(), select.EPOLLOUT)
        self.made += 1

    def forget(self, descriptor):
        self.greeted.pop(descriptor, None)
        self.open.pop(descriptor).close()

    def on_event(self, descriptor, events):
        sock = self.open[descriptor]
        try:
            if events & select.EPOLLOUT and not events & (select.EPOLLERR | select.EPOLLHUP):
                self.poll.modify(descriptor, select.EPOLLIN)
                self.said += 1
                sock.send(words(self.options.kind, self.said))
                self.greeted[descriptor] = 0
            elif not sock.recv(65536):
                raise ConnectionError
        except BlockingIOError:
            pass
        except OSError:
            self.ended += 1
            self.forget(descriptor)

    def send_offers(self, count):
        """An offer on each of the connections in turn."""
        for descriptor in itertools.islice(itertools.cycle(list(self.greeted)), count if self.greeted else 0):
            if descriptor not in self.greeted:
                continue
            try:
                self.open[descriptor].send(wrong_offer())
                self.offers += 1
                self.greeted[descriptor] += 1
                if self.greeted[descriptor] >= FLOOD_OFFERS:
                    self.forget(descriptor)
            except OSError:
                self.forget(descriptor)

    def run(self):
        options = self.options
        begun = time.monotonic()
        allowed = 0
        while (done := max(self.offers, self.made)) < options.count or not os.path.exists(options.until):
            more = int((time.monotonic() - begun) * options.rate) - allowed
            allowed += more
            if options.kind == "flood":
                for _ in range(FLOOD_CONNECTIONS - len(self.open)):
                    self.connect()
                self.send_offers(more)
            else:
                for _ in range(more):
                    self.connect()
            end = time.monotonic() + TICK_S
            while (left := end - time.monotonic()) > 0:
                for descriptor, events in self.poll.poll(left, 1024):
                    if descriptor in self.open:
                        self.on_event(descriptor, events)
            if done < options.count <= max(self.offers, self.made):
                print("as many as there should be", flush=True)
        seconds = time.monotonic() - begun
        print(f"{self.made} connections, {self.offers} offers on them, {self.ended} ended by the server, "
              f"{max(self.offers, self.made) / seconds:.0f} a second")


def main():
    parser = argparse.ArgumentParser(description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("kind", choices=["silent", "request", "visit", "offer", "noise", "wrong", "flood"])
    parser.add_argument("server")
    parser.add_argument("port", type=int)
    parser.add_argument("--from", nargs="+", required=True)
    parser.add_argument("--count", type=int, default=10000)
    parser.add_argument("--rate", type=float, default=2500)
    parser.add_argument("--until", required=True)
    options = parser.parse_args()
    resource.setrlimit(resource.RLIMIT_NOFILE, (HELD_MAX + 100,) * 2)
    Strangers(options).run()


main()
