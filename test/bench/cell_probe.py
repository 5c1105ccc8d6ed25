#!/usr/bin/python3
# SPDX-License-Identifier: ISC
"""Looks at an emulated link from outside: sends numbered datagrams at one end, and sees when they come at the other.

    cell_probe.py CHECK PHONE-NAMESPACE ROUTER-NAMESPACE START-MS FIFO

Sends from one network namespace and receives in the other, with the kernel's own time of arrival, so that a busy
machine that is late to run this program does not falsify what it sees. Each check knows the settings with
which test-cellular.sh started the emulator, prints what it found, and exits 0 when that is as it should be.
"""
import ctypes
import os
import socket
import statistics
import struct
import sys
import threading
import time

ADDRESSES = {"phone": "198.51.100.2", "router": "198.51.100.1"}
SO_RCVBUFFORCE, SO_TIMESTAMPNS = 33, 35  # of <asm/socket.h>
RATE_SECONDS = 1.5
HEADERS = 28  # IP and UDP
CLONE_NEWNET = 0x40000000
libc = ctypes.CDLL(None, use_errno=True)


class Wrong(Exception):
    """Something is not as it should be; says what."""


def expect(condition, what):
    print(what)
    if not condition:
        raise Wrong(what)


class Probe:
    """A socket at each end."""

    def __init__(self, phone, router):
        namespaces = {"phone": phone, "router": router}
        self.sockets = {host: self.open(host, name) for host, name in namespaces.items()}

    @staticmethod
    def open(host, name):
        """A socket stays in the namespace in which it was made; the program goes back to its own."""
        own = os.open("/proc/self/ns/net", os.O_RDONLY)
        other = os.open(f"/run/netns/{name}", os.O_RDONLY)
        if libc.setns(other, CLONE_NEWNET) != 0:
            raise OSError(ctypes.get_errno(), "setns")
        sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        libc.setns(own, CLONE_NEWNET)
        os.close(own)
        os.close(other)
        sock.setsockopt(socket.SOL_SOCKET, SO_RCVBUFFORCE, 16 << 20)
        sock.setsockopt(socket.SOL_SOCKET, SO_TIMESTAMPNS, 1)
        sock.bind((ADDRESSES[host], 9100))
        return sock

    def send(self, to, rate, seconds, size):
        """Sends `rate` datagrams a second; each carries its number and the time. Returns how many."""
        sender = self.sockets["router" if to == "phone" else "phone"]
        count = int(rate * seconds)
        start = time.monotonic()
        for number in range(count):
            wait = start + number / rate - time.monotonic()
            if wait > 0:
                time.sleep(wait)
            head = struct.pack(">QQ", number, time.time_ns())
            sender.sendto(head + bytes(size - HEADERS - len(head)), (ADDRESSES[to], 9100))
        return count

    def receive(self, at, seconds, arrivals):
        """What comes within some seconds: (number, time sent, time received), ns of the real-time clock."""
        sock = self.sockets[at]
        end = time.monotonic() + seconds
        while (left := end - time.monotonic()) > 0:
            sock.settimeout(left)
            try:
                data, extra, _, _ = sock.recvmsg(2048, 128)
            except TimeoutError:
                return
            second, nano = struct.unpack("qq", extra[0][2])
            arrivals.append((*struct.unpack(">QQ", data[:16]), second * 1_000_000_000 + nano))

    def run(self, to, rate, seconds, size, linger=0.4):
        """Sends and receives; returns (count sent, arrivals)."""
        arrivals = []
        thread = threading.Thread(target=self.receive, args=(to, seconds + linger, arrivals))
        thread.start()
        sent = self.send(to, rate, seconds, size)
        thread.join()
        return sent, arrivals


def delays_ms(arrivals):
    return [(received - sent) / 1e6 for _, sent, received in arrivals]


def monotonic_ms(arrivals):
    """Times received, as the emulator says times."""
    offset = time.time_ns() - time.monotonic_ns()
    return [(received - offset) / 1e6 for _, _, received in arrivals]


# ---- the checks ----

def delay(probe, *_):
    """--delay 50"""
    for to in "phone", "router":
        _, arrivals = probe.run(to, 200, 0.8, 200)
        found = statistics.median(delays_ms(arrivals))
        expect(abs(found - 50) < 1, f"the delay towards the {to} is {found:.2f} ms, of 50")


def rate(probe, *_):
    """--down-rate 5000 --up-rate 2000 --delay 20, and queues of 60000 and 30000 bytes"""
    for to, kbits, queue in ("phone", 5000, 60000), ("router", 2000, 30000):
        sent, arrivals = probe.run(to, kbits * 2 / 8, RATE_SECONDS, 1000)
        times = monotonic_ms(arrivals)
        found = (len(times) - 1) * 8000 / (times[-1] - times[0])
        expect(abs(found / kbits - 1) < 0.03, f"the rate towards the {to} is {found:.0f} kbit/s, of {kbits}")
        full = queue * 8 / kbits + 20
        late = statistics.median(delays_ms(arrivals[len(arrivals) // 2:]))
        packet = 8000 / kbits
        expect(full - packet - 2 < late < full + 2,
               f"with {queue} bytes queued a packet takes {late:.1f} ms, of {full:.1f}")
        kept = (RATE_SECONDS * kbits * 1000 / 8 + queue) / 1000
        expect(abs(len(arrivals) / kept - 1) < 0.04, f"{len(arrivals)} of {sent} arrived, of {kept:.0f} with room")
        expect([n for n, _, _ in arrivals] == sorted(n for n, _, _ in arrivals), "they came in order")


def loss(probe, *_):
    """--loss 10 --delay 1"""
    sent, arrivals = probe.run("phone", 2000, 1.5, 100)
    found = 100 * (1 - len(arrivals) / sent)
    expect(8 < found < 12, f"{found:.1f} % were lost, of 10")


def trace(probe, start_ms, _):
    """--delay 10, and a trace of a packet every 10 ms for half a second, and then half a second of nothing"""
    sent, arrivals = probe.run("phone", 200, 2.5, 1500)
    phases = [(at - 10 - start_ms) % 1000 for at in monotonic_ms(arrivals)]
    outside = sum(1 for phase in phases if 505 < phase < 995)
    expect(outside <= len(phases) / 100, f"{outside} of {len(phases)} packets came when the trace has a gap")
    near = sum(1 for phase in phases if min(phase % 10, 10 - phase % 10) <= 1.5) / len(phases)
    expect(near > 0.8, f"{100 * near:.0f} % came within 1.5 ms of a line of the trace")
    # 2.5 s and the lingering 0.4 s hold between 130 and 160 lines, by where in the trace they begin.
    expect(120 <= len(arrivals) <= 165 and sent == 500, f"{len(arrivals)} of {sent} packets passed")


def outage(probe, _, fifo):
    """--delay 10, and an outage of half a second on command"""
    def command():
        time.sleep(0.4)
        with open(fifo, "w", encoding="ascii") as file:
            file.write("outage 0.5\n")
    threading.Thread(target=command).start()
    sent, arrivals = probe.run("router", 200, 1.4, 200)
    times = monotonic_ms(arrivals)
    gap = max(later - earlier for earlier, later in zip(times, times[1:]))
    expect(495 < gap < 525, f"nothing came for {gap:.0f} ms, of 500")
    expect(sent == len(arrivals), f"{len(arrivals)} of {sent} packets came in the end")


def main():
    name, phone, router, start_ms, fifo = sys.argv[1:]
    checks = {check.__name__: check for check in (delay, rate, loss, trace, outage)}
    try:
        checks[name](Probe(phone, router), int(start_ms), fifo)
    except Wrong as error:
        sys.exit(str(error))


main()
