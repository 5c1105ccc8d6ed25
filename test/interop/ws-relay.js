#!/usr/bin/env node
// SPDX-License-Identifier: ISC
/*
 * Our WebSocket client, in tether-relay, between two servers of npm's ws: what one sends, the other must receive
 * unchanged.
 *
 *   test/interop/ws-relay.js [COMMAND...]
 *
 * COMMAND (build/tether-relay unless given) is started with --laptop URL --server URL appended.
 */

"use strict";

const crypto = require("crypto");
const peers = require("./ws_peers");
const { SIZES, WebSocketServer, check, until } = peers;

/* A server that holds the relay's newest connection in peer. */
class End {
  async start() {
    this.port = this.port || await peers.freePort();
    this.url = `ws://127.0.0.1:${this.port}/websocket`;
    this.peer = null;
    this.server = new WebSocketServer({ host: "127.0.0.1", port: this.port, path: "/websocket",
      perMessageDeflate: false });
    this.server.on("connection", (socket) => {
      peers.collect(socket);
      this.peer = socket;
    });
  }

  connected(but = null) {
    return until("the relay connects", () =>
      this.peer && this.peer !== but && this.peer.readyState === 1 ? this.peer : null);
  }

  async stop() {
    this.server.clients.forEach((socket) => socket.terminate());
    await new Promise((resolve) => this.server.close(resolve));
  }
}

const laptop = new End();
const server = new End();

/* Both connections, once a message passes each way; what was received until then is forgotten. */
async function settled() {
  const up = await laptop.connected();
  const down = await server.connected();
  for (const [source, target] of [[up, down], [down, up]]) {
    const before = target.received.length;
    await until("a message passes", async () => {
      source.send("probe");
      await new Promise((resolve) => setTimeout(resolve, 200));
      return target.received.length > before;
    });
  }
  await new Promise((resolve) => setTimeout(resolve, 500));
  up.received.length = down.received.length = 0;
  return [up, down];
}

/* Sends messages one after another, each when the one before has come: a relay may drop what piles up. */
async function copied(source, target, messages) {
  for (const message of messages) {
    source.send(message);
    await peers.expectMessages(target.received, [message]);
    target.received.length = 0;
  }
}

const TESTS = [
  ["text and binary of all sizes are copied from the laptop to the server", async () => {
    const [up, down] = await settled();
    await copied(up, down, SIZES.map((size) => "t".repeat(size)));
    await copied(up, down, SIZES.map((size) => crypto.randomBytes(size)));
  }],

  ["text and binary of all sizes are copied from the server to the laptop", async () => {
    const [up, down] = await settled();
    await copied(down, up, SIZES.map((size) => "t".repeat(size)));
    await copied(down, up, SIZES.map((size) => crypto.randomBytes(size)));
  }],

  ["fragments with pings between them are copied as one message", async () => {
    const [up, down] = await settled();
    up.send("one ", { fin: false });
    up.ping("between");
    up.send("zwölf ", { fin: false });
    up.send("three", { fin: true });
    await peers.expectMessages(down.received, ["one zwölf three"]);
    await until("the pong comes", () => up.pongs.length);
    check(String(up.pongs[0]) === "between", `the pong holds ${up.pongs[0]}`);
  }],

  ...[[1000, ""], [1001, "going"], [3000, "x".repeat(123)], [4999, "schön"]].map(([code, reason]) =>
    [`a Close with ${code} is answered by the same, the other side stays, and the relay comes back`, async () => {
      const [up, down] = await settled();
      down.close(code, reason);
      const ended = await until("the connection ends", () => down.ended);
      check(ended.code === code, `the close code is ${ended.code}, not ${code}`);
      await server.connected(down);
      check(laptop.peer === up && up.readyState === 1, "the other side was closed as well");
      await copied(...await settled(), ["after it"]);
    }]),

  ["a server that goes away and returns is found again", async () => {
    const [up] = await settled();
    await server.stop();
    up.send("into the void");
    await server.start();
    await server.connected();
    check(laptop.peer === up && up.readyState === 1, "the other side was closed as well");
    const now = await settled();
    await copied(...now, ["back"]);
    await copied(...now.reverse(), [Buffer.from("and forth")]);
  }]
];

(async () => {
  const command = process.argv.length > 2 ? process.argv.slice(2) : [peers.program("tether-relay")];
  await laptop.start();
  await server.start();
  const relay = peers.launch([...command, "--laptop", laptop.url, "--server", server.url]);
  await peers.run("npm's ws as both servers", TESTS, relay);
  await relay.stop();
  await laptop.stop();
  await server.stop();
})();
