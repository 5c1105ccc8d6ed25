/* SPDX-License-Identifier: ISC */
/*
 * Which tab relays, where a browser has this page in several: the one that started last. Its id is in
 * localStorage, which even old browsers share between tabs; the others stand back when it changes.
 *
 * They ask once a second whether the one with the id is still there, and it answers. If it does not, it was
 * closed, left, frozen or crashed, and the one that asks takes over. (To listen for a beat of its timer would not
 * do: browsers all but stop the timers of a tab in the background, but not its events.)
 *
 * Where the id is empty, a person stopped that tab, or another phone took its place. Then none begins by itself.
 */

"use strict";

/* memory(name, value) is localStorage, see page.js; standBack() and takeOver() do what they say. */
function TetherTabs(memory, standBack, takeOver) {
	var ASK_MS = 1000;
	var MOST_UNANSWERED = 4;
	var id = String(Math.random());
	var works = false; // localStorage
	var unanswered = 0;
	var askedAt = 0;

	this.claim = function () { works = memory("tab", id) === id; };
	this.resign = function () { memory("tab", ""); };

	/* To be called each second; replaced: whether another tab or phone has taken this one's place. */
	this.mind = function (time, replaced) {
		var owner = works && memory("tab");
		if (!replaced) {
			askedAt = time;
			unanswered = 0;
			if (owner && owner !== id) {    // a frozen tab may not have heard of it
				standBack();
			}
		} else if (owner && Math.abs(time - askedAt) >= ASK_MS) {
			askedAt = time;
			if (owner === id) {             // it was another phone
				this.resign();
			} else if (unanswered === MOST_UNANSWERED) {
				takeOver();
			} else {
				unanswered += 1;
				memory("ask", Math.random());
			}
		}
	};

	window.addEventListener("storage", function (event) {
		var owner = memory("tab"); // of two that started at once, the last
		if (event.key === "tether.ask" && owner === id) {
			memory("answer", Math.random());
		} else if (event.key === "tether.answer") {
			unanswered = 0;
		} else if (event.key === "tether.tab" && owner && owner !== id) {
			unanswered = 0;
			standBack();
		}
	});
}
