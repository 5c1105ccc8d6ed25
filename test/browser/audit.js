// SPDX-License-Identifier: ISC
/*
 * What a page looks like and whether everybody can use it: takes pictures of it, in the sizes that phones have,
 * into build/screenshots/, and lets axe-core look for what keeps people out. Used in each state that tests reach.
 */

"use strict";

const fs = require("fs");
const path = require("path");
const h = require("./harness");

const PICTURES = path.join(h.ROOT, "build", "screenshots");
const AXE = fs.readFileSync(path.join(h.MODULES, "axe-core", "axe.min.js"), "utf8");
// To axe-core a picture is the same as another of its colours, unless the columns are others.
const SIZES = ["light", "dark"].flatMap((scheme) => [[320, 568], [360, 740], [740, 360]].map(([width, height]) =>
  ({ name: `${width}x${height}-${scheme}`, width, height, scheme, axe: width !== 360 })));

/* What axe-core finds, a text a violation; of the rules that are for whole sites it knows what to leave out. */
async function violations(page) {
  await page.evaluate(AXE);
  const found = await page.evaluate(() => window.axe.run(document, { resultTypes: ["violations"] }));
  return found.violations.map((each) => `${each.id}: ${each.nodes.map((node) => `${node.html} ${node.failureSummary}`)
    .join("; ")}`);
}

/* What a finger would miss, or must push sideways to see. */
function misfits(page) {
  return page.evaluate(() => {
    const found = [];
    if (document.documentElement.scrollWidth > window.innerWidth) {
      found.push(`the page is ${document.documentElement.scrollWidth} px wide in ${window.innerWidth}`);
    }
    document.querySelectorAll("a, button, input").forEach((each) => {
      const box = each.getBoundingClientRect();
      if (box.width && (box.width < 44 || box.height < 44)) {
        found.push(`#${each.id} is ${box.width} by ${box.height} px`);
      }
    });
    return found;
  });
}

/* Pictures NAME-SIZE.png, and an error that tells of all that is wrong. */
async function audit(page, name) {
  const before = page.viewportSize();
  const wrong = [];
  fs.mkdirSync(PICTURES, { recursive: true });
  for (const size of SIZES) {
    await page.setViewportSize({ width: size.width, height: size.height });
    await page.emulateMedia({ colorScheme: size.scheme });
    const found = (size.axe ? await violations(page) : []).concat(await misfits(page));
    wrong.push(...found.map((text) => `${size.name}: ${text}`));
    await page.screenshot({ path: path.join(PICTURES, `${name}-${size.name}.png`) });
  }
  await page.setViewportSize(before);
  h.assert(!wrong.length, wrong.join(" | "));
}

module.exports = { audit };
