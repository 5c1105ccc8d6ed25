/* SPDX-License-Identifier: ISC */
/*
 * What a person is told: a report of the relay and the two addresses become words, and a tone: "good", "wait",
 * "bad", "plain" (it cannot be known) or "off". doc/states.md lists all states; test/lab/test-states.sh reaches them.
 */

"use strict";

var STATUS = {
	connecting: "Connecting…", connected: "Connected", idle: "Waits for the laptop", replaced: "Taken over",
	stopped: "Stopped", refused: "Blocked by this browser", invalid: "Wrong address", unknown: "Address not known"
};
var CAUSES = {
	lost: "Connection lost", silent: "Gone silent", timeout: "No answer", unreachable: "Refused or out of reach"
};
var HINTS = {
	laptop: "Check that this phone is in the laptop's Wi-Fi network (or the laptop in this phone's hotspot), and that " +
		"tether-client is running.",
	server: "Check that this phone has internet, and that tether-server is running."
};
var TONES = { connected: "good", connecting: "wait", idle: "wait", replaced: "off", stopped: "off" };
var BUTTONS = { replaced: "Use this one", stopped: "Start" };
var MARKS = { good: "✓", wait: "…", bad: "!", plain: "•", off: "–" };

/* Both are connected: the tone, the title, what to do, and the server's status, by what the laptop says. */
var SESSIONS = {
	up: ["good", "The laptop is online", "Keep this page open, and this phone near the laptop.", "Connected"],
	unanswered: ["wait", "The laptop is online, but names do not resolve",
		"The resolver does not answer: start tether-client with --dns and another one's address.", "Connected"],
	bypassed: ["wait", "The laptop is online, but names do not resolve",
		"The laptop's own resolver does not answer: tether-client says on its terminal which, and why.", "Connected"],
	"wrong key": ["bad", "The server refuses the laptop's key",
		"On the laptop, start tether-client with the line that the server printed.", "Refuses the key"],
	"wants key": ["bad", "The server wants a key",
		"On the laptop, start tether-client without --open, with the line that the server printed.", "Wants a key"],
	full: ["bad", "The server is full", "It serves as many laptops as it can. The laptop asks again each 10 s.", "Full"],
	stopped: ["bad", "The server has stopped", "Start tether-server again; this page keeps trying.", "Stopped"],
	silent: ["bad", "The server does not answer",
		"This page keeps trying. Check that this phone has internet, and that tether-server is running.", "No answer"],
	handshake: ["wait", "Waiting for the server's answer",
		"If it stays so, check that tether-server is running, with a key.", "No answer yet"],
	open: ["wait", "Nothing comes back from the server",
		"Open a page on the laptop. If it stays so, check that tether-server runs with --open.", "Nothing comes back"],
	asked: ["wait", "Both ends are connected", "Asking the laptop whether it is online…", "Connected"],
	mute: ["plain", "Both ends are connected", "Whether the laptop is online, its own page can tell.", "Connected"]
};
var UNITS = ["", "k", "M", "G", "T"];

/* What holds of the way from laptop to server, a key of SESSIONS. */
function sessionOf(report) {
	var session = report.session || {};
	var said = session.state === "up" && /^(unanswered|bypassed)$/.test(session.names) ? session.names : session.state;
	return SESSIONS.hasOwnProperty(said) ? said : report.isMute ? "mute" : "asked";
}

function isIn(report, state) {
	return !!report && (report.laptop.state === state || report.server.state === state);
}

function isUnusable(side) { return /^(unknown|invalid)$/.test(side.state); }

function isRelaying(report) {
	return report.laptop.state === "connected" && report.server.state === "connected";
}

/* A failure stays said while it tries again: nobody can listen to what changes each second. */
function isFailing(side) {
	return side.state === "waiting" ||
		side.state === "connecting" && side.failures > (side.cause === "timeout" ? 0 : 1);
}

/* HOST:PORT, or the whole address where it is another than usual. */
function placeOf(address) {
	return address.url ? address.url.replace(/^ws:\/\/|\/websocket(\?id=\w*)?$/gi, "") : address.text || "–";
}

function hintFor(name, side, address, origin) {
	var isMute = side.isHanging || side.cause === "timeout"; // not even a refusal: so do firewalls
	if (side.isHanging || isFailing(side)) {
		return side.failures === 1 && !isMute ? "" : (name === "server" && isMute ? "A closed firewall is the usual " +
			"cause: let TCP port " + (/:([0-9]+)\//.exec(address.url) || ["", "443"])[1] +
			" in (on EC2: in the instance's security group). " : "") + HINTS[name];
	}
	if (side.state === "invalid" || side.state === "unknown" && address.text) {
		return "Not an address: " + (address.text || address.url) +
			(origin.servedByLaptop && !origin.hasSettings ? " (tether-client's --server)" : "");
	}
	return side.state !== "unknown" ? "" : name === "server" && origin.servedByLaptop ?
		"Enter it here, or start tether-client with --server HOST." :
		"Add ?" + name + "=HOST to this page's address.";
}

/* A side's texts: {state, tone, mark, status, retry, hint}. name is "laptop" or "server". */
function describeSide(name, report, address, origin) {
	var side = report[name];
	var known = name === "laptop" ? blocking(side, origin) : "none";
	var state = known === "certain" ? "refused" : side.state === "unknown" && address.text ? "invalid" :
		isFailing(side) ? "waiting" : side.state;
	var session = name === "server" && isRelaying(report) ? SESSIONS[sessionOf(report)] : null;
	var tone = session ? session[0] : TONES[state] || "bad";
	return {
		state: state,
		tone: tone,
		mark: MARKS[tone],
		status: session ? session[3] : side.isHanging ? "No answer yet" : STATUS[state] ||
			CAUSES[side.cause] + (side.cause === "lost" && side.reason ? ": " + side.reason : ""),
		retry: state !== "waiting" ? "" : side.state === state ?
			"Next try in " + Math.ceil(side.retryInMs / 1000) + " s" : "Trying again…",
		hint: known === "none" ? hintFor(name, side, address, origin) : ""
	};
}

/* Both sides in a sentence, what to do, and what the button says: {state, tone, title, advice, button}. */
function summarize(report) {
	function which(holds) {
		return ["laptop", "server"].filter(function (name) { return holds(report[name]); });
	}
	function words(state, texts) {
		return { state: state, tone: texts[0], title: texts[1], advice: texts[2], button: BUTTONS[state] || "Stop" };
	}
	var hanging = which(function (side) { return side.isHanging; });
	var failing = which(function (side) {
		return isFailing(side) || !/^(connected|connecting|idle)$/.test(side.state);
	});

	if (isIn(report, "replaced")) {
		return words("replaced", ["off", "Another phone or tab has taken over", "This one stands back."]);
	}
	if (isIn(report, "stopped")) {
		return words("stopped", ["off", "Stopped", "Nothing is relayed through this phone."]);
	}
	if (isRelaying(report) || failing.length && sessionOf(report) === "stopped") {
		return words(isRelaying(report) ? "relaying" : "partial", SESSIONS[sessionOf(report)]);
	}
	if (failing.length === 1 && isUnusable(report[failing[0]])) {
		return words("partial", ["bad", "Which " + failing[0] + "?", "Its address is missing or wrong."]);
	}
	if (failing.length) {
		return words("partial", ["bad", "No connection to the " + failing.join(" and "),
			"Nothing is relayed now" + (which(isFailing).length ? "; this page keeps trying." : ".")]);
	}
	return words("partial", hanging.length ? ["wait", "No answer from the " + hanging.join(" and ") + " yet",
		"This page keeps trying."] : ["wait", "Connecting…", ""]);
}

/*
 * Whether the browser keeps the page from the laptop: "none" (it seems not), "maybe" or "certain". Browsers
 * do not let a page that came from the internet reach a local address (Local Network Access), or an https
 * page open ws:// (mixed content). The first looks to a page like any failure. Of its origin the page knows:
 * servedByLaptop; fromPublic, from a public address; permission, for local access, which is "denied" to each
 * page that came by http, so that it counts only for a public one.
 */
function blocking(side, origin) {
	if (origin.servedByLaptop || side.everOpen) { return "none"; }
	if (side.state === "refused") { return "certain"; }
	return !side.failures ? "none" : origin.fromPublic && origin.permission === "denied" ? "certain" : "maybe";
}

function blockedText(certainty) {
	return "This browser " + (certainty === "certain" ? "blocks" : "may be blocking") + " the way to the laptop, as " +
		"this page came from the internet. Open the laptop's own page:";
}

/* 1234567 is "1.2 M": powers of 1000, one decimal below 10. */
function scaled(count) {
	var unit = 0;
	while (count >= 999.5 && unit < UNITS.length - 1) {
		count /= 1000;
		unit += 1;
	}
	return (unit > 0 && count < 9.95 ? count.toFixed(1) : Math.round(count)) + " " + UNITS[unit];
}

/* 3723000 ms is "1:02:03", and 63000 ms "1:03", as on the laptop's terminal. */
function duration(ms) {
	var seconds = Math.floor(ms / 1000);
	var minutes = Math.floor(seconds / 60);
	function two(number) { return (number < 10 ? ":0" : ":") + number; }
	return (minutes < 60 ? minutes : Math.floor(minutes / 60) + two(minutes % 60)) + two(seconds % 60);
}

/* What was dropped on the way to each, or "". */
function droppedText(toServer, toLaptop) {
	return toServer + toLaptop ? "Messages dropped: " + (toServer + toLaptop) + ". " +
		(!toLaptop ? "The server" : !toServer ? "The laptop" : "One side") + " was not there, or too slow." : "";
}
