/*
 * The wiring of the page: asks the host that served it for config.json, starts the relay with the two
 * addresses, in a Worker where that works and otherwise on the page, and shows each report. Texts are only
 * written when they change, so that a screen reader does not repeat what was said.
 */

"use strict";

(function () {
  var CONFIG_LIMIT_MS = 10000;
  var PERMISSIONS = ["local-network", "local-network-access"];   // one thing: its newer and its older name

  var config = null;
  var addresses = null;
  var startRelay = null;           // function (laptopUrl, serverUrl)
  var latest = null;               // the last report
  var permission = "";             // to reach local addresses; "" as long as the browser says nothing

  function element(id) {
    return document.getElementById(id);
  }

  function setText(id, text) {
    var target = element(id);
    if (target.textContent !== text) {
      target.textContent = text;
    }
  }

  function setState(id, state) {
    var target = element(id);
    if (target.getAttribute("data-state") !== state) {
      target.setAttribute("data-state", state);
    }
  }

  function show(id, visible) {
    if (visible) {
      element(id).removeAttribute("hidden");
    } else {
      element(id).setAttribute("hidden", "");
    }
  }

  function showProblem(text) {
    setText("problem", text);
    show("problem", true);
  }

  function showSide(name, side) {
    var words = TetherState.describe(name, side, addresses[name]);
    setState(name, words.state);
    setText(name + "-status", words.status);
    setText(name + "-retry", words.retry);
    setText(name + "-hint", element("advice").hasAttribute("hidden") || name === "server" ? words.hint : "");
    setText(name + "-address", (addresses[name].url || "").split("?")[0]);
  }

  function showCount(name, count) {
    setText(name + "-bytes", TetherState.bytes(count.bytes));
    setText(name + "-messages", String(count.messages));
    setText(name + "-dropped", String(count.droppedMessages));
  }

  function showAdvice(certainty) {
    setState("advice", certainty);
    if (certainty !== "none") {
      setText("advice-text", TetherState.blockedText(certainty));
      element("advice-link").href = TetherAddress.pageOf(addresses.laptop.url);
      setText("advice-link", TetherAddress.pageOf(addresses.laptop.url));
    }
    show("advice", certainty !== "none");
  }

  function showReport(report) {
    var summary = TetherState.summary(report);
    latest = report;
    setState("summary", summary.state);
    setText("summary", summary.text);
    show("take-over", summary.takeOver);
    showAdvice(TetherState.blocked(report.laptop, {
      servedByLaptop: servedByLaptop(),
      fromPublic: TetherAddress.isPublic(location.hostname),
      permission: permission
    }));
    showSide("laptop", report.laptop);
    showSide("server", report.server);
    showCount("up", report.up);
    showCount("down", report.down);
  }

  /* Whether the page came from the very host that the laptop's socket leads to. */
  function servedByLaptop() {
    return !addresses.laptop.url || TetherAddress.pageOf(addresses.laptop.url) === location.protocol + "//" +
      location.host + "/";
  }

  function relayOnPage() {
    var relay = new TetherRelay(showReport);
    document.documentElement.setAttribute("data-relay", "page");
    startRelay = relay.start;
    start();
  }

  function relayInWorker() {
    var worker;
    var answered = false;

    function fallBack() {
      if (!answered) {
        answered = true;
        worker.terminate();
        relayOnPage();
      }
    }

    if (!window.Worker) {
      relayOnPage();
      return;
    }
    try {
      worker = new Worker("relay.js");
    } catch (error) {
      relayOnPage();
      return;
    }
    worker.onerror = fallBack;
    worker.onmessage = function (event) {
      if (event.data.unsupported) {
        fallBack();
        return;
      }
      answered = true;
      showReport(event.data);
    };
    document.documentElement.setAttribute("data-relay", "worker");
    startRelay = function (laptop, server) {
      worker.postMessage({ command: "start", laptop: laptop, server: server });
    };
    start();
  }

  function start() {
    startRelay(addresses.laptop.url, addresses.server.url);
  }

  /* Asks what the browser allows, under the first of these names that it knows; most know none. */
  function watchPermission(names) {
    if (!names.length || !navigator.permissions || !navigator.permissions.query) {
      return;
    }
    navigator.permissions.query({ name: names[0] }).then(function (answer) {
      function note() {
        permission = answer.state;
        if (latest) {
          showReport(latest);
        }
      }
      answer.onchange = note;
      note();
    }, function () {
      watchPermission(names.slice(1));
    });
  }

  function begin() {
    addresses = TetherAddress.resolve(location, config);
    if (!config && !(addresses.laptop.url && addresses.server.url)) {
      showProblem("This page could not load its settings (config.json) from the host that served it. Load " +
        "the page again, or give both addresses in its own: ?laptop=HOST&server=HOST");
    }
    watchPermission(PERMISSIONS);
    relayInWorker();
  }

  function loadConfig() {
    var request = new XMLHttpRequest();
    var timer = setTimeout(function () {
      finish();
      request.abort();
    }, CONFIG_LIMIT_MS);

    function finish() {
      clearTimeout(timer);
      request.onreadystatechange = null;
      begin();
    }

    request.onreadystatechange = function () {
      if (request.readyState !== 4) {
        return;
      }
      try {
        config = request.status === 200 ? JSON.parse(request.responseText) : null;
      } catch (error) {
        config = null;
      }
      finish();
    };
    request.open("GET", "config.json");
    request.send();
  }

  if (!window.WebSocket) {
    showProblem("This browser has no WebSockets, which this page needs to relay. Please use another " +
      "browser.");
    return;
  }
  show("tether", true);
  element("take-over-button").onclick = start;
  loadConfig();
}());
