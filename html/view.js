/* SPDX-License-Identifier: ISC */
/* A report of the relay on the page. What did not change is not written, or a screen reader would repeat it. */

"use strict";

function element(id) {
	return document.getElementById(id);
}

function setText(id, text) {
	if (element(id).textContent !== text) {
		element(id).textContent = text;
	}
}

function setAttribute(id, name, value) {
	if (element(id).getAttribute(name) !== value) {
		element(id).setAttribute(name, value);
	}
}

function show(id, visible) {
	element(id)[visible ? "removeAttribute" : "setAttribute"]("hidden", "");
}

function showSide(name, side, address, origin) {
	var words = describeSide(name, side, address, origin);
	setAttribute(name, "data-state", words.state);
	setAttribute(name + "-line", "data-state", words.state);
	element(name + "-line").lastChild.textContent = words.symbol;
	setText(name + "-status", words.status);
	setText(name + "-retry", words.retry);
	setText(name + "-hint", words.hint);
}

function showAdvice(certainty, laptopUrl) {
	show("advice", certainty !== "none");
	if (certainty !== "none") {
		setText("advice-text", blockedText(certainty));
		setText("advice-link", pageOf(laptopUrl));
		setAttribute("advice-link", "href", pageOf(laptopUrl));
	}
}

/* origin is what the page knows of its own, see blocking(). */
function viewReport(report, addresses, origin) {
	var summary = summarize(report);
	var session = report.session;
	setAttribute("summary", "data-state", summary.state);
	setAttribute("main-button", "data-state", summary.state);
	setText("title", summary.title);
	setText("do", summary.advice);
	setText("main-button", summary.button);
	showSide("laptop", report.laptop, addresses.laptop, origin);
	showSide("server", report.server, addresses.server, origin);
	showAdvice(blocking(report.laptop, origin), addresses.laptop.url);
	setText("down-bytes", scaled(report.down.bytes) + "B");
	setText("up-bytes", scaled(report.up.bytes) + "B");
	setText("dropped", droppedText(report.up.dropped, report.down.dropped));
	setText("round-trip", session && session.round_trip_ms >= 0 ? session.round_trip_ms + " ms" : "–");
	setText("connected-time", report.bothSince ? duration(report.time - report.bothSince) : "–");
}

/* For while somebody can see it. */
function viewGraph(graph) {
	setText("down-rate", scaled(graph.rate("down") * 8) + "bit/s");
	setText("up-rate", scaled(graph.rate("up") * 8) + "bit/s");
	setText("scale", "The last minute; at most " + scaled(graph.highest() * 8) + "bit/s");
	graph.draw();
}
