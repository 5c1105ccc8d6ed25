#!/usr/bin/python3
# SPDX-License-Identifier: ISC
"""A relay: what comes from the laptop goes to the server, and the reverse.   relay.py LAPTOP-URL SERVER-URL"""
import asyncio
import sys

import websockets


async def copy(source, destination):
    async for message in source:
        await destination.send(message)


async def main(laptop_url, server_url):
    async with websockets.connect(laptop_url) as laptop, websockets.connect(server_url) as server:
        await asyncio.gather(copy(laptop, server), copy(server, laptop))

asyncio.run(main(*sys.argv[1:3]))
