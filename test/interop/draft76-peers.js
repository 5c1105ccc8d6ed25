#!/usr/bin/env node
// SPDX-License-Identifier: ISC
/*
 * Draft 76 between us and others: our server with a client, and the tests' own client (test/browser/draft76.js) with
 * servers, that others wrote when it was in use. These run on today's node, with old_node.js:
 *
 *   client  websocket-client 1.0.0 (2010)
 *   servers faye-websocket 0.4.4 (2012), ws 0.4.32 (2014), node-websocket-server 1.1.4 (2010)
 *
 * websocket.io 0.2.1 and socket.io 0.8.7 were tried, and do not.
 */

"use strict";

require("./old_node");
const http = require("http");
const path = require("path");
const peers = require("./ws_peers");
const { Draft76 } = require("../browser/draft76");
const { check, until } = peers;

const old = (name) => require(path.join(__dirname, "..", "..", "build", "node_modules", name));
const MESSAGES = ["hello", "", "RQAAHAAAQABAAQ==", "Grüße, κόσμε, 世界, 🙂", "t".repeat(65536), "é".repeat(40000), "after all"];

let url;

/* Either client, with its messages in received and its end in ended. */
function collect(socket, listen) {
  const peer = { socket, received: [], isOpen: false, ended: false };
  listen(peer);
  return until("the connection opens", () => peer.isOpen || peer.ended).then(() => {
    check(peer.isOpen, `it does not open: ${socket.failure || ""}`);
    return peer;
  });
}

function theirs(address) {
  const { WebSocket } = old("websocket-client");
  return collect(new WebSocket(address, "", { origin: "http://localhost" }), (peer) => {
    peer.socket.onopen = () => { peer.isOpen = true; };
    peer.socket.onmessage = ({ data }) => peer.received.push(data);
    peer.socket.onclose = () => { peer.ended = true; };
    peer.socket.on("wserror", () => { peer.ended = true; });
  });
}

function ours(address) {
  return collect(new Draft76(address, "http://localhost"), (peer) => {
    peer.socket.on("open", () => { peer.isOpen = true; });
    peer.socket.on("message", (text) => peer.received.push(text));
    peer.socket.on("close", (isClean) => { peer.ended = isClean ? "cleanly" : "somehow"; });
  });
}

async function echoes(peer, messages) {
  messages.forEach((message) => peer.socket.send(message));
  await until("all comes back", () => peer.received.length >= messages.length, () => `${peer.received.length} came`);
  messages.forEach((message, i) => check(peer.received[i] === message, `message ${i} came as ${peer.received[i]}`.slice(0, 99)));
  peer.received.length = 0;
}

async function closes(peer) {
  peer.socket.close();
  await until("the connection ends", () => peer.ended);
}

/* An echo server of one of the old packages: [name, function that takes an HTTP server or a port]. */
const SERVERS = [
  ["faye-websocket", (port) => {
    const server = http.createServer();
    server.on("upgrade", (request, socket, head) => {
      const peer = new (old("faye-websocket"))(request, socket, head);
      peer.onmessage = ({ data }) => peer.send(data);
    });
    return server.listen(port, "127.0.0.1");
  }],
  ["ws-of-2014", (port) => {
    const server = new (old("ws-of-2014").Server)({ port, host: "127.0.0.1" });
    server.on("connection", (peer) => peer.on("message", (data) => peer.send(data)));
    return server;
  }],
  ["node-websocket-server", (port) => {
    const server = old("node-websocket-server").createServer();
    server.addListener("connection", (peer) => peer.addListener("message", (data) => peer.send(data)));
    server.listen(port, "127.0.0.1");
    return server;
  }]
];

const OUR_SERVER = [
  ["websocket-client as the client: all messages come back, and it closes", async () => {
    const peer = await theirs(url);
    await echoes(peer, MESSAGES);
    await closes(peer);
  }],
  ["websocket-client as the client: 200 handshakes", async () => {
    for (let i = 0; i < 200; i += 1) {
      await closes(await theirs(url));
    }
  }],
  ["websocket-client as the client: 2000 messages at once come back in order", async () => {
    const peer = await theirs(url);
    await echoes(peer, Array.from({ length: 2000 }, (_, i) => `message ${i}`));
    await closes(peer);
  }],
  ["the tests' own client: all messages come back, and it closes cleanly", async () => {
    const peer = await ours(url);
    await echoes(peer, MESSAGES);
    await closes(peer);
    check(peer.ended === "cleanly", "the server did not close as section 1.4 has it");
  }]
];

function theirServers() {
  return SERVERS.map(([name, start]) => [`${name} as the server: the tests' own client understands it`, async () => {
    const port = await peers.freePort();
    start(port);
    for (let i = 0; i < 50; i += 1) {
      const peer = await ours(`ws://127.0.0.1:${port}/`);
      await echoes(peer, i ? [`message ${i}`] : MESSAGES.slice(0, 1).concat(MESSAGES.slice(2)));
      peer.socket.socket.destroy();
    }
  }]);
}

(async () => {
  const port = await peers.freePort();
  const echo = peers.launch([peers.program("ws-echo"), `127.0.0.1:${port}`]);
  url = `ws://127.0.0.1:${port}/`;
  await peers.run("draft 76", [
    ["the echo server runs", () => until("it listens", () => {
      echo.check();
      return ours(url).then((peer) => (peer.socket.close(), true), () => false);
    })],
    ...OUR_SERVER, ...theirServers()
  ], echo);
  await echo.stop();
  process.exit();
})();
