// SPDX-License-Identifier: ISC
/*
 * A browser that loads pages and says how long it took: reads URLs, a line each, from standard input and answers
 * each with a line, "LOAD OBJECTS PAINT START" or "error WHY". Each load is in a fresh context: no cache, no cookies,
 * no connections. The load event and the first paint are in ms from the start of the navigation, by the page's own
 * clock, and the start is in ms by the machine's.
 */

"use strict";

const readline = require("readline");
const h = require("../browser/harness");

async function load(browser, url) {
  const context = await browser.newContext({ viewport: { width: 1280, height: 800 } });
  try {
    const page = await context.newPage();
    let objects = 0;
    page.on("requestfinished", () => {
      objects += 1;
    });
    await page.goto(url, { waitUntil: "load", timeout: 180000 });
    const [loadMs, startMs] = await page.evaluate(() =>
      [performance.getEntriesByType("navigation")[0].loadEventStart, performance.timeOrigin]);
    const paintMs = await h.until("something is painted", () => page.evaluate(() =>
      (performance.getEntriesByName("first-contentful-paint")[0] || {}).startTime));
    return `${loadMs.toFixed(1)} ${objects} ${paintMs.toFixed(1)} ${startMs.toFixed(3)}`;
  } finally {
    await context.close();
  }
}

(async () => {
  const browser = await h.launch();
  for await (const url of readline.createInterface({ input: process.stdin })) {
    try {
      console.log(await load(browser, url));
    } catch (error) {
      console.log(`error ${String(error.message).replace(/\s+/g, " ")}`);
    }
  }
  await browser.close();
})();
