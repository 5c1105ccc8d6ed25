// SPDX-License-Identifier: ISC
/*
 * A browser that a shell script drives: reads commands, a line each, from standard input and answers each with a
 * line, "ok VALUE" or "error WHY". lab.test.sh runs it on the phone.
 *
 *   open URL           loads a page              state ID VALUE   waits until an element has this data-state
 *   says TEXT          waits until the page      silent TEXT      the page does not say this now
 *                      says this                 text ID          an element's text
 *   click SELECTOR     clicks on it              link ID          where a link leads
 *   fill ID TEXT       types it into a field     websocket URL    whether one opens from here: open, refused
 *   worker URL         the same from a Worker that runs the page's relay.js
 *   tab                goes on in a new tab      close            closes this tab, and goes on in the one before
 *   eval CODE          what it gives             problems         fails if a script of the page has failed
 *   wakelocks          how often the page has asked for the screen to stay on (Screen Wake Lock)
 *   audit NAME         pictures of it, in build/screenshots/, and whether everybody can use it (audit.js)
 *
 * Arguments, if any, are for Chromium. With OLD=1 it is a browser of 2010, see draft76.js.
 */

"use strict";

const readline = require("readline");
const h = require("./harness");
const { audit } = require("./audit");
const { OLD_ARGUMENTS, makeOld } = require("./draft76");

let page;
let tabs;
const problems = []; // of all pages: errors that their scripts did not catch

const COMMANDS = {
  async open(url) {
    await page.goto(url, { timeout: h.LIMIT_MS });
  },
  async says(wanted) {
    await h.untilSeen(page, wanted);
  },
  async silent(unwanted) {
    const all = await h.seen(page);
    h.assert(!all.includes(unwanted), `the page says it: ${all}`);
  },
  async state(rest) {
    const [id, wanted] = rest.split(" ");
    await h.untilState(page, id, wanted);
  },
  text(id) {
    return h.text(page, id);
  },
  link(id) {
    return page.getAttribute(`#${id}`, "href");
  },
  async click(selector) {
    await page.click(selector, { timeout: h.LIMIT_MS });
  },
  websocket(url) {
    return page.evaluate((address) => new Promise((resolve) => {
      const socket = new WebSocket(address);
      socket.onopen = () => {
        socket.onclose = () => resolve("open");
        socket.close();
      };
      socket.onerror = () => resolve("refused");
    }), url);
  },
  worker(url) {
    return page.evaluate((address) => new Promise((resolve) => {
      const worker = new Worker("relay.js");
      worker.onmessage = ({ data }) => {
        if (data.server.failures || data.server.state === "connected") {
          worker.terminate();
          resolve(data.server.failures ? "refused" : "open");
        }
      };
      worker.postMessage({ command: "start", laptop: null, server: [address], status: null });
    }), url);
  },
  async fill(rest) {
    const [id, ...words] = rest.split(" ");
    await page.fill(`#${id}`, words.join(" "));
  },
  async tab() {
    page = await page.context().newPage();
    tabs.push(page);
  },
  async close() {
    await tabs.pop().close();
    page = tabs[tabs.length - 1];
  },
  wakelocks() {
    return page.evaluate("window.wakeLocks || 0");
  },
  eval(code) {
    return page.evaluate(code);
  },
  problems() {
    h.assert(!problems.length, problems.join("; "));
  },
  audit(name) {
    return audit(page, name);
  }
};

/* Runs in each page before its own scripts. */
const countWakeLocks = () => {
  if (window.WakeLock) {
    const { request } = window.WakeLock.prototype;
    window.WakeLock.prototype.request = function counted(...words) {
      window.wakeLocks = (window.wakeLocks || 0) + 1;
      return request.apply(this, words);
    };
  }
};

const oneLine = (value) => String(value).replace(/\s+/g, " ");

(async () => {
  const browser = await h.launch(process.argv.slice(2).concat(process.env.OLD ? OLD_ARGUMENTS : []));
  const context = await browser.newContext({ viewport: { width: 360, height: 740 } });
  context.on("weberror", (error) => problems.push(String(error.error())));
  await (process.env.OLD ? makeOld(context) : context.addInitScript(countWakeLocks));
  page = await context.newPage();
  tabs = [page];
  for await (const line of readline.createInterface({ input: process.stdin })) {
    const [, command, rest] = /^(\S+) ?(.*)$/.exec(line);
    try {
      h.assert(COMMANDS[command], `no such command: ${command}`);
      const value = await COMMANDS[command](rest);
      console.log(oneLine(`ok ${value === undefined || value === null ? "" : value}`));
    } catch (error) {
      console.log(oneLine(`error ${error.message}`));
    }
  }
  await browser.close();
})();
