// SPDX-License-Identifier: ISC
/*
 * The phone's page as a person meets it, in Chromium, against stand-ins for the two hosts (see harness.js): what
 * it looks like and says in each state, for eyes, ears and fingers; its buttons and settings; and how it keeps
 * going when things happen to the phone. Leaves pictures in build/screenshots/.
 *
 *   node test/browser/face.test.js [PART-OF-A-NAME]     runs all tests, or those whose name contains it
 *
 * It needs what page.test.js needs.
 */

"use strict";

const h = require("./harness");
const { audit } = require("./audit");
const { Host, assert, copies, equal, openPage, seen, state, text, until, untilSeen, untilState } = h;

// Shares its process with what opened it; a tab of its own does not.
const POPUP = "void window.open('/')";
const UP = { session: { state: "up", round_trip_ms: 48 } };
const LONG = "Donaudampfschifffahrtsgesellschaftskapitaensmuetzenabzeichenverordnung.example";

// As a page that did not come over https finds the browser: no Wake Lock.
const INSECURE = "delete Navigator.prototype.wakeLock;";

// What browsers of 2012 with RFC 6455 sockets did not have, as far as the page asks for it.
const OLD = INSECURE + `
  delete HTMLDialogElement.prototype.showModal;
  ["Worker", "AudioContext", "webkitAudioContext", "HTMLDialogElement", "BroadcastChannel", "fetch"]
    .forEach((name) => delete window[name]);
  delete Navigator.prototype.permissions;
  delete HTMLCanvasElement.prototype.captureStream;
  delete CanvasRenderingContext2D.prototype.setLineDash;
  delete HTMLElement.prototype.hidden;
  Object.defineProperty(window, "localStorage", { get() { throw new Error("not allowed"); } });`;

let browser;

const setUp = (after, options) => h.setUp(browser, after, options);
const relaying = (after, options) => h.relaying(browser, after, options);
const noServer = (laptop) => { laptop.config = { role: "laptop", server: null }; };
const withStatus = (laptop) => { laptop.status = UP; };

/* Something in both directions, for the graph. */
async function traffic(laptop, server) {
  const [up, down] = [await laptop.connection(), await server.connection()];
  for (let i = 0; i < 10; i += 1) {
    down.send(Buffer.alloc(30000 + 100000 * (i % 4)));
    up.send(Buffer.alloc(10000 + 20000 * (i % 3)));
    await h.sleep(500);
  }
}

/*
 * The states of the page: [name, how its hosts are, how it gets there, what a person then reads]. The last is
 * what to wait for.
 */
const STATES = [
  ["online", withStatus, async (page, laptop, server) => {
    await untilState(page, "summary", "relaying");
    await traffic(laptop, server);
  }, ["The laptop is online", "Round trip\n48 ms", "Online for\n0:0"]],
  ["mute", () => {}, async () => {}, ["Both ends are connected", "its own page can tell"]],
  ["no-answer-yet", (laptop, server) => { server.dead = true; }, async () => {},
    ["No answer from the server yet", "A closed firewall is the usual cause: let TCP port", "security group"]],
  ["no-answer", (laptop, server) => { server.dead = true; }, async () => {},
    ["No connection to the server", "Next try in", "No answer", "security group"]],
  ["no-server", (laptop, server) => { server.refuse = true; }, async () => {},
    ["No connection to the server", "Nothing is relayed now", "Refused or out of reach", "Next try in",
      "Check that this phone has internet"]],
  ["no-laptop", (laptop) => { laptop.refuse = true; }, async () => {},
    ["No connection to the laptop", "Check that this phone is in the laptop's Wi-Fi network"]],
  ["nothing", (laptop, server) => { laptop.refuse = server.refuse = true; }, async () => {},
    ["No connection to the laptop and server"]],
  ["wrong-key", (laptop) => { laptop.status = { session: { state: "wrong key" } }; }, async () => {},
    ["The server refuses the laptop's key", "Refuses the key",
      "start tether-client with the line that the server printed"]],
  ...[["no-session", "handshake", "Waiting for the server's answer"], ["wants-key", "wants key", "The server wants a key"],
    ["full", "full", "The server is full"], ["silent", "silent", "The server does not answer"],
    ["nothing-back", "open", "Nothing comes back from the server"]].map(([name, said, title]) =>
    [name, (laptop) => { laptop.status = { session: { state: said } }; }, async () => {}, [title]]),
  ["server-stopped", (laptop) => { laptop.status = { session: { state: "stopped" } }; }, async (page, laptop, server) => {
    await untilSeen(page, "The server has stopped");
    await server.stop();
  }, ["The server has stopped", "Next try in"]],
  ["no-names", (laptop) => { laptop.status = { session: { state: "up", names: "unanswered" } }; }, async () => {},
    ["The laptop is online, but names do not resolve", "with --dns"]],
  ["no-own-names", (laptop) => { laptop.status = { session: { state: "up", names: "bypassed" } }; }, async () => {},
    ["The laptop is online, but names do not resolve", "The laptop's own resolver does not answer"]],
  ["taken-over", () => {}, async (page, laptop) => { (await laptop.connection()).close(4001, ""); },
    ["Another phone or tab has taken over", "Use this one"]],
  ["stopped", () => {}, async (page) => {
    await untilState(page, "summary", "relaying");
    await page.click("#main-button");
  }, ["Nothing is relayed through this phone.", "Start"]],
  ["no-address", (laptop) => { laptop.config = { role: "laptop", server: null }; }, async () => {},
    ["Which server?", "Address not known", "Enter it here", "Enter the server's address"]],
  ["wrong-address", (laptop) => { laptop.config = { role: "laptop", server: "a:b:c" }; }, async () => {},
    ["Wrong address", "Not an address: a:b:c"]],
  ["long-words", (laptop) => { laptop.config = { role: "laptop", server: `${LONG}:8080` }; }, async () => {},
    [`${LONG}:8080`, "Check that this phone has internet"]],
  ["no-config", (laptop) => { laptop.config = null; }, async () => {},
    ["could not load config.json", "Add ?server=HOST to this page's address."]],
  ["question", noServer, async (page, laptop) => {
    await page.goto(`${laptop.url}?server=203.0.113.99`);
    await until("a person can say yes", () => page.isEnabled("#yes-button"));
  }, ["Use other addresses?", "203.0.113.99:8080", "No, forget them", "Yes, connect to them"]],
  ["question-with-long-words", noServer, (page, laptop) =>
    page.goto(`${laptop.url}?server=wss://${LONG}/of/its/own&laptop=${LONG}`),
  ["Use other addresses?", `wss://${LONG}/of/its/own`, `${LONG}:6354 instead of`]],
  ["question-with-no-yes", () => {}, (page, laptop) => page.goto(`${laptop.url}?server=203.0.113.99`),
    ["203.0.113.99:8080 instead of", "This laptop's page connects to the server of tether-client's --server alone."]],
  ["settings", noServer, (page) => page.click("#settings-button"), ["Address of the server"]],
  ["settings-error", noServer, async (page) => {
    await page.click("#settings-button");
    await page.fill("#server-input", "no/address");
    await page.click("text=Save");
  }, ["Not an address"]],
  ["settings-kept", noServer, async (page) => {
    for (const text of ["203.0.113.10", "host.example:8080", "wss://front.example/websocket", "203.0.113.12"]) {
      await page.click("#settings-button");
      await page.fill("#server-input", text);
      await page.click("text=Save");
    }
    await page.click("#settings-button");
  }, ["✓ In use: 203.0.113.12", "wss://front.example/websocket", "host.example:8080"]],
  ["help", () => {}, (page) => page.click("summary"), ["This phone's hotspot", "Nearby devices", "Who can read"]]
];

/* How often an element's content is written from now on. */
async function watchWrites(page, ids) {
  await page.evaluate((names) => {
    window.writes = [];
    names.forEach((name) => new MutationObserver((all) => window.writes.push(`${name}: ${all[0].target.textContent}`))
      .observe(document.getElementById(name), { childList: true, characterData: true, subtree: true }));
  }, ids);
  return () => page.evaluate(() => window.writes);
}

const TESTS = [
  ...STATES.map(([name, before, act, wanted]) => [`the state "${name}" is said, fits, and keeps nobody out`,
    async (after) => {
      const { page, laptop, server } = await setUp(after, { before });
      await act(page, laptop, server);
      for (const words of wanted) {
        await untilSeen(page, words);
      }
      equal(page.problems.join("; "), "", "what the browser complained of");
      await audit(page, name);
    }]),

  ["without JavaScript, and without WebSocket, it says so in all sizes", async (after) => {
    const { page } = await setUp(after, { context: { javaScriptEnabled: false } });
    await untilSeen(page, "This page needs JavaScript");
    await page.screenshot({ path: "build/screenshots/no-javascript.png" });
    const other = await setUp(after, { scripts: ["delete window.WebSocket"] });
    await untilSeen(other.page, "This browser has no WebSockets");
    await audit(other.page, "no-websocket");
  }],

  ["a browser of 2012 relays, and says what there is to say", async (after) => {
    const { page, laptop, server } = await relaying(after, { scripts: [OLD], before: withStatus,
      rewrite: (name, source) => name === "style.css" ?
        source.replace(/(display: (flex|grid)|position: sticky|column-gap: .*);/g, "") : source });
    await copies(laptop, server, ["there", Buffer.from("there")]);
    await untilSeen(page, "The laptop is online");
    await untilSeen(page, "48 ms");
    assert(!await page.isVisible("#settings-button"), "the settings, which do not work, are shown");
    await page.click("#awake-button");
    await untilSeen(page, "This browser cannot; the phone's settings can.");
    await page.click("#main-button");
    await untilSeen(page, "Nothing is relayed through this phone.");
    await page.click("#main-button");
    await untilState(page, "summary", "relaying");
    await audit(page, "browser-of-2012");
    equal(page.problems.join("; "), "", "what the browser complained of");
  }],

  ["type of twice the size fits 320 pixels", async (after) => {
    const { page } = await relaying(after, { before: withStatus, context: { viewport: { width: 320, height: 568 } } });
    await page.addStyleTag({ content: "html { font-size: 200% }" }).catch(() =>
      page.evaluate(() => { document.documentElement.style.fontSize = "200%"; }));
    equal(await page.evaluate(() => document.documentElement.scrollWidth), 320, "the page's width");
  }],

  ["who wants less motion sees none", async (after) => {
    const options = { before: (l, s) => { s.dead = true; } };
    const animation = (page) => page.evaluate(() =>
      window.getComputedStyle(document.getElementById("server-line")).animationName);
    const { page } = await setUp(after, options);
    await untilState(page, "server-line", "connecting");
    equal(await animation(page), "flow", "the animation");
    await page.emulateMedia({ reducedMotion: "reduce" });
    equal(await animation(page), "none", "the animation for who wants none");
  }],

  ["a screen reader hears of changes, once", async (after) => {
    const { page, server } = await relaying(after, { before: withStatus });
    const live = ["summary", "laptop-status", "server-status", "laptop-hint", "server-hint", "advice"];
    for (const id of live) {
      assert(/^(status|alert)$/.test(await page.getAttribute(`#${id}`, "role")), `#${id} is no live region`);
    }
    await untilSeen(page, "48 ms");
    const writes = await watchWrites(page, live);
    await h.sleep(2500);
    equal((await writes()).join("; "), "", "what is said while nothing changes");
    await server.stop();
    await untilSeen(page, "Check that this phone has internet");
    const said = (await writes()).filter((line) => line.startsWith("server-hint"));
    equal(said.length, 1, "how often the hint is said");
  }],

  ["the button stops and starts", async (after) => {
    const { page, laptop, server } = await relaying(after);
    await page.click("text=Stop");
    await until("both connections end", () => laptop.sockets.length + server.sockets.length === 0);
    await until("the page says so", async () => await text(page, "laptop-status") === "Stopped", () => seen(page));
    const attempts = laptop.attempts.length + server.attempts.length;
    await h.sleep(2000);
    equal(laptop.attempts.length + server.attempts.length, attempts, "attempts while stopped");
    await page.click("text=Start");
    await untilState(page, "summary", "relaying");
    await copies(laptop, server, ["again"]);
  }],

  ["a server that a person enters is used, and remembered, as long as the laptop names none", async (after) => {
    const other = await new Host().start();
    after(() => other.stop());
    const { page, laptop, server } = await setUp(after, { before: noServer });
    await page.click("#settings-button");
    equal(await page.inputValue("#server-input"), "", "what there is");
    assert(await page.evaluate(() => document.activeElement.id === "server-input"), "the field has no focus");
    await page.fill("#server-input", ` ${other.address} `);
    await page.keyboard.press("Enter");
    await untilState(page, "summary", "relaying");
    assert(!await page.isVisible("#settings"), "the sheet stays");
    await copies(laptop, other, ["to the other"]);
    await page.reload();
    await untilState(page, "summary", "relaying");
    await copies(other, laptop, ["and again"]);
    await page.click("#settings-button");
    await page.fill("#server-input", server.address);
    await page.click("text=Cancel");
    assert(!await page.isVisible("#settings"), "the sheet stays");
    await page.click("#settings-button");
    equal(await page.inputValue("#server-input"), other.address, "what was not saved");
    await page.click("text=Cancel");
    laptop.config = { role: "laptop", server: server.address };
    await page.reload();
    await untilState(page, "summary", "relaying");
    await copies(server, laptop, ["of the laptop's choice"]);
    assert(!await page.isVisible("#settings-button"), "there are settings, which the policy lets do nothing");
    noServer(laptop);
    await page.reload();
    await page.click("#settings-button");
    await page.fill("#server-input", "");
    await page.click("text=Save");
    await untilSeen(page, "Address not known");
  }],

  ["the settings take the address of a server's page, and a whole address", async (after) => {
    const { page, server } = await setUp(after, { before: noServer });
    for (const [pasted, kept] of [["http://host.example/x?y=z", "host.example"], [`http://${server.address}/`, server.address],
      ["https://front.example/", "wss://front.example/websocket"], ["wss://front.example/deep", "wss://front.example/deep"]]) {
      await page.click("#settings-button");
      await page.fill("#server-input", pasted);
      await page.click("text=Save");
      equal(await page.evaluate(() => localStorage["tether.server"]), kept, `what is made of ${pasted}`);
    }
    await page.click("#settings-button");
    await page.click(`text=${server.address}`);
    await untilState(page, "summary", "relaying");
    equal((await text(page, "server-where")).replace("\u200b", ""), server.address, "the server that is said to be in use");
  }],

  ["a server that came by the address is kept when a person has said yes, and never before", async (after) => {
    const other = await new Host().start();
    after(() => other.stop());
    const { page, laptop } = await setUp(after, { before: noServer });
    const kept = () => page.evaluate(() => [localStorage["tether.server"], localStorage["tether.servers"]].join());
    await page.goto(`${laptop.url}?server=${other.address}`);
    await untilSeen(page, "Use other addresses?");
    await page.click("#no-button");
    await untilSeen(page, "Which server?");
    equal(await kept(), ",", "what is kept after a no");
    await page.goto(`${laptop.url}?server=${other.address}`);
    await page.click("#yes-button");
    await untilState(page, "summary", "relaying");
    equal(page.url(), laptop.url, "the page's address, after which nobody is asked again");
    await page.goto(laptop.url);
    await untilState(page, "summary", "relaying");
    await copies(laptop, other, ["to the kept one"]);
    await page.goto(`${laptop.url}?server=203.0.113.99`);
    await untilSeen(page, `203.0.113.99:8080 instead of ${other.address}`);
    await page.goto(laptop.url);
    await untilState(page, "summary", "relaying");
    equal(await kept(), `${other.address},${JSON.stringify([other.address])}`, "what is kept");
  }],

  ["on a narrow screen addresses and options stay whole", async (after) => {
    const { page } = await setUp(after, { before: (laptop) => {
      laptop.config = { role: "server", laptop: "169.254.134.89:6354", websocket_port: 8080 };
    }, context: { viewport: { width: 320, height: 568 } } });
    await page.waitForSelector("#advice-link");
    const heights = await page.evaluate(() => ["advice-address", "laptop-where"].map((id) => {
      const each = document.getElementById(id);
      return Math.round(each.getBoundingClientRect().height / parseFloat(window.getComputedStyle(each).lineHeight));
    }));
    equal(heights.join(), "1,2", "the lines of the link's address, and of the laptop's, broken before its port");
  }],

  ["nothing lies over a hint, a link or a button", async (after) => {
    for (const [width, height] of [[740, 360], [320, 568]]) {
      const { page } = await setUp(after, { before: (l, s) => { l.refuse = s.refuse = true; },
        context: { viewport: { width, height } } });
      await untilSeen(page, "Check that this phone has internet");
      const covered = await page.evaluate(() => Array.from(document.querySelectorAll("a, button, .hint, summary, #do"))
        .filter((each) => each.getBoundingClientRect().height).filter((each) => {
          each.scrollIntoView();
          const box = each.getBoundingClientRect();
          const top = document.elementFromPoint(box.left + box.width / 2, box.top + box.height / 2);
          return top !== each && !each.contains(top);
        }).map((each) => each.id));
      equal(covered.join(), "", `what is covered at ${width}x${height}`);
    }
  }],

  ["what dropped messages is said until it ends", async (after) => {
    const { page, laptop, server } = await relaying(after, { before: withStatus });
    await server.stop();
    await untilState(page, "server", "waiting");
    (await laptop.connection()).send("into the void");
    await untilSeen(page, "Messages dropped: 1. The server was not there, or too slow.");
    await server.start();
    await untilSeen(page, "The laptop is online");
    await until("it is said no more", async () => await text(page, "dropped") === "");
  }],

  ["of two tabs of one phone the older stands back at once, whatever the hosts do", async (after) => {
    const { page, laptop, server } = await relaying(after);
    const newer = await page.context().newPage();
    await newer.goto(laptop.url);
    await untilState(newer, "summary", "relaying");
    await untilState(page, "summary", "replaced");
    await untilSeen(page, "Another phone or tab has taken over");
    await until("one connection is left", () => laptop.sockets.length === 1 && server.sockets.length === 1);
    const attempts = laptop.attempts.length;
    await h.sleep(2000);
    equal(laptop.attempts.length, attempts, "attempts of either in two seconds");
    await page.click("text=Use this one");
    await untilState(page, "summary", "relaying");
    await untilState(newer, "summary", "replaced");
    await copies(laptop, server, ["by the older"]);
  }],

  ...[["is closed", POPUP, (tab) => tab.close()], ["goes elsewhere", POPUP, (tab) => tab.goto("about:blank")],
    ["crashes", "", async (tab) => { (await tab.context().newCDPSession(tab)).send("Page.crash").catch(() => {}); }],
    ["asks whether to use other addresses", "", (tab, laptop) => tab.goto(`${laptop.url}?server=203.0.113.99`)]
  ].map(([what, popup, leave]) => [`the tab that stood back takes over again when the newer one ${what}`, async (after) => {
    const { page, laptop, server } = await relaying(after);
    const opened = page.context().waitForEvent("page");
    await (popup ? page.evaluate(popup) : page.context().newPage());
    const newer = await opened;
    if (!popup) {
      await newer.goto(laptop.url);
    }
    await untilState(newer, "summary", "relaying");
    await untilState(page, "summary", "replaced");
    await leave(newer, laptop);
    await untilState(page, "summary", "relaying");
    await copies(laptop, server, ["by the older"]);
    equal(laptop.sockets.length, 1, "connections of the laptop");
  }]),

  ["a tab that asks whether to use other addresses leaves the good tab alone", async (after) => {
    const { page, laptop, server } = await relaying(after);
    const newer = await page.context().newPage();
    const kept = await laptop.connection();
    await newer.goto(`${laptop.url}?server=203.0.113.99`);
    await untilSeen(newer, "Use other addresses?");
    await h.sleep(1500);
    await newer.close();
    await copies(laptop, server, ["by the older, still"]);
    equal(laptop.sockets[0], kept, "its connection");
    equal(laptop.attempts.length, 1, "attempts");
  }],

  ["the tab that stood back stays so while the newer is there, and where a person or another phone ended that one",
    async (after) => {
      const { page, laptop, server } = await relaying(after);
      const still = async (what) => {
        const attempts = laptop.attempts.length;
        await h.sleep(8000);    // longer than it takes to find out that a tab is gone
        equal(laptop.attempts.length, attempts, `attempts while the newer tab ${what}`);
        equal(await state(page, "summary"), "replaced", "the older tab");
      };
      const newer = await page.context().newPage();
      await newer.goto(laptop.url);
      await untilState(newer, "summary", "relaying");
      await untilState(page, "summary", "replaced");
      await still("relays");
      (await server.connection()).close(4001, "another phone");
      await untilState(newer, "summary", "replaced");
      await until("that is known to all tabs", () => newer.evaluate(() => localStorage["tether.tab"] === ""));
      await newer.close();
      await still("was closed when another phone had its place");
      await page.click("text=Use this one");
      await untilState(page, "summary", "relaying");
      await page.click("text=Stop");
      const last = await page.context().newPage();
      await last.goto(laptop.url);
      await untilState(last, "summary", "relaying");
      await last.close();
      await h.sleep(8000);
      equal(await state(page, "summary"), "stopped", "the tab that a person stopped");
    }],

  ["a browser that stores nothing new relays all the same", async (after) => {
    const { page } = await relaying(after, { scripts: [`
      try { localStorage.setItem("tether.tab", "of another time"); } catch (error) { /* no storage here */ }
      Storage.prototype.setItem = () => { throw new Error("full"); };`] });
    await h.sleep(2500);
    equal(await state(page, "summary"), "relaying", "the page");
  }],

  ["a laptop that falls silent is noticed within seconds, and found again", async (after) => {
    const { page, laptop, server } = await relaying(after, { before: withStatus });
    await untilSeen(page, "48 ms");
    const kept = await server.connection();
    laptop.dead = true;
    const began = Date.now();
    await untilState(page, "laptop", "waiting");
    equal(await text(page, "laptop-status"), "Gone silent", "what is said of it");
    await untilSeen(page, "No connection to the laptop");
    console.log(`# silence was noticed after ${Date.now() - began} ms`);
    laptop.dead = false;
    await untilState(page, "summary", "relaying");
    await copies(laptop, server, ["there again"]);
    equal(server.sockets[0], kept, "the other side's connection");
  }],

  ["a laptop that only gives no status keeps its place: the fresh connection takes over", async (after) => {
    const { page, laptop, server } = await relaying(after, { before: withStatus });
    await untilSeen(page, "48 ms");
    const states = await watchWrites(page, ["laptop-status"]);
    const old = await laptop.connection();
    const answer = laptop.answer;
    laptop.answer = () => {};
    await until("a second connection is open", () => laptop.sockets.some((socket) => socket !== old));
    await until("the first is closed", () => laptop.sockets.length === 1);
    laptop.answer = answer;
    equal((await states()).join("; "), "", "what was said of it");
    await copies(laptop, server, ["by the fresh one"]);
    await copies(server, laptop, ["and back"]);
  }],

  ...[["the network is back", "online", (page) => page.evaluate(() => window.dispatchEvent(new Event("online")))],
    ["the page is back", "visible", (page) => page.evaluate(() =>
      document.dispatchEvent(new Event("visibilitychange")))],
    ["the page returns from the browser's cache", "pageshow", (page) => page.evaluate(() =>
      window.dispatchEvent(new Event("pageshow")))]
  ].map(([name, , act]) => [`${name}: what waits is tried at once`, async (after) => {
    const { page, server } = await setUp(after, { before: (l, s) => { s.refuse = true; } });
    await until("the pauses are long", () => server.attempts.length >= 6);
    await untilState(page, "server", "waiting");
    server.refuse = false;
    const waited = Date.now() - server.attempts[server.attempts.length - 1];
    await act(page);
    await untilState(page, "summary", "relaying");
    const pause = server.attempts[server.attempts.length - 1] - server.attempts[server.attempts.length - 2];
    assert(pause < waited + 1000, `the next attempt came ${pause} ms after the last`);
  }]),

  ["both sockets are opened without waiting for more than config.json, which comes beside the scripts",
    async (after) => {
      const { page, laptop } = await relaying(after);
      equal(page.requested.filter((url) => url.endsWith("config.json")).length, 1, "requests for config.json");
      const times = await page.evaluate(() => performance.getEntriesByType("resource").map((entry) =>
        ({ name: entry.name, start: entry.startTime, end: entry.responseEnd })));
      const at = (name) => times.find((entry) => entry.name.endsWith(name));
      assert(at("config.json").start < at("page.js").end, "config.json was asked for after the last script came");
      equal(laptop.attempts.length, 1, "attempts");
    }],

  ["in a secure context the screen is kept on by itself, and a tap ends that", async (after) => {
    const { page } = await relaying(after);
    const pressed = (value) => until(`the button says ${value}`, async () =>
      await page.getAttribute("#awake-button", "aria-pressed") === value);
    await pressed("true");
    assert(!await page.isVisible("#awake-video"), "a video is shown");
    await page.click("#awake-button");
    await pressed("false");
    await page.click("#awake-button");
    await pressed("true");
  }],

  ["elsewhere a tap plays a silent video that is in sight, and a tap ends it", async (after) => {
    const { page } = await relaying(after, { scripts: [INSECURE] });
    const video = () => page.evaluate(() => {
      const element = document.getElementById("awake-video");
      const box = element.getBoundingClientRect();
      return { playing: !element.paused && element.readyState > 1, muted: element.muted, loop: element.loop,
        audio: element.srcObject ? element.srcObject.getAudioTracks().length : 0, time: element.currentTime,
        inSight: box.width > 0 && box.bottom <= window.innerHeight };
    });
    assert(!(await video()).playing, "it plays without a tap");
    equal(await text(page, "awake-text"), "If this screen goes dark, the laptop goes offline.", "what is said before a tap");
    equal(await page.getAttribute("#awake-button", "aria-pressed"), "false", "what the button says");
    await page.click("#awake-button");
    await untilSeen(page, "A small silent video keeps the screen on.");
    const first = await until("it plays", async () => { const now = await video(); return now.playing && now; });
    assert(first.inSight && !first.muted && !first.loop && first.audio === 1, JSON.stringify(first));
    await until("its time goes on", async () => (await video()).time > first.time);
    await audit(page, "screen-kept-on");
    await page.click("#awake-button");
    assert(!(await video()).playing, "it still plays");
    equal(await text(page, "awake-text"), "If this screen goes dark, the laptop goes offline.", "what is said");
    equal(page.problems.join("; "), "", "what the browser complained of");
  }]
];

(async () => {
  browser = await h.launch();
  await h.run(TESTS);
  await browser.close();
})();
