/* SPDX-License-Identifier: ISC */
/* The rates of the last minute: down as a filled curve, up as a dashed line, in the colours of their marks. */

"use strict";

function TetherGraph(canvas, upMark, downMark) {
	var SPAN_MS = 60000;
	var FIGURE_MS = 1500; // a figure is the mean of so long
	var points = []; // {time, up, down, upRate, downRate}: bytes, and bytes a second

	this.add = function (report) {
		var last = points[points.length - 1];
		var seconds = last ? (report.time - last.time) / 1000 : 1;
		if (seconds < 0.5) { return; }
		points.push({
			time: report.time,
			up: report.up.bytes,
			down: report.down.bytes,
			upRate: last ? (report.up.bytes - last.up) / seconds : 0,
			downRate: last ? (report.down.bytes - last.down) / seconds : 0
		});
		while (points[0].time < report.time - SPAN_MS - 2000) { points.shift(); }
	};

	/* The rate of now, in bytes a second; name is "up" or "down". */
	this.rate = function (name) {
		var last = points[points.length - 1];
		var i = points.length - 1;
		while (i > 0 && last.time - points[i].time < FIGURE_MS) { i -= 1; }
		return i < points.length - 1 ? (last[name] - points[i][name]) * 1000 / (last.time - points[i].time) : 0;
	};

	/* The highest rate shown. */
	this.highest = function () {
		return points.reduce(function (most, point) {
			return Math.max(most, point.upRate, point.downRate);
		}, 0);
	};

	this.draw = function () {
		var scale = window.devicePixelRatio;
		var width = canvas.clientWidth || canvas.width / scale; // out of sight it is drawn on, for awake.js
		var height = canvas.clientHeight || canvas.height / scale;
		var top = Math.max(this.highest(), 1000) * 1.1;
		var now = points[points.length - 1].time;
		var context = canvas.getContext("2d");

		function x(point) { return width - (now - point.time) / SPAN_MS * width; }

		function trace(name, mark, dash) {
			if (context.setLineDash) { context.setLineDash(dash); }
			context.strokeStyle = context.fillStyle = window.getComputedStyle(mark).color;
			context.beginPath();
			points.forEach(function (point) {
				context.lineTo(x(point), height - 1 - point[name] / top * (height - 2));
			});
			context.stroke();
		}

		if (canvas.width !== Math.floor(width * scale)) {
			canvas.width = width * scale;
			canvas.height = height * scale;
			context.scale(scale, scale);
		}
		context.clearRect(0, 0, width, height);
		context.lineWidth = 2;
		trace("downRate", downMark, []);
		context.lineTo(width, height);
		context.lineTo(x(points[0]), height);
		context.globalAlpha = 0.2;
		context.fill();
		context.globalAlpha = 1;
		trace("upRate", upMark, [6, 3]);
	};
}
