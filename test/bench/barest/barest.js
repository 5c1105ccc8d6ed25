// SPDX-License-Identifier: ISC
/*
 * The barest relay: what comes from one WebSocket goes into the other. What a browser makes of this is the most
 * that any page can have.
 *   /?ONE&OTHER      two URLs, each encoded
 */

"use strict";

const [one, other] = location.search.slice(1).split("&").map((url) => {
  const socket = new WebSocket(decodeURIComponent(url));
  socket.binaryType = "arraybuffer";
  return socket;
});
other.onopen = () => {
  one.onmessage = (event) => other.send(event.data);
};
one.onopen = () => {
  other.onmessage = (event) => one.send(event.data);
};
