#!/usr/bin/python3
# SPDX-License-Identifier: ISC
"""A carrier's proxy that knows nothing of WebSockets: refuse-upgrades.py PORT

It reads a request's head and answers 400 to one that asks for an upgrade, 204 to others.
"""
import socketserver
import sys


class Proxy(socketserver.StreamRequestHandler):
    def handle(self):
        upgrades = False
        for line in self.rfile:
            upgrades |= line.lower().startswith(b"upgrade:")
            if line in (b"\r\n", b"\n"):
                break
        status = b"400 Bad Request" if upgrades else b"204 No Content"
        self.wfile.write(b"HTTP/1.1 " + status + b"\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")


socketserver.ThreadingTCPServer.allow_reuse_address = True
socketserver.ThreadingTCPServer(("", int(sys.argv[1])), Proxy).serve_forever()
