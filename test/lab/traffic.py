#!/usr/bin/python3
# SPDX-License-Identifier: ISC
"""Traffic for the lab: servers that answer in a known way, and clients that check every byte.

On a web host:    traffic.py serve            HTTP on port 80, TCP echo and UDP echo on port 7
On the laptop:    traffic.py download ADDR BYTES [--udp-port N ...]
                  see "traffic.py --help" for the other checks

Both sides know the data that travels: BYTES of it are the first BYTES of one endless sequence of
blocks, each one different. A client compares the SHA-256 of what arrived with that of what should
have. A check prints one line and exits 0 when all is well, otherwise it says what was wrong and
exits 1.
"""
import argparse
import asyncio
import contextlib
import functools
import hashlib
import http.client
import http.server
import itertools
import os
import random
import resource
import select
import signal
import socket
import statistics
import struct
import sys
import threading
import time
import zlib

BLOCK = 65536
HTTP_PORT = 80
ECHO_PORT = 7
BASE_BLOCK = random.Random("tether").randbytes(BLOCK)
# Of <linux/in.h>; Python's socket module does not name them.
IP_PKTINFO = 8  # its data: interface index, local address, address that the packet was sent to
IP_MTU_DISCOVER = 10
IP_PMTUDISC_DO = 2
UDP_SEGMENT = 103  # of <linux/udp.h>: the size of datagrams that one send() is cut into
PATIENCE_S = 120  # how long a client waits for the next bytes


def blocks(size):
    """Yields the first SIZE bytes of the sequence, a block at a time."""
    for number in range(0, (size + BLOCK - 1) // BLOCK):
        block = struct.pack(">Q", number) + BASE_BLOCK[8:]
        yield block[: min(BLOCK, size - number * BLOCK)]


@functools.lru_cache(maxsize=8)
def digest_of(size):
    digest = hashlib.sha256()
    for block in blocks(size):
        digest.update(block)
    return digest.hexdigest()


def content(seed, size):
    """SIZE bytes that differ for each seed: what one datagram or one connection carries."""
    return random.Random(seed).randbytes(size)


# ---- servers ----

def png(number, width=320, height=200):
    """A picture that does not compress: coloured noise, different for each number."""
    noise = content(f"picture {number}", 3 * width * height)
    rows = b"".join(b"\0" + noise[3 * width * y:3 * width * (y + 1)] for y in range(height))

    def chunk(kind, data):
        body = kind + data
        return struct.pack(">I", len(data)) + body + struct.pack(">I", zlib.crc32(body))

    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    return (b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header)
            + chunk(b"IDAT", zlib.compress(rows, 1)) + chunk(b"IEND", b""))


PAGE = b"""<!doctype html>
<html lang="en"><meta charset="utf-8"><title>A page far away</title>
<h1>Hello, laptop</h1>
<p id="story">Three pictures are on their way.</p>
<img src="/picture/1.png" alt=""><img src="/picture/2.png" alt=""><img src="/picture/3.png" alt="">
<script>
addEventListener("load", () => {
  const shown = [...document.images].filter((image) => image.naturalWidth === 320);
  document.getElementById("story").textContent = `${shown.length} of 3 pictures are shown.`;
});
</script>
"""


class Handler(http.server.BaseHTTPRequestHandler):
    """/ a page; /picture/N.png; /bytes/N gives N bytes of the sequence; POST tells the SHA-256."""

    protocol_version = "HTTP/1.1"

    def answer(self, kind, body):
        self.send_response(200)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def do_GET(self):
        if self.path == "/":
            self.answer("text/html", PAGE)
        elif self.path.startswith("/picture/"):
            self.answer("image/png", png(self.path))
        elif self.path.startswith("/bytes/"):
            size = int(self.path[len("/bytes/"):])
            self.send_response(200)
            self.send_header("Content-Type", "application/octet-stream")
            self.send_header("Content-Length", str(size))
            self.end_headers()
            for block in blocks(size):
                self.wfile.write(block)
        else:
            self.send_error(404)

    def do_POST(self):
        digest = hashlib.sha256()
        left = int(self.headers["Content-Length"])
        while left > 0:
            data = self.rfile.read(min(left, BLOCK))
            if not data:
                return
            digest.update(data)
            left -= len(data)
        self.answer("text/plain", digest.hexdigest().encode())

    def log_message(self, *_):
        pass


class HttpServer(http.server.ThreadingHTTPServer):
    request_queue_size = 512

    def handle_error(self, request, client_address):
        print(f"{client_address[0]}: {sys.exc_info()[1]}", file=sys.stderr)


def serve_udp_echo(port):
    sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    sock.bind(("", port))
    # The answer leaves from the address that was asked: this host has several.
    sock.setsockopt(socket.IPPROTO_IP, IP_PKTINFO, 1)
    while True:
        data, control, _, peer = sock.recvmsg(65536, 64)
        _, _, asked = struct.unpack("=I4s4s", control[0][2])
        sock.sendmsg([data], [(socket.IPPROTO_IP, IP_PKTINFO, struct.pack("=I4s4s", 0, asked, b""))],
                     0, peer)


async def echo_connection(reader, writer):
    try:
        while data := await reader.read(BLOCK):
            writer.write(data)
            await writer.drain()
    except OSError as error:
        print(f"echo: {error}", file=sys.stderr)
    writer.close()


async def serve_tcp_echo(port):
    server = await asyncio.start_server(echo_connection, "0.0.0.0", port, backlog=512)
    await server.serve_forever()


def serve(options):
    threading.Thread(target=serve_udp_echo, args=(options.echo_port,), daemon=True).start()
    threading.Thread(target=HttpServer(("", options.http_port), Handler).serve_forever,
                     daemon=True).start()
    signal.signal(signal.SIGTERM, lambda *_: os._exit(0))
    asyncio.run(serve_tcp_echo(options.echo_port))


# ---- clients ----

class Failed(Exception):
    pass


def same_digest(got, size):
    if got != digest_of(size):
        raise Failed(f"the SHA-256 of {size} bytes differs: the data was changed on its way")


def rate(size, seconds):
    return f"{size} bytes in {seconds:.1f} s, {size * 8 / seconds / 1e6:.0f} Mbit/s"


def download(options):
    start = time.monotonic()
    connection = http.client.HTTPConnection(options.address, options.http_port, timeout=PATIENCE_S)
    connection.request("GET", f"/bytes/{options.size}")
    response = connection.getresponse()
    digest = hashlib.sha256()
    got = 0
    while data := response.read(min(BLOCK, options.rate or BLOCK)):
        digest.update(data)
        got += len(data)
        if options.rate:  # no faster than this
            time.sleep(max(0, start + got / options.rate - time.monotonic()))
    if got != options.size:
        raise Failed(f"{got} of {options.size} bytes arrived")
    same_digest(digest.hexdigest(), options.size)
    return rate(options.size, time.monotonic() - start)


def speed(options):
    """Only the figure: the median of several downloads in Mbit/s."""
    seconds = []
    for _ in range(options.count):
        start = time.monotonic()
        download(options)
        seconds.append(time.monotonic() - start)
    return f"{options.size * 8 / statistics.median(seconds) / 1e6:.0f}"


def upload(options):
    start = time.monotonic()
    connection = http.client.HTTPConnection(options.address, options.http_port, timeout=PATIENCE_S)
    connection.request("POST", "/", body=blocks(options.size),
                       headers={"Content-Length": str(options.size)})
    same_digest(connection.getresponse().read().decode(), options.size)
    return rate(options.size, time.monotonic() - start)


def udp(options):
    """A datagram of each size goes and comes back, a few at a time; a lost one is sent again."""
    sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    sock.setsockopt(socket.IPPROTO_IP, IP_MTU_DISCOVER, IP_PMTUDISC_DO)  # never fragment
    sock.connect((options.address, options.echo_port))
    sizes = list(range(options.first, options.last + 1))
    waiting = set()
    tries = dict.fromkeys(sizes, 0)
    lost = 0
    todo = sizes[::-1]
    while todo or waiting:
        while todo and len(waiting) < options.window:
            size = todo.pop()
            tries[size] += 1
            if tries[size] > options.tries:
                raise Failed(f"no answer to a datagram of {size} bytes, sent {options.tries} times")
            sock.send(content(size, size))
            waiting.add(size)
        if not select.select([sock], [], [], options.wait)[0]:
            lost += len(waiting)
            todo.extend(waiting)
            waiting.clear()
            continue
        data = sock.recv(65536)
        if data != content(len(data), len(data)):
            raise Failed(f"a datagram of {len(data)} bytes came back changed")
        waiting.discard(len(data))
    return f"{len(sizes)} sizes, {sizes[0]} to {sizes[-1]} bytes, both ways; {lost} sent again"


def bursts(options):
    """Many datagrams by one send(), which the kernel hands on as one where it can."""
    sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    sock.connect((options.address, options.echo_port))
    sock.setsockopt(socket.IPPROTO_UDP, UDP_SEGMENT, options.size)
    lost = 0
    for turn in range(options.count):
        data = content(f"burst {turn}", 8 * options.size + 1)
        wanted = {data[at:at + options.size] for at in range(0, len(data), options.size)}
        got = set()
        for _ in range(8):
            sock.send(data)
            while got != wanted and select.select([sock], [], [], options.wait)[0]:
                datagram = sock.recv(65536)
                if datagram in wanted:  # and not late, of a burst before
                    got.add(datagram)
                elif len(datagram) not in (1, options.size):
                    raise Failed(f"a datagram of {len(datagram)} bytes that nobody sent")
            if got == wanted:
                break
            lost += len(wanted) - len(got)
        else:
            raise Failed(f"of burst {turn} only {len(got)} of {len(wanted)} datagrams came back")
    return f"{options.count} bursts of 9 datagrams, both ways; {lost} sent again"


async def exchange(reader, writer, data):
    """Sends data to the echo server and takes it back."""
    writer.write(data)
    got = await asyncio.wait_for(reader.readexactly(len(data)), PATIENCE_S)
    if got != data:
        raise Failed(f"{len(data)} bytes came back changed")


async def hold_many(options):
    connections = await asyncio.gather(*(
        asyncio.wait_for(asyncio.open_connection(options.address, options.echo_port), PATIENCE_S)
        for _ in range(options.count)))
    for turn in range(options.rounds):  # all are open, in every round
        await asyncio.gather(*(
            exchange(reader, writer, content(f"{number} {turn}", 1 + 97 * number % 20000))
            for number, (reader, writer) in enumerate(connections)))
    for reader, writer in connections:
        writer.write_eof()
        if await asyncio.wait_for(reader.read(), PATIENCE_S):
            raise Failed("bytes arrived that nobody sent")
        writer.close()


def parallel(options):
    asyncio.run(hold_many(options))
    return f"{options.count} connections open at a time, {options.rounds} exchanges on each"


async def hold_idle(options):
    reader, writer = await asyncio.open_connection(options.address, options.echo_port)
    await exchange(reader, writer, content("before", 5000))
    print("waiting", flush=True)
    if options.until:  # tells when to go on
        while not os.path.exists(options.until):
            await asyncio.sleep(0.1)
    else:
        await asyncio.sleep(options.seconds)
    await exchange(reader, writer, content("after", 5000))
    writer.close()
    await writer.wait_closed()


def idle(options):
    start = time.monotonic()
    asyncio.run(hold_idle(options))
    return f"the connection was used, left alone, and used again after {time.monotonic() - start:.0f} s"


def stream(options):
    """Datagrams go to the echo server, evenly spaced, until a file exists; then one must still come back."""
    sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    sock.connect((options.address, options.echo_port))
    sock.setblocking(False)
    sent = came = longest = 0
    last = time.monotonic()
    ending = None
    while True:
        now = time.monotonic()
        if ending is None and os.path.exists(options.until):
            ending = (now, sent)
        if ending and now - ending[0] > PATIENCE_S:
            raise Failed("datagrams no longer come back")
        with contextlib.suppress(OSError):  # no network at the moment
            sock.send(struct.pack(">Q", sent) + bytes(152))
        sent += 1
        while (left := now + 1 / options.rate - time.monotonic()) > 0:
            if not select.select([sock], [], [], left)[0]:
                break
            with contextlib.suppress(OSError):
                number = struct.unpack(">Q", sock.recv(2048)[:8])[0]
                came += 1
                longest = max(longest, time.monotonic() - last)
                last = time.monotonic()
                if ending and number >= ending[1]:
                    return f"{came} of {sent} datagrams came back, the longest gap was {longest:.1f} s"


def is_connected(sock):
    try:
        sock.getpeername()
        return True
    except OSError:
        return False


def crowd(options):
    """Opens many connections and leaves them: silent, or each with a request that never ends."""
    resource.setrlimit(resource.RLIMIT_NOFILE, (options.count + 100,) * 2)
    held = []
    for _ in range(options.count):
        sock = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
        sock.setblocking(False)
        sock.connect_ex((options.address, options.port))
        held.append(sock)
    time.sleep(3)
    print(f"open: {sum(map(is_connected, held))} of {options.count}", flush=True)
    deadline = time.monotonic() + options.seconds
    dribble = b"GET / HTTP/1.1\r\nHost: x\r\n" + b"X-Slow: y\r\n" * 1000
    for turn in itertools.count():
        if time.monotonic() >= deadline:
            break
        if options.slow:
            for sock in held:
                try:
                    sock.send(dribble[turn:turn + 1])
                except OSError:
                    pass  # not connected yet, or dropped by the other side, as it may
        time.sleep(0.05)
    return f"{options.count} connections were opened and left"


# ---- command line ----

def arguments():
    parser = argparse.ArgumentParser(description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--http-port", type=int, default=HTTP_PORT)
    parser.add_argument("--echo-port", type=int, default=ECHO_PORT)
    commands = parser.add_subparsers(required=True)

    def command(function, name, text):
        sub = commands.add_parser(name, help=text)
        sub.set_defaults(function=function)
        if function is not serve:
            sub.add_argument("address")
        return sub

    command(serve, "serve", "the servers")
    for function in download, speed, upload:
        sub = command(function, function.__name__, "HTTP, with the checksum compared")
        sub.add_argument("size", type=int)
        if function is speed:
            sub.add_argument("--count", type=int, default=5)
        if function is not upload:
            sub.add_argument("--rate", type=int, default=0, help="read so many bytes a second")
    sub = command(udp, "udp", "a datagram of each size goes and comes back")
    sub.add_argument("--first", type=int, default=1)
    sub.add_argument("--last", type=int, default=1472)
    sub.add_argument("--window", type=int, default=16, help="datagrams under way at a time")
    sub.add_argument("--tries", type=int, default=8)
    sub.add_argument("--wait", type=float, default=2, help="seconds without an answer that mean lost")
    sub = command(bursts, "bursts", "datagrams of one size, many by one system call")
    sub.add_argument("--size", type=int, default=1000)
    sub.add_argument("--count", type=int, default=20)
    sub.add_argument("--wait", type=float, default=2, help="seconds without an answer that mean lost")
    sub = command(parallel, "parallel", "TCP connections that are open at the same time")
    sub.add_argument("--count", type=int, default=200)
    sub.add_argument("--rounds", type=int, default=3)
    sub = command(idle, "idle", "a TCP connection that is left alone, then used")
    sub.add_argument("--seconds", type=float, default=60)
    sub.add_argument("--until", help="go on when this file exists, instead of after some seconds")
    sub = command(stream, "stream", "a stream of datagrams that come back")
    sub.add_argument("--rate", type=float, default=25, help="datagrams a second")
    sub.add_argument("--until", required=True, help="end when this file exists")
    sub = command(crowd, "crowd", "many connections that say nothing, or never finish")
    sub.add_argument("port", type=int)
    sub.add_argument("--count", type=int, default=1000)
    sub.add_argument("--slow", action="store_true", help="send a request, a byte at a time")
    sub.add_argument("--seconds", type=float, default=30)
    return parser.parse_args()


def main():
    options = arguments()
    try:
        said = options.function(options)
    except (Failed, OSError, asyncio.TimeoutError, asyncio.IncompleteReadError,
            http.client.HTTPException) as error:
        sys.exit(f"{options.function.__name__}: {error or type(error).__name__}")
    if said:
        print(said)


main()
