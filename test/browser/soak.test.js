// SPDX-License-Identifier: ISC
/*
 * The page relays without a pause, and its memory stays flat.
 *
 *   node test/browser/soak.test.js [SECONDS [MBIT]]
 *
 * For 20 seconds, if not said otherwise, and as fast as it can, or so many Mbit/s; make soak-page lets it run for an
 * hour.
 *
 * Flat means: of what JavaScript holds after a collection of garbage, in the Worker and on the page, and of what
 * all of Chromium's processes hold, the last third of the time has no more than the middle one, but for a
 * little. The first third is for warming up. Needs build/bench/ws-flow and: test/packages.sh browser
 */

"use strict";

const h = require("./harness");
const { Chromium, DevTools, End, megabytes, pageUrl } = require("../bench/flows");

const SECONDS = Number(process.argv[2] || 20);
const PAUSE_MS = Math.max(300, SECONDS * 1000 / 200);   // between two looks
const LEAST_SAMPLES = 6;
const MESSAGE = 16384;
const SOURCE = `source-${MESSAGE}${process.argv[3] ? `-${process.argv[3]}` : ""}`;
const HEAP_MB = 1;               // more than this is a leak,
const ALL_MB = 40;               // and this, of all processes: they have caches of their own

const mean = (values) => values.reduce((sum, value) => sum + value, 0) / values.length;

async function heapMegabytes(tools, session) {
  await tools.send("HeapProfiler.collectGarbage", {}, session);
  return (await tools.send("Runtime.getHeapUsage", {}, session)).usedSize / 1e6;
}

async function sample(tools, sessions, browser) {
  return { worker: await heapMegabytes(tools, sessions.worker), page: await heapMegabytes(tools, sessions.page),
    all: megabytes(browser.pids()) };
}

function growth(samples, name) {
  const third = Math.floor(samples.length / 3);
  const of = (part) => mean(part.map((each) => each[name]));
  return of(samples.slice(2 * third)) - of(samples.slice(third, 2 * third));
}

async function soak(after) {
  const laptop = await new End().start();
  const server = await new End().start();
  const host = await new h.Host({ role: "other" }).start();
  after(() => { laptop.stop(); server.stop(); });
  after(() => host.stop());
  const browser = await new Chromium().start(pageUrl(host, laptop.url(SOURCE), server.url("soak")));
  after(() => browser.stop());
  await h.until("the page relays", () => server.received("soak") > 0);
  const tools = await new DevTools().connect(browser);
  after(() => tools.close());
  const sessions = await tools.sessions();
  const samples = [];
  const end = Date.now() + SECONDS * 1000;
  while (Date.now() < end || samples.length < LEAST_SAMPLES) {
    const before = server.received("soak");
    await h.sleep(PAUSE_MS);
    samples.push(await sample(tools, sessions, browser));
    await h.until("the page goes on relaying", () => server.received("soak") > before);
  }
  const last = samples[samples.length - 1];
  console.log(`# ${(server.received("soak") / MESSAGE).toFixed(0)} messages in ${SECONDS} s; at the end the Worker's ` +
    `heap had ${last.worker.toFixed(1)} MB, the page's ${last.page.toFixed(1)}, all processes ${last.all.toFixed(0)}; ` +
    `they grew by ${["worker", "page", "all"].map((name) => growth(samples, name).toFixed(2)).join(", ")}`);
  for (const [name, limit] of [["worker", HEAP_MB], ["page", HEAP_MB], ["all", ALL_MB]]) {
    h.assert(growth(samples, name) <= limit, `what "${name}" holds grew by ${growth(samples, name)} MB`);
  }
}

h.run([[`relaying for ${SECONDS} s holds no more memory at the end than in the middle`, soak]]);
