// SPDX-License-Identifier: ISC
/*
 * Loads pages of a tether in fresh profiles, and prints how soon what happened, in ms from the start of the
 * navigation by the page's own clock: the median, and the slowest.
 *
 *   node test/bench/page-start.js LAPTOPS-PAGE SERVERS-PAGE ROUNDS
 *
 * The server's page runs in a browser that lets it reach the laptop, as Safari and Firefox do.
 */

"use strict";

const h = require("../browser/harness");

const [laptopsPage, serversPage, rounds] = process.argv.slice(2);

/* Notes when both hops are first said to be connected. */
const WATCH = `addEventListener("DOMContentLoaded", () => new MutationObserver(() => {
  const summary = document.getElementById("summary");
  if (!window.relayingAt && summary.getAttribute("data-state") === "relaying") {
    window.relayingAt = performance.now();
  }
}).observe(document.documentElement, { attributes: true, subtree: true }))`;

async function load(browser, url) {
  const page = await h.openPage(browser, url, { scripts: [WATCH] });
  const relayingMs = await h.until("the page relays", () => page.evaluate(() => window.relayingAt));
  const paintMs = await h.until("something is painted", () => page.evaluate(() =>
    (performance.getEntriesByName("first-contentful-paint")[0] || {}).startTime));
  await page.context().close();
  return { paintMs, relayingMs };
}

async function measure(name, url, more) {
  const browser = await h.launch(more);
  const loads = [];
  for (let i = 0; i < Number(rounds); i += 1) {
    loads.push(await load(browser, url));
  }
  await browser.close();
  for (const [what, field] of [["first paint", "paintMs"], ["both sockets open", "relayingMs"]]) {
    const sorted = loads.map((each) => each[field]).sort((a, b) => a - b);
    console.log(`${name}, ${what}: ${sorted[sorted.length >> 1].toFixed(0)} ms, at most ` +
      `${sorted[sorted.length - 1].toFixed(0)} ms of ${sorted.length}`);
  }
}

(async () => {
  await measure("served by the laptop", laptopsPage, []);
  await measure("served by the server", serversPage,
    ["--disable-features=LocalNetworkAccessChecks,LocalNetworkAccessChecksWebSockets"]);
})();
