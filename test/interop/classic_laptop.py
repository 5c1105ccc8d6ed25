#!/usr/bin/python3
# SPDX-License-Identifier: ISC
"""The laptop of the classic recipe: a TUN device and a Tornado WebSocket server.

Stands for a laptop's program that this project did not write. Every IP packet that the laptop sends
goes to the phone as one text message, in base64; every such message from the phone is a packet for
the laptop. Run it as root, with 169.254.134.89 on the interface towards the phone.
"""
import base64
import fcntl
import os
import struct
import subprocess

import tornado.ioloop
import tornado.web
import tornado.websocket

TUNSETIFF = 0x400454CA
IFF_TUN = 0x0001
IFF_NO_PI = 0x1000


def open_tun(name):
    tun = os.open("/dev/net/tun", os.O_RDWR | os.O_NONBLOCK)
    fcntl.ioctl(tun, TUNSETIFF, struct.pack("16sH", name.encode(), IFF_TUN | IFF_NO_PI))
    for command in (f"address add 10.0.0.1/24 dev {name}", f"link set {name} up",
                    f"route add 0.0.0.0/1 dev {name}", f"route add 128.0.0.0/1 dev {name}"):
        subprocess.run(["ip", *command.split()], check=True)
    return tun


class Phone(tornado.websocket.WebSocketHandler):
    current = None

    def check_origin(self, origin):
        return True

    def open(self):
        Phone.current = self

    def on_message(self, message):
        os.write(tun, base64.b64decode(message))

    def on_close(self):
        if Phone.current is self:
            Phone.current = None


def packet_to_phone(*_):
    packet = os.read(tun, 65536)
    if Phone.current:
        Phone.current.write_message(base64.b64encode(packet).decode())


tun = open_tun("tun0")
tornado.web.Application([("/websocket/?", Phone)]).listen(6354, "169.254.134.89")
loop = tornado.ioloop.IOLoop.current()
loop.add_handler(tun, packet_to_phone, loop.READ)
loop.start()
