#!/usr/bin/python3
# SPDX-License-Identifier: ISC
"""Our WebSocket server against the client of Debian's python3-websockets.

    test/interop/ws-echo.py [--server 'COMMAND'] [CASE]

COMMAND (build/ws-echo unless given) is started with ADDR:PORT appended and echoes text and binary on path /,
with messages of up to 1 MiB. CASE runs those whose name contains it.
"""

import argparse
import asyncio
import os
import shlex
import sys

import websockets

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from ws_raw import LIMIT_S, MESSAGE_MAX, ROOT, SIZES, Cases, Failed, Program, check, free_port

PORT = free_port()


def connect(**options):
    options.setdefault("compression", None)
    return websockets.connect(f"ws://127.0.0.1:{PORT}/", max_size=None, open_timeout=LIMIT_S, close_timeout=LIMIT_S,
                              **options)


async def echoes(peer, message):
    await peer.send(message)
    got = await peer.recv()
    whole = message if isinstance(message, (str, bytes)) else message[0][:0].join(message)
    check(type(got) is type(whole), f"{type(got).__name__} came for {type(whole).__name__}")
    check(got == whole, f"{len(got)} came changed for {len(whole)}")


async def sizes(make):
    async with connect() as peer:
        for size in SIZES:
            await echoes(peer, make(size))


async def fragments():
    async with connect() as peer:
        await echoes(peer, ["frag", "", "mént", "s" * 70000])
        await echoes(peer, [b"\0" * 10, os.urandom(65536), b""])


async def pings():
    async with connect() as peer:
        for payload in b"", b"x", os.urandom(125):
            await asyncio.wait_for(await peer.ping(payload), LIMIT_S)
        await echoes(peer, "after the pings")


async def pings_between_fragments():
    async def parts():
        for part in "one ", "two ", "three":
            yield part
            await asyncio.wait_for(await peer.ping(), LIMIT_S)
    async with connect() as peer:
        await peer.send(parts())
        check(await peer.recv() == "one two three", "the message came changed")


async def many():
    async with connect(max_queue=None) as peer:
        messages = [f"message {i}" if i % 2 else b"message %d" % i for i in range(2000)]
        sender = asyncio.ensure_future(asyncio.gather(*[peer.send(message) for message in messages]))
        for i, message in enumerate(messages):
            got = await peer.recv()
            check(got == message, f"message {i} came as {got!r}")
        await sender


async def closes(code, reason):
    async with connect() as peer:
        await echoes(peer, "hello")
        await peer.close(code, reason)
        check(peer.close_code == code, f"the close code is {peer.close_code}, not {code}")


async def too_big():
    async with connect() as peer:
        try:
            await peer.send(b"x" * (MESSAGE_MAX + 1))
            await peer.recv()
        except websockets.ConnectionClosed:
            pass
        check(peer.close_code == 1009, f"the close code is {peer.close_code}, not 1009")


async def offers_declined():
    async with connect(compression="deflate", subprotocols=["chat"]) as peer:
        check(not peer.extensions, f"{peer.extensions} were agreed on")
        check(peer.subprotocol is None, f"{peer.subprotocol} was agreed on")
        await echoes(peer, "plain")


async def parallel():
    async def one(number):
        async with connect() as peer:
            for i in range(20):
                await echoes(peer, f"{number} {i}")
    await asyncio.gather(*[one(number) for number in range(30)])


def main():
    arguments = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    arguments.add_argument("--server", default=os.path.join(ROOT, "build", "ws-echo"), metavar="COMMAND")
    arguments.add_argument("case", nargs="?", metavar="CASE")
    options = arguments.parse_args()
    program = Program(shlex.split(options.server) + [f"127.0.0.1:{PORT}"])
    cases = Cases(program, options.case)

    def case(name, coroutine, *values):
        cases.run(f"python3-websockets as the client: {name}",
                  lambda: asyncio.run(asyncio.wait_for(coroutine(*values), LIMIT_S * 2)))

    try:
        program.wait_listening("127.0.0.1", PORT)
        case("text of all sizes comes back", sizes, lambda size: "abcdefghijklmnop"[:size % 16] + "p" * (size & ~15))
        case("binary of all sizes comes back", sizes, os.urandom)
        case("messages in fragments come back", fragments)
        case("pings are answered", pings)
        case("pings between fragments are answered", pings_between_fragments)
        case("two thousand messages at once come back in order", many)
        for code, reason in [(1000, ""), (1000, "done"), (1001, "schön"), (1011, "x" * 123), (3000, "a"), (4999, "z")]:
            case(f"a Close with {code} and {len(reason)} characters of reason is answered", closes, code, reason)
        case("a message over 1 MiB ends with 1009", too_big)
        case("compression and subprotocols are declined", offers_declined)
        case("thirty clients are served side by side", parallel)
    except Failed as failure:
        print(f"not ok - the echo server runs: {failure}")
        cases.failed += 1
    finally:
        program.stop()
    cases.finish()


main()
