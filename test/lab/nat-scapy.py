#!/usr/bin/python3
# SPDX-License-Identifier: ISC
"""Crafted packets from the Internet, and what real sockets of the laptop make of them.

    nat-scapy.py LAPTOP-NAMESPACE WEB-NAMESPACE SERVER-NAMESPACE

One process is on both sides: a socket stays in the namespace that it was made in. The crafted
packets come from addresses that web's kernel does not own, so it neither answers nor interferes.
What the laptop gets is also looked at as it comes out of its TUN device. Prints "ok - NAME" or
"not ok - NAME: why"; the exit status is 0 when all is ok.
"""
import contextlib
import ctypes
import errno
import json
import logging
import os
import select
import socket
import sys
import time
import traceback
import urllib.request

logging.getLogger("scapy").setLevel(logging.ERROR)
from scapy.all import (ICMP, IP, TCP, UDP, Ether, ICMPerror, IPerror, IPOption_LSRR,  # noqa: E402
                       IPOption_RR, Raw, TCPerror, UDPerror, fragment, raw)

SERVER = "203.0.113.10"
NOBODY = ["192.0.2.90", "192.0.2.91", "192.0.2.92"]  # the crafted packets' sources
SO_NO_CHECK = 11
IP_MTU = 14
PATIENCE_S = 15
QUIET_S = 1.0  # how long what must not come is waited for
libc = ctypes.CDLL(None, use_errno=True)
home = os.open("/proc/self/ns/net", os.O_RDONLY)
laptop_ns, web_ns, server_ns = sys.argv[1:4]


class Failed(Exception):
    pass


@contextlib.contextmanager
def within(namespace):
    fd = os.open(f"/run/netns/{namespace}", os.O_RDONLY)
    libc.setns(fd, 0)
    os.close(fd)
    try:
        yield
    finally:
        libc.setns(home, 0)


def packet_socket(namespace, interface):
    with within(namespace):
        sock = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(0x0003))
        sock.bind((interface, 0))
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4 << 20)
    return sock


class Wire:
    """What passes an interface, and a way to put packets on it."""

    def __init__(self, namespace, interface, ethernet):
        self.sock = packet_socket(namespace, interface)
        self.ethernet = ethernet
        self.waiting = []

    def read(self):
        while select.select([self.sock], [], [], 0)[0]:
            data, where = self.sock.recvfrom(70000)
            if where[2] == socket.PACKET_OUTGOING and self.ethernet:
                continue
            if self.ethernet:
                data = data[14:] if data[12:14] == b"\x08\x00" else b""
            if data[:1] and data[0] >> 4 == 4:
                self.waiting.append((IP(data), where[2]))

    def forget(self):
        self.read()
        self.waiting.clear()

    def wait(self, wanted, seconds=PATIENCE_S):
        """The next packet for which wanted() is true, or None."""
        deadline = time.monotonic() + seconds
        while True:
            self.read()
            while self.waiting:
                packet, _ = self.waiting.pop(0)
                if wanted(packet):
                    return packet
            left = deadline - time.monotonic()
            if left <= 0:
                return None
            select.select([self.sock], [], [], left)

    def must(self, wanted, what):
        packet = self.wait(wanted)
        if packet is None:
            raise Failed(f"{what} did not come")
        return packet

    def must_not(self, wanted, what, seconds=QUIET_S):
        packet = self.wait(wanted, seconds)
        if packet is not None:
            raise Failed(f"{what} came: {packet.summary()}")

    def send(self, *packets):
        for packet in packets:
            packet = IP(raw(packet)) if not isinstance(packet, bytes) else packet
            self.sock.send(ROUTER_HEADER + raw(packet))


def interface_of(namespace, kind):
    text = os.popen(f"ip -n {namespace} -o link show type {kind}").read()
    return text.split(": ")[1].split("@")[0]


def mac_of(namespace, interface):
    return os.popen(f"ip -n {namespace} -o link show {interface}").read().split("link/ether ")[1][:17]


def bytes_of_mac(mac):
    return bytes.fromhex(mac.replace(":", ""))


router_ns = web_ns.replace("-web", "-router")
ROUTER_HEADER = (bytes_of_mac(mac_of(router_ns, "to-web")) + bytes_of_mac(mac_of(web_ns, "eth0"))
                 + b"\x08\x00")
web = Wire(web_ns, "eth0", True)
tun = Wire(laptop_ns, interface_of(laptop_ns, "tun"), False)


def udp_socket(destination=None):
    with within(laptop_ns):
        sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        sock.bind(("", 0))
        if destination:
            sock.connect(destination)
    sock.settimeout(PATIENCE_S)
    return sock


def tcp_socket(port=0, flags=True):
    with within(laptop_ns):
        sock = socket.socket()
        if flags:
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        sock.bind(("", port))
    sock.setblocking(False)
    return sock


def from_laptop(layer, remote, port):
    return lambda p: layer in p and p.src == SERVER and p.dst == remote and p[layer].dport == port


def icmp_from_server(p):
    return ICMP in p and p.src == SERVER and p[ICMP].type in (3, 11)


def udp_mapping(remote=NOBODY[0], port=5000):
    """A laptop's UDP socket that has sent to remote:port, and the outside port that was seen."""
    web.forget()
    tun.forget()
    sock = udp_socket((remote, port))
    sock.send(b"hello")
    packet = web.must(from_laptop(UDP, remote, port), "the laptop's datagram")
    return sock, packet[UDP].sport, packet


class Stream:
    """A TCP connection of a laptop's socket, with the remote side made by hand."""

    def __init__(self, port=6000, remote=NOBODY[0], local=0):
        web.forget()
        self.remote, self.port = remote, port
        self.sock = tcp_socket(local)
        with contextlib.suppress(BlockingIOError):
            self.sock.connect((remote, port))
        syn = web.must(from_laptop(TCP, remote, port), "the laptop's SYN")
        self.outside = syn[TCP].sport
        self.seq, self.ack = 1000000, syn[TCP].seq + 1
        self.send("SA")
        self.seq += 1
        web.must(lambda p: from_laptop(TCP, remote, port)(p) and p[TCP].flags == "A", "its ACK")
        self.sock.settimeout(PATIENCE_S)

    def packet(self, flags, data=b"", seq=None):
        return (IP(src=self.remote, dst=SERVER)
                / TCP(sport=self.port, dport=self.outside, flags=flags, window=60000,
                      seq=self.seq if seq is None else seq, ack=self.ack if "A" in flags else 0)
                / data)

    def send(self, *args, **kwargs):
        web.send(self.packet(*args, **kwargs))

    def works(self):
        """Data passes, both ways."""
        self.send("PA", b"to the laptop")
        self.seq += 13
        if self.sock.recv(100) != b"to the laptop":
            raise Failed("other data reached the laptop")
        self.sock.sendall(b"from the laptop")
        packet = web.must(lambda p: from_laptop(TCP, self.remote, self.port)(p) and Raw in p
                          and p[Raw].load == b"from the laptop", "the laptop's data")
        self.ack = packet[TCP].seq + 15
        self.send("A")


def sums_are_right(packet):
    """Whether IP, transport and, in an ICMP error, the embedded packet's IP checksums are right."""
    fresh = packet.copy()
    del fresh.chksum
    for layer in ICMP, TCP, UDP:
        if layer in fresh and not (layer is UDP and fresh[UDP].chksum == 0):
            del fresh[layer].chksum
            break
    if raw(fresh) != raw(packet):
        raise Failed(f"a checksum is wrong: {packet.summary()}")
    if IPerror in packet:
        head = raw(packet[IPerror])[:20]
        again = IP(head[:10] + b"\0\0" + head[12:])
        del again.chksum
        if raw(again)[:20] != head:
            raise Failed("the embedded packet's IP checksum is wrong")


def drops(name):
    with within(server_ns):
        with urllib.request.urlopen("http://127.0.0.1:8080/status.json", timeout=10) as answer:
            status = json.load(answer)
    return status["drops"][name] if name in status["drops"] else status[name]


def about(packet, kind, code, mtu=0, source=NOBODY[2]):
    """An ICMP error about a packet that came from the laptop."""
    return IP(src=source, dst=SERVER) / ICMP(type=kind, code=code, nexthopmtu=mtu) / raw(packet)


tests = []


def test(name):
    def add(function):
        tests.append((name, function))
        return function
    return add


# ---- UDP ----

@test("a UDP socket has one outside port for all remote endpoints, and hears from strangers")
def endpoint_independent():
    sock, outside, _ = udp_mapping()
    with within(laptop_ns):
        other = socket.fromfd(sock.fileno(), socket.AF_INET, socket.SOCK_DGRAM)
    sock.connect((NOBODY[1], 5001))
    other.send(b"again")
    again = web.must(from_laptop(UDP, NOBODY[1], 5001), "the second datagram")
    if again[UDP].sport != outside:
        raise Failed(f"ports {outside} and {again[UDP].sport}")
    web.send(IP(src=NOBODY[2], dst=SERVER) / UDP(sport=1234, dport=outside) / b"stranger")
    tun.must(lambda p: UDP in p and p.src == NOBODY[2], "a stranger's datagram")


@test("datagrams for a port that nobody has are met with silence")
def unknown_udp():
    web.forget()
    tun.forget()
    before = drops("no_mapping")
    web.send(IP(src=NOBODY[0], dst=SERVER) / UDP(sport=1, dport=31999) / b"x")
    web.must_not(lambda p: p.src == SERVER and p.dst == NOBODY[0], "an answer")
    tun.must_not(lambda p: p.src == NOBODY[0], "the datagram")
    if drops("no_mapping") <= before:
        raise Failed("it was not counted")


@test("a wrong UDP checksum stays wrong, inbound and outbound")
def bad_checksum():
    sock, outside, sent = udp_mapping()
    local = sock.getsockname()
    web.send(IP(src=NOBODY[0], dst=SERVER) / UDP(sport=5000, dport=outside, chksum=0x1234) / b"bad")
    packet = tun.must(lambda p: UDP in p and p.src == NOBODY[0], "the datagram")
    with contextlib.suppress(Failed):
        sums_are_right(packet)
        raise AssertionError("the checksum was made right")
    with within(laptop_ns):
        out = socket.socket(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_RAW)
    out.sendto(raw(IP(src=local[0], dst=NOBODY[0])
                   / UDP(sport=local[1], dport=5000, chksum=0x1234) / b"bad out"), (NOBODY[0], 0))
    packet = web.must(lambda p: from_laptop(UDP, NOBODY[0], 5000)(p) and Raw in p
                      and p[Raw].load == b"bad out", "the outbound datagram")
    with contextlib.suppress(Failed):
        sums_are_right(packet)
        raise AssertionError("the outbound checksum was made right")


@test("a UDP checksum of zero stays zero, inbound and outbound")
def no_checksum():
    sock, outside, _ = udp_mapping()
    web.send(IP(src=NOBODY[0], dst=SERVER) / UDP(sport=5000, dport=outside, chksum=0) / b"none")
    packet = tun.must(lambda p: UDP in p and p.src == NOBODY[0], "the datagram")
    if packet[UDP].chksum != 0 or sock.recv(100) != b"none":
        raise Failed(f"the checksum is {packet[UDP].chksum:#x}")
    sock.setsockopt(socket.SOL_SOCKET, SO_NO_CHECK, 1)
    sock.send(b"no checksum")
    packet = web.must(from_laptop(UDP, NOBODY[0], 5000), "the outbound datagram")
    if packet[UDP].chksum != 0:
        raise Failed(f"the outbound checksum is {packet[UDP].chksum:#x}")


@test("checksums are right for datagrams of all sizes, both ways")
def right_checksums():
    sock, outside, _ = udp_mapping()
    for size in list(range(0, 40)) + [511, 512, 1471, 1472]:
        data = os.urandom(size)
        web.send(IP(src=NOBODY[0], dst=SERVER) / UDP(sport=5000, dport=outside) / data)
        packet = tun.must(lambda p: UDP in p and p.src == NOBODY[0], f"{size} bytes")
        sums_are_right(packet)
        if sock.recv(2000) != data:
            raise Failed(f"{size} bytes were changed")
        sock.send(data)
        sums_are_right(web.must(from_laptop(UDP, NOBODY[0], 5000), f"{size} bytes outbound"))


@test("a datagram whose TTL ends at the server is answered with ICMP 11/0")
def ttl_inbound():
    _, outside, _ = udp_mapping()
    web.send(IP(src=NOBODY[0], dst=SERVER, ttl=2) / UDP(sport=5000, dport=outside) / b"late")
    answer = web.must(icmp_from_server, "ICMP time exceeded")
    sums_are_right(answer)
    if (answer[ICMP].type, answer[ICMP].code) != (11, 0) or answer[UDPerror].dport != outside:
        raise Failed(answer.summary())
    tun.must_not(lambda p: p.src == NOBODY[0], "the datagram")


@test("an inbound packet loses one from its TTL at the server")
def ttl_counts():
    _, outside, _ = udp_mapping()
    web.send(IP(src=NOBODY[0], dst=SERVER, ttl=50) / UDP(sport=5000, dport=outside) / b"x")
    packet = tun.must(lambda p: UDP in p and p.src == NOBODY[0], "the datagram")
    if packet.ttl != 48:
        raise Failed(f"50 at the web is {packet.ttl} at the laptop, behind two routers")


@test("record route passes inbound, a source route does not")
def options():
    _, outside, _ = udp_mapping()
    before = drops("source_route")
    web.send(IP(src=NOBODY[0], dst=SERVER, options=IPOption_RR(routers=["0.0.0.0"] * 3))
             / UDP(sport=5000, dport=outside) / b"record")
    packet = tun.must(lambda p: UDP in p and p.src == NOBODY[0], "the datagram with record route")
    sums_are_right(packet)
    # A router of today drops it itself; one that does not is what this is about.
    server_eth = packet_socket(router_ns, "eth0")
    server_eth.send(bytes_of_mac(mac_of(server_ns, "eth0")) + bytes_of_mac(mac_of(router_ns, "eth0"))
                    + b"\x08\x00"
                    + raw(IP(src=NOBODY[0], dst=SERVER, options=IPOption_LSRR(routers=["10.0.0.1"]))
                          / UDP(sport=5000, dport=outside) / b"source"))
    tun.must_not(lambda p: UDP in p and p.src == NOBODY[0], "the datagram with a source route")
    if drops("source_route") <= before:
        raise Failed("it was not counted")


# ---- ICMP ----

def error_reaches_udp(kind, code, wanted):
    sock, outside, sent = udp_mapping()
    tun.forget()
    # What the laptop sent is what must be in the error that it gets.
    sock.send(b"what did I say")
    original = tun.must(lambda p: UDP in p and p.dst == NOBODY[0], "the laptop's datagram")
    seen = web.must(from_laptop(UDP, NOBODY[0], 5000), "the datagram at the web")
    web.send(about(seen, kind, code))
    error = tun.must(lambda p: ICMP in p and p[ICMP].type == kind, "the error")
    sums_are_right(error)
    inner = error[IPerror]
    if (inner.src, inner.dst) != (original.src, original.dst):
        raise Failed(f"the embedded packet is {inner.summary()}")
    # The laptop's kernel leaves the checksum to its TUN device, so that the capture has not seen it whole.
    if raw(inner)[20:26] + raw(inner)[28:] != raw(original)[20:26] + raw(original)[28:]:
        raise Failed("the embedded datagram is not what the laptop sent")
    try:
        sock.recv(100)
    except OSError as problem:
        if problem.errno == wanted:
            return sock, outside
        raise Failed(f"the socket says {problem}") from problem
    raise Failed("the socket has data")


@test("an ICMP error about UDP reaches the laptop's socket, its embedded packet as it was sent")
def error_udp():
    error_reaches_udp(3, 3, errno.ECONNREFUSED)


@test("an ICMP error does not end a UDP mapping")
def error_keeps_mapping():
    sock, outside = error_reaches_udp(3, 3, errno.ECONNREFUSED)
    web.send(IP(src=NOBODY[0], dst=SERVER) / UDP(sport=5000, dport=outside) / b"still here")
    if sock.recv(100) != b"still here":
        raise Failed("other data came")


@test("Fragmentation needed reaches the laptop, which learns the MTU")
def error_mtu():
    sock, _, sent = udp_mapping(NOBODY[1], 5002)
    web.send(about(sent, 3, 4, 1111))
    error = tun.must(lambda p: ICMP in p and p[ICMP].type == 3, "the error")
    sums_are_right(error)
    deadline = time.monotonic() + PATIENCE_S
    while sock.getsockopt(socket.IPPROTO_IP, IP_MTU) != 1111:
        if time.monotonic() > deadline:
            raise Failed(f"the socket's MTU is {sock.getsockopt(socket.IPPROTO_IP, IP_MTU)}")
        time.sleep(0.05)


@test("an ICMP error about a SYN ends connect() at once")
def error_syn():
    web.forget()
    tun.forget()
    sock = tcp_socket()
    with contextlib.suppress(BlockingIOError):
        sock.connect((NOBODY[0], 6001))
    web.send(about(web.must(from_laptop(TCP, NOBODY[0], 6001), "the SYN"), 3, 3))
    error = tun.must(lambda p: ICMP in p and p[ICMP].type == 3, "the error")
    sums_are_right(error)
    if not select.select([], [sock], [], PATIENCE_S)[1]:
        raise Failed("the socket goes on waiting")
    problem = sock.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)
    if problem != errno.ECONNREFUSED:
        raise Failed(f"the socket says {os.strerror(problem)}")


@test("an ICMP error does not end a TCP connection")
def error_established():
    stream = Stream(6002)
    stream.works()
    sent = IP(src=SERVER, dst=stream.remote) / TCP(sport=stream.outside, dport=stream.port,
                                                   seq=stream.ack)
    for kind, code in (3, 1), (3, 3), (11, 0):
        web.send(about(sent, kind, code))
    stream.works()


@test("an ICMP error about a ping reaches the laptop, with its own identifier")
def error_echo():
    web.forget()
    tun.forget()
    with within(laptop_ns):
        sock = socket.socket(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_ICMP)
    sock.sendto(raw(ICMP(id=4711, seq=9) / b"ping"), (NOBODY[0], 0))
    seen = web.must(lambda p: ICMP in p and p.dst == NOBODY[0], "the ping")
    sums_are_right(seen)
    web.send(about(seen, 11, 0))
    error = tun.must(lambda p: ICMP in p and p[ICMP].type == 11, "the error")
    sums_are_right(error)
    inner = error[ICMPerror]
    if (inner.id, inner.seq) != (4711, 9):
        raise Failed(f"the embedded identifier is {inner.id}")


@test("a ping's answer comes back to its identifier, with right checksums")
def echo_reply():
    web.forget()
    tun.forget()
    with within(laptop_ns):
        sock = socket.socket(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_ICMP)
    for number, body in enumerate((b"", b"x", b"odd", b"even" * 300)):
        sock.sendto(raw(ICMP(id=4712, seq=number) / body), (NOBODY[0], 0))
        seen = web.must(lambda p: ICMP in p and p.dst == NOBODY[0], "the ping")
        web.send(IP(src=NOBODY[0], dst=SERVER)
                 / ICMP(type=0, id=seen[ICMP].id, seq=number) / body)
        reply = tun.must(lambda p: ICMP in p and p[ICMP].type == 0, "the answer")
        sums_are_right(reply)
        if (reply[ICMP].id, reply[ICMP].seq) != (4712, number):
            raise Failed(f"it is for {reply[ICMP].id}")


@test("an ICMP error of the laptop's goes out translated, its embedded packet as it came")
def error_outbound():
    sock, outside, _ = udp_mapping()
    sock.close()
    came = IP(src=NOBODY[0], dst=SERVER, id=99) / UDP(sport=5000, dport=outside) / b"anybody?"
    web.send(came)
    error = web.must(icmp_from_server, "port unreachable")
    sums_are_right(error)
    inner = error[IPerror]
    if (error[ICMP].type, error[ICMP].code) != (3, 3):
        raise Failed(error.summary())
    if (inner.dst, inner[UDPerror].dport, inner.src) != (SERVER, outside, NOBODY[0]):
        raise Failed(f"the embedded packet is {inner.summary()}")
    if raw(inner)[20:28] != raw(IP(raw(came)))[20:28]:
        raise Failed("the embedded UDP header is not what was sent")


@test("forged ICMP errors for ports that nobody has, or with lies in them, reach nobody")
def forged_errors():
    sock, outside, sent = udp_mapping()
    tun.forget()
    unknown = IP(src=SERVER, dst=NOBODY[0]) / UDP(sport=31998, dport=1) / b"x"
    foreign = IP(src="198.51.100.99", dst=NOBODY[0]) / UDP(sport=outside, dport=5000) / b"x"
    short = IP(src=NOBODY[2], dst=SERVER) / ICMP(type=3, code=3) / raw(sent)[:22]
    wrong = IP(src=NOBODY[2], dst=SERVER) / ICMP(type=3, code=3, chksum=0x1234) / raw(sent)
    web.send(about(unknown, 3, 3), about(foreign, 3, 3), short, wrong)
    tun.must_not(lambda p: ICMP in p, "an error")
    web.send(IP(src=NOBODY[0], dst=SERVER) / UDP(sport=5000, dport=outside) / b"well")
    if sock.recv(100) != b"well":
        raise Failed("other data came")


# ---- TCP ----

@test("an unsolicited SYN is met with silence for 6 seconds, then with ICMP 3/3")
def unsolicited_syn():
    web.forget()
    began = time.monotonic()
    web.send(IP(src=NOBODY[0], dst=SERVER) / TCP(sport=7000, dport=31997, seq=5, flags="S"))
    answer = web.wait(lambda p: (TCP in p and p[TCP].sport == 31997)
                      or (TCPerror in p and p[TCPerror].dport == 31997), 30)
    took = time.monotonic() - began
    if answer is None:
        raise Failed("nothing came in 30 s")
    if took < 6:
        raise Failed(f"an answer came after {took:.1f} s: {answer.summary()}")
    if ICMP not in answer or (answer[ICMP].type, answer[ICMP].code) != (3, 3):
        raise Failed(answer.summary())
    sums_are_right(answer)
    if answer[TCPerror].dport != 31997 or answer[TCPerror].seq != 5:
        raise Failed("it speaks of another packet")


@test("a SYN that is met by the laptop's own within that time opens the connection, without an error")
def simultaneous_open():
    web.forget()
    first = Stream(6003)
    port = first.sock.getsockname()[1]
    syn = (IP(src=NOBODY[1], dst=SERVER)
           / TCP(sport=7001, dport=first.outside, seq=2000000, flags="S", window=60000))
    web.send(syn)
    tun.must_not(lambda p: TCP in p and p.src == NOBODY[1], "the SYN")
    sock = tcp_socket(port)
    with contextlib.suppress(BlockingIOError):
        sock.connect((NOBODY[1], 7001))
    met = web.must(from_laptop(TCP, NOBODY[1], 7001), "the laptop's SYN")
    if met[TCP].sport != first.outside:
        raise Failed("the outside port is another one")
    web.send(syn)
    answer = web.must(lambda p: from_laptop(TCP, NOBODY[1], 7001)(p) and p[TCP].flags == "SA",
                      "the laptop's SYN-ACK")
    if answer[TCP].ack != 2000001:
        raise Failed("the SYN-ACK is for another SYN")
    web.send(IP(src=NOBODY[1], dst=SERVER)
             / TCP(sport=7001, dport=first.outside, seq=2000000, ack=met[TCP].seq + 1, flags="SA",
                   window=60000))
    web.send(IP(src=NOBODY[1], dst=SERVER)
             / TCP(sport=7001, dport=first.outside, seq=2000001, ack=met[TCP].seq + 1, flags="PA",
                   window=60000) / b"met")
    sock.settimeout(PATIENCE_S)
    if sock.recv(10) != b"met":
        raise Failed("no data on the connection")
    web.must_not(lambda p: TCPerror in p and p[TCPerror].sport == 7001, "an ICMP error", 9)


@test("a TCP socket has one outside port for all remote endpoints, and strangers do not get in")
def tcp_mapping():
    first = Stream(6004)
    second = Stream(6005, NOBODY[1], first.sock.getsockname()[1])
    if first.outside != second.outside:
        raise Failed(f"ports {first.outside} and {second.outside}")
    tun.forget()
    web.send(IP(src=NOBODY[2], dst=SERVER) / TCP(sport=1, dport=first.outside, flags="A"))
    tun.must_not(lambda p: p.src == NOBODY[2], "a stranger's packet")
    first.works()
    second.works()


@test("a RST out of the window does not end a connection, and data pass after it")
def spoofed_rst():
    stream = Stream(6006)
    stream.works()
    for distance in 1 << 30, 1 << 31, 500000:
        stream.send("R", seq=(stream.seq + distance) % (1 << 32))
    stream.works()


@test("a RST in the window ends a connection")
def real_rst():
    stream = Stream(6007)
    stream.works()
    stream.send("R")
    try:
        stream.sock.recv(10)
    except ConnectionResetError:
        return
    raise Failed("the socket does not know")


@test("a connection that is half closed by the web carries the laptop's data on, and the reverse")
def half_close():
    stream = Stream(6008)
    stream.send("FA")
    stream.seq += 1
    if stream.sock.recv(10) != b"":
        raise Failed("the laptop did not see the FIN")
    stream.sock.sendall(b"more")
    web.must(lambda p: Raw in p and p[Raw].load == b"more", "data after the web's FIN")
    other = Stream(6009)
    other.sock.shutdown(socket.SHUT_WR)
    fin = web.must(lambda p: from_laptop(TCP, NOBODY[0], 6009)(p) and p[TCP].flags.F, "the FIN")
    other.ack = fin[TCP].seq + 1
    other.send("PA", b"late data")
    if other.sock.recv(100) != b"late data":
        raise Failed("other data came")


@test("a five-tuple is used again soon after its connection ended")
def reused_tuple():
    stream = Stream(6010)
    port = stream.sock.getsockname()[1]
    stream.send("FA")  # the web closes first, so the laptop's port is free at once
    stream.seq += 1
    stream.sock.recv(10)
    stream.sock.close()
    fin = web.must(lambda p: from_laptop(TCP, NOBODY[0], 6010)(p) and p[TCP].flags.F, "the FIN")
    stream.ack = fin[TCP].seq + 1
    stream.send("A")
    time.sleep(0.2)
    again = Stream(6010, local=port)
    if again.outside != stream.outside:
        raise Failed("the outside port is another one")
    again.works()


# ---- fragments ----

def fragments_of(outside, data, ident, size=1000):
    return fragment(IP(src=NOBODY[0], dst=SERVER, id=ident) / UDP(sport=5000, dport=outside) / data,
                    size)


@test("fragments out of order come through, in any order")
def out_of_order():
    sock, outside, _ = udp_mapping()
    data = os.urandom(5000)
    for ident, order in enumerate(([0, 1, 2, 3, 4, 5], [5, 4, 3, 2, 1, 0], [3, 0, 5, 1, 4, 2])):
        parts = fragments_of(outside, data, 1000 + ident)
        web.send(*(parts[i] for i in order))
        if sock.recv(10000) != data:
            raise Failed("other data came")


@test("a fragment that comes twice does no harm")
def duplicates():
    sock, outside, _ = udp_mapping()
    data = os.urandom(3000)
    parts = fragments_of(outside, data, 1100)
    web.send(parts[0], parts[1], parts[1], parts[0], parts[2], parts[3])
    if sock.recv(10000) != data:
        raise Failed("other data came")


@test("overlapping fragments are dropped, with all that follows of their datagram")
def overlap():
    sock, outside, _ = udp_mapping()
    tun.forget()
    before = drops("fragment")
    head, evil, tail = fragments_of(outside, b"a" * 2000, 1200)[:3]
    evil.frag -= 2
    web.send(head, evil, tail)
    packet = tun.must(lambda p: p.src == NOBODY[0], "the first fragment")
    tun.must_not(lambda p: p.src == NOBODY[0], "an overlapping fragment")
    if drops("fragment") < before + 2:
        raise Failed("they were not counted")


@test("first fragments too short for their header are dropped")
def tiny():
    sock, outside, _ = udp_mapping()
    stream = Stream(6011)
    tun.forget()
    whole = raw(IP(raw(stream.packet("PA", b"data"))))[20:]
    web.send(IP(src=NOBODY[0], dst=SERVER, id=1300, flags="MF", proto=6) / whole[:8],
             IP(src=NOBODY[0], dst=SERVER, id=1300, frag=1, proto=6) / whole[8:])
    tun.must_not(lambda p: p.src == NOBODY[0] and p.proto == 6, "a fragment")
    stream.works()


@test("a fragment that would end beyond 65535 bytes is dropped")
def too_long():
    sock, outside, _ = udp_mapping()
    tun.forget()
    web.send(fragments_of(outside, b"a" * 2000, 1350)[0],
             IP(src=NOBODY[0], dst=SERVER, id=1350, frag=8189, proto=17) / (b"x" * 100))
    tun.must(lambda p: p.src == NOBODY[0], "the first fragment")
    tun.must_not(lambda p: p.src == NOBODY[0], "the long one")


@test("datagrams that never end leave room for those that do")
def never_ending():
    sock, outside, _ = udp_mapping()
    for ident in range(2000, 2500):
        web.send(fragments_of(outside, b"b" * 2000, ident)[ident % 3])
    tun.forget()
    data = os.urandom(5000)
    for order in [0, 1, 2, 3, 4, 5], [5, 4, 3, 2, 1, 0]:
        web.send(*(fragments_of(outside, data, 2600 + order[0])[i] for i in order))
        if sock.recv(10000) != data:
            raise Failed("other data came")
    big = os.urandom(20000)
    sock.send(big)
    got = 0
    while got < 20008:
        got += len(web.must(lambda p: p.dst == NOBODY[0], "an outbound fragment")) - 20


@test("datagrams that never begin leave room for those that come out of order")
def never_beginning():
    sock, outside, _ = udp_mapping()
    for ident in 3000, 3001:  # as many parts as there may be, and none of them the first
        web.send(*(IP(src=NOBODY[1], dst=SERVER, id=ident, frag=125 * part, flags="MF", proto=17)
                   / (b"x" * 1000) for part in range(1, 65)))
    data = os.urandom(3000)
    web.send(*reversed(fragments_of(outside, data, 3002)))
    if sock.recv(10000) != data:
        raise Failed("other data came")


def main():
    failed = 0
    only = sys.argv[4] if len(sys.argv) > 4 else ""
    for name, function in tests:
        if only not in function.__name__:
            continue
        try:
            function()
            print(f"ok - {name}", flush=True)
        except (Failed, AssertionError, OSError, TimeoutError) as error:
            failed += 1
            place = traceback.extract_tb(error.__traceback__)[1]
            print(f"not ok - {name}: {error} (line {place.lineno})", flush=True)
    sys.exit(failed > 0)


main()
