#!/usr/bin/python3
# SPDX-License-Identifier: ISC
"""The phone as a man in the middle: it records what passes, and on command forges, repeats and reorders.

usage: evil-relay.py LAPTOP-URL SERVER-URL          commands by HTTP, at 127.0.0.1 port 9000 of the phone

  /arm?what=WHAT&to=SIDE&count=N   the next N sealed messages for that side ("laptop" or "server"):
        flip       copies of it, each with another bit inverted, go before the message, which goes twice
        truncate   the same with copies of each shorter length
        triple     it goes three times
        reverse    all N go in the reverse order
  /result                          waits until that is done: "COPIES BITS-OF-CONTENT", see flip and truncate
  /replay?to=SIDE                  all sealed messages that reached that side once more: how many
  /offer                           the laptop's recorded offer once more, as if the laptop had sent it
  /exchange?sealed=N               on a new connection to the server: the recorded offer, and then N sealed
                                   messages: "ANSWERS CLOSE-CODE"
  /board?count=N                   from now on N connections to the server, each with the beginning of a long
                                   message that says it belongs to the laptop's session; 0 ends them
  /forget                          what was recorded until now
  /forge?to=SIDE&count=N           N rounds of all that can be made up without knowing the key
  /refuse?on=0|1                   every offer is refused in the server's name, and lost
  /storm?share=S                   from now on, that share of all messages is altered, cut, repeated or
                                   delayed at random; 0 ends it: "SIDE FORGED REPEATED" for both sides
"""
import asyncio
import collections
import contextlib
import os
import random
import sys
import urllib.parse

import tornado.web
from tornado.websocket import WebSocketClosedError, websocket_connect

from phone_relay import Relay

PORT = 9000
KEPT = 1000  # recorded messages of each direction
OFFER, ANSWER, SEALED, REFUSAL, GREETING = 1, 2, 3, 4, 5
WRONG_KEY, UNKNOWN, KEYED = 1, 2, 3
HEAD = 13  # of a sealed message: type, index, counter
UPGRADE = (b"GET /websocket HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
           b"Sec-WebSocket-Key: c2l4dGVlbiBieXRlcyEhIQ==\r\nSec-WebSocket-Version: 13\r\n\r\n")
LONG_START = 2000
LONG_FRAME = b"\x82\xff" + (100000).to_bytes(8, "big") + bytes(4)  # how a long binary message begins, mask zero
DELAY = 3  # a delayed message goes after so many others


def flipped(message, bit):
    copy = bytearray(message)
    copy[bit // 8] ^= 0x80 >> bit % 8
    return bytes(copy)


class Storm:
    """What becomes of the messages for one side, at random; and how much of it must be dropped there."""

    def __init__(self, share):
        self.share = share
        self.forged = 0
        self.repeated = 0
        self.delayed = []  # [how many may still overtake it, message]

    def weather(self, message, recorded):
        """What goes in place of this message: pairs of a message and whether it is genuine and new."""
        out = [(late, True) for left, late in self.delayed if left == 0]
        self.delayed = [[left - 1, late] for left, late in self.delayed if left > 0]
        kind = random.choice(["flip", "cut", "repeat", "old", "delay"]) if random.random() < self.share else ""
        if kind == "flip":
            self.forged += 1
            return out + [(flipped(message, random.randrange(8 * HEAD, 8 * len(message))), False)]
        if kind == "cut":
            self.forged += 1
            return out + [(message[:random.randrange(HEAD, len(message))], False)]
        if kind == "delay":
            self.delayed.append([DELAY, message])
            return out
        out.append((message, True))
        if kind:
            self.repeated += 1
            out.append((random.choice(recorded) if kind == "old" and recorded else message, False))
        return out


class EvilRelay(Relay):
    def __init__(self, laptop, server):
        super().__init__(laptop, server)
        self.recorded = {side: collections.deque(maxlen=KEPT) for side in ("laptop", "server")}
        self.offer = bytes([OFFER]) + bytes(73)
        self.refuses = False
        self.storms = {}
        self.armed = None  # (what, to, count)
        self.caught = []
        self.result = None
        self.boarding = []

    async def hear(self, to, message):
        if isinstance(message, str) or not message:
            if not self.refuses:  # which may be an offer
                await self.send(to, message)
        elif message[0] == SEALED:
            await self.hear_sealed(to, message)
        elif message[0] == OFFER and self.refuses:
            await self.send("laptop", bytes([REFUSAL, WRONG_KEY]) + message[1:9])
        else:
            self.offer = message if message[0] == OFFER else self.offer
            await self.send(to, message)

    async def hear_sealed(self, to, message):
        outs = [(message, True)]
        if self.armed and self.armed[1] == to:
            self.recorded[to].append(message)
            await self.catch(message)
            return
        if to in self.storms:
            outs = self.storms[to].weather(message, self.recorded[to])
        for out, is_new in outs:
            if is_new:
                self.recorded[to].append(out)
            await self.send(to, out)

    async def catch(self, message):
        what, to, count = self.armed
        self.caught.append(message)
        if what == "triple":
            for _ in range(3):
                await self.send(to, message)
        if len(self.caught) < count:
            return
        self.armed = None
        copies = ([flipped(message, bit) for bit in range(8 * len(message))] if what == "flip" else
                  [message[:length] for length in range(len(message))] if what == "truncate" else [])
        outs = {"triple": [], "reverse": self.caught[::-1]}.get(what, copies + 2 * [message])
        for out in outs:
            await self.send(to, out)
        self.result.set_result(f"{len(copies)} {8 * (len(message) - HEAD)}")

    # ---- commands ----

    async def arm(self, what, to, count):
        self.caught = []
        self.result = asyncio.get_running_loop().create_future()
        self.armed = (what, to, int(count))
        return "armed"

    async def wait_result(self):
        return await self.result

    async def replay(self, to):
        messages = list(self.recorded[to])
        for message in messages:
            await self.send(to, message)
        return len(messages)

    async def offer_again(self):
        await self.send("server", self.offer)
        return "sent"

    async def exchange(self, sealed):
        """Plays the laptop, as far as a record of it goes."""
        connection = await websocket_connect(self.urls["server"])
        with contextlib.suppress(WebSocketClosedError):
            for message in [self.offer, *list(self.recorded["server"])[:int(sealed)]]:
                await connection.write_message(message, binary=True)
        answers = 0
        while (message := await connection.read_message()) is not None:
            answers += message[0] == ANSWER
        return f"{answers} {connection.close_code}"

    async def board(self, count):
        """Anybody who sees the wires knows the session's index."""
        for task in self.boarding:
            task.cancel()
        self.boarding = [asyncio.create_task(self.claim()) for _ in range(int(count))]
        await asyncio.sleep(1)
        return "begun"

    async def claim(self):
        url = urllib.parse.urlsplit(self.urls["server"])
        while True:
            reader, writer = await asyncio.open_connection(url.hostname, url.port)
            with contextlib.suppress(asyncio.IncompleteReadError, ConnectionError):
                writer.write(UPGRADE)
                await reader.readuntil(b"\r\n\r\n")
                writer.write(LONG_FRAME + self.recorded["server"][-1][:HEAD] + os.urandom(LONG_START - HEAD))
                await reader.read()
            writer.close()
            await asyncio.sleep(0.1)

    async def forget(self):
        for messages in self.recorded.values():
            messages.clear()
        return "forgotten"

    async def forge(self, to, count):
        """Refusals and greetings as the server makes them, about the right messages and about wrong ones."""
        index = self.recorded["server"][-1][1:5]
        for _ in range(int(count)):
            noise = os.urandom(200)
            for message in [
                    bytes([REFUSAL, WRONG_KEY]) + self.offer[1:9], bytes([REFUSAL, WRONG_KEY]) + noise[:8],
                    bytes([REFUSAL, UNKNOWN]) + index + bytes(4), bytes([REFUSAL, UNKNOWN]) + noise[:8],
                    bytes([REFUSAL, KEYED]) + bytes(8), bytes([REFUSAL, 200]) + noise[:8], bytes([REFUSAL]),
                    bytes([GREETING]) + noise[:8], bytes([GREETING]),
                    bytes([ANSWER]) + noise[:53], bytes([ANSWER]) + noise, bytes([ANSWER]),
                    bytes([SEALED]) + noise, noise, bytes([0x45]) + noise, b"\x00", "not base64", ""]:
                await self.send(to, message)
        return "sent"

    async def set_refuses(self, on):
        self.refuses = on == "1"
        return "set"

    async def storm(self, share):
        ended = self.storms
        self.storms = {side: Storm(float(share)) for side in ("laptop", "server")} if float(share) else {}
        for side, storm in ended.items():
            for _, message in storm.delayed:
                await self.send(side, message)
        return "\n".join(f"{side} {storm.forged} {storm.repeated}" for side, storm in ended.items())


class Command(tornado.web.RequestHandler):
    def initialize(self, function):
        self.function = function

    async def get(self):
        arguments = {name: self.get_argument(name) for name in self.request.arguments}
        self.write(f"{await self.function(**arguments)}\n")


async def main():
    relay = EvilRelay(*sys.argv[1:3])
    functions = {"arm": relay.arm, "board": relay.board, "result": relay.wait_result, "replay": relay.replay,
                 "offer": relay.offer_again, "exchange": relay.exchange, "forget": relay.forget,
                 "forge": relay.forge, "refuse": relay.set_refuses, "storm": relay.storm}
    tornado.web.Application([("/" + name, Command, {"function": function})
                             for name, function in functions.items()]).listen(PORT, "127.0.0.1")
    await relay.run()


asyncio.run(main())
