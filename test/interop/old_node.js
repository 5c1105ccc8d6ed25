// SPDX-License-Identifier: ISC
/*
 * What packages of 2010 to 2014 expect of node, and today's has no more: to be required before them. Their protocol
 * is their own: only how they reach http, events and hashes is put back.
 */

"use strict";

const crypto = require("crypto");
const http = require("http");
const { EventEmitter } = require("events");

process.noDeprecation = true;
process.EventEmitter = EventEmitter;

/* http.Client, until node 0.8 (without TLS). */
http.createClient = (port, host) => {
  const client = new EventEmitter();
  client.request = (path, headers) => http.request({ port, host, path, headers })
    .on("upgrade", (...words) => client.emit("upgrade", ...words))
    .on("response", (response) => client.emit("error", new Error(`status ${response.statusCode}`)))
    .on("error", (error) => client.emit("error", error));
  client.end = () => {};
  return client;
};

/* Until node 6 a string to be hashed was bytes, not UTF-8. */
const { createHash } = crypto;
crypto.createHash = (name) => {
  const hash = createHash(name);
  const { update } = hash;
  hash.update = (data, encoding) => update.call(hash, data, encoding || "latin1");
  return hash;
};
