# SPDX-License-Identifier: ISC
"""What the WebSocket tests share: a table of cases, a program under test, and a WebSocket peer written from
RFC 6455 with no other library's help, so that it can also send what no library would.

A Peer is one end of a connection; it sends any frame, well-formed or not, and reads frames as they are. It
plays the client (frames masked) or the server (frames bare). Waiting is for conditions, with generous limits.
"""

import base64
import hashlib
import os
import signal
import socket
import struct
import subprocess
import sys
import tempfile
import time

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
LIMIT_S = float(os.environ.get("LIMIT_S", 30))
MESSAGE_MAX = 1048576
GUID = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11"      # RFC 6455, section 1.3
SIZES = [0, 1, 125, 126, 127, 65535, 65536, 65537, MESSAGE_MAX]

CONTINUATION, TEXT, BINARY, CLOSE, PING, PONG = 0, 1, 2, 8, 9, 10


class Failed(Exception):
    """A case did not come out as it should."""


def check(condition, why):
    if not condition:
        raise Failed(why)


def short(data):
    """A payload for a message: its start and its length."""
    return f"{data[:32]!r}{'...' if len(data) > 32 else ''} ({len(data)} bytes)"


def wait_for(what, condition, limit_s=None):
    """Polls until condition() is true and returns what it returned."""
    end = time.monotonic() + (limit_s or LIMIT_S)
    while True:
        value = condition()
        if value:
            return value
        check(time.monotonic() < end, f"waited {limit_s or LIMIT_S:g} s in vain: {what}")
        time.sleep(0.02)


def free_port(address="127.0.0.1"):
    with socket.create_server((address, 0), family=socket.AF_INET6 if ":" in address else socket.AF_INET) as probe:
        return probe.getsockname()[1]


class Program:
    """A program under test. Its output goes to a file, whose end is told when the program dies early."""

    def __init__(self, command):
        self.log = tempfile.TemporaryFile()
        self.command = command
        self.process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=self.log, stderr=self.log)

    def output(self):
        self.log.seek(0)
        return self.log.read().decode(errors="replace")

    def alive(self):
        status = self.process.poll()
        check(status is None, f"{self.command[0]} ended with status {status}: {self.output()[-600:]}")

    def wait_listening(self, address, port):
        def listening():
            self.alive()
            try:
                socket.create_connection((address, port), LIMIT_S).close()
                return True
            except OSError:
                return False
        wait_for(f"{self.command[0]} listens on {address} port {port}", listening)

    def stop(self):
        """Asks the program to stop; True if it then left with status 0."""
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
            try:
                self.process.wait(LIMIT_S)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()
        return self.process.returncode == 0


class Cases:
    """Runs cases and prints a line for each; CASE on the command line runs those whose name contains it."""

    def __init__(self, program=None, only=None):
        self.program = program
        self.only = only
        self.failed = 0

    def run(self, name, function, *arguments):
        if self.only and self.only not in name:
            return
        try:
            function(*arguments)
            if self.program:
                self.program.alive()
            print(f"ok - {name}", flush=True)
        except Exception as error:      # any surprise is a failed case, and the next one runs
            self.failed += 1
            why = " ".join(str(error).split()) or type(error).__name__
            print(f"not ok - {name}: {why if isinstance(error, Failed) else type(error).__name__ + ': ' + why}",
                  flush=True)

    def finish(self):
        sys.exit(1 if self.failed else 0)


def apply_mask(data, key):
    """XOR with the 4-byte key, over and over (section 5.3)."""
    if not data:
        return b""
    keys = (key * (len(data) // 4 + 1))[:len(data)]
    return (int.from_bytes(data, "big") ^ int.from_bytes(keys, "big")).to_bytes(len(data), "big")


def frame(opcode, payload=b"", *, fin=True, rsv=0, masked=True, length=None, form=None):
    """A frame as bytes (section 5.2). rsv holds the three reserved bits (4 is RSV1); length lies about the
    payload's; form 16 or 64 forces the longer length fields."""
    length = len(payload) if length is None else length
    first = (0x80 if fin else 0) | rsv << 4 | opcode
    flag = 0x80 if masked else 0
    if form == 64 or (form is None and length > 65535):
        head = struct.pack("!BBQ", first, flag | 127, length)
    elif form == 16 or (form is None and length > 125):
        head = struct.pack("!BBH", first, flag | 126, length)
    else:
        head = struct.pack("!BB", first, flag | length)
    if not masked:
        return head + payload
    key = os.urandom(4)
    return head + key + apply_mask(payload, key)


def close_payload(code, reason=b""):
    return struct.pack("!H", code) + reason


def accept_value(key):
    return base64.b64encode(hashlib.sha1(key + GUID).digest())


class Peer:
    """One end of a connection, over a connected socket."""

    def __init__(self, connection, client=True):
        self.socket = connection
        self.socket.settimeout(LIMIT_S)
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.client = client
        self.buffer = b""
        self.masks = []                 # masking keys of the frames received

    def send(self, data):
        self.socket.sendall(data)

    def send_slowly(self, data):
        """One byte a segment."""
        for i in range(len(data)):
            self.socket.sendall(data[i:i + 1])

    def frame(self, opcode, payload=b"", **options):
        options.setdefault("masked", self.client)
        self.send(frame(opcode, payload, **options))

    def receive_more(self):
        """More bytes into the buffer; False at the end of the stream."""
        try:
            data = self.socket.recv(262144)
        except socket.timeout:
            raise Failed(f"nothing came for {LIMIT_S:g} s") from None
        except ConnectionResetError:
            return False
        self.buffer += data
        return bool(data)

    def take(self, count):
        while len(self.buffer) < count:
            check(self.receive_more(), f"the connection ended after {short(self.buffer)}")
        data, self.buffer = self.buffer[:count], self.buffer[count:]
        return data

    def head(self):
        """An HTTP head: its first line and its header fields, names in lower case."""
        while b"\r\n\r\n" not in self.buffer:
            check(self.receive_more(), f"the connection ended in the head: {short(self.buffer)}")
        head, self.buffer = self.buffer.split(b"\r\n\r\n", 1)
        first, *lines = head.decode("latin-1").split("\r\n")
        fields = {}
        for line in lines:
            name, _, value = line.partition(":")
            fields[name.lower()] = value.strip()
        return first, fields

    def receive(self):
        """A frame: (fin, opcode, payload). What section 5 forbids is a failure: reserved bits, a mask from the
        server or none from the client, a length not in its shortest form."""
        first, second = self.take(2)
        length = second & 0x7F
        if length == 126:
            length = struct.unpack("!H", self.take(2))[0]
            check(length > 125, "a length of 16 bits that fits 7")
        elif length == 127:
            length = struct.unpack("!Q", self.take(8))[0]
            check(length > 65535, "a length of 64 bits that fits 16")
        check(not first & 0x70, "reserved bits are set")
        check(bool(second & 0x80) != self.client, "a frame from the server is masked" if self.client else
              "a frame from the client is not masked")
        key = None if self.client else self.take(4)
        payload = self.take(length)
        if key:
            self.masks.append(key)
            payload = apply_mask(payload, key)
        return bool(first & 0x80), first & 15, payload

    def message(self):
        """The next data message, (opcode, payload); pings before it are answered, pongs ignored."""
        opcode, parts = None, []
        deadline = time.monotonic() + max(LIMIT_S, 60)
        while True:
            fin, kind, payload = self.receive()
            check(kind != PING or time.monotonic() < deadline, "nothing but pings came")
            if kind == PING:
                self.frame(PONG, payload)
            elif kind == CLOSE:
                raise Failed(f"closed instead, with {short(payload)}")
            elif kind != PONG:
                check((kind == CONTINUATION) == (opcode is not None), f"opcode {kind} out of turn")
                opcode = opcode if kind == CONTINUATION else kind
                parts.append(payload)
                if fin:
                    return opcode, b"".join(parts)

    def expect_message(self, opcode, payload):
        got = self.message()
        check(got[0] == opcode, f"opcode {got[0]} came, not {opcode}")
        check(got[1] == payload, f"{short(got[1])} came, not {short(payload)}")

    def expect_pong(self, payload):
        fin, opcode, got = self.receive()
        check((fin, opcode) == (True, PONG), f"opcode {opcode} came with {short(got)}, not a pong")
        check(got == payload, f"the pong holds {short(got)}, not {short(payload)}")

    def expect_close(self, *codes):
        """A Close frame with one of these codes (None: without one), then the end of the stream."""
        wanted = " or ".join(str(code) for code in codes)
        try:
            fin, opcode, payload = self.receive()
        except Failed as failure:
            raise Failed(f"no Close with {wanted}: {failure}") from None
        check((fin, opcode) == (True, CLOSE), f"opcode {opcode} came with {short(payload)}, no Close with {wanted}")
        code = struct.unpack("!H", payload[:2])[0] if len(payload) >= 2 else None
        check(len(payload) != 1, "the Close has a body of one byte")
        check(code in codes, f"the Close says {code}, not {wanted}")
        return payload[2:]

    def expect_end(self):
        """The other end closes the connection and sends nothing more."""
        while self.receive_more():
            pass
        check(not self.buffer, f"after the Close came {short(self.buffer)}")

    def close(self):
        self.socket.close()


KEY = base64.b64encode(b"sixteen bytes!!!")


def request(target="/", *, method="GET", version="HTTP/1.1", host="localhost", key=KEY, more=(), **fields):
    """An opening handshake's request (section 4.1) as bytes. Named fields replace the usual ones; None leaves
    one out."""
    usual = {"Host": host, "Upgrade": "websocket", "Connection": "Upgrade", "Sec-WebSocket-Key": key,
             "Sec-WebSocket-Version": "13"}
    for name, value in fields.items():
        usual[{"upgrade": "Upgrade", "connection": "Connection", "ws_version": "Sec-WebSocket-Version"}[name]] = value
    lines = [f"{method} {target} {version}"]
    lines += [f"{name}: {value.decode() if isinstance(value, bytes) else value}"
              for name, value in usual.items() if value is not None]
    return "\r\n".join(lines + list(more)).encode() + b"\r\n\r\n"


def connect(address, port):
    return Peer(socket.create_connection((address, port), LIMIT_S))


def open_client(address, port, target="/", **options):
    """A client that has done the opening handshake and checked the answer (section 4.1)."""
    peer = connect(address, port)
    peer.send(request(target, **options))
    first, fields = peer.head()
    check(first.startswith("HTTP/1.1 101 "), f"the handshake is answered by {first}")
    check(fields.get("upgrade", "").lower() == "websocket", f"Upgrade is {fields.get('upgrade')}")
    check(fields.get("connection", "").lower() == "upgrade", f"Connection is {fields.get('connection')}")
    check(fields.get("sec-websocket-accept") == accept_value(KEY).decode(), "Sec-WebSocket-Accept is wrong")
    check("sec-websocket-extensions" not in fields, "an extension was agreed on that nobody offered")
    check("sec-websocket-protocol" not in fields, "a subprotocol was agreed on that nobody offered")
    return peer
