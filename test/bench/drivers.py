"""The drivers of the benchmarks: each makes its labs, measures, and adds to the results.

A "way" is where a transfer starts and where it connects to: (host, address, port). The tether's way and its
peers' are measured in turn in one lab, round after round, so that what else the machine does meets all.
"""
import contextlib
import statistics
import time

from benchlab import (FLOW_PORT, PHONE, WEB, Browser, Bulk, Failed, Lab, barest_goodput, cpu_seconds, goodput,
                      jain, now_ms, received, resident_kb, stream_losses, under_load)

TETHER = ("laptop", WEB, FLOW_PORT)
ITSELF = ("phone", WEB, FLOW_PORT)
SOCAT = ("laptop", PHONE, 9001)
OPENVPN = ("phone", "10.8.0.1", FLOW_PORT)
FULL_USE = 0.8  # of the link's rate
OUTAGE_LIMIT_S = 40  # after an outage, for the link to be in use again


def seconds_of(settings, link, fast, slow):
    """(warm-up, measured) seconds: a slow link needs longer to show what it does."""
    warm, measured = fast if link == "fast" else slow
    return (warm, max(2, measured / 2)) if settings.quick else (warm, measured)


# ---- goodput ----

def drive_goodput(settings, results, link, phone):
    """One bulk transfer at a time. Where the link is no limit, the peers are those that cost a processor as much."""
    times = seconds_of(settings, link, (1, 3), (5, 8))
    browser = phone == "chromium" and link == "fast"
    ways = {"tether": TETHER, "socat": SOCAT, "phone itself": ITSELF}
    with contextlib.ExitStack() as stack:
        lab = stack.enter_context(Lab(link, settings.congestion))
        lab.start_tether(phone)
        lab.do(f"start_socat {FLOW_PORT}")
        if link == "fast":
            lab.do("start_openvpn")
            ways["openvpn"] = OPENVPN
        if browser:
            lab.do("start_ws_flows")
            classic = stack.enter_context(Lab(link, settings.congestion))
            classic.do("start_classic")
        for _ in range(settings.repeat):
            for direction in "down", "up":
                def add(name, value):
                    results.add("goodput", link, phone, direction, "Mbit/s", name, value)
                for name, way in ways.items():
                    add(name, goodput(lab, way, direction, *times))
                if browser:
                    add("barest page", barest_goodput(lab, direction, *times))
                    add("classic", goodput(classic, TETHER, direction, *times))


# ---- latency ----

def drive_latency(settings, results, link, phone):
    """Pings, idle and beside bulk transfers."""
    warm_s, seconds = seconds_of(settings, link, (1, 4), (5, 8))
    with Lab(link, settings.congestion) as lab:
        lab.start_tether(phone)
        for _ in range(settings.repeat):
            for load in "idle", "down", "up", "both":
                for name, way in (("tether", TETHER), ("phone itself", ITSELF)):
                    trips = under_load(lab, way, load, warm_s, seconds)
                    for what in "median", "p95":
                        results.add("latency", link, phone, f"{load} {what}", "ms", name, trips[what])
                    results.add("latency", link, phone, f"{load} lost", "%", name, 100 * trips["lost"])


# ---- pages ----

def drive_pages(settings, results, link, phone):
    """A site of 70 objects and 2 MB, loaded by a browser on the laptop and by one on the phone."""
    with Lab(link, settings.congestion) as lab:
        lab.do("start_site")
        lab.start_tether(phone)
        with Browser(lab, "laptop") as laptop, Browser(lab, "phone") as itself:
            browsers = {"tether": laptop, "phone itself": itself}
            for round_number in range(settings.repeat + 1):
                for name, browser in browsers.items():
                    lab.settle()
                    took_ms = browser.load(f"http://{WEB}/index.html")
                    if round_number > 0:  # a browser's first page is slow, whatever the network
                        results.add("pages", link, phone, "load", "ms", name, took_ms)


# ---- processor and memory ----

def drive_cpu(settings, results, link, phone):
    """What the programs spend on a transfer at full speed, beside OpenVPN; and whether their memory stays."""
    seconds = 4 if settings.quick else 8
    with Lab(link, settings.congestion) as lab:
        lab.start_tether(phone)
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


# ---- outages ----

def full_use_ms(rows, back_ms, rate_kbits, window_ms):
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
            if sum(row[1] for row in ticks) < need * length_ms:
                break
        else:
            return max(0, rows[at][0] - 20 - back_ms)
    return None


def measure_outage(lab, way, seconds, rate_kbits):
    """(first, lasting): ms after the link's return until its first 200 ms of full use, and until that lasts 2 s.

    The first may be no more than what waited in the link's queue.
    """
    lab.settle()
    bulk = Bulk(lab, way, "down", 5 + seconds + OUTAGE_LIMIT_S)
    time.sleep(5)
    back_ms = lab.outage(seconds)
    end_ms = back_ms + (OUTAGE_LIMIT_S - 2) * 1000
    lasting = None
    while now_ms() < end_ms and lasting is None:
        time.sleep(0.5)
        lasting = full_use_ms(lab.timeline(back_ms), back_ms, rate_kbits, 2000)
    first = full_use_ms(lab.timeline(back_ms), back_ms, rate_kbits, 200)
    bulk.stop()
    limit_ms = OUTAGE_LIMIT_S * 1000
    return (limit_ms if first is None else first), (limit_ms if lasting is None else lasting)


def drive_outage(settings, results, link, phone):
    """Nothing passes for a while in the midst of a download."""
    rate_kbits = {"slow3g": 400, "3g": 1600, "4g": 9000}.get(link)
    if rate_kbits is None:
        raise Failed("outages are measured on links of a constant rate")
    with Lab(link, settings.congestion) as lab:
        lab.start_tether(phone)
        for _ in range(settings.repeat):
            for seconds in (5, 15) if settings.quick else (5, 15, 30):
                for name, way in (("tether", TETHER), ("phone itself", ITSELF)):
                    first, lasting = measure_outage(lab, way, seconds, rate_kbits)
                    results.add("outage", link, phone, f"{seconds} s, first use", "ms", name, first)
                    results.add("outage", link, phone, f"{seconds} s, full use", "ms", name, lasting)


# ---- fairness ----

def drive_fairness(settings, results, link, phone):
    """Ten downloads beside each other, and a thin stream beside a bulk transfer."""
    warm_s, seconds = seconds_of(settings, link, (1, 5), (6, 20))
    with Lab(link, settings.congestion) as lab:
        lab.start_tether(phone)
        for _ in range(settings.repeat):
            for name, way in (("tether", TETHER), ("phone itself", ITSELF)):
                lab.settle()
                bulk = Bulk(lab, way, "down", warm_s + seconds, flows=10)
                flows = bulk.wait()
                from_ms = bulk.start_ms + int(warm_s * 1000)
                shares = [received(flow, from_ms, from_ms + int(seconds * 1000)) for flow in flows.values()]
                results.add("fairness", link, phone, "ten flows, Jain", "", name, jain(shares, 10))
                for direction in "down", "up":
                    lost = stream_losses(lab, way, direction, warm_s, seconds)
                    results.add("fairness", link, phone, f"stream beside {direction}", "% lost", name,
                                100 * statistics.mean(lost))


DRIVERS = {
    # name: (function, [(link, phone)] when none are named, and those of --quick)
    "goodput": (drive_goodput, [("fast", "relay"), ("fast", "chromium"), ("3g", "relay"), ("4g", "relay")],
                [("fast", "relay"), ("fast", "chromium"), ("4g", "relay")]),
    "pages": (drive_pages, [(link, "relay") for link in ("fast", "3g", "4g", "umts", "lte")],
              [("3g", "relay"), ("4g", "relay")]),
    "latency": (drive_latency, [("3g", "relay"), ("4g", "relay"), ("lte", "relay")],
                [("3g", "relay"), ("4g", "relay")]),
    "cpu": (drive_cpu, [("fast", "relay")], [("fast", "relay")]),
    "outage": (drive_outage, [("4g", "relay")], [("4g", "relay")]),
    "fairness": (drive_fairness, [("4g", "relay")], [("4g", "relay")]),
}
