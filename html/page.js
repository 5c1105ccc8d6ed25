/* SPDX-License-Identifier: ISC */
/*
 * The wiring: learns from config.json where both ends are, runs the relay, in a Worker if that works, shows
 * its reports, and passes on what happens to the page.
 */

"use strict";

var CONFIG_LIMIT_MS = 10000;
var CONFIG_PAUSE_MS = 1000;
var MOST_SERVERS = 3; // that are offered again
var graph = new TetherGraph(element("graph"), element("up-mark"), element("down-mark"));
var config = null;
var query = ""; // of the page's address, where a person agreed
var addresses = null;
var command = null; // function (message): to the relay, see relay.js
var latest = null; // the last report
var onlineSince = 0;
var permission = ""; // to reach local addresses, if the browser says
var tabs = null;

/* What is remembered between visits, and heard by other tabs, where the browser allows it. */
function memory(name, value) {
	try {
		if (value !== undefined) { localStorage.setItem("tether." + name, value); }
		return localStorage.getItem("tether." + name);
	} catch (error) {
		return null;
	}
}

function showProblem(text) {
	setText("problem", text);
	show("problem", true);
}

/* Whether the page came from the very host that the laptop's socket leads to. */
function servedByLaptop() {
	return !!addresses.laptop.url &&
		pageOf(addresses.laptop.url) === location.protocol + "//" + location.host + "/";
}

function showReport(report) {
	latest = report;
	onlineSince = isRelaying(report) && /^(up|unanswered|bypassed)$/.test(sessionOf(report)) ? onlineSince || report.time : 0;
	tabs.mind(report.time, isIn(report, "replaced"));
	graph.add(report);
	viewReport(report, addresses, {
		servedByLaptop: servedByLaptop(),
		fromPublic: isPublic(location.hostname),
		permission: permission,
		onlineSince: onlineSince,
		hasSettings: !!element("settings").showModal && !!config && config.role === "laptop" && !config.server
	});
	if (!document.hidden) { viewGraph(graph); }
}

/* Starts, or starts again; another tab of this page stands back. */
function start() {
	tabs.claim();
	command({
		command: "start",
		laptop: addresses.laptop.url,
		server: addresses.server.urls,
		status: servedByLaptop() ? "status.json" : null
	});
}

function relayOnPage() {
	document.documentElement.setAttribute("data-relay", "page");
	command = new TetherRelay(showReport).obey;
	start();
}

function relayInWorker() {
	var answered = false;
	var worker;

	function fallBack() {
		if (!answered) {
			answered = true;
			worker.terminate();
			relayOnPage();
		}
	}

	try {
		worker = new Worker("relay.js");
	} catch (error) {
		return relayOnPage();
	}
	worker.onerror = fallBack;
	worker.onmessage = function (event) {
		if (event.data) {
			answered = true;
			showReport(event.data);
		} else {
			fallBack();
		}
	};
	command = function (message) { worker.postMessage(message); };
	start();
}

/*
 * What a person entered or said yes to, where the laptop names no server. Else there is no other: the page's policy
 * says so.
 */
function enteredServer() { return config && !config.server && memory("server") || ""; }

/* The last ones of these. */
function keptServers() {
	try {
		return JSON.parse(memory("servers") || "[]").map(String);
	} catch (error) {
		return [];
	}
}

function keepServer(text) {
	memory("server", text);
	memory("servers", JSON.stringify((text ? [text] : []).concat(keptServers().filter(function (other) {
		return other !== text;
	})).slice(0, MOST_SERVERS)));
}

function setUpSettings() {
	var sheet = element("settings");
	var input = element("server-input");

	/* A page's address leads to its host. */
	function save() {
		var text = input.value.replace(/\s/g, "").replace(/^http(s?):\/\/([^\/]+).*$/i, function (all, tls, host) {
			return tls ? "wss://" + host + PATH : host;
		});
		if (text && !parseAddress(text, "", [])) {
			setText("server-error", "Not an address. Examples: 203.0.113.10, wss://host.example/websocket");
			return false;
		}
		keepServer(text);
		addresses = findAddresses(location, "", config, text);
		start();
		sheet.close();
		return false;
	}

	function offer(text) {
		var button = document.createElement("button");
		button.type = "button";
		button.textContent = (text === enteredServer() ? "✓ In use: " : "") + text;
		button.onclick = function () {
			input.value = text;
			save();
		};
		element("kept").appendChild(button);
	}

	element("settings-button").onclick = element("enter-button").onclick = function () {
		input.value = enteredServer();
		setText("server-error", "");
		setText("kept", "");
		keptServers().forEach(offer);
		sheet.showModal();
	};
	element("settings-form").onsubmit = save;
	show("settings-button", sheet.showModal);
}

function setUpAwake() {
	var dark = element("awake-text").textContent;
	var on = false;
	var awake = new TetherAwake(element("awake-video"), element("graph"), function (state) {
		on = state === "lock" || state === "video";
		setAttribute("awake-button", "aria-pressed", String(on));
		show("awake-video", state === "video");
		setText("awake-text", state === "video" ? "A small silent video keeps the screen on." :
			state === "lock" ? "The screen stays on." : (state === "failed" ?
				"This browser cannot; the phone's settings can. " : "") + dark);
	});
	element("awake-button").onclick = function () { awake[on ? "stop" : "start"](true); };
	awake.start(false);
	return awake;
}

/* Asks what the browser allows; many do not know of it. */
function watchPermission() {
	if (navigator.permissions) {
		navigator.permissions.query({ name: "local-network" }).then(function (answer) {
			answer.onchange = function () { permission = answer.state; };
			answer.onchange();
		}, function () {});
	}
}

function listen(awake) {
	function back() {
		if (!document.hidden) {
			command({ command: "wake" });
			awake.refresh();
		}
	}

	element("main-button").onclick = function () {
		if (isIn(latest, "stopped") || isIn(latest, "replaced")) {
			start();
		} else {
			tabs.resign();
			command({ command: "stop" });
		}
	};
	document.addEventListener("visibilitychange", back);
	window.addEventListener("pageshow", back);
	window.addEventListener("online", function () { command({ command: "online" }); });
}

/* Another tab has started; what was stopped stays so. */
function standBack() {
	if (!isIn(latest, "stopped")) {
		command({ command: "standBack" });
	}
}

function run() {
	addresses = findAddresses(location, query, config, enteredServer());
	if (!config && !(addresses.laptop.url && addresses.server.url)) {
		showProblem("This page could not load config.json. Load it again, or add ?laptop=HOST&server=HOST.");
	}
	show("tether", true);
	tabs = new TetherTabs(memory, standBack, start);
	watchPermission();
	relayInWorker();
	listen(setUpAwake());
	if (config && config.role === "laptop" && !config.server) { setUpSettings(); }
}

function begin() {
	var usual = findAddresses(location, "", config, enteredServer());
	var asked = findAddresses(location, location.search, config, enteredServer());

	function answer(yes) {
		if (yes && config && config.role === "laptop" && !config.server && asked.server.text) {
			keepServer(asked.server.text);
		}
		if (yes && (enteredServer() !== asked.server.text || asked.laptop.url !== usual.laptop.url)) {
			query = location.search;
		} else if (history.replaceState) {
			history.replaceState(null, "", location.pathname);
		}
		run();
	}

	if (asked.laptop.url === usual.laptop.url && asked.server.url === usual.server.url) {
		return answer(true);
	}
	show("tether", false);
	askFor(usual, asked, config && config.role === "laptop" && config.server, answer);
}

/* A host may have none. One that did not answer is asked again, if it matters. */
function loadConfig() {
	var named = findAddresses(location, location.search, null, "");
	getText("config.json", CONFIG_LIMIT_MS, function (text, status) {
		var answered = text !== null && status < 500;
		try {
			config = JSON.parse(text);
		} catch (error) {
			config = null;
		}
		if (config || answered || named.laptop.url && named.server.url) {
			show("problem", false);
			begin();
		} else {
			showProblem("The host of this page does not answer. Trying again…");
			setTimeout(loadConfig, CONFIG_PAUSE_MS);
		}
	});
}

if (window.WebSocket) {
	show("tether", true);
	loadConfig();
} else {
	showProblem("This browser has no WebSockets, which this page needs. Please use another browser.");
}
