/* SPDX-License-Identifier: ISC */
/* What a person is told: a report of the relay and the two addresses become words. */

"use strict";

var STATUS = {
	connecting: "Connecting…", connected: "Connected", idle: "Waits for the laptop", replaced: "Taken over",
	stopped: "Stopped", refused: "Blocked by this browser", invalid: "Wrong address", unknown: "Address not known"
};
var CAUSES = {
	lost: "Connection lost", silent: "Gone silent", timeout: "No answer", unreachable: "Refused or out of reach"
};
var HINTS = {
	laptop: "Check that this phone is in the laptop's Wi-Fi network and that tether-client is running.",
	server: "Check that this phone has internet, that tether-server is running, and that its port is open."
};
var SYMBOLS = { connecting: "…", connected: "✓", waiting: "↻", idle: "…", replaced: "–", stopped: "–" };
var RELAYING = ["The laptop is online", "Keep this page open, and this phone near the laptop."];
var WAITING = ["Waiting for the server's answer", "If it stays so, check that tether-server is running, with a key."];
var SESSIONS = {                    // of the laptop with the server, where they are not well
	"wrong key": ["The server refuses the laptop's key",
		"On the laptop, start tether-client with the line that the server printed."],
	handshake: WAITING, silent: WAITING
};
var UNITS = ["", "K", "M", "G", "T"];

/* A failure stays said while it tries again: nobody can listen to what changes each second. */
function isFailing(side) {
	return side.state === "waiting" || side.state === "connecting" && side.failures > 1;
}

function hintFor(name, side, address, origin) {
	if (isFailing(side)) {
		return side.failures > 1 ? HINTS[name] + " Tried: " + address.url.split("/")[2] : "";
	}
	if (side.state === "invalid" || side.state === "unknown" && address.text) {
		return "Not an address: " + (address.text || address.url);
	}
	return side.state !== "unknown" ? "" : name === "server" && origin.servedByLaptop ?
		"Enter the server's address in the settings, or start tether-client with --server HOST." :
		"Add ?" + name + "=HOST to this page's address.";
}

/* A side's texts: {state, symbol, status, retry, hint}. name is "laptop" or "server". */
function describeSide(name, side, address, origin) {
	var known = name === "laptop" ? blocking(side, origin) : "none";
	var state = known === "certain" ? "refused" : side.state === "unknown" && address.text ? "invalid" :
		isFailing(side) ? "waiting" : side.state;
	return {
		state: state,
		symbol: SYMBOLS[state] || "!",
		status: STATUS[state] || CAUSES[side.cause] + (side.cause === "lost" && side.reason ? ": " + side.reason : ""),
		retry: state !== "waiting" ? "" : side.state === state ?
			"Next try in " + Math.ceil(side.retryInMs / 1000) + " s" : "Trying again…",
		hint: known === "none" ? hintFor(name, side, address, origin) : ""
	};
}

/* Both sides in a sentence, what to do, and what the button says: {state, title, advice, button}. */
function summarize(report) {
	var states = [report.laptop.state, report.server.state];
	var failing = ["laptop", "server"].filter(function (name) {
		return isFailing(report[name]) || ["connected", "connecting", "idle"].indexOf(report[name].state) < 0;
	});
	function words(state, texts, button) {
		return { state: state, title: texts[0], advice: texts[1], button: button };
	}

	if (states.indexOf("replaced") >= 0) {
		return words("replaced", ["Another phone or tab has taken over", "This one stands back."], "Use this one");
	}
	if (states.indexOf("stopped") >= 0) {
		return words("stopped", ["Stopped", "Nothing is relayed through this phone."], "Start");
	}
	if (states[0] === "connected" && states[1] === "connected") {
		return words("relaying", report.session && SESSIONS[report.session.state] || RELAYING, "Stop");
	}
	return words("partial", failing.length ? ["No connection to the " + failing.join(" and "), isFailing(report.laptop) || isFailing(report.server) ?
		"Nothing is relayed now; this page keeps trying." : "Nothing is relayed now."] : ["Connecting…", ""], "Stop");
}

/*
 * Whether the browser keeps the page from the laptop: "none" (it seems not), "maybe" or "certain". Browsers
 * do not let a page that came from the internet reach a local address (Local Network Access), or an https
 * page open ws:// (mixed content). The first looks to a page like any failure. Of its origin the page knows:
 * servedByLaptop; fromPublic, from a public address; permission, for local access, which is "denied" to each
 * page that came by http, so that it counts only for a public one.
 */
function blocking(side, origin) {
	if (origin.servedByLaptop || side.everOpen) {
		return "none";
	}
	if (side.state === "refused") {
		return "certain";
	}
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

/* 3723000 ms is "1:02:03". */
function duration(ms) {
	var hours = Math.floor(ms / 3600000);
	var rest = String(Math.floor(ms / 60000) % 60 * 100 + Math.floor(ms / 1000) % 60 + 10000);
	return hours + ":" + rest.slice(1, 3) + ":" + rest.slice(3);
}

/* What was dropped on the way to each, or "". */
function droppedText(toServer, toLaptop) {
	return toServer + toLaptop ? "Messages dropped: " + (toServer + toLaptop) + ". " +
		(!toLaptop ? "The server" : !toServer ? "The laptop" : "One side") + " was not there, or too slow." : "";
}
