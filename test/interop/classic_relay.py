#!/usr/bin/python3
# SPDX-License-Identifier: ISC
"""The phone of the classic recipe, without a browser: copies messages between two WebSockets.

usage: classic_relay.py LAPTOP-URL SERVER-URL
Each message goes on as it came, text as text. When a side ends, the program ends.
"""
import asyncio
import sys

from tornado.websocket import websocket_connect


async def copy(source, destination):
    while (message := await source.read_message()) is not None:
        await destination.write_message(message, binary=isinstance(message, bytes))


async def main():
    laptop, server = [await websocket_connect(url) for url in sys.argv[1:3]]
    print("connected", flush=True)
    copies = [asyncio.create_task(copy(laptop, server)), asyncio.create_task(copy(server, laptop))]
    await asyncio.wait(copies, return_when=asyncio.FIRST_COMPLETED)


asyncio.run(main())
