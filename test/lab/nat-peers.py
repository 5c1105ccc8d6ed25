#!/usr/bin/python3
# SPDX-License-Identifier: ISC
"""Programs for the NAT's tests, with plain sockets.

On web:        nat-peers.py serve DIRECTORY      tells who asks (UDP and TCP port 3000), DNS with one
                                                 large answer (UDP port 53), FTP of the directory (21)
On a laptop:   nat-peers.py COMMAND ...          see "nat-peers.py --help"

A check prints one line and exits 0 when all is well, otherwise it says what was wrong and exits 1.
"""
import argparse
import errno
import os
import select
import socket
import struct
import sys
import threading
import time

WHO = 3000
IP_OPTIONS = 4
IP_PKTINFO = 8  # of <linux/in.h>
PATIENCE_S = 30


class Failed(Exception):
    pass


def text_of(endpoint):
    return f"{endpoint[0]}:{endpoint[1]}"


def endpoint_of(text):
    host, port = text.split(":")
    return host, int(port)


# ---- servers ----

def serve_who_udp():
    sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    sock.bind(("", WHO))
    # The answer leaves from the address that was asked: this host has several.
    sock.setsockopt(socket.IPPROTO_IP, IP_PKTINFO, 1)
    while True:
        _, control, _, peer = sock.recvmsg(2000, 64)
        asked = control[0][2][8:12]
        sock.sendmsg([text_of(peer).encode()],
                     [(socket.IPPROTO_IP, IP_PKTINFO, struct.pack("=I4s4s", 0, asked, b""))], 0, peer)


def serve_who_tcp():
    sock = socket.create_server(("", WHO), backlog=100)
    while True:
        connection, peer = sock.accept()
        connection.sendall(text_of(peer).encode())
        connection.close()


def serve_dns():
    """Every question gets the same 15 TXT records of 250 bytes."""
    sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    sock.bind(("", 53))
    while True:
        asked, peer = sock.recvfrom(2000)
        end = asked.index(b"\0", 12) + 5
        record = struct.pack(">HHHIHB", 0xc00c, 16, 1, 60, 251, 250)
        answer = asked[:2] + struct.pack(">HHHHH", 0x8580, 1, 15, 0, 0) + asked[12:end]
        for number in range(15):
            answer += record + bytes([65 + number]) * 250
        sock.sendto(answer, peer)


def serve(options):
    from pyftpdlib.authorizers import DummyAuthorizer
    from pyftpdlib.handlers import FTPHandler
    from pyftpdlib.servers import FTPServer
    for function in serve_who_udp, serve_who_tcp, serve_dns:
        threading.Thread(target=function, daemon=True).start()
    authorizer = DummyAuthorizer()
    authorizer.add_anonymous(options.directory)
    FTPHandler.authorizer = authorizer
    FTPServer(("0.0.0.0", 21), FTPHandler).serve_forever()


# ---- checks ----

def expect_error(function, wanted, seconds):
    try:
        function()
    except OSError as error:
        if error.errno in wanted:
            return f"{os.strerror(error.errno)}"
        raise Failed(f"{error}, and not {', '.join(map(os.strerror, wanted))}") from error
    raise Failed(f"no error in {seconds} s")


def udp_refused(options):
    sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    sock.settimeout(options.seconds)
    sock.connect((options.address, options.port))
    sock.send(b"anybody?")
    return expect_error(lambda: sock.recv(100), [errno.ECONNREFUSED], options.seconds)


def tcp_refused(options):
    """The kernel would try for minutes; an error at once is one that comes before the limit."""
    sock = socket.socket()
    sock.settimeout(options.seconds)
    return expect_error(lambda: sock.connect((options.address, options.port)),
                        [errno.ECONNREFUSED, errno.EHOSTUNREACH, errno.ENETUNREACH],
                        options.seconds)


def source_route(options):
    """Nothing may come back: the packet must not pass."""
    sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    sock.setsockopt(socket.IPPROTO_IP, IP_OPTIONS,
                    b"\x83\x07\x04" + socket.inet_aton("203.0.113.1") + b"\0")
    sock.sendto(b"who", (options.address, WHO))
    if select.select([sock], [], [], 2)[0]:
        raise Failed("an answer came")


def who_udp(sock, address):
    for _ in range(20):
        sock.sendto(b"who", (address, WHO))
        if select.select([sock], [], [], 1)[0]:
            return sock.recv(100).decode()
    raise Failed("the web host does not answer")


def reusable():
    sock = socket.socket()
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
    return sock


def who_tcp(address):
    """The socket, which the server has closed, and its outside endpoint."""
    sock = reusable()
    sock.bind(("", 0))
    sock.settimeout(PATIENCE_S)
    sock.connect((address, WHO))
    said = b""
    while data := sock.recv(100):
        said += data
    return sock, said.decode()


def mapping(options):
    """One UDP socket asks three addresses: they all see the same endpoint."""
    sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    seen = set()
    for address in options.addresses:
        seen.add(who_udp(sock, address))
    if len(seen) != 1:
        raise Failed(f"seen as {sorted(seen)}")
    return f"seen as {seen.pop()}"


def publish(path, text):
    with open(path + ".new", "w") as file:
        file.write(text)
    os.rename(path + ".new", path)


def await_file(path):
    deadline = time.monotonic() + PATIENCE_S
    while not os.path.exists(path):
        if time.monotonic() > deadline:
            raise Failed("the other peer has not told its endpoint")
        time.sleep(0.1)
    with open(path) as file:
        return file.read()


def peer_udp(options):
    sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    sock.bind(("", 0))
    publish(options.mine, who_udp(sock, options.address))
    other = endpoint_of(await_file(options.other))
    deadline = time.monotonic() + PATIENCE_S
    heard = answered = False
    while not (heard and answered) and time.monotonic() < deadline:
        sock.sendto(b"answer" if heard else b"hello", other)
        while select.select([sock], [], [], 0.2)[0]:
            data, source = sock.recvfrom(100)
            if source != other:
                raise Failed(f"a datagram came from {text_of(source)}, not from {text_of(other)}")
            heard = True
            answered = answered or data == b"answer"
    for _ in range(10):
        sock.sendto(b"answer", other)
        time.sleep(0.1)
    if not (heard and answered):
        raise Failed(f"heard of the peer: {heard}, the peer heard of me: {answered}")
    return f"talked to {text_of(other)}"


def peer_tcp(options):
    """Both connect to each other's outside endpoint at the same time: a simultaneous open."""
    told, endpoint = who_tcp(options.address)
    port = told.getsockname()[1]
    told.close()
    publish(options.mine, endpoint)
    other = endpoint_of(await_file(options.other))
    sock = reusable()
    sock.bind(("", port))
    sock.settimeout(PATIENCE_S)
    sock.connect(other)
    if sock.getpeername() != other:
        raise Failed(f"connected to {sock.getpeername()}")
    sock.sendall(endpoint.encode().ljust(30))
    said = b""
    while len(said) < 30:
        data = sock.recv(30 - len(said))
        if not data:
            raise Failed("the connection ended early")
        said += data
    if endpoint_of(said.decode().strip()) != other:
        raise Failed(f"{said!r} came from {text_of(other)}")
    return f"connected to {text_of(other)}"


def arguments():
    parser = argparse.ArgumentParser(description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    commands = parser.add_subparsers(required=True)
    sub = commands.add_parser("serve")
    sub.add_argument("directory")
    sub.set_defaults(function=serve)
    for function in udp_refused, tcp_refused:
        sub = commands.add_parser(function.__name__.replace("_", "-"))
        sub.add_argument("address")
        sub.add_argument("port", type=int)
        sub.add_argument("--seconds", type=float, default=20)
        sub.set_defaults(function=function)
    sub = commands.add_parser("source-route", help="sends a datagram with a source route")
    sub.add_argument("address")
    sub.set_defaults(function=source_route)
    sub = commands.add_parser("mapping", help="all addresses see one socket as one endpoint")
    sub.add_argument("addresses", nargs="+")
    sub.set_defaults(function=mapping)
    for function in peer_udp, peer_tcp:
        sub = commands.add_parser(function.__name__.replace("_", "-"),
                                  help="two of these talk through their outside endpoints")
        sub.add_argument("address", help="who tells the outside endpoint")
        sub.add_argument("mine", help="file to tell it to the other")
        sub.add_argument("other", help="file of the other's")
        sub.set_defaults(function=function)
    return parser.parse_args()


def main():
    options = arguments()
    try:
        said = options.function(options)
    except (Failed, OSError) as error:
        sys.exit(f"{options.function.__name__}: {error or type(error).__name__}")
    if said:
        print(said)


main()
