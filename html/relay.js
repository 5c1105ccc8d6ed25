/*
 * The relay: two WebSockets (RFC 6455), one to the laptop and one to the server, and every message that
 * arrives on one is sent on the other as it came, text as text and binary as binary. It never looks inside.
 *
 * Each side connects on its own and, when it fails, tries again on its own: after a fraction of a second
 * at first, then every one to two seconds, and when a minute has passed less and less often, with some
 * chance in it so that many phones do not return in step. A connection that held for some seconds starts
 * the count afresh.
 *
 * A message for a side that is not open, or that has more waiting than LIMIT, is dropped and counted, as
 * a full queue in a router would do: what the packets inside need, their own protocols repeat. So memory stays
 * bounded however slow a side is.
 *
 * Three close codes have a meaning (RFC 6455, section 7.4.2 leaves 4000-4999 to applications):
 *   4001  a newer phone or tab has taken this one's place. Both sides stop, or two pages would take the
 *         place from each other for ever.
 *   4002  from the server: no laptop spoke on this connection. It is opened again when the laptop is here.
 *   4003  from the laptop: the server does not answer through this phone. Whatever TCP believes of the
 *         connection to the server, it is dropped, and both are opened anew at once.
 *
 * The file runs in a Worker, where drawing and throttled timers of the page cannot hold the relay up, and
 * as well on the page itself for browsers without Workers. In a Worker it takes messages
 * {command: "start", laptop: URL, server: URL} and answers with reports; see snapshot() for their form.
 */

"use strict";

/* Makes a relay. report(snapshot) is called at each change of state, and twice a second while counts change. */
function TetherRelay(report) {
  var FIRST_DELAY_MS = 300;
  var EARLY_DELAY_MS = 1500;       // the longest delay at first,
  var EARLY_FAILURES = 40;         // that is, for about a minute
  var LONGEST_DELAY_MS = 10000;
  var STEADY_MS = 5000;            // open for this long: the next failure is a first one again
  var CONNECT_LIMIT_MS = 6000;     // no answer for this long: give this attempt up
  var REPORT_INTERVAL_MS = 500;
  var LIMIT = 4 * 1024 * 1024;     // bytes waiting in a socket beyond which messages are dropped
  var REPLACED = 4001;
  var NOBODY = 4002;
  var SILENT = 4003;

  var laptop = makeSide();
  var server = makeSide();
  var up = makeCount();            // from the laptop to the server
  var down = makeCount();          // from the server to the laptop
  var ticker = null;
  var reported = "";

  /*
   * One side. Its state is one of
   *   "unknown"     no address was given
   *   "connecting"  an attempt is under way
   *   "connected"   open
   *   "waiting"     the attempt failed or the connection ended; the next attempt is at retryAt
   *   "idle"        ended with 4002; the next attempt is when the laptop is here
   *   "replaced"    ended with 4001; no further attempt
   *   "stopped"     ended because the other side was replaced; no further attempt
   *   "invalid"     the browser does not understand the address; no further attempt
   *   "refused"     the browser does not allow the connection; no further attempt
   */
  function makeSide() {
    return {
      state: "unknown",
      url: null,
      socket: null,
      timer: null,                 // limits an attempt, or ends a wait
      failures: 0,                 // in a row
      everOpen: false,
      startedAt: 0,                // of this attempt, in ms
      openedAt: 0,
      retryAt: 0,
      cause: "",                   // of the last failure: "unreachable", "timeout" or "lost"
      code: 0,                     // the last close code and reason that the peer sent
      reason: ""
    };
  }

  function makeCount() {
    return { messages: 0, bytes: 0, droppedMessages: 0, droppedBytes: 0 };
  }

  /* Text counts by characters, which are bytes as long as it is base64. */
  function size(data) {
    return typeof data === "string" ? data.length : data.byteLength;
  }

  function forward(data, to, count) {
    var bytes = size(data);
    wake(to);
    if (to.state !== "connected" || to.socket.readyState !== 1 || to.socket.bufferedAmount > LIMIT) {
      count.droppedMessages += 1;
      count.droppedBytes += bytes;
      return;
    }
    to.socket.send(data);
    count.messages += 1;
    count.bytes += bytes;
  }

  /* The laptop is here: a server that waited for it is connected again. */
  function wake(side) {
    if (side.state === "idle") {
      connect(side, laptop, down);
    }
  }

  /* The laptop hears nothing from the server: both sides are opened anew. */
  function renew() {
    var wasUp = server.state === "connected";
    connect(laptop, server, up);
    if (wasUp) {
      abandon(server);
      connect(server, laptop, down);
    }
  }

  function connect(side, other, count) {
    var socket;
    side.state = "connecting";
    side.startedAt = Date.now();
    try {
      socket = new WebSocket(side.url);
    } catch (error) {
      // A SecurityError is the browser's own refusal, for instance of ws:// from a page that came by https.
      side.state = error.name === "SecurityError" ? "refused" : "invalid";
      tell();
      return;
    }
    side.socket = socket;
    socket.binaryType = "arraybuffer";
    side.timer = setTimeout(function () {
      abandon(side);
      fail(side, other, count, "timeout");
    }, CONNECT_LIMIT_MS);

    socket.onopen = function () {
      clearTimeout(side.timer);
      side.state = "connected";
      side.everOpen = true;
      side.openedAt = Date.now();
      wake(other);
      tell();
    };
    socket.onmessage = function (event) {
      forward(event.data, other, count);
    };
    socket.onclose = function (event) {
      var wasOpen = side.state === "connected";
      clearTimeout(side.timer);
      abandon(side);
      side.code = event.code;
      side.reason = event.reason;
      if (event.code === REPLACED) {
        stop("stopped");
        side.state = "replaced";
        tell();
        return;
      }
      if (event.code === NOBODY && side === server && laptop.state !== "connected") {
        side.state = "idle";
        tell();
        return;
      }
      if (event.code === SILENT && side === laptop) {
        renew();
        return;
      }
      if (wasOpen && Date.now() - side.openedAt >= STEADY_MS) {
        side.failures = 0;
      }
      fail(side, other, count, wasOpen ? "lost" : "unreachable");
    };
    tell();
  }

  /* Lets go of a side's socket; nothing that still happens on it matters. */
  function abandon(side) {
    var socket = side.socket;
    side.socket = null;
    if (socket) {
      socket.onopen = socket.onmessage = socket.onclose = null;
      socket.close();
    }
  }

  function fail(side, other, count, cause) {
    var limit = side.failures < EARLY_FAILURES ? EARLY_DELAY_MS : LONGEST_DELAY_MS;
    var longest = Math.min(FIRST_DELAY_MS * Math.pow(1.5, side.failures), limit);
    var delay = longest * (0.75 + Math.random() / 2);
    side.failures += 1;
    side.state = "waiting";
    side.cause = cause;
    side.retryAt = Date.now() + delay;
    side.timer = setTimeout(function () {
      connect(side, other, count);
    }, delay);
    tell();
  }

  function stopSide(side, state) {
    clearTimeout(side.timer);
    abandon(side);
    side.state = side.url ? state : "unknown";
  }

  function stop(state) {
    stopSide(laptop, state);
    stopSide(server, state);
  }

  function startSide(side, url, other, count) {
    side.url = url;
    side.failures = 0;
    side.everOpen = false;
    side.cause = "";
    if (url) {
      connect(side, other, count);
    }
  }

  function snapshotSide(side) {
    return {
      state: side.state,
      retryInMs: side.state === "waiting" ? Math.max(0, side.retryAt - Date.now()) : 0,
      everOpen: side.everOpen,
      failures: side.failures,
      cause: side.cause,
      code: side.code,
      reason: side.reason
    };
  }

  /* What a report says; plain data, so that it can be posted from a Worker. */
  function snapshot() {
    return { laptop: snapshotSide(laptop), server: snapshotSide(server), up: up, down: down };
  }

  function tell() {
    report(snapshot());
  }

  function tick() {
    var now = JSON.stringify(snapshot());
    if (now !== reported) {
      reported = now;
      tell();
    }
  }

  /* Starts, or starts again, with these two addresses; null for a side whose address is not known. */
  this.start = function (laptopUrl, serverUrl) {
    stop("stopped");
    startSide(laptop, laptopUrl, server, up);
    startSide(server, serverUrl, laptop, down);
    if (ticker === null) {
      ticker = setInterval(tick, REPORT_INTERVAL_MS);
    }
    tell();
  };
}

if (typeof document === "undefined") {
  (function () {
    var relay = new TetherRelay(function (snapshot) {
      self.postMessage(snapshot);
    });

    self.onmessage = function (event) {
      if (typeof WebSocket === "undefined") {
        // Some browsers have WebSockets on pages only; the page then relays by itself.
        self.postMessage({ unsupported: true });
        return;
      }
      if (event.data.command === "start") {
        relay.start(event.data.laptop, event.data.server);
      }
    };
  }());
}
