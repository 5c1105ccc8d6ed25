#!/usr/bin/python3
# SPDX-License-Identifier: ISC
"""Phone and server in one, for a laptop: gives it inside addresses that a server should not give.

    odd_server.py --key-file FILE ws://LAPTOP:6354/websocket ADDRESS...

The addresses come one after another, a configuration each; after each the laptop has answered a ping. Speaks
by protocol.py. The exit status is 0 when all was said.
"""
import argparse
import asyncio
import ipaddress
import os
import sys

import websockets

import protocol

PATIENCE_S = 20


async def receive_of(socket, kind):
    """The next message of a type."""
    async with asyncio.timeout(PATIENCE_S):
        while True:
            message = await socket.recv()
            if isinstance(message, bytes) and message[0] == kind:
                return message


async def give(socket, session, address):
    """A configuration and a ping, whose pong says that both were read."""
    config = protocol.Configuration(ipaddress.IPv4Address(address), 1400, 65536, [])
    clock = os.urandom(8)
    await socket.send(session.seal(protocol.record(protocol.CONFIGURATION, config.write())
                                   + protocol.record(protocol.PING, clock)))
    while True:
        message = await receive_of(socket, protocol.SEALED)
        if (protocol.PONG, clock) in protocol.read_records(session.open(message)):
            return


async def run(options):
    with open(options.key_file, encoding="ascii") as file:
        key = protocol.parse_key(file.read())
    async with websockets.connect(options.laptop, compression=None, ping_interval=None) as socket:
        offer = await receive_of(socket, protocol.OFFER)
        answer, session = protocol.Answer(key, offer).write(protocol.fresh_private(), 1)
        await socket.send(answer)
        for address in options.address:
            await give(socket, session, address)


def main():
    parser = argparse.ArgumentParser(description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--key-file", required=True)
    parser.add_argument("laptop")
    parser.add_argument("address", nargs="+")
    asyncio.run(run(parser.parse_args()))


if __name__ == "__main__":
    sys.exit(main())
