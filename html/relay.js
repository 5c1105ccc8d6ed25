/* SPDX-License-Identifier: ISC */
/*
 * The relay: two WebSockets (RFC 6455), one to the laptop and one to the server; every message that arrives
 * on one is sent on the other as it came, text as text and binary as binary. It never looks inside.
 *
 * A message for a side that is not open, or has more than LIMIT waiting, is dropped and counted, as by a full
 * queue in a router: memory stays bounded.
 *
 * Some carriers let only some ports through. So a server's others are tried a moment after the first, beside it, as
 * RFC 8305, section 5 has it for addresses. The first that opens is used, and tried first from then on.
 *
 * TCP notices a dead way after minutes. So a side that was silent for long, or may have been left behind
 * (another network, a page that slept), is probed: a second connection is opened beside the first, and takes
 * over; if it does not open, the side is lost. A laptop that serves the page is also asked for its
 * status.json, which shows that it is there, and whether the server answers it: that alone is "online".
 *
 * A link that stands still may go on with all that was on its way. So a connection to the server that was given up is
 * kept until another has brought something. What it brings before that is sent on; where it is alone, it is used again.
 *
 * Close codes that mean something (RFC 6455, section 7.4.2 leaves 4000-4999 to applications):
 *   4001  a newer phone or tab has taken this one's place: both sides stop, or they would fight for it
 *   4002  from the server: no laptop spoke here; opened again when the laptop is here
 *   4003  from the laptop: the server does not answer through this phone; both are opened anew
 *
 * Old browsers speak a draft (hixie-76): text alone, and closes without a code, which "CODE WORDS" says before.
 *
 * It runs in a Worker, which nothing on the page can hold up, or on the page where there are none.
 */

"use strict";

/* Gets a text. done(text) is called once, with null where no answer came in time: old browsers keep no time. */
function getText(url, limitMs, done) {
	var request = new XMLHttpRequest();
	var timer = setTimeout(end, limitMs);
	function end() {
		clearTimeout(timer);
		done(request.readyState === 4 && request.status ? request.responseText : null, request.status);
		request.abort();
	}
	request.onload = request.onerror = end;
	request.open("GET", url);
	request.send();
}

/* report(snapshot) is called at each change of state, and each second. */
function TetherRelay(report) {
	var FIRST_DELAY_MS = 300;
	var EARLY_DELAY_MS = 1500; // the longest at first,
	var EARLY_FAILURES = 40; // that is, for about a minute
	var LONGEST_DELAY_MS = 10000;
	var STEADY_MS = 5000; // open for so long: the next failure is a first one again
	var CONNECT_LIMIT_MS = 6000;
	var STEP_MS = 250; // from one way to the next (RFC 8305, section 8)
	var PROBE_LIMIT_MS = 3000;
	var TICK_MS = 1000;
	var SLEPT_MS = 5000; // between two ticks: the page did not run
	var SILENT_MS = 25000; // then a side is probed
	var DOUBTFUL_MS = 2000; // of silence, where the status is not answered either
	var STATUS_PAUSE_MS = 2000;
	var STATUS_LIMIT_MS = 3000;
	var STATUS_SOON_MS = 300; // after a side has opened
	var STATUS_OLD_MS = 6000; // then it says nothing any more
	var HANGING_MS = 1500; // a first attempt that takes so long
	var LIMIT = 4 * 1024 * 1024; // bytes
	var REPLACED = 4001;
	var NOBODY = 4002;
	var SILENT = 4003;

	var laptop = makeSide();
	var server = makeSide();
	var sides = [laptop, server];
	var ticker = null;
	var tickedAt = 0;
	var startedAt = 0;
	var statusUrl = null;
	var statusAt = 0; // when it was asked for
	var statusIsAsked = false;
	var session = null; // of the last answer,
	var sessionAt = 0; // and when that came

	laptop.other = server;
	server.other = laptop;

	/*
	 * One side. Its state is "unknown" without an address, "connecting", "connected", "waiting" until retryAt,
	 * or "idle" after 4002; or, with no further attempt, "replaced" after 4001, "stopped", "invalid" (to the
	 * browser it is no address) or "refused" (the browser does not allow it).
	 */
	function makeSide() {
		return {
			state: "unknown",
			urls: [], // the likeliest first
			other: null,
			socket: null,
			old: null, // the server's that was used before; see setAside()
			early: null, // came before the laptop's was open: the server's greeting, which is said once
			fresh: [], // the sockets of an attempt
			tried: 0, // of urls, in this attempt
			timer: null, // limits an attempt, or ends a wait
			stepTimer: null, // until the next of urls is tried
			failures: 0, // in a row
			openedAt: 0,
			retryAt: 0,
			heard: false, // since the last tick
			heardAt: 0,
			cause: "", // of the last failure; state.js has them all
			reason: "", // that the peer gave for closing
			sent: { bytes: 0, dropped: 0, droppedAt: 0 } // to this side; dropped are messages
		};
	}

	/* Text counts by characters, which are bytes as long as it is base64. */
	function forward(data, from, to) {
		var socket = to.socket || to.old;
		from.heard = true;
		if (socket === null || socket.bufferedAmount > LIMIT) {
			if (to === laptop && !to.openedAt) { to.early = data; }
			to.sent.dropped += to.openedAt ? 1 : 0; // before that nobody waits for it
			to.sent.droppedAt = Date.now();
			if (to.state === "idle") { connect(to); }
			return;
		}
		socket.send(data);
		to.sent.bytes += typeof data === "string" ? data.length : data.byteLength;
	}

	/* Opens a connection; the one in use stays so until a fresh one is open. */
	function connect(side) {
		endAttempt(side);
		if (side.state !== "connected") { side.state = "connecting"; }
		side.tried = 0;
		side.timer = setTimeout(function () {
			side.urls.push(side.urls.shift()); // some browsers try no more than one at a time
			fail(side, side.state === "connected" ? "silent" : "timeout");
		}, side.state === "connected" ? PROBE_LIMIT_MS : CONNECT_LIMIT_MS);
		tryNext(side);
		tell();
	}

	function tryNext(side) {
		var url = side.urls[side.tried];
		var last = null; // of the draft: what was said before a close
		var socket;
		clearTimeout(side.stepTimer);
		try {
			socket = new WebSocket(url);
		} catch (error) {
			endAttempt(side);
			// SecurityError: such as for ws:// on a page that came by https.
			side.state = error.name === "SecurityError" ? "refused" : "invalid";
			return;
		}
		side.fresh.push(socket);
		side.tried += 1;
		if (side.tried < side.urls.length) { side.stepTimer = setTimeout(tryNext, STEP_MS, side); }
		socket.binaryType = "arraybuffer";
		socket.onopen = function () { opened(side, socket, url); };
		socket.onclose = function (event) { closed(side, socket, last || event); };
		socket.onmessage = function (event) {
			if (typeof event.data === "string" && /^4\d\d\d /.test(event.data)) {
				last = { code: Number(event.data.slice(0, 4)), reason: event.data.slice(5) };
			} else {
				if (!side.socket) { opened(side, socket, url); } // it is the old one
				if (socket === side.socket) { side.old = release(side.old); }
				forward(event.data, side, side.other);
			}
		};
	}

	/* Also of those that are about to open: to the other end they were there for a moment. */
	function endAttempt(side) {
		clearTimeout(side.timer);
		clearTimeout(side.stepTimer);
		side.fresh.splice(0).forEach(release);
	}

	/* Its socket is not used any more. To the server's there may be something on its way. */
	function setAside(side) {
		if (side.socket) {
			release(side === server ? side.old : side.socket);
			side.old = side === server ? side.socket : null;
			side.socket = null;
		}
	}

	function opened(side, socket, url) {
		if (socket === side.old) { side.old = null; } else { side.fresh.splice(side.fresh.indexOf(socket), 1); }
		endAttempt(side);
		setAside(side);
		side.socket = socket;
		side.urls.unshift(side.urls.splice(side.urls.indexOf(url), 1)[0]);
		side.heardAt = Date.now();
		if (side.state !== "connected") {
			side.state = "connected";
			side.openedAt = side.heardAt;
		}
		if (side.early !== null) { forward(side.early, side.other, side); }
		side.early = null;
		if (side.other.state === "idle") { connect(side.other); }
		statusAt = 0;
		setTimeout(mindStatus, STATUS_SOON_MS);
		tell();
	}

	function closed(side, socket, event) {
		var wasOpen = socket === side.socket;
		if (socket === side.old) {
			side.old = null;
			return;
		}
		side.reason = event.reason || "";
		if (wasOpen) { side.socket = null; }
		if (!wasOpen) {
			side.fresh.splice(side.fresh.indexOf(socket), 1);
			if (side.tried < side.urls.length) { tryNext(side); }
			if (side.fresh.length) { return; }
		}
		if (wasOpen && side.fresh.length) { // what comes after it is on its way
			side.state = "connecting";
			tell();
		} else if (event.code === REPLACED) {
			stop("stopped");
			side.state = "replaced";
			tell();
		} else if (event.code === NOBODY && side === server && laptop.state !== "connected") {
			stopSide(side, "idle");
			tell();
		} else if (event.code === SILENT && side === laptop) {
			sides.forEach(function (each) {
				if (each === laptop || each.state === "connected") {
					stopSide(each, "connecting");
					connect(each);
				}
			});
		} else {
			if (wasOpen && Date.now() - side.openedAt >= STEADY_MS) { side.failures = 0; }
			fail(side, wasOpen ? "lost" : side.socket ? "silent" : "unreachable");
		}
	}

	function release(socket) {
		if (socket) {
			socket.onopen = socket.onmessage = socket.onclose = null;
			socket.close();
		}
		return null;
	}

	function stopSide(side, state) {
		endAttempt(side);
		setAside(side);
		side.state = side.urls.length ? state : "unknown";
	}

	function stop(state) {
		stopSide(laptop, state);
		stopSide(server, state);
		server.old = release(server.old);
	}

	function fail(side, cause) {
		var longest = side.failures < EARLY_FAILURES ? EARLY_DELAY_MS : LONGEST_DELAY_MS;
		var delay = Math.min(FIRST_DELAY_MS * Math.pow(1.5, side.failures), longest) * (0.75 + Math.random() / 2);
		stopSide(side, "waiting");
		side.failures += 1;
		side.cause = cause;
		side.retryAt = Date.now() + delay;
		side.timer = setTimeout(connect, delay, side);
		tell();
	}

	function probe(side, silentMs) {
		if (side.state === "connected" && !side.fresh.length && Date.now() - side.heardAt >= silentMs) {
			connect(side);
		}
	}

	/* The page is back, perhaps on another network. */
	function wake(networkChanged) {
		sides.forEach(function (side) {
			if (side.state === "waiting" || side.state === "connecting" && networkChanged) {
				side.failures = 0;
				connect(side);
			} else if (networkChanged) {
				probe(side, 0);
			}
		});
	}

	/* Asks the laptop how it is. No answer speaks against its connection, if that is silent as well. */
	function askStatus() {
		statusAt = Date.now();
		statusIsAsked = true;
		getText(statusUrl, STATUS_LIMIT_MS, function (text) {
			statusIsAsked = false;
			if (text === null) { return probe(laptop, DOUBTFUL_MS); }
			try {
				var answer = JSON.parse(text);
				session = answer.session;
				sessionAt = Date.now();
				server.heard = session.state === "up" || server.heard;
				laptop.heard = true;
			} catch (error) {
				statusUrl = session = null; // it has none to give
			}
			tell();
		});
	}

	function mindStatus() {
		var pause = session && session.state === "up" ? STATUS_PAUSE_MS : TICK_MS;
		if (statusUrl && !statusIsAsked && laptop.state === "connected" && Date.now() - statusAt >= pause) {
			askStatus();
		}
	}

	function tick() {
		var now = Date.now();
		if (now - tickedAt > SLEPT_MS) { wake(true); }
		tickedAt = now;
		sides.forEach(function (side) {
			if (side.heard) {
				side.heard = false;
				side.heardAt = now;
			}
			probe(side, SILENT_MS);
		});
		mindStatus();
		tell();
	}

	function shown(side) {
		return {
			state: side.state, everOpen: side.openedAt > 0, failures: side.failures, cause: side.cause,
			reason: side.reason, retryInMs: Math.max(0, side.retryAt - Date.now()),
			isHanging: side.state === "connecting" && !side.failures && !side.openedAt &&
				Date.now() - startedAt >= HANGING_MS
		};
	}

	/* Times are in ms since 1970; session is what the laptop says of its own, if it says so at all. */
	function tell() {
		report({
			time: Date.now(),
			laptop: shown(laptop),
			server: shown(server),
			up: server.sent,
			down: laptop.sent,
			isMute: !statusUrl,
			session: laptop.state === "connected" && Date.now() - sessionAt < STATUS_OLD_MS ? session : null
		});
	}

	function start(message) {
		stop("stopped");
		laptop.urls = message.laptop ? [message.laptop] : [];
		server.urls = message.server || [];
		statusUrl = message.status;
		session = null;
		sides.forEach(function (side) {
			side.failures = 0;
			side.openedAt = 0;
			side.early = null;
			side.state = "unknown";
			if (side.urls.length) { connect(side); }
		});
		tickedAt = startedAt = Date.now();
		setTimeout(tell, HANGING_MS);
		ticker = ticker || setInterval(tick, TICK_MS);
	}

	/*
	 * Does what a message to the Worker says: "start", with the URLs laptop and status, and server's, or null; "stop";
	 * "standBack" for another tab; "wake" when the page, "online" when the network is back.
	 */
	this.obey = function (message) {
		var command = message.command;
		if (command === "start") {
			start(message);
		} else if (command === "wake" || command === "online") {
			wake(command === "online");
		} else {
			stop(command === "stop" ? "stopped" : "replaced");
		}
		tell();
	};
}

if (typeof document === "undefined") {
	self.relay = new TetherRelay(function (snapshot) { self.postMessage(snapshot); });
	self.onmessage = function (event) {
		if (self.WebSocket) {
			self.relay.obey(event.data);
		} else {
			self.postMessage(null); // some browsers have WebSockets on pages only
		}
	};
}
