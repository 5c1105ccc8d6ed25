#!/usr/bin/python3
# SPDX-License-Identifier: ISC
"""A stranger in the laptop's Wi-Fi who connects as a phone does, and has no way to any server.

usage: false-phone.py WHAT LAPTOP ADDRESS        from this ADDRESS of the phone

  greet      says every 0.4 s that it has reached the server
  refuse     says of each offer that the server does not know its key

Connects again at once when the laptop ends the connection.
"""
import asyncio
import contextlib
import os
import sys

PORT = 6354
OFFER, REFUSAL, GREETING = 1, 4, 5
WRONG_KEY = 1
BINARY = 0x82  # a whole message; the laptop's are shorter than 64 KiB here
UPGRADE = (b"GET /websocket HTTP/1.1\r\nHost: 169.254.134.89:6354\r\n"
           b"Upgrade: websocket\r\nConnection: Upgrade\r\n"
           b"Sec-WebSocket-Key: c2l4dGVlbiBieXRlcyEhIQ==\r\nSec-WebSocket-Version: 13\r\n\r\n")
RUN = os.urandom(8)
GREET_S = 0.4


def say(writer, payload):
    writer.write(bytes([BINARY, 0x80 | len(payload)]) + bytes(4) + payload)  # with a mask of zero


async def greet(writer):
    while True:
        say(writer, bytes([GREETING]) + RUN)
        await asyncio.sleep(GREET_S)


async def hear(reader, writer, refuses):
    while True:
        opcode, length = await reader.readexactly(2)
        length = int.from_bytes(await reader.readexactly(2), "big") if length == 126 else length
        message = await reader.readexactly(length)
        if refuses and opcode == BINARY and message[0] == OFFER:
            say(writer, bytes([REFUSAL, WRONG_KEY]) + message[1:9])


async def main(what, laptop, address):
    while True:
        with contextlib.suppress(OSError, asyncio.IncompleteReadError):
            reader, writer = await asyncio.open_connection(laptop, PORT, local_addr=(address, 0))
            writer.write(UPGRADE)
            await reader.readuntil(b"\r\n\r\n")
            print("connected", flush=True)
            greeting = asyncio.create_task(greet(writer)) if what == "greet" else None
            with contextlib.suppress(asyncio.IncompleteReadError):
                await hear(reader, writer, what == "refuse")
            if greeting:
                greeting.cancel()
            writer.close()
        await asyncio.sleep(0.05)


asyncio.run(main(*sys.argv[1:]))
