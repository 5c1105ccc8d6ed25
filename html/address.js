/*
 * Where the two ends are. The host that served the page says who it is in config.json:
 *   the laptop  {"role": "laptop", "server": "HOST:PORT" or null, "id": "..."}
 *   the server  {"role": "server", "laptop": "HOST:PORT", "websocket_port": 8080}
 * and the page's own address may name either end instead: ?laptop=...&server=..., each one HOST,
 * HOST:PORT (an IPv6 address in brackets, RFC 3986, section 3.2.2) or a whole ws:// or wss:// address.
 * Nothing here touches the page or the network: texts in, addresses out.
 */

"use strict";

var TetherAddress = (function () {
  var LAPTOP_PORT = 6354;
  var SERVER_PORT = 8080;
  var PATH = "/websocket";

  /*
   * The WebSocket address for what a person wrote, or null if it cannot be one. A port that was not
   * written is the given one; for wss it is TLS's own, since a TLS front is what answers there.
   */
  function parse(text, scheme, port) {
    var parts;
    if (/^wss?:\/\/[^\s\/]+/i.test(text)) {
      return text;
    }
    parts = /^(\[[0-9a-f:.]+\]|[^\s\[\]:\/?#@]+)(?::([0-9]{1,5}))?$/i.exec(text);
    if (!parts || Number(parts[2]) > 65535) {
      return null;
    }
    if (parts[2]) {
      port = parts[2];
    } else if (scheme === "wss:") {
      port = "";
    }
    return scheme + "//" + parts[1] + (port ? ":" + port : "") + PATH;
  }

  /* By the laptop's id the server knows it again, whatever phone it has. */
  function withId(url, config) {
    return url && config && config.id && url.indexOf("?") < 0 ? url + "?id=" + config.id : url;
  }

  /* The value that a query such as "?laptop=a&server=b" gives to a name, or null. */
  function queryValue(query, name) {
    var pairs = query.replace(/^\?/, "").split("&");
    var i;
    var at;
    for (i = 0; i < pairs.length; i += 1) {
      at = pairs[i].indexOf("=");
      if (at >= 0 && pairs[i].slice(0, at) === name) {
        try {
          return decodeURIComponent(pairs[i].slice(at + 1)).replace(/^\s+|\s+$/g, "");
        } catch (error) {
          return pairs[i].slice(at + 1);
        }
      }
    }
    return null;
  }

  /* From config.json alone; location is the page's. */
  function configured(location, config, scheme) {
    var found = { laptop: null, server: null };
    if (config && config.role === "laptop") {
      found.laptop = scheme + "//" + location.host + PATH;
      found.server = config.server ? parse(config.server, scheme, SERVER_PORT) : null;
    } else if (config && config.role === "server") {
      found.laptop = config.laptop ? parse(config.laptop, "ws:", LAPTOP_PORT) : null;
      if (scheme === "wss:") {
        found.server = scheme + "//" + location.host + PATH;
      } else {
        found.server = scheme + "//" + location.hostname + ":" + (config.websocket_port || SERVER_PORT) +
          PATH;
      }
    }
    return found;
  }

  /*
   * Both addresses. A side is {url, text}: url is null if none is known or if what the page's address
   * gives (then in text) cannot be understood.
   */
  function resolve(location, config) {
    var scheme = location.protocol === "https:" ? "wss:" : "ws:";
    var known = configured(location, config, scheme);
    var laptop = queryValue(location.search, "laptop");
    var server = queryValue(location.search, "server");
    return {
      laptop: {
        url: laptop ? parse(laptop, "ws:", LAPTOP_PORT) : known.laptop,
        text: laptop || ""
      },
      server: {
        url: withId(server ? parse(server, scheme, SERVER_PORT) : known.server, config),
        text: server || ""
      }
    };
  }

  /* The address of the page that the host behind a WebSocket address serves. */
  function pageOf(url) {
    return url.replace(/^ws/i, "http").replace(/^(https?:\/\/[^\/?#]+).*$/i, "$1/");
  }

  /*
   * Whether a page's host is an IPv4 address outside the loopback, private, link-local and shared ranges
   * (RFC 6890, section 2.2.2). Of a name it cannot be known.
   */
  function isPublic(hostname) {
    return /^[0-9]{1,3}(\.[0-9]{1,3}){3}$/.test(hostname) &&
      !/^(0|10|127|192\.168|172\.(1[6-9]|2[0-9]|3[01])|169\.254)\./.test(hostname) &&
      !/^100\.(6[4-9]|[7-9][0-9]|1[01][0-9]|12[0-7])\./.test(hostname);
  }

  return { resolve: resolve, pageOf: pageOf, isPublic: isPublic };
}());
