// SPDX-License-Identifier: ISC
/*
 * A Firefox that a shell script drives, as driver.js does with Chromium: reads commands, a line each, from
 * standard input and answers each with a line, "ok VALUE" or "error WHY".
 *
 *   open URL       loads a page                   says TEXT    waits until the page says this
 *   text ID        an element's text              click ID     clicks on it
 *   picture FILE   a screenshot
 *
 *   node test/browser/firefox.js PROFILE-DIRECTORY
 *
 * It speaks WebDriver BiDi (a draft of the W3C's), which Firefox itself answers: no other driver is needed.
 */

"use strict";

const fs = require("fs");
const path = require("path");
const readline = require("readline");
const { spawn } = require("child_process");
const h = require("./harness");
const WebSocket = require(path.join(h.MODULES, "ws"));

// What it would ask its maker's hosts for; the lab has none.
const QUIET = ["app.normandy.enabled", "app.update.enabled", "browser.safebrowsing.malware.enabled",
  "browser.safebrowsing.phishing.enabled", "datareporting.healthreport.uploadEnabled",
  "network.captive-portal-service.enabled", "network.connectivity-service.enabled"];
const FIREFOX = process.env.FIREFOX || "/usr/bin/firefox-esr";

/* Starts it and gives the address at which it is driven. */
function start(profile) {
  fs.mkdirSync(profile, { recursive: true });
  fs.writeFileSync(path.join(profile, "user.js"), QUIET.map((name) => `user_pref("${name}", false);\n`).join(""));
  const child = spawn(FIREFOX, ["--headless", "--no-remote", "--profile", profile, "--remote-debugging-port", "0",
    "about:blank"], { stdio: ["ignore", "ignore", "pipe"] });
  process.on("exit", () => child.kill());
  return new Promise((resolve, reject) => {
    child.on("exit", () => reject(new Error("Firefox ended")));
    readline.createInterface({ input: child.stderr }).on("line", (line) => {
      const found = /WebDriver BiDi listening on (ws:\S+)/.exec(line);
      if (found) {
        resolve(found[1]);
      }
    });
  });
}

/* A function (method, params) that sends a command and gives its result. */
async function connect(address) {
  const socket = new WebSocket(`${address}/session`);
  const waiting = {};
  let last = 0;
  await new Promise((resolve, reject) => socket.once("open", resolve).once("error", reject));
  socket.on("message", (data) => {
    const answer = JSON.parse(data);
    const done = waiting[answer.id];
    if (done) {
      (answer.type === "error" ? done.reject : done.resolve)(answer.type === "error" ? new Error(answer.message) :
        answer.result);
    }
  });
  return (method, params) => new Promise((resolve, reject) => {
    waiting[last += 1] = { resolve, reject };
    socket.send(JSON.stringify({ id: last, method, params }));
  });
}

(async () => {
  const send = await connect(await start(process.argv[2]));
  await send("session.new", { capabilities: {} });
  const { context } = (await send("browsingContext.getTree", {})).contexts[0];

  async function evaluate(expression) {
    const answer = await send("script.evaluate", { expression, target: { context }, awaitPromise: false });
    h.assert(answer.type === "success", answer.exceptionDetails && answer.exceptionDetails.text);
    return answer.result.value;
  }

  const commands = {
    open: (url) => send("browsingContext.navigate", { context, url, wait: "complete" }).then(() => ""),
    says: (words) => h.until(`the page says "${words}"`, async () =>
      (await evaluate("document.body.innerText")).includes(words), () => evaluate("document.body.innerText")),
    text: (id) => evaluate(`document.getElementById(${JSON.stringify(id)}).textContent`),
    click: async (id) => {
      const [x, y] = JSON.parse(await evaluate(`(() => {
        const box = document.getElementById(${JSON.stringify(id)}).getBoundingClientRect();
        return JSON.stringify([Math.round(box.left + box.width / 2), Math.round(box.top + box.height / 2)]);
      })()`));
      await send("input.performActions", { context, actions: [{ type: "pointer", id: "finger",
        parameters: { pointerType: "touch" }, actions: [{ type: "pointerMove", x, y },
          { type: "pointerDown", button: 0 }, { type: "pointerUp", button: 0 }] }] });
    },
    picture: async (file) => {
      const { data } = await send("browsingContext.captureScreenshot", { context });
      fs.mkdirSync(path.dirname(file), { recursive: true });
      fs.writeFileSync(file, Buffer.from(data, "base64"));
    }
  };

  for await (const line of readline.createInterface({ input: process.stdin })) {
    const [, command, rest] = /^(\S+) ?(.*)$/.exec(line);
    try {
      const value = await commands[command](rest);
      console.log(`ok ${value === undefined || value === true ? "" : value}`.replace(/\s+/g, " "));
    } catch (error) {
      console.log(`error ${error.message}`.replace(/\s+/g, " "));
    }
  }
  process.exit(0);
})().catch((error) => {
  console.log(`error ${error.message}`.replace(/\s+/g, " "));
  process.exit(1);
});
