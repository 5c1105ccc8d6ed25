#!/usr/bin/env python3
# SPDX-License-Identifier: ISC
"""A terminal with somebody in front of it: runs a program in a pseudo-terminal and keeps what is seen.

    terminal.py FOLDER COLUMNS LINES PROGRAM [ARGUMENTS...]

What the program writes goes through an emulator that others wrote (pyte), and into these files of FOLDER,
as it changes:

    raw      the bytes
    screen   what is to be seen, and above it what has scrolled off, a line of text each
    most     the most lines at a time that began as the status line does

The other way, a file "type" (the keys) or "size" (COLUMNS LINES) that is moved there is obeyed and removed.
With the signal TERM somebody presses Ctrl-C, and the exit status is that of the program (128 and the
signal's number, where one has ended it). With USR1 a picture of the screen is taken, twice: dark.pbm and
light.pbm, from terminals whose own colours are white on black and black on white. It shows blocks,
not letters.
"""
import fcntl
import os
import pty
import re
import select
import signal
import struct
import sys
import termios

import pyte

STATUS_LINE = re.compile("phone (up|down)")
SCALE = 4  # pixels that a quarter of a cell is wide, and half of it high
# The upper and the lower half of a cell, by its character: whether they are of the foreground's colour.
HALVES = {"\u2580": (True, False), "\u2584": (False, True)}


class Terminal:
    def __init__(self, folder, columns, lines, command):
        self.folder = folder
        self.screen = pyte.HistoryScreen(columns, lines, history=10000, ratio=0.5)
        self.stream = pyte.ByteStream(self.screen)
        self.most = 0
        self.pid, self.fd = pty.fork()
        if self.pid == 0:
            fcntl.ioctl(0, termios.TIOCSWINSZ, struct.pack("HHHH", lines, columns, 0, 0))
            os.execvp(command[0], command)

    def write(self, name, content):
        path = os.path.join(self.folder, name)
        with open(path + ".new", "wb") as file:
            file.write(content)
        os.rename(path + ".new", path)

    def read(self, name):
        """What is in a file of the folder, which is then removed; None where there is none."""
        path = os.path.join(self.folder, name)
        try:
            with open(path, "rb") as file:
                content = file.read()
            os.unlink(path)
            return content
        except FileNotFoundError:
            return None

    def rows(self):
        """Rows of cells: those that have scrolled off, then those on the screen."""
        on_screen = [self.screen.buffer[row] for row in range(self.screen.lines)]
        return list(self.screen.history.top) + on_screen

    def heard(self, output):
        with open(os.path.join(self.folder, "raw"), "ab") as file:
            file.write(output)
        self.stream.feed(output)
        lines = ["".join(row[column].data for column in range(self.screen.columns)).rstrip()
                 for row in self.rows()]
        self.most = max(self.most, sum(bool(STATUS_LINE.match(line)) for line in lines))
        self.write("screen", ("\n".join(lines) + "\n").encode())
        self.write("most", str(self.most).encode())

    def obey(self):
        keys = self.read("type")
        size = self.read("size")
        if keys is not None:
            os.write(self.fd, keys)
        if size is not None:
            columns, lines = map(int, size.split())
            self.screen.resize(lines, columns)
            fcntl.ioctl(self.fd, termios.TIOCSWINSZ, struct.pack("HHHH", lines, columns, 0, 0))

    def take_picture(self, name, default_foreground, default_background):
        """A portable bitmap, 1 for black."""
        pixels = []
        for row in self.rows():
            halves = ([], [])
            for column in range(self.screen.columns):
                cell = row[column]
                foreground = default_foreground if cell.fg == "default" else cell.fg
                background = default_background if cell.bg == "default" else cell.bg
                for half, is_filled in zip(halves, HALVES.get(cell.data, (False, False))):
                    half.extend([(foreground if is_filled else background) == "black"] * SCALE)
            for half in halves:
                pixels.extend([half] * SCALE)
        bits = "\n".join(" ".join("01"[pixel] for pixel in row) for row in pixels)
        self.write(name, f"P1\n{len(pixels[0])} {len(pixels)}\n{bits}\n".encode())

    def run(self):
        """Until the program ends; returns its exit status."""
        signal.signal(signal.SIGTERM, lambda *_: os.write(self.fd, b"\x03"))
        signal.signal(signal.SIGUSR1, lambda *_: (
            self.take_picture("dark.pbm", "white", "black"),
            self.take_picture("light.pbm", "black", "white")))
        while True:
            self.obey()
            if not select.select([self.fd], [], [], 0.1)[0]:
                continue
            try:
                self.heard(os.read(self.fd, 65536))
            except OSError:  # the other end is closed
                break
        ended = os.waitpid(self.pid, 0)[1]
        return os.WEXITSTATUS(ended) if os.WIFEXITED(ended) else 128 + os.WTERMSIG(ended)


if __name__ == "__main__":
    sys.exit(Terminal(sys.argv[1], int(sys.argv[2]), int(sys.argv[3]), sys.argv[4:]).run())
