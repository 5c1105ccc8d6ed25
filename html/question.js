/* SPDX-License-Identifier: ISC */
/*
 * Asks before the page follows its own address: any site can open it with a ?laptop= and ?server= of its choice.
 * Nothing is connected and nothing stored until a person says yes.
 *
 * A tap may have been meant for another page, which gave way to this one under the finger. So yes can be said
 * only when this page was in front for a second; and no button has the focus, for a key to press it.
 */

"use strict";

/* usual and asked are what findAddresses() gives; fixed: other ends cannot be had. answer(yes) is called once. */
function askFor(usual, asked, fixed, answer) {
	var REST_MS = 1000;
	var yes = element("yes-button");
	var wrong = !asked.laptop.url ? asked.laptop.text : !asked.server.url ? asked.server.text : "";
	var timer = null;

	function rest() {
		yes.disabled = true;
		clearTimeout(timer);
		timer = setTimeout(function () {
			yes.disabled = document.hidden || !document.hasFocus();
		}, REST_MS);
	}

	function end() {
		show("question", false);
		answer(this === yes);
	}

	["laptop", "server"].forEach(function (name) {
		var changed = usual[name].url && asked[name].url !== usual[name].url;
		setText("asked-" + name, placeOf(asked[name]) + (changed ? " instead of " + placeOf(usual[name]) : ""));
	});
	setText("question-text", fixed ? "This laptop's page connects to the server of tether-client's --server alone." :
		wrong ? "Not an address: " + wrong : "The link to this page names them. A web site may have sent you here. " +
		"Say yes only if you know both: in open mode they can read what the laptop sends.");
	show("yes-button", !fixed && !wrong);
	yes.onclick = element("no-button").onclick = end;
	window.addEventListener("focus", rest);
	window.addEventListener("blur", rest);
	document.addEventListener("visibilitychange", rest);
	rest();
	show("question", true);
}
