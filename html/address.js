/* SPDX-License-Identifier: ISC */
/*
 * Where the two ends are. The host that served the page says who it is in config.json:
 *   the laptop  {"role": "laptop", "server": "HOST:PORT" or null, "id": "..."}
 *   the server  {"role": "server", "laptop": "HOST:PORT", "websocket_ports": [8080, 443, 80]}
 * and the page's own address may name either end instead: ?laptop=...&server=..., each one HOST,
 * HOST:PORT (IPv6 in brackets, RFC 3986, section 3.2.2) or a whole ws:// or wss:// address. A name is of letters,
 * digits, dots, hyphens and underscores: what a person reads must be where it leads. A server that is HOST alone
 * has several ports, as some carriers block some of them.
 */

"use strict";

var LAPTOP_PORT = 6354;
var SERVER_PORTS = [8080, 443, 80]; // the likeliest first; src/http/policy.c has them, too
var PATH = "/websocket";

function urlsOf(scheme, host, ports) {
	return ports.map(function (port) {
		return scheme + "//" + host + (port ? ":" + port : "") + PATH;
	});
}

/*
 * The WebSocket addresses for what a person wrote, or null if it cannot be one. The ports given are for where
 * none was written, except for wss: there a TLS front answers, at TLS's own.
 */
function parseAddress(text, scheme, ports) {
	var parts = /^(wss?:\/\/)?(\[[0-9a-f:.]+\]|[\w.\-]{1,253})(?::([0-9]{1,5}))?([\/?][^\s#]*)?$/i.exec(text);
	if (!text || !parts || Number(parts[3]) > 65535 || !parts[1] && parts[4]) { return null; }
	return parts[1] ? [text] : urlsOf(scheme, parts[2], parts[3] ? [parts[3]] : scheme === "wss:" ? [""] : ports);
}

/* The value that a query such as "?laptop=a&server=b" has for a name, or "". */
function queryValue(query, name) {
	var found = new RegExp("[?&]" + name + "=([^&]*)").exec(query);
	if (!found) { return ""; }
	try {
		return decodeURIComponent(found[1]).replace(/^\s+|\s+$/g, "");
	} catch (error) {
		return found[1];
	}
}

function configured(location, config, scheme) {
	if (!config) { return {}; }
	if (config.role === "laptop") {
		return { laptop: urlsOf(scheme, location.host, [""]) };
	}
	return {
		laptop: parseAddress(config.laptop, "ws:", [LAPTOP_PORT]),
		server: scheme === "wss:" ? urlsOf(scheme, location.host, [""]) :
			urlsOf(scheme, location.hostname, config.websocket_ports || SERVER_PORTS)
	};
}

/*
 * Both addresses, as {url, urls, text}: url, the first of urls, is null if none is known or if text cannot be
 * understood. query is what of the page's own address counts, entered a server from the settings, or "".
 */
function findAddresses(location, query, config, entered) {
	var scheme = location.protocol === "https:" ? "wss:" : "ws:";
	var known = configured(location, config, scheme);
	var laptop = queryValue(query, "laptop");
	var server = queryValue(query, "server") || entered || config && config.server || "";
	var urls = server ? parseAddress(server, scheme, SERVER_PORTS) : known.server;

	function address(urls, text) {
		return { url: urls ? urls[0] : null, urls: urls, text: text };
	}

	if (urls && config && config.id && urls[0].indexOf("?") < 0) {
		urls = urls.map(function (url) {
			return url + "?id=" + config.id; // by which the server knows the laptop, whatever phone it has
		});
	}
	return {
		laptop: address(laptop ? parseAddress(laptop, "ws:", [LAPTOP_PORT]) : known.laptop, laptop),
		server: address(urls, server)
	};
}

/* The address of the page of the host behind a WebSocket address. */
function pageOf(url) {
	return url.replace(/^ws/i, "http").replace(/^(https?:\/\/[^\/?#]+).*$/i, "$1/");
}

/* Whether a host is surely a public IPv4 address (RFC 6890, section 2.2.2). Of a name one cannot know. */
function isPublic(hostname) {
	return /^[0-9]{1,3}(\.[0-9]{1,3}){3}$/.test(hostname) &&
		!/^(0|10|127|192\.168|172\.(1[6-9]|2[0-9]|3[01])|169\.254)\./.test(hostname) &&
		!/^100\.(6[4-9]|[7-9][0-9]|1[01][0-9]|12[0-7])\./.test(hostname);
}
