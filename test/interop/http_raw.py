# SPDX-License-Identifier: ISC
"""What the HTTP tests share: requests as raw bytes, answers, programs, and a network namespace to run them in."""

import os
import subprocess
import sys

from ws_raw import ROOT, Failed, Program, check

ADDRESS = "127.0.0.1"


class Answer:
    def __init__(self, peer, head_only=False):
        self.first, self.fields = peer.head()
        check(self.first.startswith("HTTP/1.1 "), f"the answer begins with {self.first}")
        self.status = int(self.first.split(" ")[1])
        self.length = int(self.fields.get("content-length", "0"))
        self.body = b"" if head_only or self.status in (101, 204, 304) else peer.take(self.length)
        self.type = self.fields.get("content-type", "")

    def expect(self, *statuses):
        check(self.status in statuses, f"the answer is {self.status}, not {' or '.join(map(str, statuses))}")
        return self


def head(target="/", *, method="GET", version="HTTP/1.1", host="localhost", more=()):
    lines = [f"{method} {target} {version}"] + ([f"Host: {host}"] if host is not None else []) + list(more)
    return "\r\n".join(lines).encode("latin-1") + b"\r\n\r\n"


def in_namespace():
    """The first time round: runs this program again in a new network namespace, where it sets up an interface."""
    if os.environ.get("HTTP_RAW_NAMESPACE"):
        for command in ["link set lo up", "link add eth0 type veth peer name far", "link set eth0 up",
                        "link set far up", "address add 203.0.113.10/24 dev eth0",
                        "route add default via 203.0.113.1"]:
            subprocess.run(["ip"] + command.split(), check=True)
        return
    os.environ["HTTP_RAW_NAMESPACE"] = "yes"
    os.execvp("unshare", ["unshare", "--net", sys.executable] + sys.argv)


def with_program(cases, command, ports, run):
    """Runs cases against a program; that it does not start is a failed case."""
    program = Program([os.path.join(ROOT, "build", command[0])] + command[1:])
    cases.program = program
    try:
        for port in ports:
            program.wait_listening(ADDRESS, port)
        run(cases.run)
    except (Failed, OSError) as failure:
        cases.failed += 1
        print(f"not ok - {command[0]} runs: {failure}")
    finally:
        stopped = program.stop()
        cases.program = None
    cases.run(f"{' '.join(command[:2])}: leaves with status 0 when asked to stop", lambda: check(
        stopped, f"status {program.process.returncode}: {program.output()[-600:]}"))
