#!/usr/bin/python3
# SPDX-License-Identifier: ISC
"""A laptop: each packet that leaves it goes to the phone as text, in base64, and the reverse. Run it as root."""
import asyncio
import base64
import fcntl
import os
import struct

import websockets

tun = os.open("/dev/net/tun", os.O_RDWR)
fcntl.ioctl(tun, 0x400454CA, struct.pack("16sH", b"tun0", 0x1001))  # TUNSETIFF; IFF_TUN | IFF_NO_PI
os.system("ip address add 10.0.0.1/24 dev tun0; ip link set tun0 up; "
          "ip route add 0/1 dev tun0; ip route add 128/1 dev tun0")
phones = set()


async def phone(socket, path):
    phones.add(socket)
    async for message in socket:
        os.write(tun, base64.b64decode(message))
    phones.remove(socket)


async def main():
    asyncio.get_running_loop().add_reader(tun, lambda: websockets.broadcast(
        phones, base64.b64encode(os.read(tun, 65536)).decode()))
    async with websockets.serve(phone, "169.254.134.89", 6354):
        await asyncio.Future()

asyncio.run(main())
