#!/usr/bin/python3
# SPDX-License-Identifier: ISC
"""Loads one page through the tether and on the phone itself, over the same piece of a link, and accounts for it.

    test/bench/run.py account --link 3g [--at SECOND]       prints where bytes and milliseconds went (account.py)
    test/bench/run.py account --link 3g --object BYTES      of one large object instead, which is a bulk transfer
    page_account.py sample [MS]     on the server: what its phones' sockets hold, until it is ended
"""
import os
import statistics
import sys
import time

import account
import pcap
from benchlab import SITE_OBJECTS, WEB, Browser, Failed, Lab, now_ms

PLACES = {"web": "eth0", "router": "to-phone", "phone": "cell0", "laptop": "tether0"}
KEPT = os.environ.get("KEEP_CAPTURES")  # a folder to leave them in
QUIET_MS, QUIET_LIMIT_MS = 300, 10_000
FIRST_TRIPS = range(1, 11)
WAYS = "tether", "phone itself"
STEPS = "connection", "first byte", "page", "styles, scripts", "first paint", "loaded"


def sample(interval_ms=5):
    """Prints CLOCK_REALTIME in ns, and bytes not yet acknowledged in the sockets at port 8080 (proc(5), net/tcp)."""
    while True:
        with open("/proc/self/net/tcp", encoding="ascii") as file:
            rows = [line.split() for line in file][1:]
        held = sum(int(row[4].split(":")[0], 16) for row in rows
                   if row[1].endswith(f":{account.SERVER_PORT:04X}") and row[3] == "01")
        print(time.time_ns(), held, flush=True)
        time.sleep(interval_ms / 1000)


# ---- in the lab ----

def start_capture(lab, place):
    lab.do(f"lab_start capture-{place} {place} tcpdump -i {PLACES[place]} -p -s 0 -B 16384 -U -Z root "
           f"--time-stamp-precision=nano -w $LAB_DIR/{place}.pcap")
    lab.do(f"wait_for 10 grep -q listening $(lab_log capture-{place})")


def stop_captures(lab):
    time.sleep(1.5)  # what tcpdump has not read yet
    for place in PLACES:
        lab.do(f"lab_stop capture-{place} INT; true")
        if "\n0 packets dropped by kernel" not in lab.log(f"capture-{place}"):
            raise Failed(f"the capture at {place} has missed packets: {lab.log(f'capture-{place}')}")
    lab.do("lab_stop sampler; true")
    lab.do("lab_stop cellular INT; true")
    if KEPT:
        lab.do(f"cp $LAB_DIR/*.pcap $LAB_DIR/chances {KEPT}")


def wait_until_quiet(lab):
    limit_ms = now_ms() + QUIET_LIMIT_MS
    while now_ms() < limit_ms:
        time.sleep(0.1)
        rows = lab.timeline(now_ms() - QUIET_MS)
        if rows and not any(any(row[1:]) for row in rows):
            return
    raise Failed("the link does not become quiet")


class Page:
    """One load of the page: when it was, and what the emulator delivered meanwhile."""

    def __init__(self, lab, browser, round_number, objects):
        lab.settle(round_number)
        wait_until_quiet(lab)
        self.to_real_ns, drops = time.time_ns() - time.monotonic_ns(), lab.server_drops()
        lab.tell_link(f"seek {lab.link.piece_s(round_number)}")
        before = lab.link_counts()
        self.loaded = browser.load(f"http://{WEB}/index.html", objects)
        wait_until_quiet(lab)
        after = lab.link_counts()
        self.window = tuple(self.real_ns(lab.link_start_ms() + counts["seconds"] * 1000) for counts in (before, after))
        self.delivered = {way: after[way]["bytes"] - before[way]["bytes"] for way in ("down", "up")}
        self.dropped = {way: after[way]["dropped_packets"] - before[way]["dropped_packets"] for way in ("down", "up")}
        self.server_drops = {name: count - drops.get(name, 0) for name, count in lab.server_drops().items()}
        self.start_ns = self.loaded.start_ns
        self.end_ns = self.start_ns + int(self.loaded.load_ms * account.MS)

    def real_ns(self, monotonic_ms):
        return int(monotonic_ms * account.MS) + self.to_real_ns


def load_pages(settings, lab, phone):
    """[{way: Page}]: a round each. Everything is captured, from before the tether connects."""
    for place in "web", "router", "phone":
        start_capture(lab, place)
    lab.start_tether(phone)
    start_capture(lab, "laptop")
    lab.do(f"lab_start sampler server {sys.executable} {os.path.abspath(__file__)} sample")
    lab.do(f"start_site {settings.object or ''}")
    objects = 1 if settings.object else SITE_OBJECTS
    with Browser(lab, "laptop") as laptop, Browser(lab, "phone") as itself:
        browsers = dict(zip(WAYS, (laptop, itself)))
        for browser in browsers.values():
            lab.settle(0)
            browser.load(f"http://{WEB}/style0.css", 1)  # a browser's first page is slow, whatever the network
        rounds = [{way: Page(lab, browser, number, objects) for way, browser in browsers.items()}
                  for number in range(settings.repeat)]
    stop_captures(lab)
    return rounds


# ---- what it says ----

class Traces:
    """All that was captured of a lab."""

    def __init__(self, lab):
        self.steps = {place: pcap.follow(pcap.read(os.path.join(lab.folder, f"{place}.pcap"))) for place in PLACES}
        self.chances = []
        with open(os.path.join(lab.folder, "chances"), encoding="ascii") as file:
            for line in file:
                at_us, way, offered, used = line.split()
                if way == "down":
                    self.chances.append((int(at_us) * 1000, int(offered), int(used)))
        self.samples = [tuple(map(int, line.split())) for line in lab.log("sampler").splitlines()]
        rate_kbits = lab.link.rate_kbits("down")
        self.rate_bits = rate_kbits and rate_kbits * 1000
        self.trip_ms = 2 * lab.link.delay_ms()

    def link_bytes(self, page, way):
        """{what: bytes} of what the link delivered in both directions."""
        rows = {}
        for direction, place in ("down", "phone"), ("up", "router"):
            down, inner = direction == "down", None
            link = account.split_by_direction(self.steps[place])[direction]
            if way == "tether":
                inner = [step for step in self.steps["laptop" if down else "web"]
                         if (step.packet.source[1] == account.WEB_PORT) == down]
            kinds, records_most = account.bytes_by_kind(link, inner, page.window)
            rows |= {f"{direction}: {kind}": count for kind, count in kinds.items()}
            rows |= {f"{direction}: in all": sum(kinds.values()),
                     f"{direction}: on the link": page.delivered[direction],
                     f"{direction}: records at most": records_most}
        return rows

    def times(self, page, way, transfer):
        """{what: ms}: what the page's time was made of, by bytes that the link could pass."""
        server = None
        if way == "tether":
            server = account.Server(self.steps["router"], self.steps["phone"], self.samples)
        chances = [(at_ns + page.to_real_ns, offered, used) for at_ns, offered, used in self.chances]
        chances = account.chances_within(chances, page.start_ns, page.end_ns, self.rate_bits)
        kinds = account.time_by_kind(transfer, server, chances, page.start_ns, page.end_ns)
        offered = sum(kinds.values())
        return {f"time: {kind}": page.loaded.load_ms * count / offered for kind, count in kinds.items()}

    def transfer(self, page, way):
        browser = self.steps["laptop" if way == "tether" else "phone"]
        return account.Transfer(self.steps["web"], browser, page.window)


def steps_of(page, transfer):
    """{step: ms after the navigation's start}."""
    def had(items):
        times = [transfer.had_ns(transfer.got, item.stream, item.end) for item in items]
        return max(times, default=None) if None not in times else None

    index = [item for item in transfer.objects if item.name == "/index.html"]
    head = [item for item in transfer.objects if item.name.startswith(("/style", "/script"))]
    first = [transfer.had_ns(transfer.got, item.stream, item.start + 1) for item in index]
    syn = min((parts[0][0] for parts in transfer.got.values()), default=None)
    times = (syn, first[0] if first else None, had(index), had(head))
    ms = [at_ns and (at_ns - page.start_ns) / account.MS for at_ns in times]
    return dict(zip(STEPS, [*ms, page.loaded.paint_ms, page.loaded.load_ms]))


def repeats_of(page, transfer):
    """{what: figure} of what the web host sent again."""
    repeats = list(transfer.repeats())
    late = [(again_ns - before_ns) / account.MS for _, before_ns, again_ns, _, is_lost in repeats if is_lost]
    return {"repeats: bytes": sum(size for *_, size, _ in repeats),
            "repeats: packets": len(repeats), "repeats: of these lost": len(late),
            "repeats: lost, median ms until sent again": statistics.median(late) if late else 0,
            "repeats: lost, most ms until sent again": max(late, default=0),
            "repeats: dropped by the link": sum(page.dropped.values()),
            "repeats: dropped by the server": page.server_drops["queue_late"] + page.server_drops["queue_full"]}


def rows_of(traces, page, way):
    """{what: figure}, in the order of the table."""
    transfer = traces.transfer(page, way)
    rows = traces.link_bytes(page, way) | traces.times(page, way, transfer)
    rows |= {f"after: {step}": ms for step, ms in steps_of(page, transfer).items()}
    for trip in FIRST_TRIPS:
        until_ns = page.start_ns + int(trip * traces.trip_ms * account.MS)
        rows[f"KB after {trip} round trips: web host had sent"] = account.bytes_until(transfer.sent, until_ns) / 1000
        rows[f"KB after {trip} round trips: browser had"] = account.bytes_until(transfer.got, until_ns) / 1000
    return rows | repeats_of(page, transfer)


def unit_of(what):
    if what.startswith(("down:", "up:")):
        return "bytes"
    return "ms" if what.startswith(("time:", "after:")) or " ms " in what else ""


def table(link, phone, figures):
    """Lines: what, tether, phone itself, and how much more that is; rows that are zero for both left out."""
    lines = [f"{link}, {phone}: {'':34}{WAYS[0]:>12}{WAYS[1]:>14}{'more':>12}"]
    for what in figures[WAYS[0]]:
        ours, theirs = (figures[way][what] for way in WAYS)
        if ours is None or theirs is None:
            lines.append(f"  {what:46}" + "".join(f"{'-' if value is None else format(value, '.0f'):>13}"
                                                  for value in (ours, theirs)))
        elif ours or theirs:
            lines.append(f"  {what:46}{ours:13,.0f}{theirs:13,.0f}{ours - theirs:+13,.0f} {unit_of(what)}")
    return "\n".join(lines)


def drive_account(settings, results, link, phone):
    """Where one page's bytes and milliseconds go."""
    if link == "fast":
        raise Failed("an account is of an emulated link")
    with Lab(link, settings.congestion, settings.at, "--chances $LAB_DIR/chances") as lab:
        rounds = load_pages(settings, lab, phone)
        traces = Traces(lab)
        for number, pages in enumerate(rounds):
            figures = {way: rows_of(traces, page, way) for way, page in pages.items()}
            for what in figures[WAYS[0]]:
                for way in WAYS:
                    results.add("account", link, phone, what, unit_of(what), way, figures[way][what])
            results.tables.append(f"from second {lab.link.piece_s(number):g} of\n" + table(link, phone, figures))


if __name__ == "__main__":
    if sys.argv[1:2] != ["sample"]:
        sys.exit(__doc__)
    sample(*(float(word) for word in sys.argv[2:3]))
