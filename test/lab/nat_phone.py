# SPDX-License-Identifier: ISC
"""A laptop and its phone in a few lines: crafted packets, straight into the server's WebSocket.

Many packets a second, and packets that no kernel would send. The mask of every frame is zero, so
that a frame is a header of eight or ten bytes and the packet as it is.
"""
import base64
import os
import socket
import struct


def checksum(data):
    if len(data) % 2:
        data += b"\0"
    total = sum(struct.unpack(f">{len(data) // 2}H", data))
    while total >> 16:
        total = (total & 0xffff) + (total >> 16)
    return ~total & 0xffff


def ip_packet(protocol, source, destination, body, ident=1, flags=0, ttl=64):
    head = struct.pack(">BBHHHBBH4s4s", 0x45, 0, 20 + len(body), ident, flags, ttl, protocol, 0,
                       socket.inet_aton(source), socket.inet_aton(destination))
    return head[:10] + struct.pack(">H", checksum(head)) + head[12:] + body


def frame(opcode, payload):
    if len(payload) < 126:
        return struct.pack(">BBI", 0x80 | opcode, 0x80 | len(payload), 0) + payload
    return struct.pack(">BBHI", 0x80 | opcode, 0x80 | 126, len(payload), 0) + payload


class Phone:
    def __init__(self, server, port=8080, laptop=None):
        self.socket = socket.create_connection((server, port), timeout=60)
        query = f"?id={laptop}" if laptop else ""
        key = base64.b64encode(os.urandom(16)).decode()
        self.socket.sendall(
            f"GET /websocket{query} HTTP/1.1\r\nHost: {server}:{port}\r\nUpgrade: websocket\r\n"
            f"Connection: Upgrade\r\nSec-WebSocket-Key: {key}\r\nSec-WebSocket-Version: 13\r\n\r\n"
            .encode())
        self.input = b""
        while b"\r\n\r\n" not in self.input:
            data = self.socket.recv(65536)
            if not data:
                raise OSError("the server closed the connection")
            self.input += data
        head, self.input = self.input.split(b"\r\n\r\n", 1)
        if b" 101 " not in head.split(b"\r\n")[0]:
            raise OSError(f"the server says {head.split(b'%c' % 13)[0]!r}")

    def send(self, packets):
        self.send_frames(b"".join(frame(2, packet) for packet in packets))

    def send_frames(self, data):
        """Sends, and reads away what comes meanwhile, so that neither side waits for the other."""
        self.socket.setblocking(False)
        view = memoryview(data)
        while view:
            try:
                view = view[self.socket.send(view):]
            except BlockingIOError:
                self.socket.settimeout(0.01)
                try:
                    self.input += self.socket.recv(1 << 20)
                except TimeoutError:
                    pass
                self.input = self.input[-65536:]
                self.socket.setblocking(False)
        self.read_away()
        self.socket.settimeout(60)

    def read_away(self):
        """Reads what is there: a peer that never reads is given up after a while."""
        try:
            while data := self.socket.recv(1 << 20):
                self.input = (self.input + data)[-65536:]
        except BlockingIOError:
            pass

    def wait_until_read(self):
        """A WebSocket ping comes back when everything before it has been read."""
        word = os.urandom(8).hex().encode()
        self.socket.sendall(frame(9, word))
        while word not in self.input:
            data = self.socket.recv(1 << 20)
            if not data:
                raise OSError("the server closed the connection")
            self.input = self.input[-100:] + data
