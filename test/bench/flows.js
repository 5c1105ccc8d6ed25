// SPDX-License-Identifier: ISC
/*
 * What the measurements of the page share: both ends of its relaying (ws-flow, two of them), Chromium, and what
 * the kernel says of Chromium's processes. All of it on this machine, at the loopback address.
 */

"use strict";

const fs = require("fs");
const net = require("net");
const os = require("os");
const path = require("path");
const { spawn } = require("child_process");
const h = require("../browser/harness");
const { WebSocket } = require(path.join(h.MODULES, "ws"));

const FLOW = path.join(h.ROOT, "build", "bench", "ws-flow");
const BAREST = path.join(h.ROOT, "test", "bench", "barest");
const TICKS_PER_SECOND = 100;    // USER_HZ, proc(5)

function freePort() {
  return new Promise((resolve) => {
    const server = net.createServer().listen(0, "127.0.0.1", () => {
      const { port } = server.address();
      server.close(() => resolve(port));
    });
  });
}

function accepts(port) {
  return new Promise((resolve) => {
    const socket = net.connect(port, "127.0.0.1", () => { socket.destroy(); resolve(true); });
    socket.on("error", () => resolve(false));
  });
}

/* One end: a process that pours or counts. received(name) is the bytes counted of the peer of this name. */
class End {
  async start() {
    this.port = await freePort();
    this.counts = {};
    this.child = spawn(FLOW, [`127.0.0.1:${this.port}`, BAREST], { stdio: ["ignore", "pipe", "inherit"] });
    process.on("exit", () => this.child.kill());
    let rest = "";
    this.child.stdout.on("data", (data) => {
      const lines = (rest + data).split("\n");
      rest = lines.pop();
      lines.map((line) => line.split(" ")).forEach(([name, , bytes]) => {
        this.counts[name] = (this.counts[name] || 0) + Number(bytes);
      });
    });
    await h.until("ws-flow listens", () => accepts(this.port));
    return this;
  }

  url(name) {
    return `ws://127.0.0.1:${this.port}/flow?${name}`;
  }

  received(name) {
    return this.counts[name] || 0;
  }

  stop() {
    this.child.kill();
  }
}

/* The process of this id and all that it started, and they. */
function family(pid) {
  const children = {};
  for (const name of fs.readdirSync("/proc").filter((each) => /^[0-9]+$/.test(each))) {
    try {
      const stat = fs.readFileSync(`/proc/${name}/stat`, "utf8");
      const parent = Number(stat.slice(stat.lastIndexOf(")") + 2).split(" ")[1]);
      (children[parent] = children[parent] || []).push(Number(name));
    } catch (error) {
      continue;   // it has ended
    }
  }
  const all = [pid];
  for (let i = 0; i < all.length; i += 1) {
    all.push(...children[all[i]] || []);
  }
  return all;
}

function sum(pids, read) {
  return pids.reduce((total, pid) => {
    try {
      return total + read(pid);
    } catch (error) {
      return total;
    }
  }, 0);
}

/* Seconds of processor time that these used. */
function cpuSeconds(pids) {
  return sum(pids, (pid) => {
    const stat = fs.readFileSync(`/proc/${pid}/stat`, "utf8");
    const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
    return (Number(fields[11]) + Number(fields[12])) / TICKS_PER_SECOND;
  });
}

/* Megabytes that these hold, what they share counted in parts (proc(5), smaps_rollup). */
function megabytes(pids) {
  return sum(pids, (pid) =>
    Number(/^Pss:\s+([0-9]+)/m.exec(fs.readFileSync(`/proc/${pid}/smaps_rollup`, "utf8"))[1]) / 1024);
}

/*
 * Chromium with one page, as a person has it. Not by playwright: that has the browser tell it of each message of
 * each WebSocket, which costs more than to relay it.
 */
class Chromium {
  async start(url) {
    this.profile = fs.mkdtempSync(path.join(os.tmpdir(), "tether-chromium-"));
    this.child = spawn(path.join(h.ROOT, "test", "lab", "browser.sh"), ["stay", this.profile, url], { stdio: "ignore" });
    this.ended = new Promise((resolve) => this.child.on("exit", resolve));
    this.kill = () => this.child.kill("SIGKILL");
    process.on("exit", this.kill);
    return this;
  }

  pids() {
    return family(this.child.pid);
  }

  async stop() {
    this.child.kill();
    await this.ended;
    process.removeListener("exit", this.kill);
    await fs.promises.rm(this.profile, { recursive: true, force: true, maxRetries: 50, retryDelay: 100 });
  }
}

/* The address at which a host serves the page that relays, from now on between these two WebSockets. */
function pageUrl(host, laptop, server) {
  host.config = { role: "other", laptop, server };
  return host.url;
}

/* Asks a Chromium that runs, in the protocol of its developer tools; only what is asked for is observed. */
class DevTools {
  async connect(browser) {
    const file = path.join(browser.profile, "DevToolsActivePort");
    const lines = await h.until("Chromium says where its tools are", () => fs.existsSync(file) &&
      /^([0-9]+)\n(\S+)/.exec(fs.readFileSync(file, "utf8")));
    this.socket = new WebSocket(`ws://127.0.0.1:${lines[1]}${lines[2]}`, { perMessageDeflate: false });
    this.waiting = {};
    this.attached = [];
    this.last = 0;
    this.socket.on("message", (data) => this.hear(JSON.parse(data)));
    await new Promise((resolve, reject) => this.socket.on("open", resolve).on("error", reject));
    return this;
  }

  hear(message) {
    if (message.method === "Target.attachedToTarget") {
      this.attached.push(message.params);
    } else if (this.waiting[message.id]) {
      this.waiting[message.id](message.result);
      delete this.waiting[message.id];
    }
  }

  send(method, params = {}, sessionId = undefined) {
    return new Promise((resolve) => {
      this.waiting[this.last += 1] = resolve;
      this.socket.send(JSON.stringify({ id: this.last, method, params, sessionId }));
    });
  }

  /* The sessions of the page and of its Worker. */
  async sessions() {
    const page = await h.until("there is a page", async () => (await this.send("Target.getTargets")).targetInfos
      .find(({ type, url }) => type === "page" && url.startsWith("http")));
    const { sessionId } = await this.send("Target.attachToTarget", { targetId: page.targetId, flatten: true });
    await this.send("Target.setAutoAttach", { autoAttach: true, waitForDebuggerOnStart: false, flatten: true },
      sessionId);
    const worker = await h.until("there is a Worker",
      () => this.attached.find(({ targetInfo }) => targetInfo.type === "worker"));
    return { page: sessionId, worker: worker.sessionId };
  }

  close() {
    this.socket.close();
  }
}

module.exports = { BAREST, Chromium, DevTools, End, cpuSeconds, megabytes, pageUrl };
