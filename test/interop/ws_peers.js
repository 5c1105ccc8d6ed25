// SPDX-License-Identifier: ISC
/*
 * What the WebSocket tests with npm's ws share: starting a program, collecting what a connection brings, waiting
 * for conditions, and a line for each test.
 */

"use strict";

const childProcess = require("child_process");
const net = require("net");
const path = require("path");

const ROOT = path.join(__dirname, "..", "..");
const { WebSocket, WebSocketServer } = require(path.join(ROOT, "build", "node_modules", "ws"));

const LIMIT_MS = Number(process.env.LIMIT_S || 30) * 1000;
const MESSAGE_MAX = 1048576;
const SIZES = [0, 1, 125, 126, 127, 65535, 65536, 65537, MESSAGE_MAX];

function check(condition, why) {
  if (!condition) {
    throw new Error(why);
  }
}

/* Polls until condition() is truthy and returns what it gave. */
async function until(what, condition, why = () => "") {
  const end = Date.now() + LIMIT_MS;
  for (;;) {
    const value = await condition();
    if (value) {
      return value;
    }
    check(Date.now() < end, `waited ${LIMIT_MS / 1000} s in vain: ${what} ${why()}`);
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
}

function program(name) {
  return path.join(ROOT, "build", name);
}

function freePort() {
  return new Promise((resolve, reject) => {
    const probe = net.createServer();
    probe.on("error", reject);
    probe.listen(0, "127.0.0.1", () => {
      const { port } = probe.address();
      probe.close(() => resolve(port));
    });
  });
}

/* Starts a program: check() throws once it has ended, stop() ends it. */
function launch(command) {
  const child = childProcess.spawn(command[0], command.slice(1), { stdio: ["ignore", "pipe", "pipe"] });
  let output = "";
  let ended = null;
  child.stdout.on("data", (data) => { output += data; });
  child.stderr.on("data", (data) => { output += data; });
  child.on("error", (error) => { ended = String(error); });
  const gone = new Promise((resolve) => child.on("close", (status, signal) => {
    ended = ended || `status ${status === null ? signal : status}`;
    resolve();
  }));
  return {
    check() {
      check(ended === null, `${command[0]} ended with ${ended}: ${output.slice(-600)}`);
    },
    async stop() {
      if (ended === null) {
        child.kill("SIGTERM");
        const timer = setTimeout(() => child.kill("SIGKILL"), LIMIT_MS);
        await gone;
        clearTimeout(timer);
      }
    }
  };
}

/* Keeps what a connection brings in its received [{data, binary}], pongs and ended {code, reason}. */
function collect(socket) {
  socket.received = [];
  socket.pongs = [];
  socket.ended = null;
  socket.on("message", (data, binary) => socket.received.push({ data, binary }));
  socket.on("pong", (data) => socket.pongs.push(data));
  socket.on("close", (code, reason) => { socket.ended = { code, reason: String(reason) }; });
  socket.on("error", () => {});
}

/* Waits until just these messages are in received, strings as text and Buffers as binary. */
async function expectMessages(received, messages) {
  await until(`${messages.length} messages come`, () => received.length >= messages.length,
    () => `(${received.length} came)`);
  check(received.length === messages.length, `${received.length} messages came, not ${messages.length}`);
  messages.forEach((message, i) => {
    check(received[i].binary === (typeof message !== "string"), `message ${i} changed between text and binary`);
    check(received[i].data.equals(Buffer.from(message)), `message ${i}, ${message.length} long, came changed`);
  });
}

async function run(title, tests, launched) {
  let failed = 0;
  for (const [name, test] of tests) {
    try {
      await test();
      launched.check();
      console.log(`ok - ${title}: ${name}`);
    } catch (error) {
      failed += 1;
      console.log(`not ok - ${title}: ${name}: ${String(error.message || error).replace(/\s+/g, " ")}`);
    }
  }
  process.exitCode = failed ? 1 : 0;
}

module.exports = { LIMIT_MS, MESSAGE_MAX, SIZES, WebSocket, WebSocketServer, check, collect, expectMessages, freePort,
  launch, program, run, until };
