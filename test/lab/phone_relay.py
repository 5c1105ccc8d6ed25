# SPDX-License-Identifier: ISC
"""A phone for the tests: two WebSockets, and what passes between them is a subclass's to say.

A side that ends is connected anew after a moment, as the real relays do. Where the laptop closes with 4003
(the server does not answer through this phone), the server's side is dropped too.
"""
import asyncio

from tornado.httpclient import HTTPError
from tornado.websocket import WebSocketClosedError, websocket_connect

RETRY_S = 0.3
SILENT = 4003


class Relay:
    def __init__(self, laptop, server):
        self.urls = {"laptop": laptop, "server": server}
        self.open = {}  # side's name -> its connection

    async def hear(self, to, message):
        """A message came that is meant for the side `to`; str for text, bytes for binary."""
        await self.send(to, message)

    async def send(self, to, message):
        """What comes for a side that is not open is dropped, as IP would."""
        if to in self.open:
            try:
                await self.open[to].write_message(message, binary=isinstance(message, bytes))
            except WebSocketClosedError:
                pass

    async def keep(self, name, other):
        """One side, for ever."""
        while True:
            try:
                connection = await websocket_connect(self.urls[name])
            except (OSError, HTTPError):
                await asyncio.sleep(RETRY_S)
                continue
            self.open[name] = connection
            print(f"{name}: connected", flush=True)
            while (message := await connection.read_message()) is not None:
                await self.hear(other, message)
            del self.open[name]
            print(f"{name}: closed with {connection.close_code}", flush=True)
            if connection.close_code == SILENT and name == "laptop" and other in self.open:
                self.open[other].close()
            await asyncio.sleep(RETRY_S)

    async def run(self):
        await asyncio.gather(self.keep("laptop", "server"), self.keep("server", "laptop"))
