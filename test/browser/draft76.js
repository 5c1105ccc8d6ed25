// SPDX-License-Identifier: ISC
/*
 * A browser of 2010, as far as the page can tell: the WebSocket of draft 76
 * (draft-ietf-hybi-thewebsocketprotocol-00) alone, and nothing that the engines of iOS 4.2 did not have.
 *
 * Draft76 is a client of that draft in node, written from the draft. makeOld(context) gives the pages of a browser
 * context a WebSocket that leads to one of these by way of a bridge: two functions of the driver. So what travels is
 * the draft's, and what the page has is what such a browser gave it: text, no binaryType, a close without a code.
 */

"use strict";

const crypto = require("crypto");
const { EventEmitter } = require("events");
const net = require("net");

/* Chromium does not know where a page is from that came by way of the driver; such a browser did not ask. */
const OLD_ARGUMENTS = ["--disable-features=LocalNetworkAccessChecks,LocalNetworkAccessChecksWebSockets"];

const random = (below) => crypto.randomInt(below);

/* A key, and the number that it hides (section 4.1, items 16 to 25). */
function makeKey() {
  const spaces = 1 + random(12);
  const number = random(Math.floor(0xffffffff / spaces) + 1);
  const letters = [...String(number * spaces)];
  for (let i = 1 + random(12); i > 0; i -= 1) {
    const noise = random(15 + 69);
    letters.splice(random(letters.length + 1), 0, String.fromCharCode(noise < 15 ? 0x21 + noise : 0x3a + noise - 15));
  }
  for (let i = 0; i < spaces; i += 1) {
    letters.splice(1 + random(letters.length - 1), 0, " ");
  }
  return { text: letters.join(""), number };
}

/* Emits "open", "message" (a string), and "close" once, with whether it was closed as section 1.4 has it. */
class Draft76 extends EventEmitter {
  constructor(url, origin) {
    super();
    const { hostname, port, host, pathname, search } = new URL(url);
    this.keys = [makeKey(), makeKey()];
    this.challenge = crypto.randomBytes(8);
    this.wanted = { "upgrade": "WebSocket", "connection": "Upgrade", "sec-websocket-origin": origin,
      "sec-websocket-location": `ws://${host}${pathname}${search}` };
    this.input = Buffer.alloc(0);
    this.isOpen = this.isClosed = this.isClean = false;
    this.socket = net.connect(Number(port) || 80, hostname.replace(/[[\]]/g, ""), () => this.ask(host, pathname + search));
    this.socket.setNoDelay();
    this.socket.on("data", (data) => this.take(data));
    this.socket.on("error", () => {});
    this.socket.on("close", () => this.end());
  }

  ask(host, target) {
    this.socket.write(Buffer.concat([Buffer.from([`GET ${target} HTTP/1.1`, "Upgrade: WebSocket", "Connection: Upgrade",
      `Host: ${host}`, `Origin: ${this.wanted["sec-websocket-origin"]}`, `Sec-WebSocket-Key1: ${this.keys[0].text}`,
      `Sec-WebSocket-Key2: ${this.keys[1].text}`, "", ""].join("\r\n"), "latin1"), this.challenge]));
  }

  /* The answer (section 4.1, items 28 to 47). Returns whether it is whole. */
  readAnswer() {
    const end = this.input.indexOf("\r\n\r\n");
    if (end < 0 || this.input.length < end + 20) {
      return false;
    }
    const [first, ...lines] = this.input.toString("latin1", 0, end).split("\r\n");
    const fields = new Map(lines.map((line) => [line.split(":")[0].toLowerCase(), line.slice(line.indexOf(":") + 1).trim()]));
    const numbers = Buffer.alloc(8);
    this.keys.forEach(({ number }, i) => numbers.writeUInt32BE(number, 4 * i));
    const proof = crypto.createHash("md5").update(numbers).update(this.challenge).digest();
    this.failure = !/^HTTP\/1\.1 101 /.test(first) ? first :
      !proof.equals(this.input.subarray(end + 4, end + 20)) ? "the answer to the challenge is wrong" :
        Object.keys(this.wanted).filter((name) => fields.get(name) !== this.wanted[name])
          .map((name) => `${name} is ${fields.get(name)}, not ${this.wanted[name]}`)[0];
    this.input = this.input.subarray(end + 20);
    this.isOpen = !this.failure;
    if (this.isOpen) {
      this.emit("open");
    } else {
      this.socket.destroy();
    }
    return this.isOpen;
  }

  take(data) {
    this.input = Buffer.concat([this.input, data]);
    while ((this.isOpen || this.readAnswer()) && this.readFrame());
  }

  /* A frame of section 4.2; others than text and the closing handshake are thrown away. */
  readFrame() {
    const type = this.input[0];
    if (this.input.length < 2 || this.isClean) {
      return false;
    }
    if (type < 0x80) {
      const end = this.input.indexOf(0xff, 1);
      if (end > 0 && type === 0) {
        this.emit("message", this.input.toString("utf8", 1, end));
      }
      this.input = end > 0 ? this.input.subarray(end + 1) : this.input;
      return end > 0;
    }
    if (type === 0xff && this.input[1] === 0) {
      this.isClean = true;
      this.close();
    }
    return false; // our hosts send no other
  }

  send(text) {
    if (this.isOpen && !this.isSaid) {
      this.socket.write(Buffer.concat([Buffer.from([0]), Buffer.from(text), Buffer.from([0xff])]));
    }
  }

  /* The server is to end the connection; it has some seconds for that. */
  close() {
    if (!this.isOpen) {
      this.socket.destroy();
    } else if (!this.isSaid) {
      this.isSaid = true;
      this.socket.write(Buffer.from([0xff, 0]));
      setTimeout(() => this.socket.destroy(), 5000).unref();
    }
  }

  end() {
    if (!this.isClosed) {
      this.isClosed = true;
      this.emit("close", this.isClean);
    }
  }
}

/* In the page, before its own scripts: takes away what such an engine lacks, and puts the draft's WebSocket there. */
function growOld() {
  const sockets = new Map();
  let number = 0;
  const call = (socket, name, event) => {
    if (typeof socket[name] === "function") {
      socket[name](event);
    }
  };

  function OldWebSocket(url) {
    if (!/^wss?:\/\/[^\s#]+$/i.test(url)) {
      throw new DOMException("no such URL", "SyntaxError");
    }
    number += 1;
    this.URL = url;
    this.readyState = 0;
    this.bufferedAmount = 0;
    this.onopen = this.onmessage = this.onclose = this.onerror = null;
    sockets.set(number, this);
    const mine = number;
    this.send = function (data) {
      if (this.readyState === 0) {
        throw new DOMException("not open yet", "InvalidStateError");
      }
      window.draft76Do("send", mine, String(data));
      return this.readyState === 1;
    };
    this.close = function () {
      this.readyState = this.readyState < 2 ? 2 : this.readyState;
      window.draft76Do("close", mine, "");
    };
    window.draft76Do("open", mine, url);
  }

  window.draft76Heard = (events) => events.forEach(([mine, name, data]) => {
    const socket = sockets.get(mine);
    if (name === "open") {
      socket.readyState = 1;
      call(socket, "onopen", { type: "open" });
    } else if (name === "message") {
      call(socket, "onmessage", { type: "message", data });
    } else {
      socket.readyState = 3;
      sockets.delete(mine);
      call(socket, "onclose", { type: "close", wasClean: data });
    }
  });
  window.WebSocket = OldWebSocket;
  ["Worker", "SharedWorker", "BroadcastChannel", "fetch", "MutationObserver", "ResizeObserver", "requestAnimationFrame",
    "requestIdleCallback", "AudioContext"].forEach((name) => { delete window[name]; });
  [[Element.prototype, "classList"], [Element.prototype, "remove"],
    [HTMLElement.prototype, "dataset"], [SVGElement.prototype, "dataset"], [XMLHttpRequest.prototype, "timeout"],
    [XMLHttpRequest.prototype, "response"], [XMLHttpRequest.prototype, "responseType"],
    [HTMLDialogElement.prototype, "showModal"], [HTMLDialogElement.prototype, "close"],
    [HTMLCanvasElement.prototype, "captureStream"], [HTMLMediaElement.prototype, "srcObject"],
    [CanvasRenderingContext2D.prototype, "setLineDash"], [History.prototype, "replaceState"],
    [History.prototype, "pushState"], [Document.prototype, "hidden"], [Document.prototype, "visibilityState"],
    [Navigator.prototype, "wakeLock"], [Navigator.prototype, "permissions"], [Navigator.prototype, "serviceWorker"],
    [Array.prototype, "includes"], [Array.prototype, "find"], [Array, "from"], [Object, "assign"], [Object, "entries"],
    [String.prototype, "trim"], [String.prototype, "startsWith"], [String.prototype, "includes"],
    [String.prototype, "repeat"], [Number, "isInteger"], [XMLHttpRequestEventTarget.prototype, "ontimeout"]
  ].forEach(([owner, name]) => { delete owner[name]; });
  const { bind } = Function.prototype; // the driver's own scripts need it
  Function.prototype.bind = function (...words) {
    if (/http:/.test(new Error().stack.split("\n")[2])) {
      throw new TypeError("no such function: bind");
    }
    return bind.apply(this, words);
  };
}

/*
 * To be called before the context's pages are opened. What the hosts send is handed to a page in the order in which
 * it came, as much at a time as there is. Scripts lose their "defer", which came with iOS 5.
 */
async function makeOld(context) {
  await context.exposeBinding("draft76Do", ({ page }, what, number, data) => {
    const sockets = page.draft76 = page.draft76 || new Map();
    if (what !== "open") {
      const socket = sockets.get(number);
      return socket && socket[what](data);
    }
    const socket = new Draft76(data, new URL(page.url()).origin);
    const hear = (...event) => {
      page.draft76Heard = page.draft76Heard || [];
      if (page.draft76Heard.push([number, ...event]) === 1) {
        flush(page);
      }
    };
    sockets.set(number, socket);
    socket.on("open", () => hear("open"));
    socket.on("message", (text) => hear("message", text));
    socket.on("close", (isClean) => {
      sockets.delete(number);
      hear("close", isClean);
    });
    return undefined;
  });
  await context.addInitScript(growOld);
  await context.route(/^http:\/\/[^/]+\/(\?.*)?$/, async (route) => {
    const answer = await route.fetch();
    await route.fulfill({ response: answer, body: (await answer.text()).replace(/ defer>/g, ">") });
  });
  context.on("page", (page) => ["framenavigated", "close"].forEach((event) => page.on(event, () => {
    (page.draft76 || new Map()).forEach((socket) => socket.removeAllListeners().socket.destroy());
    page.draft76 = new Map();
    page.draft76Heard = [];
  })));
}

async function flush(page) {
  while (page.draft76Heard.length) {
    const events = page.draft76Heard;
    const count = events.length;
    try {
      await page.evaluate((list) => window.draft76Heard(list), events.slice(0, count));
    } catch (error) {
      page.draft76Heard = []; // the page is gone
    }
    events.splice(0, count);
  }
}

module.exports = { Draft76, OLD_ARGUMENTS, makeOld };
