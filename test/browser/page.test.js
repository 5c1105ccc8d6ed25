// SPDX-License-Identifier: ISC
/*
 * The phone's page in Chromium, against stand-ins for the two hosts (see harness.js).
 *
 *   node test/browser/page.test.js [PART-OF-A-NAME]     runs all tests, or those whose name contains it
 *
 * It needs Chromium (CHROMIUM names another than /usr/bin/chromium) and what test/packages.sh browser installs.
 */

"use strict";

const crypto = require("crypto");
const fs = require("fs");
const path = require("path");
const vm = require("vm");
const h = require("./harness");
const { Host, assert, copies, equal, openPage, seen, state, text, until, untilSeen, untilState } = h;

let browser;

const setUp = (after, options) => h.setUp(browser, after, options);
const relaying = (after, options) => h.relaying(browser, after, options);
const noServer = (laptop) => { laptop.config = { role: "laptop", server: null }; };

const MESSAGES = [
  "", "x", "RQAAHAAAQABAAQ==", "Grüße, κόσμε, 世界, 🙂, \u0000 and \uFFFD", "t".repeat(65536),
  "é".repeat(40000),
  Buffer.alloc(0), Buffer.from([0]), Buffer.from(Array.from({ length: 256 }, (_, i) => i)),
  crypto.randomBytes(1400), crypto.randomBytes(65535), crypto.randomBytes(65536), crypto.randomBytes(1048576),
  "after all"
];

/* Collects every text that an element shows from now on. */
async function watch(page, id) {
  await page.evaluate((name) => {
    window.watched = [];
    new MutationObserver(() => window.watched.push(document.getElementById(name).textContent))
      .observe(document.getElementById(name), { childList: true, characterData: true, subtree: true });
  }, id);
  return () => page.evaluate(() => window.watched);
}

function loadAddress() {
  const context = {};
  vm.runInNewContext(fs.readFileSync(path.join(h.HTML, "address.js"), "utf8"), context);
  return context;
}

/* A page whose server has so many ports; prepare() gets the hosts that stand for them. */
async function withPorts(after, count, prepare) {
  const ports = [];
  for (let i = 0; i < count; i += 1) {
    ports.push(await new Host().start());
    after(() => ports[i].stop());
  }
  prepare(ports);
  const { laptop, page } = await setUp(after, { before: (host) => {
    host.config = { role: "server", laptop: host.address, websocket_ports: ports.map((port) => port.port) };
  } });
  return { laptop, page, ports };
}

/* The page as a TLS front serves it, with what the browser's owner permitted it. */
function openHttpsPage(opener, laptop, permissions) {
  const config = JSON.stringify({ role: "server", laptop, websocket_ports: [8080, 80] });
  return openPage(opener, "https://tether.example/", { prepare: async (context) => {
    await context.grantPermissions(permissions, { origin: "https://tether.example" });
    await context.route("https://tether.example/**", (route) => {
      const name = new URL(route.request().url()).pathname.slice(1) || "index.html";
      return name === "config.json" ? route.fulfill({ body: config, contentType: "application/json" }) :
        route.fulfill({ path: path.join(h.HTML, name), contentType: h.TYPES[path.extname(name)] });
    });
  } });
}

const AT_LAPTOP = { protocol: "http:", host: "169.254.134.89:6354", hostname: "169.254.134.89", search: "" };
const AT_SERVER = { protocol: "http:", host: "203.0.113.10", hostname: "203.0.113.10", search: "" };
const AT_FRONT = { protocol: "https:", host: "tether.example", hostname: "tether.example", search: "" };
const AT_SERVER6 = { protocol: "http:", host: "[2001:db8::1]", hostname: "[2001:db8::1]", search: "" };
const LAPTOP = { role: "laptop", server: "203.0.113.10:8080" };
const SERVER = { role: "server", laptop: "169.254.134.89:6354", websocket_ports: [8080, 80] };
const L = "ws://169.254.134.89:6354/websocket";
const S = "ws://203.0.113.10:8080/websocket";

/* [page, config, query, laptop's address, server's address] */
const ADDRESSES = [
  [AT_LAPTOP, LAPTOP, "", L, S],
  [AT_LAPTOP, { role: "laptop", server: null }, "", L, null],
  [AT_LAPTOP, { role: "laptop", server: "[2001:db8::1]:8080" }, "", L, "ws://[2001:db8::1]:8080/websocket"],
  [AT_SERVER, SERVER, "", L, S],
  [AT_SERVER, { ...SERVER, websocket_ports: [9000] }, "", L, "ws://203.0.113.10:9000/websocket"],
  [AT_SERVER6, SERVER, "", L, "ws://[2001:db8::1]:8080/websocket"],
  [AT_FRONT, SERVER, "", L, "wss://tether.example/websocket"],
  [AT_LAPTOP, LAPTOP, "?server=host.example", L, "ws://host.example:8080/websocket"],
  [AT_LAPTOP, LAPTOP, "?server=host.example:81", L, "ws://host.example:81/websocket"],
  [AT_LAPTOP, LAPTOP, "?server=%5B2001:db8::2%5D", L, "ws://[2001:db8::2]:8080/websocket"],
  [AT_LAPTOP, LAPTOP, "?server=[2001:db8::2]:81", L, "ws://[2001:db8::2]:81/websocket"],
  [AT_LAPTOP, LAPTOP, "?server=wss%3A%2F%2Fhost.example%2Fdeep%3Fa%3Db", L, "wss://host.example/deep?a=b"],
  [AT_LAPTOP, LAPTOP, "?server=wss://host.example/x", L, "wss://host.example/x"],
  [AT_FRONT, SERVER, "?server=host.example", L, "wss://host.example/websocket"],
  [AT_FRONT, SERVER, "?server=host.example:8443", L, "wss://host.example:8443/websocket"],
  [AT_SERVER, SERVER, "?laptop=10.1.2.3", "ws://10.1.2.3:6354/websocket", S],
  [AT_SERVER, SERVER, "?laptop=10.1.2.3:1&server=b.example", "ws://10.1.2.3:1/websocket",
    "ws://b.example:8080/websocket"],
  [AT_SERVER, null, "?laptop=10.1.2.3&server=b", "ws://10.1.2.3:6354/websocket", "ws://b:8080/websocket"],
  [AT_SERVER, null, "", null, null],
  [AT_LAPTOP, LAPTOP, "?server=", L, S],
  [AT_LAPTOP, LAPTOP, "?server=a:b:c", L, null],
  [AT_LAPTOP, LAPTOP, "?server=2001:db8::2", L, null],
  [AT_LAPTOP, LAPTOP, "?server=host:99999", L, null],
  [AT_LAPTOP, LAPTOP, "?server=http://host/", L, null],
  [AT_LAPTOP, LAPTOP, "?server=a%20b", L, null],
  [AT_LAPTOP, LAPTOP, "?server=%E0%A4%A", L, null],
  [AT_LAPTOP, LAPTOP, "?server=wss://host.example:99999/x", L, null],
  [AT_LAPTOP, LAPTOP, "?server=ws://203.0.113.10@evil.example/", L, null],
  [AT_LAPTOP, LAPTOP, "?server=ws://evil.example%5C@203.0.113.10/", L, null],
  [AT_LAPTOP, LAPTOP, "?server=ws:%5Cevil.example", L, null],
  [AT_LAPTOP, LAPTOP, "?server=ws://b%C3%BCcher.example/", L, null],
  [AT_LAPTOP, LAPTOP, "?server=203.0.113.10%E2%80%AE.evil", L, null]
];

/* The ports of a server that are tried, in this order; "ws:" is 80 and "wss:" is 443. */
const PORTS = [
  [AT_LAPTOP, { role: "laptop", server: "203.0.113.10" }, "", "8080 443 ws:"],
  [AT_LAPTOP, { role: "laptop", server: "[2001:db8::1]", id: "1" }, "", "8080 443 ws:"],
  [AT_LAPTOP, LAPTOP, "", "8080"],
  [AT_LAPTOP, { role: "laptop", server: "ws://203.0.113.10/websocket" }, "", "ws:"],
  [AT_LAPTOP, { role: "laptop", server: "wss://203.0.113.10/websocket" }, "", "wss:"],
  [AT_SERVER, { ...SERVER, websocket_ports: [8080, 443, 80] }, "", "8080 443 ws:"],
  [AT_SERVER, { role: "server" }, "", "8080 443 ws:"],
  [AT_FRONT, SERVER, "", "wss:"],
  [AT_FRONT, SERVER, "?server=host.example", "wss:"]
];

const TESTS = [
  ["the page's files are under 56 KB in all as programs carry them, in the syntax of ES5, and load nothing from " +
    "elsewhere", async () => {
    const files = fs.readdirSync(h.HTML);
    const size = files.reduce((sum, name) => sum + h.embedded(name).length, 0);
    assert(size < 56000, `they are ${size} bytes`);
    for (const name of files) {
      const source = fs.readFileSync(path.join(h.HTML, name), "utf8");
      const outside = source.match(/(src|href|url)\s*[=(]\s*["']?(https?:)?\/\/[^"')\s]*/);
      assert(!outside, `${name} has ${outside}`);
      if (name.endsWith(".js")) {
        const code = source.replace(/\/\*[^]*?\*\//g, "").replace(/\/\/ .*$/gm, "").replace(/"[^"\n]*"/g, '""');
        const modern = code.match(/\b(const|let|class|async|await|of)\b|=>|`|\.\.\.|\bfetch\(/);
        assert(!modern, `${name} has ${modern}`);
      }
    }
  }],

  ["the page in the programs is this one, but for comments that have lines of their own", async () => {
    const source = fs.readFileSync(path.join(h.ROOT, "build", "page_files.c"), "utf8");
    const bodies = source.match(/\[\] = \{[^}]*/g).map((body) => Buffer.from(body.slice(6).match(/\d+/g).map(Number)));
    const names = source.match(/\{"[\w.]+"/g).map((name) => name.slice(2, -1));
    equal(names.slice().sort().join(), fs.readdirSync(h.HTML).sort().join(), "the embedded files");
    names.forEach((name, i) => equal(bodies[i].toString(), h.embedded(name), `the embedded ${name}`));
  }],

  ["both addresses follow from who serves the page, from config.json and from the page's address", async () => {
    const address = loadAddress();
    for (const [location, config, query, laptop, server] of ADDRESSES) {
      const found = address.findAddresses(location, query, config, "");
      const what = `${location.host}${query} with ${JSON.stringify(config)}`;
      equal(found.laptop.url, laptop, `the laptop's address at ${what}`);
      equal(found.server.url, server, `the server's address at ${what}`);
    }
    for (const [location, config, query, ports] of PORTS) {
      const urls = address.findAddresses(location, query, config, "").server.urls;
      equal(urls.map((url) => new URL(url).port || new URL(url).protocol).join(" "), ports,
        `the ports of ${location.host}${query} with ${JSON.stringify(config)}`);
    }
    equal(address.pageOf("ws://169.254.134.89:6354/websocket?x"), "http://169.254.134.89:6354/", "the laptop's page");
    for (const host of ["203.0.113.10", "8.8.8.8", "172.32.0.1", "100.128.0.1"]) {
      assert(address.isPublic(host), `${host} is not taken for public`);
    }
    for (const host of ["10.0.0.1", "172.16.0.1", "192.168.1.1", "169.254.1.1", "127.0.0.1", "100.64.0.1", "a.example",
      "[2001:db8::1]"]) {
      assert(!address.isPublic(host), `${host} is taken for public`);
    }
  }],

  ["the laptop's page connects both sides in a worker, under a strict policy, and says so", async (after) => {
    const { page, laptop } = await relaying(after);
    equal(await text(page, "laptop-status"), "Connected", "the laptop's status");
    equal(await text(page, "server-status"), "Connected", "the server's status");
    equal(await page.getAttribute("html", "data-relay"), null, "where the relay runs");
    const outside = page.requested.filter((url) => !url.startsWith(laptop.url));
    equal(outside.join(" "), "", "what was loaded from elsewhere");
    equal(page.problems.join("; "), "", "what the browser complained of");
    assert(!await page.isVisible("#advice"), "advice is shown");
    equal(await text(page, "main-button"), "Stop", "the button");
  }],

  ["messages from the laptop reach the server unchanged, text as text and binary as binary", async (after) => {
    const { laptop, server } = await relaying(after);
    await copies(laptop, server, MESSAGES);
  }],

  ["messages from the server reach the laptop unchanged, text as text and binary as binary", async (after) => {
    const { laptop, server } = await relaying(after);
    await copies(server, laptop, MESSAGES);
  }],

  ["both directions at once keep their order over thousands of messages", async (after) => {
    const { laptop, server } = await relaying(after);
    const many = (tag) => Array.from({ length: 3000 }, (_, i) => i % 2 ? `${tag} ${i}` : Buffer.from(`${tag} ${i}`));
    await Promise.all([copies(laptop, server, many("up")), copies(server, laptop, many("down"))]);
  }],

  ["bytes are counted for each direction", async (after) => {
    const { page, laptop, server } = await relaying(after);
    await copies(laptop, server, [Buffer.alloc(700), "y".repeat(300), Buffer.alloc(234000)]);
    await copies(server, laptop, ["12345"]);
    await until("the counts are shown", async () => await text(page, "up-bytes") === "235 kB", () => seen(page));
    await untilSeen(page, /Received\s+5 B\s+Sent\s+235 kB/);
    equal(await text(page, "dropped"), "", "what is said of dropped messages");
  }],

  ...["server", "laptop"].map((name) => [`the ${name} going away is said, the other side stays, and it is found ` +
    "again when it returns", async (after) => {
    const all = await relaying(after);
    const { page } = all;
    const away = all[name];
    const other = name === "server" ? all.laptop : all.server;
    const kept = await other.connection();
    await away.stop();
    await untilState(page, name, "waiting");
    await untilSeen(page, /Next try in \d+ s/);
    await untilSeen(page, `No connection to the ${name}`);
    kept.send("into the void");
    await untilSeen(page, `Messages dropped: 1. The ${name} was not there, or too slow.`);
    await until("the page says that it cannot be reached", async () =>
      await text(page, `${name}-status`) === "Refused or out of reach", () => seen(page));
    await untilSeen(page, name === "server" ? "tether-server is running" : "tether-client is running");
    assert(!await page.isVisible("#advice"), "the laptop's own page gives advice about blocking");
    await away.start();
    after(() => away.stop().catch(() => {}));
    await untilState(page, "summary", "relaying");
    equal(other.sockets[0], kept, "the other side's connection");
    equal(other.sockets.length, 1, "connections of the other side");
    await copies(away, other, ["back", Buffer.from("again")]);
    await copies(other, away, ["back", Buffer.from("again")]);
  }]),

  ["a laptop that connects after the server gets the server's greeting, which is said once", async (after) => {
    const { laptop, server } = await setUp(after, { before: (slow, greeter) => {
      slow.slow = 1000;
      greeter.greeting = "greeting";
    } });
    await until("the greeting comes", () => laptop.messages.length);
    equal(String(laptop.messages[0].data), "greeting", "the first message");
    equal(server.attempts.length, 1, "connections to the server"); // another one is greeted again
  }],

  ["failed attempts are spaced further and further, and a connection that held starts afresh", async (after) => {
    const { page, laptop, server } = await setUp(after, { before: (l, s) => { s.refuse = true; } });
    await until("five attempts", () => server.attempts.length >= 5);
    const gaps = server.attempts.slice(1).map((time, i) => time - server.attempts[i]);
    assert(gaps[0] >= 200 && gaps[3] > 1.5 * gaps[0] && gaps[3] >= 700, `the gaps are ${gaps.slice(0, 4)} ms`);
    equal((await laptop.connection()) && laptop.attempts.length, 1, "attempts on the side that works");
    server.refuse = false;
    await untilState(page, "summary", "relaying");
    await h.sleep(6000);
    const texts = await watch(page, "server-retry");
    (await server.connection()).terminate();
    const first = await until("the next try is announced", async () => (await texts()).find((t) => t));
    equal(first, "Next try in 1 s", "the wait after a connection that held");
    await untilState(page, "summary", "relaying");
  }],

  ["an end that accepts and hangs up at once is not asked in a tight loop", async (after) => {
    const { page, server } = await setUp(after, { before: (l, s) => {
      s.accept = (client) => client.close(1011, "busy");
    } });
    await untilSeen(page, "Connection lost: busy");
    await until("four attempts", () => server.attempts.length >= 4);
    const spread = server.attempts[3] - server.attempts[0];
    // Three pauses of 300, 450 and 675 ms, each shorter by chance by up to a quarter.
    assert(spread > 1000, `four attempts came within ${spread} ms`);
  }],

  ...["laptop", "server"].map((name) => [`close code 4001 from the ${name} stops both sides until the button is ` +
    "pressed", async (after) => {
    const all = await relaying(after);
    const { page, laptop, server } = all;
    (await all[name].connection()).close(4001, "replaced");
    await untilState(page, "summary", "replaced");
    await untilSeen(page, "Another phone or tab has taken over");
    equal(await text(page, `${name}-status`), "Taken over", "what that side says");
    await until("both connections end", () => laptop.sockets.length + server.sockets.length === 0);
    const attempts = laptop.attempts.length + server.attempts.length;
    await h.sleep(3000);
    equal(laptop.attempts.length + server.attempts.length, attempts, "attempts in three seconds after the stop");
    await page.click("text=Use this one");
    await untilState(page, "summary", "relaying");
    equal(await text(page, "main-button"), "Stop", "the button");
    await copies(laptop, server, ["mine again"]);
  }]),

  ["of two tabs the newer relays and the older stands back, and the other way after its button", async (after) => {
    const { page, laptop, server } = await relaying(after, { before: (l, s) => { l.replaces = s.replaces = true; } });
    const newer = await openPage(browser, laptop.url);
    after(() => newer.context().close());
    await untilState(newer, "summary", "relaying");
    await untilState(page, "summary", "replaced");
    await copies(laptop, server, ["by the newer"]);
    await page.click("#main-button");
    await untilState(page, "summary", "relaying");
    await untilState(newer, "summary", "replaced");
    await copies(server, laptop, ["by the older"]);
  }],

  ["a server's connection that is given up is used again if it brings something before another has opened",
    async (after) => {
      const { page, laptop, server } = await relaying(after);
      const old = await server.connection();
      server.dead = true;
      (await laptop.connection()).close(4003, "silent");
      await until("another is tried", () => server.attempts.length > 1);
      await until("the laptop is there again", () => laptop.attempts.length > 1 && laptop.sockets.length === 1);
      await copies(laptop, server, ["into the silence"]);
      await copies(server, laptop, ["after it", Buffer.from("in"), "order"]);
      await untilState(page, "summary", "relaying");
      await until("the attempt is given up", () => server.hung.every((socket) => socket.readableEnded));
      await copies(laptop, server, ["and on"]);
      equal(server.sockets.length === 1 && server.sockets[0] === old, true, "whether the old one is all there is");
    }],

  ["what the old connection brings reaches the laptop until the new one has brought something; more are not kept",
    async (after) => {
      const { page, laptop, server } = await relaying(after);
      const cut = async () => {
        const before = server.sockets.slice();
        (await laptop.connection()).close(4003, "silent");
        await until("another has opened", () => server.sockets.some((socket) => !before.includes(socket)));
        await untilState(page, "summary", "relaying");
        await until("the laptop is there again", () => laptop.sockets.length === 1);
        return before.pop();
      };
      const first = await cut();
      const told = () => laptop.messages.map(({ data }) => String(data)).join();
      await copies(laptop, server, ["by the new one"]);
      first.send("late");
      first.send("later");
      await until("both reach the laptop", () => told() === "late,later", told);
      const second = await cut();
      await until("the oldest is ended", () => server.sockets.length === 2 && server.sockets[0] === second);
      second.send("late again");
      await until("that reaches the laptop", () => told() === "late,later,late again", told);
      (await server.connection()).send("by the third");
      await until("the second is ended", () => server.sockets.length === 1);
      await copies(server, laptop, ["and on"]);
      equal(told(), "late,later,late again,by the third,and on", "what the laptop has got");
      assert(server.sockets[0] !== first && server.sockets[0] !== second, "an old one is left");
    }],

  ["a side that reads nothing costs bounded memory: messages are dropped and counted, then it goes on",
    async (after) => {
      const { page, laptop, server } = await relaying(after);
      const slow = await server.connection();
      const fast = await laptop.connection();
      const count = 1200;
      slow.pause();
      for (let i = 0; i < count; i += 1) {
        fast.send(Buffer.alloc(65536, i));
      }
      await untilSeen(page, /Messages dropped: \d+\. The server was not there, or too slow\./);
      const dropped = async () => Number(/\d+/.exec(await text(page, "dropped"))[0]);
      // The laptop's end has no more to give, and the page has counted it all.
      await until("the laptop is rid of them", () => fast.bufferedAmount === 0);
      let before;
      do {
        before = await dropped();
        await h.sleep(1200);
      } while (before !== await dropped());
      slow.resume();
      const delivered = count - before;
      await until("what was not dropped arrives", () => server.messages.length === delivered,
        () => `${server.messages.length} of ${delivered}`);
      await copies(laptop, server, ["and on"]);
    }],

  ["the page's address names other ends: HOST:PORT, and a whole address with its own path", async (after) => {
    const other = await new Host().start();
    const deep = await new Host().start();
    deep.path = "/deep/er";
    after(() => other.stop());
    after(() => deep.stop());
    const query = `?laptop=${other.address}&server=${encodeURIComponent(`ws://${deep.address}/deep/er`)}`;
    const { page, laptop, server } = await setUp(after, { query, before: noServer });
    await page.click("#yes-button");
    await untilState(page, "summary", "relaying");
    await copies(other, deep, ["there"]);
    await copies(deep, other, ["and back"]);
    equal(laptop.attempts.length + server.attempts.length, 0, "attempts at the configured ends");
  }],

  ["what the page's address names is neither connected nor stored before a person says yes", async (after) => {
    const evil = await new Host().start();
    after(() => evil.stop());
    const { page, laptop, server } = await setUp(after, { query: `?server=ws://${evil.address}/websocket`,
      before: noServer });
    const untouched = async () => {
      equal(evil.attempts.length + laptop.attempts.length + server.attempts.length, 0, "attempts to connect");
      equal(await page.evaluate(() => localStorage.length + sessionStorage.length), 0, "what is stored");
    };
    await h.sleep(2000);
    await untouched();
    await untilSeen(page, "Use other addresses?");
    await untilSeen(page, evil.address);
    await untilSeen(page, laptop.address);
    equal(await page.evaluate(() => document.activeElement.tagName), "BODY", "what a key would press");
    // This page comes to the front under a finger that was about to tap on another.
    for (const event of ["focus", "blur"]) {
      await page.evaluate((name) => {
        window.dispatchEvent(new Event(name));
        document.getElementById("yes-button").click();
      }, event);
      assert(await page.isVisible("#question"), "that tap was taken for a yes");
    }
    await untouched();
    await page.click("#yes-button");
    await untilState(page, "summary", "relaying");
    await copies(laptop, evil, ["agreed"]);
  }],

  ["a no forgets what the page's address names", async (after) => {
    const evil = await new Host().start();
    after(() => evil.stop());
    const { page, laptop, server } = await setUp(after, { query: `?server=${evil.address}` });
    await untilSeen(page, `${evil.address} instead of ${server.address}`);
    await page.click("#no-button");
    await untilState(page, "summary", "relaying");
    await copies(laptop, server, ["as ever"]);
    equal(page.url(), laptop.url, "the page's address");
    await page.reload();
    await untilState(page, "summary", "relaying");
    equal(evil.attempts.length, 0, "attempts at what was refused");
  }],

  ["an address that names the ends in use needs no question, and one beside --server has only a no", async (after) => {
    const { page, laptop, server } = await setUp(after);
    await page.goto(`${laptop.url}?server=${server.address}&laptop=${laptop.address}`);
    await untilState(page, "summary", "relaying");
    await page.goto(`${laptop.url}?laptop=192.0.2.7`);
    await untilSeen(page, `192.0.2.7:6354 instead of ${laptop.address}`);
    await untilSeen(page, "connects to the server of tether-client's --server alone");
    assert(!await page.isVisible("#yes-button"), "there is a yes");
  }],

  ["an address that is none is said to be none", async (after) => {
    const { page, laptop } = await setUp(after, { query: "?server=a:b:c", before: noServer });
    await untilSeen(page, "Wrong address");
    await untilSeen(page, "Not an address: a:b:c");
    equal(await state(page, "server"), "invalid", "the server's state");
    await untilState(page, "laptop", "connected");
    await page.goto(`${laptop.url}?server=a:b:c&laptop=192.0.2.7`);
    await untilSeen(page, "Not an address: a:b:c");
    assert(!await page.isVisible("#yes-button"), "there is a yes");
  }],

  ["an address that only looks like one is said not to be understood by the browser", async (after) => {
    const { page } = await setUp(after, { before: (l) => { l.config = { role: "laptop", server: "1.2.3.400" }; } });
    await untilSeen(page, "Not an address: 1.2.3.400");
  }],

  ["without a server the laptop's page says how to name one", async (after) => {
    const { page } = await setUp(after, { before: noServer });
    await untilSeen(page, "Address not known");
    await untilSeen(page, "Enter it here, or start tether-client with --server HOST.");
    await page.click("#enter-button");
    await untilSeen(page, "Address of the server");
    await page.click("text=Cancel");
    await untilState(page, "laptop", "connected");
  }],

  ...[[null, "missing"], ["{ not JSON", "broken"]].map(([config, how]) => [`a ${how} config.json is said, and ` +
    "both addresses in the page's own do without it", async (after) => {
    const { page, laptop, server } = await setUp(after, { before: (l) => { l.config = config; } });
    await untilSeen(page, "could not load config.json");
    const query = `?laptop=${laptop.address}&server=${server.address}`;
    await page.goto(laptop.url + query);
    await page.click("#yes-button");
    await untilState(page, "summary", "relaying");
    assert(!(await seen(page)).includes("config.json"), "it still complains");
    await copies(laptop, server, ["fine"]);
  }]),

  /* When a phone changes networks, Chromium gives up what is on its way (ERR_NETWORK_CHANGED). */
  ["a page that loses one of its scripts while it loads is loaded again", async (after) => {
    for (const name of fs.readdirSync(h.HTML).filter((file) => file.endsWith(".js"))) {
      const { laptop, server } = await setUp(after, { prepare: (context) =>
        context.route(`**/${name}`, (route) => route.abort(), { times: 1 }) });
      await until(`a page that lost ${name} connects both`,
        () => laptop.sockets.length > 0 && server.sockets.length > 0);
    }
  }],

  ["a page that loses config.json says so and asks for it again", async (after) => {
    let lost = true;
    const { page } = await setUp(after, { prepare: (context) =>
      context.route("**/config.json", (route) => lost ? route.abort() : route.continue()) });
    await untilSeen(page, "The host of this page does not answer");
    lost = false;
    await untilState(page, "summary", "relaying");
    assert(!await page.isVisible("#problem"), "the page still says so");
  }],

  ["without JavaScript the page says that it needs it", async (after) => {
    const { page, laptop } = await setUp(after, { context: { javaScriptEnabled: false } });
    await untilSeen(page, "This page needs JavaScript");
    assert(!(await seen(page)).includes("Starting"), "it seems to start");
    equal(laptop.attempts.length, 0, "attempts to connect");
  }],

  ["without WebSocket the page says that the browser has none", async (after) => {
    const { page } = await setUp(after, { scripts: ["delete window.WebSocket"] });
    await untilSeen(page, "This browser has no WebSockets");
    assert(!(await seen(page)).includes("Laptop"), "it shows more than that");
    equal(page.problems.join("; "), "", "what the browser complained of");
  }],

  ["without Worker the page relays by itself", async (after) => {
    const { page, laptop, server } = await relaying(after, { scripts: ["delete window.Worker"] });
    equal(await page.getAttribute("html", "data-relay"), "page", "where the relay runs");
    await copies(laptop, server, MESSAGES);
    await copies(server, laptop, MESSAGES);
    await server.stop();
    await untilState(page, "server", "waiting");
    await server.start();
    await untilState(page, "summary", "relaying");
  }],

  ["where a worker may not run the page relays by itself", async (after) => {
    const { page, laptop, server } = await relaying(after, { policy: h.POLICY.replace("worker-src 'self'",
      "worker-src 'none'") });
    equal(await page.getAttribute("html", "data-relay"), "page", "where the relay runs");
    await copies(laptop, server, ["by hand"]);
  }],

  ["where a worker has no WebSocket the page relays by itself", async (after) => {
    const { page, laptop, server } = await relaying(after, { rewrite: (name, source, request) =>
      name === "relay.js" && request.headers["sec-fetch-dest"] === "worker" ?
        `delete self.WebSocket;\n${source}` : source });
    equal(await page.getAttribute("html", "data-relay"), "page", "where the relay runs");
    await copies(laptop, server, ["by hand"]);
  }],

  ["a page from the internet that does not reach the laptop links to the laptop's own page", async (after) => {
    const laptop = await new Host({ role: "laptop", server: null }).start();
    const server = await new Host().start();
    after(() => laptop.stop());
    after(() => server.stop());
    server.config = { role: "server", laptop: laptop.address, websocket_ports: [server.port] };
    // The browser is told to take the server for a public address and the laptop for a local one.
    const guarded = await h.launch(["--host-resolver-rules=MAP tether.example 127.0.0.1",
      `--ip-address-space-overrides=127.0.0.1:${server.port}=public,127.0.0.1:${laptop.port}=local`]);
    after(() => guarded.close());
    const page = await openPage(guarded, `http://tether.example:${server.port}/`);
    await untilSeen(page, "This browser may be blocking the way to the laptop");
    equal(await page.getAttribute("#advice-link", "href"), laptop.url, "where the link leads");
    await untilState(page, "server", "connected");
    equal(laptop.attempts.length, 0, "attempts that reached the laptop");
    await page.click("#advice-link");
    await untilSeen(page, "Which server?");
    await untilState(page, "laptop", "connected");
  }],

  ["an https page that may not open ws:// says that the browser does not allow it, and links to the laptop",
    async (after) => {
      const page = await openHttpsPage(browser, "192.0.2.9:6354", []);
      after(() => page.context().close());
      await untilState(page, "laptop", "refused");
      await untilSeen(page, "Blocked by this browser");
      await untilSeen(page, "This browser blocks the way to the laptop");
      equal(await page.getAttribute("#advice-link", "href"), "http://192.0.2.9:6354/", "where the link leads");
    }],

  ["an https page that is permitted to reach local addresses reaches the laptop", async (after) => {
    const laptop = await new Host({ role: "laptop", server: null }).start();
    after(() => laptop.stop());
    const guarded = await h.launch([`--ip-address-space-overrides=127.0.0.1:${laptop.port}=local`]);
    after(() => guarded.close());
    const kept = await openHttpsPage(guarded, laptop.address, []);
    await untilSeen(kept, "This browser may be blocking the way to the laptop");
    equal(laptop.attempts.length, 0, "attempts that reached the laptop");
    const page = await openHttpsPage(guarded, laptop.address, ["local-network-access"]);
    await untilState(page, "laptop", "connected");
    assert(!await page.isVisible("#advice"), "advice is shown");
  }],

  ["of a server's ports the first that opens is used, and tried first from then on", async (after) => {
    const { page, laptop, ports } = await withPorts(after, 3, (hosts) => {
      hosts[0].dead = hosts[2].dead = true;
    });
    await copies(laptop, ports[1], ["by the second"]);
    await until("the others are let go",
      () => ports[0].hung.concat(ports[2].hung).every((socket) => socket.readableEnded));
    ports[0].dead = false;
    const before = ports[0].attempts.length;
    (await ports[1].connection()).terminate();
    await until("it comes back", () => ports[1].attempts.length > 1);
    await untilState(page, "summary", "relaying");
    await copies(laptop, ports[1], ["by the second again"]);
    equal(ports[0].attempts.length, before, "attempts at the first");
  }],

  ["ports that refuse are passed over", async (after) => {
    const { laptop, ports } = await withPorts(after, 3, (hosts) => {
      hosts[0].refuse = hosts[1].refuse = true;
    });
    await copies(laptop, ports[2], ["by the third"]);
  }],

  ["a port that opens after another is closed again, and does not disturb", async (after) => {
    const { page, laptop, ports } = await withPorts(after, 2, (hosts) => {
      hosts[0].slow = 2000;
    });
    await copies(laptop, ports[1], ["by the second"]);
    await until("the first has been tried", () => ports[0].attempts.length > 0);
    await h.sleep(2500);
    equal(ports[0].sockets.length, 0, "connections to the first");
    equal(ports[1].attempts.length, 1, "attempts at the second");
    equal(await state(page, "summary"), "relaying", "the state");
  }],

  ["where no port answers the next round begins with another", async (after) => {
    const { laptop, ports } = await withPorts(after, 2, (hosts) => {
      hosts[0].dead = hosts[1].dead = true;
    });
    await until("both are tried", () => ports[0].attempts.length > 0 && ports[1].attempts.length > 0);
    await until("a second round", () => ports[1].attempts.length > 1);
    assert(ports[0].attempts.length < 2 || ports[1].attempts[1] < ports[0].attempts[1], "it began with the same");
    ports[0].dead = false;
    await copies(laptop, ports[0], ["by the first"]);
  }],

  ["a screen of 320 pixels needs no sideways scrolling, in the light or in the dark", async (after) => {
    for (const colorScheme of ["light", "dark"]) {
      const { page, server } = await relaying(after, { context: { viewport: { width: 320, height: 568 },
        colorScheme } });
      const width = () => page.evaluate(() => document.documentElement.scrollWidth);
      equal(await width(), 320, "the page's width while relaying");
      (await server.connection()).close(4001, "");
      await untilState(page, "summary", "replaced");
      equal(await width(), 320, "the page's width when replaced");
      const box = await page.locator("#main-button").boundingBox();
      assert(box.height >= 44, `the button is ${box.height} px high`);
    }
  }]
];

(async () => {
  browser = await h.launch();
  await h.run(TESTS);
  await browser.close();
})();
