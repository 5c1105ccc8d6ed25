// SPDX-License-Identifier: ISC
/*
 * A phone that speaks draft 76, by a client that others wrote (npm's websocket-client of 2010):
 *
 *   node test/lab/draft76-relay.js LAPTOP-URL SERVER-URL
 *
 * What comes from one side goes to the other. A side that ends is connected anew, unless the host said 4001, that
 * another phone has taken over.
 */

"use strict";

require("../interop/old_node");
const path = require("path");
const { WebSocket } = require(path.join(__dirname, "..", "..", "build", "node_modules", "websocket-client"));

const RETRY_MS = 300;
const urls = { laptop: process.argv[2], server: process.argv[3] };
const origin = urls.laptop.replace(/^ws(:..[^/]*).*$/, "http$1"); // the page is the laptop's
const open = {};

function keep(name, other) {
  const socket = new WebSocket(urls[name], "", { origin });
  const again = () => setTimeout(keep, RETRY_MS, name, other);
  socket.onopen = () => {
    open[name] = socket;
    console.log(`${name}: connected`);
  };
  socket.onmessage = ({ data }) => {
    if (/^4\d\d\d /.test(data)) {
      console.log(`${name}: ${data}`);
      if (data.startsWith("4001")) {
        process.exit(0);
      }
    } else if (open[other]) {
      open[other].send(data);
    }
  };
  socket.onclose = socket.onerror = () => {
    delete open[name];
    socket.onclose = socket.onerror = null;
    again();
  };
}

keep("laptop", "server");
keep("server", "laptop");
