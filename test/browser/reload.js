// SPDX-License-Identifier: ISC
/*
 * Loads the page of a Chromium that runs already again, a few times.
 *   node test/browser/reload.js DEVTOOLS-PORT TIMES
 */
"use strict";
const { chromium } = require("../../build/node_modules/playwright-core");

(async () => {
  const [port, times] = process.argv.slice(2).map(Number);
  const browser = await chromium.connectOverCDP(`http://127.0.0.1:${port}`);
  const page = browser.contexts()[0].pages()[0];
  for (let i = 0; i < times; i += 1) {
    await page.reload();
    await page.waitForFunction("document.title === 'Tether'");
    await new Promise((resolve) => { setTimeout(resolve, 2000); });
  }
  process.exit(0);
})().catch((error) => {
  console.error(error.message);
  process.exit(1);
});
