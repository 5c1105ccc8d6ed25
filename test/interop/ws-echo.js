#!/usr/bin/env node
// SPDX-License-Identifier: ISC
/*
 * Our WebSocket server against the client of npm's ws.
 *
 *   test/interop/ws-echo.js [COMMAND...]
 *
 * COMMAND (build/ws-echo unless given) is started with ADDR:PORT appended and echoes text and binary on path /,
 * with messages of up to 1 MiB.
 */

"use strict";

const crypto = require("crypto");
const peers = require("./ws_peers");
const { MESSAGE_MAX, SIZES, check } = peers;
const { WebSocket } = peers;

let url;

/* An open connection; its messages wait in received, its end in ended: {code, reason}. */
function connect(options = {}) {
  return new Promise((resolve, reject) => {
    const socket = new WebSocket(url, options.protocols || [], { perMessageDeflate: false, ...options });
    peers.collect(socket);
    socket.on("open", () => resolve(socket));
    socket.on("error", reject);
  });
}

async function echoes(socket, messages) {
  messages.forEach((message) => socket.send(message));
  await peers.expectMessages(socket.received, messages);
  socket.received.length = 0;
}

async function sizes(make) {
  const socket = await connect();
  await echoes(socket, SIZES.map(make));
  socket.terminate();
}

const TESTS = [
  ["text of all sizes comes back", () => sizes((size) => "t".repeat(size))],
  ["binary of all sizes comes back", () => sizes((size) => crypto.randomBytes(size))],

  ["fragments with pings between them come back as one message", async () => {
    const socket = await connect();
    socket.send("one ", { fin: false });
    socket.ping("between");
    socket.send("two ", { fin: false });
    socket.ping("");
    socket.send("", { fin: false });
    socket.send("three", { fin: true });
    await peers.expectMessages(socket.received, ["one two three"]);
    await peers.until("both pongs come", () => socket.pongs.length === 2);
    check(socket.pongs.join() === "between,", `the pongs are ${socket.pongs}`);
    socket.terminate();
  }],

  ["a ping of 125 bytes is answered by the same", async () => {
    const socket = await connect();
    const payload = crypto.randomBytes(125);
    socket.ping(payload);
    await peers.until("the pong comes", () => socket.pongs.length);
    check(socket.pongs[0].equals(payload), "the pong holds something else");
    socket.terminate();
  }],

  ["two thousand messages at once come back in order", async () => {
    const socket = await connect();
    await echoes(socket, Array.from({ length: 2000 }, (_, i) => i % 2 ? `message ${i}` : Buffer.from(`message ${i}`)));
    socket.terminate();
  }],

  ...[[1000, ""], [1000, "done"], [1001, "schön"], [1014, "b"], [3000, "x".repeat(123)], [4999, "z"]].map(
    ([code, reason]) => [`a Close with ${code} and ${reason.length} characters of reason is answered`, async () => {
      const socket = await connect();
      await echoes(socket, ["hello"]);
      socket.close(code, reason);
      const ended = await peers.until("the connection ends", () => socket.ended);
      check(ended.code === code, `the close code is ${ended.code}, not ${code}`);
    }]),

  ["a Close without a code is answered", async () => {
    const socket = await connect();
    socket.close();
    const ended = await peers.until("the connection ends", () => socket.ended);
    check(ended.code === 1005 || ended.code === 1000, `the close code is ${ended.code}`);
  }],

  ["a message over 1 MiB ends with 1009", async () => {
    const socket = await connect();
    socket.send(Buffer.alloc(MESSAGE_MAX + 1));
    const ended = await peers.until("the connection ends", () => socket.ended);
    check(ended.code === 1009, `the close code is ${ended.code}, not 1009`);
  }],

  ["compression and subprotocols are declined", async () => {
    const socket = await connect({ perMessageDeflate: true });
    check(socket.extensions === "" && socket.protocol === "", `agreed on: ${socket.extensions}${socket.protocol}`);
    await echoes(socket, ["plain"]);
    socket.terminate();
  }]
];

(async () => {
  const command = process.argv.length > 2 ? process.argv.slice(2) : [peers.program("ws-echo")];
  const port = await peers.freePort();
  const echo = peers.launch([...command, `127.0.0.1:${port}`]);
  url = `ws://127.0.0.1:${port}/`;
  await peers.run("npm's ws as the client", [
    ["the echo server runs", () => peers.until("it listens", () => {
      echo.check();
      return connect().then((socket) => (socket.terminate(), true), () => false);
    })],
    ...TESTS
  ], echo);
  await echo.stop();
})();
