# SPDX-License-Identifier: ISC
"""The drivers of the benchmarks: each makes its labs, measures, and adds to the results.

A "way" is where a transfer starts and where it connects to: (host, address, port). The tether's way and its
peers' are measured in turn in one lab, round after round, so that what else the machine does meets all. Where the
link is a recorded one, all ways of a round meet the same piece of it, and each round has another.
"""
import contextlib
import statistics
import time

from benchlab import (FLOW_PORT, PHONE, WEB, Browser, Bulk, Failed, Lab, barest_goodput, cpu_seconds, goodput,
                      is_recorded, jain, now_ms, received, resident_kb, share_used, stream_losses, under_load,
                      web_repeats)
from page_account import drive_account

TETHER = ("laptop", WEB, FLOW_PORT)
ITSELF = ("phone", WEB, FLOW_PORT)
SOCAT = ("laptop", PHONE, 9001)
OPENVPN = ("phone", "10.8.0.1", FLOW_PORT)
FULL_USE = 0.8  # of the link's rate
OUTAGE_LIMIT_S = 40  # after an outage, for the link to be in use again
SMOKE_LIMIT_S = 4


def seconds_of(settings, link, fast, slow):
    """(warm-up, measured) seconds: a slow link needs longer to show what it does, a recorded one longer still."""
    warm, measured = fast if link == "fast" else slow
    if settings.smoke:
        return 0, 3
    if is_recorded(link):
        measured *= 2
    return (warm, max(2, measured / 2)) if settings.quick else (warm, measured)


@contextlib.contextmanager
def tethered(settings, results, link, phone):
    """A lab with a tether in it; what its connections send with is part of the results."""
    with Lab(link, settings.congestion, settings.at) as lab:
        lab.start_tether(phone)
        results.congestion = {"hosts": settings.congestion, **lab.congestion_in_force()}
        yield lab


# ---- goodput ----

def drive_goodput(settings, results, link, phone):
    """One bulk transfer at a time. Where the link is no limit, the peers are those that cost a processor as much."""
    times = seconds_of(settings, link, (1, 3), (5, 8))
    browser = phone == "chromium" and link == "fast"
    ways = {"tether": TETHER, "phone itself": ITSELF}
    with contextlib.ExitStack() as stack:
        lab = stack.enter_context(tethered(settings, results, link, phone))
        if not is_recorded(link):
            lab.do(f"start_socat {FLOW_PORT}")
            ways["socat"] = SOCAT
        if link == "fast":
            lab.do("start_openvpn")
            ways["openvpn"] = OPENVPN
        if browser:
            lab.do("start_ws_flows")
            classic = stack.enter_context(Lab(link, settings.congestion))
            classic.do("start_classic")
        for round_number in range(settings.repeat):
            for direction, other in ("down", "up"), ("up", "down"):
                def add(name, value):
                    results.add("goodput", link, phone, direction, "Mbit/s", name, value)
                for name, way in ways.items():
                    add(name, goodput(lab, way, direction, *times, round_number))
                    now = now_ms()
                    used = share_used(lab, other, now - int(times[1] * 1000), now)
                    if used is not None:
                        results.add("goodput", link, phone, f"{direction}, {other}link used", "%", name, used)
                if browser:
                    add("barest page", barest_goodput(lab, direction, *times))
                    add("classic", goodput(classic, TETHER, direction, *times))


# ---- latency ----

def drive_latency(settings, results, link, phone):
    """Pings, idle and beside bulk transfers."""
    warm_s, seconds = seconds_of(settings, link, (1, 4), (5, 8))
    with tethered(settings, results, link, phone) as lab:
        for round_number in range(settings.repeat):
            if lab.link.traces:
                gap_ms = lab.link.longest_gap_ms(lab.link.piece_s(round_number), warm_s + seconds)
                results.add("latency", link, phone, "longest outage", "ms", "the trace itself", gap_ms)
            for load in ("idle", "both") if settings.smoke else ("idle", "down", "up", "both"):
                for name, way in (("tether", TETHER), ("phone itself", ITSELF)):
                    trips = under_load(lab, way, load, warm_s, seconds, round_number)
                    for what in "median", "p95":
                        results.add("latency", link, phone, f"{load} {what}", "ms", name, trips[what])
                    results.add("latency", link, phone, f"{load} lost", "%", name, 100 * trips["lost"])


# ---- pages ----

def drive_pages(settings, results, link, phone):
    """A site of 70 objects and 2 MB, loaded by a browser on the laptop and by one on the phone."""
    driver = "pages" if settings.at is None else f"pages at {settings.at}"
    with tethered(settings, results, link, phone) as lab:
        lab.do("start_site")
        with Browser(lab, "laptop") as laptop, Browser(lab, "phone") as itself:
            browsers = {"tether": laptop, "phone itself": itself}
            first = 0 if settings.smoke else -1
            for round_number in range(first, settings.repeat):
                for name, browser in browsers.items():
                    rows = measure_page(lab, browser, max(0, round_number))
                    for what, (unit, value) in rows.items():
                        if round_number >= 0:  # a browser's first page is slow, whatever the network
                            results.add(driver, link, phone, what, unit, name, value)


def measure_page(lab, browser, round_number):
    """Loads the page once: {what: (unit, value)}."""
    lab.settle(round_number)
    begun_ms, again = now_ms(), web_repeats(lab)
    loaded = browser.load(f"http://{WEB}/index.html")
    rows = {"load": ("ms", loaded.load_ms), "first paint": ("ms", loaded.paint_ms)}
    if lab.link.name != "fast":
        time.sleep(0.1 + 3 * lab.link.delay_ms() / 1000)  # for the last acknowledgements
        down, up = lab.carried(begun_ms)
        rows |= {"link down": ("KB", down / 1000), "link up": ("KB", up / 1000)}
    rows["web host repeats"] = ("segments", web_repeats(lab) - again)
    return rows


# ---- processor and memory ----

def drive_cpu(settings, results, link, phone):
    """What the programs spend on a transfer at full speed, beside OpenVPN; and whether their memory stays."""
    seconds = 2 if settings.smoke else 4 if settings.quick else 8
    with tethered(settings, results, link, phone) as lab:
        lab.do("start_openvpn")
        programs = {"tether-client": (TETHER, lab.pid("client")), "tether-server": (TETHER, lab.pid("server")),
                    "openvpn": (OPENVPN, lab.pid("vpn-phone"))}
        for _ in range(settings.repeat):
            for direction in "down", "up":
                for way in TETHER, OPENVPN:
                    pids = {name: pid for name, (its, pid) in programs.items() if its is way}
                    measure_cpu(lab, results, (link, phone, direction), way, seconds, pids)


def measure_cpu(lab, results, place, way, seconds, pids):
    link, phone, direction = place
    lab.settle()
    spent = {name: -cpu_seconds(pid) for name, pid in pids.items()}
    bulk = Bulk(lab, way, direction, seconds)
    time.sleep(seconds / 4)
    early = {name: resident_kb(pid) for name, pid in pids.items()}
    time.sleep(seconds / 2)
    late = {name: resident_kb(pid) for name, pid in pids.items()}
    flows = bulk.wait()
    count = sum(size for flow in flows.values() for _, size in flow)
    for name, pid in pids.items():
        spent[name] += cpu_seconds(pid)
        results.add("cpu", link, phone, f"{direction} a byte", "ns", name, spent[name] * 1e9 / count)
        results.add("cpu", link, phone, f"{direction} a core", "Gbit/s", name, count * 8 / spent[name] / 1e9)
        results.add("cpu", link, phone, f"{direction} resident", "KB", name, late[name])
        results.add("cpu", link, phone, f"{direction} resident grew", "KB", name, late[name] - early[name])


def drive_memory(settings, results, link, phone):
    """Whether memory stays as it is, at full speed both ways for ten minutes; once, however many rounds there are."""
    seconds = 2 if settings.smoke else 60 if settings.quick else 600
    with tethered(settings, results, link, phone) as lab:
        pids = {f"tether-{name}": lab.pid(name) for name in ("client", "server")}
        bulks = [Bulk(lab, TETHER, direction, seconds + 1) for direction in ("down", "up")]
        for part in range(1, 11):
            time.sleep(seconds / 10)
            for name, pid in pids.items():
                results.add("memory", link, phone, f"resident after {part * seconds / 10:.0f} s", "KB", name,
                            resident_kb(pid))
        for bulk in bulks:
            bulk.wait()


# ---- outages ----

def full_use_ms(rows, column, back_ms, rate_kbits, window_ms):
    """How long after `back_ms` a time begins of window_ms in which the link delivers enough; None: not yet.

    That time also begins with 200 ms of full use.
    """
    need = rate_kbits * FULL_USE / 8  # bytes a ms
    rows = [row for row in rows if row[0] > back_ms]
    for at in range(len(rows)):
        for length_ms in 200, window_ms:
            ticks = rows[at:at + length_ms // 20]
            if len(ticks) < length_ms // 20:
                return None
            if sum(row[column] for row in ticks) < need * length_ms:
                break
        else:
            return max(0, rows[at][0] - 20 - back_ms)
    return None


def measure_outage(lab, way, direction, seconds, warm_s, limit_s):
    """(first, lasting): ms after the link's return until its first 200 ms of full use, and until that lasts 2 s.

    The first may be no more than what waited in the link's queue.
    """
    rate_kbits = lab.link.rate_kbits(direction)
    column = 1 if direction == "down" else 2  # of the timeline
    lab.settle()
    bulk = Bulk(lab, way, direction, warm_s + seconds + limit_s)
    time.sleep(warm_s)
    back_ms = lab.outage(seconds)
    end_ms = back_ms + (limit_s - 2) * 1000
    lasting = None
    while now_ms() < end_ms and lasting is None:
        time.sleep(0.5)
        lasting = full_use_ms(lab.timeline(back_ms), column, back_ms, rate_kbits, 2000)
    first = full_use_ms(lab.timeline(back_ms), column, back_ms, rate_kbits, 200)
    bulk.stop()
    limit_ms = limit_s * 1000
    return (limit_ms if first is None else first), (limit_ms if lasting is None else lasting)


def drive_outage(settings, results, link, phone):
    """Nothing passes for a while in the midst of a transfer."""
    outages = [("down", 5), ("down", 15), ("down", 30), ("up", 5), ("up", 30)]
    if settings.quick:
        outages = [("down", 5), ("down", 15)]
    times = 5, OUTAGE_LIMIT_S
    if settings.smoke:
        outages, times = [("down", 1)], (1, SMOKE_LIMIT_S)
    with tethered(settings, results, link, phone) as lab:
        if lab.link.rate_kbits("down") is None:
            raise Failed("outages are measured on links of a constant rate")
        for _ in range(settings.repeat):
            for direction, seconds in outages:
                for name, way in (("tether", TETHER), ("phone itself", ITSELF)):
                    first, lasting = measure_outage(lab, way, direction, seconds, *times)
                    what = f"{direction}, {seconds} s"
                    results.add("outage", link, phone, f"{what}, first use", "ms", name, first)
                    results.add("outage", link, phone, f"{what}, full use", "ms", name, lasting)


# ---- fairness ----

def drive_fairness(settings, results, link, phone):
    """Ten downloads beside each other, and a thin stream beside a bulk transfer."""
    warm_s, seconds = seconds_of(settings, link, (1, 5), (6, 20))
    with tethered(settings, results, link, phone) as lab:
        for _ in range(settings.repeat):
            for name, way in (("tether", TETHER), ("phone itself", ITSELF)):
                lab.settle()
                bulk = Bulk(lab, way, "down", warm_s + seconds, flows=10)
                flows = bulk.wait()
                from_ms = bulk.start_ms + int(warm_s * 1000)
                shares = [received(flow, from_ms, from_ms + int(seconds * 1000)) for flow in flows.values()]
                results.add("fairness", link, phone, "ten flows, Jain", "", name, jain(shares, 10))
                for direction in ("down",) if settings.smoke else ("down", "up"):
                    lost = stream_losses(lab, way, direction, warm_s, seconds)
                    results.add("fairness", link, phone, f"stream beside {direction}", "% lost", name,
                                100 * statistics.mean(lost))


EMULATED = ("3g", "lte", "umts-trace", "evdo-trace", "lte-trace", "random")


def by_relay(*links):
    return [(link, "relay") for link in links]


DRIVERS = {
    # name: (function, [(link, phone)] when none are named, those of --quick, and those of --smoke)
    "goodput": (drive_goodput, [("fast", "relay"), ("fast", "chromium"), *by_relay(*EMULATED)],
                [("fast", "relay"), ("fast", "chromium"), ("lte", "relay")], by_relay("lte")),
    "pages": (drive_pages, by_relay("fast", *EMULATED), by_relay("3g", "lte"), by_relay("lte")),
    "account": (drive_account, by_relay("3g", "lte-trace", "umts-trace"), by_relay("3g"), by_relay("lte")),
    "latency": (drive_latency, by_relay(*EMULATED), by_relay("3g", "lte"), by_relay("lte")),
    "cpu": (drive_cpu, by_relay("fast"), by_relay("fast"), by_relay("fast")),
    "memory": (drive_memory, by_relay("fast"), by_relay("fast"), by_relay("fast")),
    "outage": (drive_outage, by_relay("3g", "lte"), by_relay("lte"), by_relay("lte")),
    "fairness": (drive_fairness, by_relay("3g", "lte"), by_relay("lte"), by_relay("lte")),
}
