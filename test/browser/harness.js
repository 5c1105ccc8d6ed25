// SPDX-License-Identifier: ISC
/*
 * What the browser tests share: Chromium driven by playwright-core, a stand-in for the hosts that serve the
 * page and end its WebSockets, a table of tests and the lines that they print.
 *
 * Nothing waits for a fixed time: until() polls a condition up to a generous limit, so a busy machine makes
 * the tests slower, not red.
 */

"use strict";

const fs = require("fs");
const http = require("http");
const path = require("path");

const ROOT = path.join(__dirname, "..", "..");
const HTML = path.join(ROOT, "html");
const MODULES = path.join(ROOT, "build", "node_modules");
const { chromium } = require(path.join(MODULES, "playwright-core"));
const { WebSocketServer } = require(path.join(MODULES, "ws"));

const LIMIT_MS = Number(process.env.LIMIT_MS || 60000);
const CHROMIUM = process.env.CHROMIUM || "/usr/bin/chromium";
const ARGUMENTS = ["--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
  "--disable-background-networking", "--disable-component-update", "--disable-sync"];
const TYPES = { ".html": "text/html; charset=utf-8", ".js": "text/javascript; charset=utf-8",
  ".css": "text/css; charset=utf-8", ".svg": "image/svg+xml" };
const RESPONSE = fs.readFileSync(path.join(ROOT, "src", "http", "response.c"), "utf8");
const POLICY = `default-src 'none'; ${/script-src [^;]*/.exec(RESPONSE)[0]}; style-src 'self'; ` +
  "connect-src 'self' ws: wss:; img-src 'self'; worker-src 'self'";

/* One of the page's files as programs carry it: see tools/embed.c. */
function embedded(name) {
  const text = fs.readFileSync(path.join(HTML, name), "utf8");
  const [first, rest] = [text.slice(0, text.indexOf("\n") + 1), text.slice(text.indexOf("\n") + 1)];
  if (/\.html$/.test(name)) {
    return text.split(/(^\t*<script>[^]*?<\/script>)/m).map((part, i) => i % 2 ? part : part.replace(/^\t+/gm, "")).join("");
  }
  return !/\.(js|css)$/.test(name) ? text : first +
    rest.replace(/^\t*\/\*[^]*?\*\/\n/gm, "").replace(/^\t+/gm, "").replace(/ +\/\/ .*$/gm, "").replace(/^\n/gm, "")
      .replace(/ ?([{}]) ?/g, "$1").replace(/\.css$/.test(name) ? /(?<=[{};,])\n/g : /(?<=[{;,])\n/g, "");
}

const sleep = (ms) => new Promise((resolve) => setTimeout(resolve, ms));

/* Polls until condition() is truthy and returns that; throws with what describes it and why() after the limit. */
async function until(what, condition, why = () => "") {
  const end = Date.now() + LIMIT_MS;
  for (;;) {
    const value = await condition();
    if (value) {
      return value;
    }
    if (Date.now() > end) {
      throw new Error(`waited ${LIMIT_MS / 1000} s in vain until ${what}; ${await why()}`);
    }
    await sleep(20);
  }
}

function assert(condition, why) {
  if (!condition) {
    throw new Error(why);
  }
}

function equal(actual, expected, what) {
  assert(actual === expected, `${what} is ${JSON.stringify(actual)}, not ${JSON.stringify(expected)}`);
}

/*
 * A host as the page sees it: serves html/ with the strict policy and config.json, and ends WebSockets on
 * /websocket. What arrives is kept in messages as {data, binary}; sockets holds the open connections and
 * attempts the time of each opening handshake. It can go away and return at the same port.
 */
class Host {
  constructor(config = null, options = {}) {
    this.config = config;          // an object, a text as it is, or null: 404
    this.policy = options.policy || POLICY;
    this.rewrite = options.rewrite || ((name, text) => text);
    this.refuse = false;           // break handshakes off
    this.dead = false;             // answer nothing, and take nothing
    this.slow = 0;                 // answer a handshake after so many ms
    this.greeting = null;          // said first on each connection
    this.status = null;            // what status.json says, if there is one
    this.messages = [];
    this.sockets = [];
    this.hung = [];
    this.attempts = [];
    this.port = 0;
  }

  get address() {
    return `127.0.0.1:${this.port}`;
  }

  get url() {
    return `http://${this.address}/`;
  }

  async start() {
    this.http = http.createServer((request, response) => this.answer(request, response));
    this.websockets = new WebSocketServer({ noServer: true, perMessageDeflate: false });
    this.http.on("upgrade", (request, socket, head) => {
      this.attempts.push(Date.now());
      if (this.dead) {
        this.hung.push(socket.on("error", () => {}).resume());
        return;
      }
      if (this.refuse || request.url.split("?")[0] !== (this.path || "/websocket")) {
        socket.destroy();
        return;
      }
      setTimeout(() => {
        this.websockets.handleUpgrade(request, socket, head, (client) => this.accept(client));
      }, this.slow);
    });
    await new Promise((resolve, reject) => {
      this.http.on("error", reject);
      this.http.listen(this.port, "127.0.0.1", resolve);
    });
    this.port = this.http.address().port;
    return this;
  }

  answer(request, response) {
    if (this.dead) {
      return;
    }
    const name = request.url.split("?")[0] === "/" ? "index.html" : request.url.split("?")[0].slice(1);
    const file = path.join(HTML, path.basename(name));
    response.setHeader("Content-Security-Policy", this.policy);
    response.setHeader("Cache-Control", "no-store");
    if (name === "config.json" && this.config) {
      response.setHeader("Content-Type", "application/json");
      response.end(typeof this.config === "string" ? this.config : JSON.stringify(this.config));
    } else if (name === "status.json" && this.status) {
      response.setHeader("Content-Type", "application/json");
      response.end(JSON.stringify(this.status));
    } else if (fs.existsSync(file) && TYPES[path.extname(file)]) {
      response.setHeader("Content-Type", TYPES[path.extname(file)]);
      response.end(this.rewrite(name, fs.readFileSync(file, "utf8"), request));
    } else {
      response.statusCode = 404;
      response.end("no such file\n");
    }
  }

  accept(client) {
    if (this.replaces) {
      this.sockets.forEach((older) => older.close(4001, "replaced"));
    }
    this.sockets.push(client);
    if (this.greeting) {
      client.send(this.greeting);
    }
    client.on("message", (data, binary) => this.messages.push({ data, binary }));
    client.on("close", () => {
      this.sockets = this.sockets.filter((other) => other !== client);
    });
    client.on("error", () => {});
  }

  /* The newest open connection, once there is one. */
  connection() {
    return until(`a page connects to ${this.address}`, () => this.sockets[this.sockets.length - 1]);
  }

  async stop() {
    this.sockets.forEach((socket) => socket.terminate());
    this.hung.forEach((socket) => socket.destroy());
    this.sockets = [];
    this.http.closeAllConnections();
    await new Promise((resolve) => this.http.close(resolve));
  }
}

/* A page in a fresh profile; its errors of script and of policy are collected in page.problems. */
async function openPage(browser, url, options = {}) {
  const context = await browser.newContext(options.context || {});
  const page = await context.newPage();
  page.problems = [];
  page.requested = [];
  page.on("pageerror", (error) => page.problems.push(String(error)));
  page.on("request", (request) => page.requested.push(request.url()));
  page.on("console", (message) => {
    if (/Content Security Policy|Uncaught/.test(message.text())) {
      page.problems.push(message.text());
    }
  });
  for (const script of options.scripts || []) {
    await page.addInitScript(script);
  }
  if (options.prepare) {
    await options.prepare(context);
  }
  await page.goto(url, { timeout: LIMIT_MS });
  return page;
}

const seen = async (page) => (await page.innerText("body")).replace(/[\u2060\u200b]/g, "");
const text = (page, id) => page.textContent(`#${id}`);
const state = (page, id) => page.getAttribute(`#${id}`, "data-state");

/* Waits for an element's data-state. */
function untilState(page, id, wanted) {
  return until(`#${id} is ${wanted}`, async () => await state(page, id) === wanted, () => seen(page));
}

/* Waits until a person reads this text (or pattern) on the page. */
function untilSeen(page, wanted) {
  const found = (all) => wanted instanceof RegExp ? wanted.test(all) : all.includes(wanted);
  return until(`the page says "${wanted}"`, async () => found(await seen(page)), () => seen(page));
}

/* Both hosts, and the page as the laptop serves it, unless options say otherwise. */
async function setUp(browser, after, options = {}) {
  const server = await new Host(null, options).start();
  const laptop = await new Host({ role: "laptop", server: server.address }, options).start();
  after(() => server.stop());
  after(() => laptop.stop());
  if (options.before) {
    options.before(laptop, server);
  }
  const page = await openPage(browser, laptop.url + (options.query || ""), options);
  after(() => page.context().close());
  return { laptop, server, page };
}

async function relaying(browser, after, options) {
  const all = await setUp(browser, after, options);
  await untilState(all.page, "summary", "relaying");
  return all;
}

/* Sends these from one host and checks that the other receives just these, in order. */
async function copies(from, to, messages) {
  const start = to.messages.length;
  const sender = await from.connection();
  await to.connection();
  messages.forEach((message) => sender.send(message));
  await until(`${messages.length} messages are copied`, () => to.messages.length - start >= messages.length,
    () => `${to.messages.length - start} came`);
  messages.forEach((message, i) => {
    const { data, binary } = to.messages[start + i];
    equal(binary, typeof message !== "string", `whether message ${i} is binary`);
    assert(data.equals(Buffer.from(message)), `message ${i}, ${message.length} long, came changed`);
  });
  await sleep(100);
  equal(to.messages.length - start, messages.length, "the number of messages copied");
}

function launch(more = []) {
  return chromium.launch({ executablePath: CHROMIUM, headless: true, args: ARGUMENTS.concat(more) });
}

/* Runs [name, function] pairs one after another, prints a line for each, and ends the process. */
async function run(tests) {
  const only = process.argv[2];
  let failed = 0;
  for (const [name, test] of tests) {
    if (only && !name.includes(only)) {
      continue;
    }
    const cleanups = [];
    try {
      await test((cleanup) => cleanups.unshift(cleanup));
      console.log(`ok - ${name}`);
    } catch (error) {
      failed += 1;
      console.log(`not ok - ${name}: ${String(error.message || error).replace(/\s+/g, " ")}`);
    }
    for (const cleanup of cleanups) {
      await cleanup();
    }
  }
  process.exitCode = failed ? 1 : 0;
}

module.exports = { ROOT, MODULES, HTML, Host, LIMIT_MS, POLICY, TYPES, assert, copies, embedded, equal, launch,
  openPage, relaying, run, seen, setUp, sleep, state, text, until, untilSeen, untilState };
