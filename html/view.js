/* SPDX-License-Identifier: ISC */
/* A report of the relay on the page. What did not change is not written, or a screen reader would repeat it. */

"use strict";

var DROPPING_MS = 5000; // so long after the last dropped message it is still said

function element(id) { return document.getElementById(id); }

/* No line ends within the "--" of an option; one may before the port of an address. */
function setText(id, text) {
	text = text.replace(/--/g, "-\u2060-\u2060");
	if (element(id).textContent !== text) { element(id).textContent = text; }
}

function setAttribute(id, name, value) {
	if (element(id).getAttribute(name) !== value) { element(id).setAttribute(name, value); }
}

function show(id, visible) {
	element(id)[visible ? "removeAttribute" : "setAttribute"]("hidden", "");
}

function showSide(name, report, address, origin) {
	var words = describeSide(name, report, address, origin);
	setAttribute(name, "data-state", words.state);
	setAttribute(name + "-line", "data-state", words.state);
	setAttribute(name + "-line", "data-tone", words.tone);
	element(name + "-line").lastChild.textContent = words.mark;
	setText(name + "-status", words.status);
	setText(name + "-retry", words.retry);
	setText(name + "-where", address.url || address.text ? placeOf(address).replace(/(:\d+)$/, "\u200b$1") : "");
	setText(name + "-hint", words.hint);
}

function showAdvice(certainty, laptop) {
	show("advice", certainty !== "none");
	if (certainty !== "none") {
		setText("advice-text", blockedText(certainty));
		setText("advice-address", placeOf(laptop));
		setAttribute("advice-link", "href", pageOf(laptop.url));
	}
}

/* origin is what the page knows of its own, see blocking(); onlineSince and hasSettings go with it. */
function viewReport(report, addresses, origin) {
	var summary = summarize(report);
	var session = report.session;
	var droppedAt = Math.max(report.up.droppedAt, report.down.droppedAt);
	setAttribute("summary", "data-state", summary.state);
	setAttribute("summary", "data-tone", summary.tone);
	setAttribute("main-button", "data-state", summary.state);
	setText("mark", MARKS[summary.tone]);
	setText("title", summary.title);
	setText("do", summary.advice);
	setText("main-button", summary.button);
	showSide("laptop", report, addresses.laptop, origin);
	showSide("server", report, addresses.server, origin);
	showAdvice(blocking(report.laptop, origin), addresses.laptop);
	show("enter-button", origin.hasSettings && isUnusable(report.server));
	show("traffic", origin.onlineSince || summary.tone === "plain");
	setText("down-bytes", scaled(report.down.bytes) + "B");
	setText("up-bytes", scaled(report.up.bytes) + "B");
	setText("dropped", isRelaying(report) && report.time - droppedAt >= DROPPING_MS ? "" :
		droppedText(report.up.dropped, report.down.dropped));
	setText("round-trip", session && session.round_trip_ms >= 0 ? session.round_trip_ms + " ms" : "–");
	setText("online-time", origin.onlineSince ? duration(report.time - origin.onlineSince) : "–");
}

/* For while somebody can see it. */
function viewGraph(graph) {
	setText("down-rate", scaled(graph.rate("down") * 8) + "bit/s");
	setText("up-rate", scaled(graph.rate("up") * 8) + "bit/s");
	setText("scale", "The last minute; at most " + scaled(graph.highest() * 8) + "bit/s");
	graph.draw();
}
