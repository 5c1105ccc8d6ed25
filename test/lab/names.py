#!/usr/bin/python3
# SPDX-License-Identifier: ISC
"""Queries by hand, and a resolver that is not alone.

  names.py many ADDRESS COUNT NAME    sends so many queries at once, each from a socket of its own
  names.py flood ADDRESS SECONDS      sends queries as fast as it can, and reads no answer
  names.py bound DEVICE UPSTREAM      a resolver at 127.0.0.1 that asks UPSTREAM by a socket bound to DEVICE
  names.py liar ADDRESS OTHER         answers at ADDRESS; before each answer come one from OTHER, one from
                                      another port, and one with another id, all with the address 192.0.2.66
"""
import random
import select
import socket
import struct
import sys
import time


def query(name, number):
    labels = b"".join(bytes([len(label)]) + label.encode() for label in name.split("."))
    return struct.pack(">6H", number, 0x0100, 1, 0, 0, 0) + labels + b"\0" + struct.pack(">2H", 1, 1)


def answer(asked, number, address):
    record = struct.pack(">3HIH", 0xC00C, 1, 1, 60, 4) + socket.inet_aton(address)
    question = asked[12:asked.index(b"\0", 12) + 5]
    return struct.pack(">6H", number, 0x8180, 1, 1, 0, 0) + question + record


def many(address, count, name):
    waiting = {}
    for _ in range(int(count)):
        sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)  # not connected: it takes what comes
        waiting[sock] = random.randrange(65536)
    for turn in range(4):  # a packet may be lost, as anywhere
        for sock, number in waiting.items():
            sock.sendto(query(name, number), (address, 53))
        end = time.monotonic() + 3
        while waiting and time.monotonic() < end:
            poll = select.poll()
            for sock in waiting:
                poll.register(sock, select.POLLIN)
            by_fd = {sock.fileno(): sock for sock in waiting}
            for fd, _ in poll.poll(200):
                data, sender = by_fd[fd].recvfrom(4096)
                if sender != (address, 53):
                    sys.exit(f"an answer came from {sender}")
                if data[:2] == struct.pack(">H", waiting[by_fd[fd]]) and data[3] & 15 == 0:
                    del waiting[by_fd[fd]]
        if not waiting:
            print(f"all {count} were answered, after {turn + 1} turns")
            return
    sys.exit(f"{len(waiting)} of {count} queries were not answered")


def flood(address, seconds):
    sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    end = time.monotonic() + float(seconds)
    sent = 0
    while time.monotonic() < end:
        for _ in range(20):
            sock.sendto(query(f"x{sent}.flood.example", sent % 65536), (address, 53))
            sent += 1
        time.sleep(0.002)  # 10 000 a second are enough
    print(sent)


def liar(address, other):
    at = [socket.socket(socket.AF_INET, socket.SOCK_DGRAM) for _ in range(3)]
    at[0].bind((address, 53))
    at[1].bind((other, 53))
    at[2].bind((address, 5353))
    print("ready", flush=True)
    while True:
        asked, sender = at[0].recvfrom(4096)
        number = struct.unpack(">H", asked[:2])[0]
        at[1].sendto(answer(asked, number, "192.0.2.66"), sender)
        at[2].sendto(answer(asked, number, "192.0.2.66"), sender)
        at[0].sendto(answer(asked, number ^ 1, "192.0.2.66"), sender)
        at[0].sendto(answer(asked, number, "192.0.2.80"), sender)


def bound(device, upstream):
    inside = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    inside.bind(("127.0.0.1", 53))
    outside = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    outside.setsockopt(socket.SOL_SOCKET, socket.SO_BINDTODEVICE, device.encode())
    outside.settimeout(0.5)
    print("ready", flush=True)
    while True:
        asked, sender = inside.recvfrom(4096)
        try:
            outside.sendto(asked, (upstream, 53))
            inside.sendto(outside.recv(4096), sender)
        except OSError:
            pass


if len(sys.argv) < 4 or sys.argv[1] not in ("many", "flood", "bound", "liar"):
    sys.exit(__doc__)
{"many": many, "flood": flood, "bound": bound, "liar": liar}[sys.argv[1]](*sys.argv[2:])
