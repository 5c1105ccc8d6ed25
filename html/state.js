/*
 * What a person is told: a report of the relay (see relay.js) and what is known of the two addresses
 * (see address.js) become words. Pure: data in, texts out; page.js puts them on the page.
 */

"use strict";

var TetherState = (function () {
  var HINTS = {
    laptop: "Check that this phone is in the laptop's Wi-Fi network and that tether-client is running.",
    server: "Check that this phone has a connection to the internet, that tether-server is running, and that " +
      "its port is open in the host's firewall."
  };
  var UNKNOWN = {
    laptop: "Add ?laptop=HOST to this page's address.",
    server: "Start tether-client with --server HOST, or add ?server=HOST to this page's address."
  };
  var UNITS = ["B", "KB", "MB", "GB", "TB"];

  function status(side, address) {
    switch (side.state) {
      case "connecting":
        return "Connecting…";
      case "connected":
        return "Connected";
      case "waiting":
        if (side.cause === "lost") {
          return "Connection lost" + (side.reason ? ": " + side.reason : "");
        }
        return side.cause === "timeout" ? "No answer" : "Refused or out of reach";
      case "idle":
        return "Waits for the laptop";
      case "replaced":
        return "Another phone or tab has taken over";
      case "stopped":
        return "Stopped";
      case "refused":
        return "This browser does not allow the connection";
      case "invalid":
        return "Not an address this browser understands";
      default:
        return address.text ? "Not an address: " + address.text : "Address not known";
    }
  }

  function hint(name, side) {
    if (side.state === "waiting" && side.failures > 1) {
      return HINTS[name];
    }
    return side.state === "unknown" ? UNKNOWN[name] : "";
  }

  /* A side's texts: {state, status, retry, hint}. name is "laptop" or "server". */
  function describe(name, side, address) {
    return {
      state: side.state === "unknown" && address.text ? "invalid" : side.state,
      status: status(side, address),
      retry: side.state === "waiting" ? "Next try in " + Math.ceil(side.retryInMs / 1000) + " s" : "",
      hint: hint(name, side)
    };
  }

  /* Both sides in one sentence: {state, text, takeOver}. */
  function summary(report) {
    var laptop = report.laptop.state;
    var server = report.server.state;
    if (laptop === "replaced" || server === "replaced") {
      return {
        state: "replaced",
        text: "Stopped: another phone or tab is relaying now.",
        takeOver: true
      };
    }
    if (laptop === "connected" && server === "connected") {
      return { state: "relaying", text: "Relaying. Keep this page open.", takeOver: false };
    }
    return {
      state: "partial",
      text: laptop === "connected" ? "Not relaying: the server is not connected." :
        server === "connected" ? "Not relaying: the laptop is not connected." :
        "Not relaying: neither end is connected.",
      takeOver: false
    };
  }

  /*
   * Whether the browser keeps the page from the laptop: "none" (nothing speaks for it), "maybe" or "certain".
   * Browsers do not let a page that came from the internet reach a local address (Local Network
   * Access), or an https page open ws:// (mixed content). The first looks to a page like any failure, so
   * without more knowledge it is a maybe. What the page knows of its origin: servedByLaptop; fromPublic,
   * its host is surely a public address; permission, what the browser says of local access: "granted",
   * "denied", "prompt", or "" where it says nothing. "denied" stands in each page that came by http, so it
   * counts only for one from a public address.
   */
  function blocked(side, origin) {
    if (origin.servedByLaptop || side.everOpen) {
      return "none";
    }
    if (side.state === "refused") {
      return "certain";
    }
    if (side.failures === 0) {
      return "none";
    }
    return origin.fromPublic && origin.permission === "denied" ? "certain" : "maybe";
  }

  function blockedText(certainty) {
    return (certainty === "certain" ?
      "This browser blocks this page's connection to the laptop, because the page came from the internet." :
      "This browser may be blocking this page's connection to the laptop, because the page came from the " +
      "internet.") + " Open the laptop's own page on this phone instead:";
  }

  /* 1234567 is "1.2 MB": powers of 1000, one decimal below 10. */
  function bytes(count) {
    var unit = 0;
    while (count >= 999.5 && unit < UNITS.length - 1) {
      count /= 1000;
      unit += 1;
    }
    return (unit > 0 && count < 9.95 ? count.toFixed(1) : Math.round(count)) + " " + UNITS[unit];
  }

  return {
    describe: describe,
    summary: summary,
    blocked: blocked,
    blockedText: blockedText,
    bytes: bytes
  };
}());
