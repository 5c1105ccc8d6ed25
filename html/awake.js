/* SPDX-License-Identifier: ISC */
/*
 * Keeps the screen on, so that the phone does not put the page to sleep. There is an interface for it (Screen
 * Wake Lock), but not for what came by http. Yet browsers leave the screen on while a video plays; so
 * after a tap one is made here, without a file: the graph as a stream, with silence for its sound. Chromium
 * wants it in sight, Firefox a stream or a sound, Safari a sound that is not muted, and no loop.
 *
 * change(state) is called with "lock", "video", "off" or "failed".
 */

"use strict";

function TetherAwake(video, canvas, change) {
	var wanted = false;
	var lock = null;

	function fail() {
		wanted = false;
		change("failed");
	}

	function play() {
		var Audio = window.AudioContext || window.webkitAudioContext;
		var stream;
		try {
			if (!video.srcObject) {
				stream = canvas.captureStream(1);
				stream.addTrack(new Audio().createMediaStreamDestination().stream.getAudioTracks()[0]);
				video.srcObject = stream;
			}
			change("video");
			video.play().then(null, fail);
		} catch (error) {
			fail();
		}
	}

	/* byTap: a person asked for it, and is told if it fails. */
	this.start = function (byTap) {
		wanted = true;
		if (navigator.wakeLock) {
			navigator.wakeLock.request("screen").then(function (given) {
				lock = given;
				change("lock");
			}, byTap ? play : null);
		} else if (byTap) {
			play();
		}
	};

	this.stop = function () {
		wanted = false;
		if (lock) {
			lock.release();
			lock = null;
		}
		video.pause();
		change("off");
	};

	/* Browsers take the lock away, and stop the video, when the page is not in front. */
	this.refresh = function () {
		if (wanted && (lock || video.srcObject)) { this.start(!lock); }
	};
}
