#!/usr/bin/python3
# SPDX-License-Identifier: ISC
"""Our WebSocket client, in tether-relay, between two servers of Debian's python3-websockets: what one sends, the
other must receive unchanged.

    test/interop/ws-relay.py [--relay 'COMMAND'] [CASE]

COMMAND (build/tether-relay unless given) is started with --laptop URL --server URL appended.
"""

import argparse
import asyncio
import os
import shlex
import sys

import websockets

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from ws_raw import LIMIT_S, MESSAGE_MAX, ROOT, SIZES, Cases, Program, check, free_port


class End:
    """A server that holds the relay's newest connection."""

    def __init__(self, port):
        self.port = port
        self.url = f"ws://127.0.0.1:{port}/websocket"
        self.peer = None
        self.paths = []
        self.server = None

    async def start(self):
        self.server = await websockets.serve(self.serve, "127.0.0.1", self.port, max_size=MESSAGE_MAX, max_queue=None,
                                             ping_interval=None, close_timeout=LIMIT_S)

    async def serve(self, peer):
        self.paths.append(peer.path)
        self.peer = peer
        await peer.wait_closed()
        if self.peer is peer:
            self.peer = None

    async def stop(self):
        self.server.close()
        await self.server.wait_closed()

    async def connected(self, but=None):
        """The relay's connection, once there is one, other than the one given."""
        async def poll():
            while self.peer is None or self.peer is but or not self.peer.open:
                await asyncio.sleep(0.02)
            return self.peer
        return await asyncio.wait_for(poll(), LIMIT_S)


async def both(laptop, server):
    return await laptop.connected(), await server.connected()


async def copied(source, target, messages):
    """Sends messages one after another, each when the one before has come: a relay may drop what piles up."""
    for message in messages:
        await source.send(message)
        got = await asyncio.wait_for(target.recv(), LIMIT_S)
        whole = message if isinstance(message, (str, bytes)) else message[0][:0].join(message)
        check(type(got) is type(whole), f"{type(got).__name__} came for {type(whole).__name__} of {len(whole)}")
        check(got == whole, f"{len(got)} came for {len(whole)}, or changed")


async def settled(laptop, server):
    """Both are connected and a message passes each way, whatever was dropped while one side was away."""
    peers = await both(laptop, server)
    for source, target in (peers, peers[::-1]):
        async def poll():
            while True:
                await source.send("probe")
                try:
                    return await asyncio.wait_for(target.recv(), 0.5)
                except asyncio.TimeoutError:
                    continue
        await asyncio.wait_for(poll(), LIMIT_S)
        while True:
            try:
                await asyncio.wait_for(target.recv(), 0.5)
            except asyncio.TimeoutError:
                break
    return peers


async def sizes(laptop, server, direction, make):
    peers = await settled(laptop, server)
    source, target = peers if direction == "up" else peers[::-1]
    await copied(source, target, [make(size) for size in SIZES])


async def text(laptop, server):
    source, target = await settled(laptop, server)
    await copied(source, target, ["", "Grüße, κόσμε, 世界, 🙂 and \0", "RQAAHAAAQABAAQ=="])
    await copied(target, source, ["é" * 40000])


async def fragments(laptop, server):
    source, target = await settled(laptop, server)
    await copied(source, target, [["frag", "", "ment"], [b"a" * 100, b"b" * 70000, b""]])

    async def parts():
        for part in "one ", "two ", "three":
            yield part
            await asyncio.wait_for(await source.ping(), LIMIT_S)
    await source.send(parts())
    check(await asyncio.wait_for(target.recv(), LIMIT_S) == "one two three", "pings between fragments changed them")


async def order(laptop, server):
    """Both directions at once, a few on the way at any time."""
    async def stream(source, target, count):
        async def send():
            for i in range(count):
                await allowed.acquire()
                await source.send(f"message {i}" if i % 2 else b"message %d" % i)
        allowed = asyncio.Semaphore(16)
        sender = asyncio.ensure_future(send())
        for i in range(count):
            got = await asyncio.wait_for(target.recv(), LIMIT_S)
            check(got == (f"message {i}" if i % 2 else b"message %d" % i), f"message {i} came as {got!r}")
            allowed.release()
        await sender
    peers = await settled(laptop, server)
    await asyncio.gather(stream(*peers, 2000), stream(*peers[::-1], 2000))


async def pings(laptop, server):
    for peer in await both(laptop, server):
        for payload in b"", b"x", os.urandom(125):
            await asyncio.wait_for(await peer.ping(payload), LIMIT_S)


async def closes(laptop, server, code, reason):
    """A Close from a server is answered with its code, the other side stays, and the relay comes back."""
    kept, closing = await settled(laptop, server)
    await closing.close(code, reason)
    check(closing.close_rcvd is not None, "the Close was not answered by one")
    check(closing.close_rcvd.code == code, f"the Close was answered with {closing.close_rcvd.code}, not {code}")
    await server.connected(but=closing)
    check(laptop.peer is kept, "the other side was closed as well")
    await copied(*await settled(laptop, server), ["after it"])


async def away(laptop, server, name):
    gone, other = (laptop, server) if name == "laptop" else (server, laptop)
    kept = (await settled(laptop, server))[0 if name == "server" else 1]
    await gone.stop()
    for _ in range(50):
        await kept.send(b"into the void" * 100)
    await asyncio.wait_for(await kept.ping(), LIMIT_S)
    await asyncio.sleep(2)
    await gone.start()
    await gone.connected()
    check(other.peer is kept, "the other side was closed as well")
    peers = await settled(laptop, server)
    await copied(*peers, ["back", b"again"])
    await copied(*peers[::-1], ["back", b"again"])


async def paths(laptop, server):
    await both(laptop, server)
    check(set(laptop.paths + server.paths) == {"/websocket"}, f"it asked for {laptop.paths + server.paths}")


async def cases(options, table):
    laptop, server = End(free_port()), End(free_port())
    await laptop.start()
    await server.start()
    table.program = Program(shlex.split(options.relay) + ["--laptop", laptop.url, "--server", server.url])

    async def case(name, coroutine, *values):
        async def attempt():
            try:
                await asyncio.wait_for(coroutine(laptop, server, *values), LIMIT_S * 4)
            except Exception as error:      # told by the table
                return error
        outcome = await attempt() if not options.case or options.case in name else None

        def tell():
            if outcome:
                raise outcome
        table.run(f"python3-websockets as both servers: {name}", tell)

    await case("the relay connects to both, at the paths given", paths)
    for direction in "up", "down":
        await case(f"text of all sizes is copied {direction}", sizes, direction,
                   lambda size: "abcdefghijklmnop"[:size % 16] + "p" * (size & ~15))
        await case(f"binary of all sizes is copied {direction}", sizes, direction, os.urandom)
    await case("text beyond ASCII is copied", text)
    await case("messages in fragments are copied", fragments)
    await case("two thousand messages each way keep their order", order)
    await case("pings are answered", pings)
    for code, reason in [(1000, ""), (1001, "going"), (1011, "schön"), (3000, "x" * 123), (4999, "z")]:
        await case(f"a Close with {code} is answered by the same, and the relay comes back", closes, code, reason)
    for name in "server", "laptop":
        await case(f"the {name} goes away and returns, and the other side stays", away, name)
    table.program.stop()
    await laptop.stop()
    await server.stop()


def main():
    arguments = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    arguments.add_argument("--relay", default=os.path.join(ROOT, "build", "tether-relay"), metavar="COMMAND")
    arguments.add_argument("case", nargs="?", metavar="CASE")
    options = arguments.parse_args()
    table = Cases(only=options.case)
    asyncio.run(cases(options, table))
    table.finish()


main()
