#!/usr/bin/env node
// SPDX-License-Identifier: ISC
/*
 * The page's scripts, as an engine of 2010 reads them: eslint with the syntax of ECMAScript 3, where only reserved
 * words may be names of properties (ES5 has them, and so have these engines), and with no other names of the host's
 * than iOS 4.2 to 5 have (WebKit 533 and 534). What they lack may be used after a check, in the way of the first list
 * below: each place is named there.
 *
 *   node test/browser/lint.test.js
 */

"use strict";

const fs = require("fs");
const path = require("path");

const ROOT = path.join(__dirname, "..", "..");
const HTML = path.join(ROOT, "html");
const { ESLint } = require(path.join(ROOT, "build", "node_modules", "eslint"));

/* What engines of that age have, as far as the page uses it. */
const GLOBALS = ["window", "document", "location", "history", "navigator", "localStorage", "setTimeout", "clearTimeout",
  "setInterval", "XMLHttpRequest", "JSON", "WebSocket", "self"];

/* [file, name]: used where it is there, by try, typeof or a condition. */
const CHECKED = [["page.js", "Worker"]];

/* Properties that came later, of any object. */
const LATER = {
  bind: "Function.prototype.bind came with iOS 6", trim: "so that no engine is asked", includes: "ES2015", find: "ES2015",
  findIndex: "ES2015", startsWith: "ES2015", endsWith: "ES2015", repeat: "ES2015", padStart: "ES2017", assign: "ES2015",
  entries: "ES2017", values: "ES2017", classList: "iOS 5", dataset: "iOS 5", closest: "2015", matches: "2013",
  append: "2015", prepend: "2015", replaceWith: "2015", timeout: "XMLHttpRequest Level 2, iOS 7", ontimeout: "iOS 7",
  responseType: "iOS 5", response: "iOS 5", requestAnimationFrame: "iOS 6"
};


/* Names that one of the page's scripts has at its top, for the others. */
function own(files) {
  const names = [];
  files.forEach((name) => {
    const source = fs.readFileSync(path.join(HTML, name), "utf8");
    source.replace(/^(?:var|function) (\w+)/gm, (all, found) => names.push(found));
  });
  return names;
}

function configFor(names) {
  const properties = Object.keys(LATER).map((property) =>
    ({ property, message: `old engines lack it: ${LATER[property]}` }));
  return [{
    files: ["**/*.js"],
    languageOptions: {
      ecmaVersion: 3,
      sourceType: "script",
      globals: Object.fromEntries(names.map((name) => [name, "writable"]))
    },
    linterOptions: { reportUnusedDisableDirectives: "error", noInlineConfig: true },
    rules: {
      "no-undef": "error",
      "no-restricted-properties": ["error", ...properties],
      "no-dupe-keys": "error",
      "no-func-assign": "error",
      "no-inner-declarations": ["error", "functions"],
      "no-unreachable": "error",
      "no-unsafe-finally": "error",
      "no-unused-vars": ["error", { vars: "local", args: "after-used", caughtErrors: "none" }],
      "use-isnan": "error",
      "valid-typeof": "error",
      eqeqeq: "error"
    }
  }];
}

async function findings(files, sourceOf) {
  const names = GLOBALS.concat(own(files));
  const found = {};
  for (const name of files) {
    const allowed = CHECKED.filter(([file]) => file === name).map(([, used]) => used);
    const eslint = new ESLint({ cwd: HTML, overrideConfigFile: true, overrideConfig: configFor(names.concat(allowed)) });
    const [result] = await eslint.lintText(sourceOf(name), { filePath: path.join(HTML, name) });
    found[name] = result.messages.map((message) => `line ${message.line}: ${message.message}`);
  }
  return found;
}

/* Each of these must be found, or the check finds nothing: [what, code]. */
const FAULTS = [
  ["an arrow function", "var f = () => 1;"], ["let", "let x = 1;"], ["a template", "var x = `a`;"],
  ["a getter", "var x = { get a() { return 1; } };"], ["bind", "function g() {} g.bind(null);"],
  ["Promise", "new Promise(function () {});"], ["a typed array", "var x = new Uint8Array(1);"],
  ["fetch", "fetch('a');"], ["classList", "document.body.classList.add('a');"],
  ["a Worker where nothing checks", "new Worker('a');"], ["a request that keeps time", "new XMLHttpRequest().timeout = 1;"]
];

(async () => {
  const files = fs.readdirSync(HTML).filter((name) => name.endsWith(".js"));
  let failed = 0;
  function report(name, wrong) {
    failed += wrong ? 1 : 0;
    console.log(wrong ? `not ok - ${name}: ${wrong}` : `ok - ${name}`);
  }
  const found = await findings(files, (name) => fs.readFileSync(path.join(HTML, name), "utf8"));
  for (const name of files) {
    report(`${name} is of what the browsers of iOS 4.2 have`, found[name].join("; "));
  }
  for (const [what, code] of FAULTS) {
    const { "view.js": said } = await findings(["view.js"], () => code);
    report(`the check finds ${what}`, said.length ? "" : "it does not");
  }
  process.exitCode = failed ? 1 : 0;
})();
