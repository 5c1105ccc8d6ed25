#!/usr/bin/python3
# SPDX-License-Identifier: ISC
"""A phone that carries text only, as old browsers did: every binary message is lost in it.

usage: text-relay.py LAPTOP-URL SERVER-URL
"""
import asyncio
import sys

from phone_relay import Relay


class TextRelay(Relay):
    async def hear(self, to, message):
        if isinstance(message, str):
            await self.send(to, message)
        else:
            print(f"lost: {len(message)} bytes for the {to}", flush=True)


asyncio.run(TextRelay(*sys.argv[1:3]).run())
