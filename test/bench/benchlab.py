# SPDX-License-Identifier: ISC
"""The lab, from Python: a shell that obeys (bench_lab.sh serve), and measurements in it."""
import collections
import itertools
import json
import os
import re
import signal
import statistics
import subprocess
import time

HERE = os.path.dirname(os.path.abspath(__file__))
ROOT = os.path.dirname(os.path.dirname(HERE))
BUILD = os.environ.get("LAB_BUILD", os.path.join(ROOT, "build"))
PYTHON = "/usr/bin/python3"
FLOW = os.path.join(HERE, "flow.py")
FLOW_PORT = 9000
LAPTOP, PHONE, SERVER, WEB = "169.254.134.89", "169.254.1.1", "203.0.113.10", "192.0.2.80"
SITE_OBJECTS = 70  # as site.py makes them
PAUSE_MS = 500  # for so long at least a trace delivers nothing, where it is said to pause
PAUSES_APART_S = 1  # those that are nearer are one
BEFORE_PAUSE_S = 0, 2, 4  # so long before a pause what is measured begins, in turn

names = itertools.count(1)


class Failed(Exception):
    """A measurement, or something that it needs, went wrong; says what."""


def is_recorded(link):
    """Whether a link of this name follows traces, recorded ones or made ones."""
    return link.endswith("-trace") or link.startswith("random:")


class Link:
    """What an emulated link is like, from the arguments of its emulator; "fast" is a wire without any.

    at: where in the traces rounds begin: "pauses", a second, or None: in equal parts.
    """

    def __init__(self, name, at=None):
        asked = subprocess.run([os.path.join(HERE, "bench_lab.sh"), "link", name], text=True,
                               stdout=subprocess.PIPE, check=False)
        words = asked.stdout.split()
        self.name, self.at = name, at
        self.exists = asked.returncode == 0  # a recorded one may not be on this machine
        self.arguments = dict(zip(words[::2], words[1::2]))
        self.traces = {way: self.read_trace(way) for way in ("down", "up") if f"--{way}-trace" in self.arguments}

    def read_trace(self, way):
        with open(self.arguments[f"--{way}-trace"], encoding="ascii") as file:
            return [int(line) for line in file]

    def rate_kbits(self, way):
        """The constant rate, or None."""
        rate = self.arguments.get(f"--{way}-rate")
        return rate and float(rate)

    def delay_ms(self):
        """One way."""
        return float(self.arguments["--delay"])

    def length_s(self):
        return min(trace[-1] for trace in self.traces.values()) / 1000

    def pauses(self):
        """[(from, to)], s, in which one of the traces delivers nothing; the longest first."""
        gaps = sorted((earlier / 1000, later / 1000) for trace in self.traces.values()
                      for earlier, later in zip(trace, trace[1:]) if later - earlier >= PAUSE_MS)
        pauses = []
        for from_s, to_s in gaps:
            if pauses and from_s < pauses[-1][1] + PAUSES_APART_S:
                pauses[-1][1] = max(to_s, pauses[-1][1])
            else:
                pauses.append([from_s, to_s])
        return sorted(pauses, key=lambda pause: pause[0] - pause[1])

    def piece_s(self, round_number):
        """Where in the traces a round's measurements begin: each round has its own piece, for all ways the same."""
        if not self.traces:
            return 0
        if self.at == "pauses" and (pauses := self.pauses()):
            from_s = pauses[round_number % len(pauses)][0]
            return max(0, from_s - BEFORE_PAUSE_S[round_number % len(BEFORE_PAUSE_S)])
        if isinstance(self.at, float):
            return self.at
        length_s = self.length_s()
        return int((length_s / 5 * round_number + 7 * (round_number // 5)) % length_s)

    def longest_gap_ms(self, from_s, seconds):
        """The longest time in a piece of the traces in which one of them delivers nothing."""
        gap_ms = 0
        for trace in self.traces.values():
            span = [0, *(at - from_s * 1000 for at in trace if 0 < at - from_s * 1000 < seconds * 1000)]
            gap_ms = max([gap_ms, *(later - earlier for earlier, later in zip(span, span[1:]))])
        return gap_ms


def now_ms():
    return time.monotonic_ns() // 1_000_000


class Lab:
    """One lab: its hosts, the link, the web host's services. Goes with close(), or with this process."""

    def __init__(self, link, congestion, at=None, emulator=""):
        """emulator: more arguments of its command line."""
        self.link, self.congestion = Link(link, at), congestion
        self.shell = subprocess.Popen(
            [os.path.join(HERE, "bench_lab.sh"), "serve"], text=True, stdin=subprocess.PIPE,
            stdout=subprocess.PIPE, env=dict(os.environ, LAB_MODE="keyed", LAB_BUILD=BUILD))
        place = self.shell.stdout.readline().split()
        if len(place) != 2:
            raise Failed("there is no lab")
        self.id, self.folder = place
        try:
            self.do(f"lab_cellular {link} {emulator}")
            self.do(f"lab_congestion {congestion} phone near web")
            self.do(f"lab_start flows web {PYTHON} {FLOW} serve")
            self.do(f"lab_wait_listening flows web {FLOW_PORT}")
        except BaseException:
            self.close()
            raise

    def close(self):
        self.shell.stdin.close()
        self.shell.wait()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def do(self, command):
        """Has the lab's shell run a command; returns what it printed."""
        print(command, file=self.shell.stdin, flush=True)
        said = []
        for line in self.shell.stdout:
            if line.startswith("="):
                if line != "=0\n":
                    raise Failed(f"{command}: {' '.join(said) or line}")
                return "\n".join(said)
            said.append(line.strip())
        raise Failed(f"{command}: the lab ended")

    def on(self, host, *command):
        """The words of a command that runs on a host."""
        return ["ip", "netns", "exec", f"tether-{self.id}-{host}", *(str(word) for word in command)]

    def start(self, host, *command):
        return subprocess.Popen(self.on(host, *command), text=True, stdin=subprocess.DEVNULL,
                                stdout=subprocess.PIPE)

    def start_tether(self, phone):
        """Server, laptop and a phone, "relay" or "chromium"; returns when the laptop is online."""
        self.do("start_server")
        self.do("start_client --dns none")  # whose questions would be in the figures
        self.do(f"start_phone {phone}")
        self.do("tunnel_ready 60")
        self.do(f"lab_congestion {self.congestion} laptop")

    def congestion_in_force(self):
        """What the tether's own connections over the link send with: {"phone": ..., "server": ...}."""
        found = {}
        for host, filter_ in ("phone", "dport = :8080"), ("server", "sport = :8080"):
            said = subprocess.run(self.on(host, "ss", "-tinH", filter_), text=True, stdout=subprocess.PIPE,
                                  check=True).stdout
            match = re.search(r"^\s+(?:\S+ )*?(cubic|bbr|reno)\b", said, re.MULTILINE)
            found[host] = match[1] if match else None
        return found

    def pid(self, name):
        return int(self.do(f"echo ${{LAB_PID[{name}]}}"))

    def log(self, name):
        with open(os.path.join(self.folder, f"{name}.log"), encoding="utf-8", errors="replace") as file:
            return file.read()

    def server_drops(self):
        """{why: packets} of what the tether's server has dropped so far."""
        said = subprocess.run(self.on("server", "curl", "-s", "http://127.0.0.1:8080/status.json"), text=True,
                              stdout=subprocess.PIPE, check=True).stdout
        return json.loads(said)["drops"]

    # ---- the emulated link ----

    def link_start_ms(self):
        """When the emulator started, by CLOCK_MONOTONIC."""
        return json.loads(self.log("cellular").partition("\n")[0])["start_ms"]

    def timeline(self, from_ms=0):
        """What the link delivered: [ms, bytes down, bytes up, waiting down, waiting up] each 20 ms."""
        with open(os.path.join(self.folder, "cellular.timeline"), encoding="ascii") as file:
            rows = [[int(word) for word in line.split()] for line in file if line.endswith("\n")]
        return [row for row in rows if row[0] >= from_ms]

    def settle(self, round_number=0, limit_s=40):
        """Waits until what earlier measurements left behind has gone; then the round's piece of the traces begins."""
        if self.link.name == "fast":
            time.sleep(0.5)
            return
        self.tell_link("drain")
        end = time.monotonic() + limit_s
        while time.monotonic() < end:
            time.sleep(0.5)
            if sum(row[1] + row[2] + row[3] + row[4] for row in self.timeline(now_ms() - 1000)) < 5000:
                break
        self.tell_link(f"seek {self.link.piece_s(round_number)}")

    def carried(self, from_ms):
        """Bytes (down, up) that the link has delivered since a time."""
        rows = self.timeline(from_ms)
        return sum(row[1] for row in rows), sum(row[2] for row in rows)

    def outage(self, seconds):
        """Nothing passes for some seconds from now on; returns when it will pass again, ms."""
        return self.tell_link(f"outage {seconds}")["outage_to_ms"]

    def tell_link(self, command):
        """Has the emulator obey; returns its answer."""
        def tell():
            with open(os.path.join(self.folder, "cellular.control"), "w", encoding="ascii") as fifo:
                fifo.write(f"{command}\n")
        return self.answer_of_link(tell)

    def link_counts(self):
        """What the emulator has counted so far; "seconds" says when, from its start."""
        return self.answer_of_link(lambda: os.kill(self.pid("cellular"), signal.SIGUSR1))

    def answer_of_link(self, ask):
        before = self.log("cellular").count("\n")
        ask()
        for _ in range(100):
            lines = self.log("cellular").split("\n")[:-1]
            if len(lines) > before:
                return json.loads(lines[-1])
            time.sleep(0.05)
        raise Failed("the emulator does not answer")


# ---- bulk transfers ----

class Bulk:
    """A bulk transfer that runs: from a host of the lab to the flow server at address:port."""

    def __init__(self, lab, way, direction, seconds, flows=1):
        self.lab, self.direction, self.name = lab, direction, f"flow{next(names)}"
        host, address, port = way
        self.start_ms = None  # known after wait()
        self.process = lab.start(host, PYTHON, FLOW, "bulk", direction, address, "--port", port, "--name",
                                 self.name, "--seconds", seconds, "--flows", flows)

    def wait(self):
        """Waits for the end; returns what was received: {flow: [(ms, bytes)]}."""
        said, _ = self.process.communicate()
        if self.process.returncode != 0:
            raise Failed(f"flow.py ended with status {self.process.returncode}")
        self.start_ms = int(re.search(r"^begins (\d+)$", said, re.MULTILINE)[1])
        if self.direction == "up":
            said = self.lab.log("flows")
        flows = {}
        for line in said.splitlines():
            words = line.split()
            if len(words) == 3 and words[0].startswith(self.name + "."):
                flows.setdefault(words[0], []).append((int(words[1]), int(words[2])))
        return flows

    def stop(self):
        """Ends it now, whatever it has received."""
        self.process.terminate()
        self.process.communicate()


def received(flow, from_ms, to_ms):
    """Bytes of one flow that came between two times."""
    return sum(count for at_ms, count in flow if from_ms < at_ms <= to_ms)


def goodput(lab, way, direction, warm_s, seconds, round_number=0):
    """Mbit/s that one bulk transfer brings, after it had some seconds to find its speed."""
    lab.settle(round_number)
    bulk = Bulk(lab, way, direction, warm_s + seconds)
    flows = bulk.wait()
    from_ms = bulk.start_ms + int(warm_s * 1000)
    total = sum(received(flow, from_ms, from_ms + int(seconds * 1000)) for flow in flows.values())
    return total * 8 / seconds / 1e6


def barest_goodput(lab, direction, warm_s, seconds):
    """Mbit/s that the page in barest/ copies from one end's messages of 64 KiB to the other end."""
    name = f"page{next(names)}"
    ends = [f"ws://{LAPTOP}:7000/flow", f"ws://{SERVER}:7000/flow"]
    sink = "ws-server"
    if direction == "down":
        ends.reverse()
        sink = "ws-laptop"

    def lines():
        return [(int(words[1]), int(words[2])) for words in map(str.split, lab.log(sink).splitlines())
                if len(words) == 3 and words[0] == name]

    lab.settle()
    lab.do(f"start_barest {name} '{ends[0]}?source' '{ends[1]}?{name}'")
    deadline = time.monotonic() + 60
    while not lines():
        if time.monotonic() > deadline:
            raise Failed("the barest page copies nothing")
        time.sleep(0.1)
    time.sleep(warm_s + seconds)
    lab.do(f"lab_stop {name}; true")
    from_ms = lines()[0][0] + int(warm_s * 1000)
    return received(lines(), from_ms, from_ms + int(seconds * 1000)) * 8 / seconds / 1e6


def jain(shares, count):
    """Jain's index of `count` flows: 1 when all have the same, 1/count when one has all."""
    squares = sum(share * share for share in shares)
    return sum(shares) ** 2 / (count * squares) if squares else 0


def share_used(lab, direction, from_ms, to_ms):
    """What of the link's rate in a direction was used between two times, in percent; None: it has no rate."""
    rate_kbits = lab.link.rate_kbits(direction)
    if not rate_kbits:
        return None
    rows = [row for row in lab.timeline(from_ms) if row[0] < to_ms]
    return 100 * sum(row[1 if direction == "down" else 2] for row in rows) * 8 / (to_ms - from_ms) / rate_kbits


def stream_losses(lab, way, direction, warm_s, seconds):
    """Shares lost (there, back) of a stream of 64 kbit/s of UDP each way, beside a bulk transfer."""
    lab.settle()
    bulk = Bulk(lab, way, direction, warm_s + seconds + 2)  # its connection, too, takes its time
    time.sleep(warm_s)
    stream = lab.start(way[0], PYTHON, FLOW, "stream", way[1], "--port", way[2], "--seconds", seconds,
                       "--linger", min(5, 2 * seconds))
    said = json.loads(stream.communicate()[0])
    bulk.wait()
    arrived = max(said["arrived"], said["back"])
    return 1 - arrived / said["sent"], 1 - said["back"] / arrived if arrived else 1


# ---- pages ----

# From the navigation's start, and that by CLOCK_REALTIME.
Loaded = collections.namedtuple("Loaded", "load_ms paint_ms start_ns")


def web_repeats(lab):
    """How many TCP segments the web host has sent again so far."""
    said = subprocess.run(lab.on("web", "cat", "/proc/net/snmp"), text=True, stdout=subprocess.PIPE, check=True).stdout
    names, values = (line.split() for line in said.splitlines() if line.startswith("Tcp:"))
    counts = dict(zip(names, values))
    return int(counts["RetransSegs"])


class Browser:
    """A browser on a host of the lab, that loads pages (pages.js)."""

    def __init__(self, lab, host):
        self.process = subprocess.Popen(lab.on(host, "node", os.path.join(HERE, "pages.js")), text=True,
                                        stdin=subprocess.PIPE, stdout=subprocess.PIPE)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.process.stdin.close()
        self.process.wait()

    def load(self, url, objects=SITE_OBJECTS):
        """Loads a page, and tells when what happened."""
        print(url, file=self.process.stdin, flush=True)
        answer = self.process.stdout.readline()
        words = answer.split()
        if len(words) != 4 or words[0] == "error" or int(words[1]) != objects:
            raise Failed(f"the page did not load: {answer}")
        return Loaded(float(words[0]), float(words[2]), int(float(words[3]) * 1e6))


# ---- round trips ----

def percentile(values, share):
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(share * len(ordered)))]


def round_trips(lab, host, address, seconds):
    """Pings ten times a second: {"median", "p95", "lost"}: ms, ms, share; no time where nothing came."""
    count = int(seconds * 10)
    said, _ = lab.start(host, "ping", "-n", "-i", "0.1", "-c", count, "-W", "10", address).communicate()
    times = [float(ms) for ms in re.findall(r"time=([0-9.]+)", said)]
    lost = max(0, 1 - len(times) / count)
    if not times:
        return {"median": None, "p95": None, "lost": lost}
    return {"median": statistics.median(times), "p95": percentile(times, 0.95), "lost": lost}


def under_load(lab, way, load, warm_s, seconds, round_number):
    """Round trips beside bulk transfers of the same host; load is "idle", "down", "up" or "both"."""
    lab.settle(round_number)
    directions = {"idle": [], "both": ["down", "up"]}.get(load, [load])
    bulks = [Bulk(lab, way, direction, warm_s + seconds + 1) for direction in directions]
    if bulks:
        time.sleep(warm_s)
    result = round_trips(lab, way[0], way[1], seconds)
    for bulk in bulks:
        bulk.wait()
    return result


# ---- what a program uses ----

def cpu_seconds(pid):
    with open(f"/proc/{pid}/stat", encoding="ascii") as file:
        fields = file.read().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def resident_kb(pid):
    with open(f"/proc/{pid}/status", encoding="ascii") as file:
        return int(re.search(r"VmRSS:\s+(\d+)", file.read())[1])
