// SPDX-License-Identifier: ISC
/*
 * What relaying costs in Chromium: messages a second, Mbit/s and processor time a message, for messages of
 * 1.4, 16 and 64 KB, by the page's Worker, by the page itself, and by the barest page that copies (barest/), one
 * after the other, round after round, so that what else the machine does meets all.
 *
 *   node test/bench/relay-cost.js [--quick]
 *
 * Needs build/bench/ws-flow and: test/packages.sh browser. Figures are kept in build/bench/relay-cost.json. The
 * exit status is 1 if the Worker gets less than 0.95 of what the barest page gets through.
 */

"use strict";

const fs = require("fs");
const path = require("path");
const h = require("../browser/harness");
const { Chromium, End, cpuSeconds, pageUrl } = require("./flows");

const SIZES = [1400, 16384, 65536];
const LEAST_RATIO = 0.95;
const quick = process.argv.includes("--quick");
const ROUNDS = quick ? 3 : 7;
const WARM_MS = 500;
const MEASURED_MS = quick ? 1500 : 3000;

const median = (values) => {
  const sorted = values.slice().sort((a, b) => a - b);
  return (sorted[Math.floor((sorted.length - 1) / 2)] + sorted[Math.ceil((sorted.length - 1) / 2)]) / 2;
};

let runs = 0;

/* As a browser without Worker runs the page. */
const withoutWorker = (name, text) => name === "address.js" ? `delete window.Worker;\n${text}` : text;

/* The addresses of pages that copy between these two WebSockets. */
const PAGES = {
  barest: (hosts, laptop, one, other) =>
    `http://127.0.0.1:${laptop.port}/?${encodeURIComponent(one)}&${encodeURIComponent(other)}`,
  worker: (hosts, laptop, one, other) => pageUrl(hosts.worker, one, other),
  page: (hosts, laptop, one, other) => pageUrl(hosts.page, one, other)
};

/* One kind of page relays messages of one size for some seconds. */
async function measure(kind, size, { hosts, laptop, server }) {
  const name = `run${runs += 1}`;
  const url = PAGES[kind](hosts, laptop, laptop.url(`source-${size}`), server.url(name));
  const browser = await new Chromium().start(url);
  await h.until(`the ${kind} page relays`, () => server.received(name) > 0);
  await h.sleep(WARM_MS);
  const before = { bytes: server.received(name), cpu: cpuSeconds(browser.pids()), at: Date.now() };
  await h.sleep(MEASURED_MS);
  const seconds = (Date.now() - before.at) / 1000;
  const messages = (server.received(name) - before.bytes) / size;
  const cpu = cpuSeconds(browser.pids()) - before.cpu;
  await browser.stop();
  return { messages: messages / seconds, mbit: messages * size * 8 / seconds / 1e6, cpu_us: cpu * 1e6 / messages };
}

(async () => {
  const laptop = await new End().start();
  const server = await new End().start();
  const hosts = { worker: await new h.Host({ role: "other" }).start(),
    page: await new h.Host({ role: "other" }, { rewrite: withoutWorker }).start() };
  const setting = { hosts, laptop, server };
  const results = [];
  let slow = 0;
  console.log("bytes   page     messages/s   Mbit/s   CPU us/message   of the barest page's rate, CPU");
  for (const size of SIZES) {
    const found = { barest: [], worker: [], page: [] };
    for (let round = 0; round < ROUNDS; round += 1) {
      const kinds = Object.keys(found);
      for (let i = 0; i < kinds.length; i += 1) {
        const kind = kinds[(i + round) % kinds.length];   // nobody is always the first
        found[kind].push(await measure(kind, size, setting));
      }
    }
    for (const kind of Object.keys(found)) {
      const of = (field) => median(found[kind].map((each) => each[field]));
      const ratio = median(found[kind].map((each, i) => each.messages / found.barest[i].messages));
      const cpuRatio = median(found[kind].map((each, i) => each.cpu_us / found.barest[i].cpu_us));
      results.push({ size, kind, messages: of("messages"), mbit: of("mbit"), cpu_us: of("cpu_us"), ratio, cpuRatio,
        rounds: found[kind] });
      slow += kind === "worker" && ratio < LEAST_RATIO ? 1 : 0;
      console.log(`${String(size).padEnd(7)} ${kind.padEnd(8)} ${of("messages").toFixed(0).padStart(10)} ` +
        `${of("mbit").toFixed(0).padStart(8)} ${of("cpu_us").toFixed(1).padStart(16)} ${ratio.toFixed(2).padStart(10)} ${cpuRatio.toFixed(2).padStart(18)}`);
    }
  }
  fs.mkdirSync(path.join(h.ROOT, "build", "bench"), { recursive: true });
  fs.writeFileSync(path.join(h.ROOT, "build", "bench", "relay-cost.json"), JSON.stringify(results, null, 1));
  await hosts.worker.stop();
  await hosts.page.stop();
  laptop.stop();
  server.stop();
  if (slow) {
    console.log(`The Worker is slower than ${LEAST_RATIO} of the barest page.`);
    process.exitCode = 1;
  }
})();
