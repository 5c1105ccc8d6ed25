#!/usr/bin/python3
# SPDX-License-Identifier: ISC
"""Measures Tether beside its peers, in the lab of this folder.

    test/bench/run.py DRIVER... [--link L]... [--phone relay|chromium]... [--repeat N] [--quick | --smoke]

Drivers are goodput, pages, account, latency, cpu, memory, outage, fairness, or all. Prints a table, each figure as
a median with its ratio to each peer measured beside it (a ratio is the median of the rounds' own ratios, and the
greatest of them), and keeps everything in build/bench/results.json; a driver replaces what was there of its own driver, link and phone.
Both name the congestion control that the hosts had, and the tether's own connections over the link.
Needs root, make bench-programs, and: test/packages.sh lab bench
"""
import argparse
import concurrent.futures
import json
import os
import secrets
import statistics
import sys
import threading
import time

import benchlab
from drivers import DRIVERS

RESULTS = os.path.join(benchlab.BUILD, "bench", "results.json")
one_at_a_time = threading.Lock()


class Results:
    """Rows of what was measured: a list of values for each way, one a round."""

    def __init__(self, verbose):
        self.rows = {}
        self.congestion = {}
        self.tables = []  # printed instead of all the rows
        self.verbose = verbose

    def add(self, driver, link, phone, what, unit, way, value):
        row = self.rows.setdefault((driver, link, phone, what), {"unit": unit, "ways": {}})
        row["ways"].setdefault(way, []).append(value)
        if self.verbose:
            print(f"# {driver} {link} {phone} {what}: {way} {show(value)} {unit}", flush=True)

    def as_list(self):
        return [summary(key, row) for key, row in self.rows.items()]


def show(value):
    if value is None:
        return "-"
    return f"{value:.0f}" if abs(value) >= 100 else f"{value:.3g}"


def median(values):
    known = [value for value in values if value is not None]
    return statistics.median(known) if known else None


def summary(key, row):
    """A row as it is kept: values, medians, and the ratios of the first way to each of the others."""
    first, *others = row["ways"]
    ratios, worst = {}, {}
    for other in others:
        pairs = zip(row["ways"][first], row["ways"][other])
        rounds = [ours / theirs for ours, theirs in pairs if ours is not None and theirs]
        ratios[other], worst[other] = median(rounds), max(rounds, default=None)
    return {**dict(zip(("driver", "link", "phone", "what"), key)), "unit": row["unit"],
            "values": row["ways"], "medians": {way: median(values) for way, values in row["ways"].items()},
            "ratios": ratios, "greatest ratios": worst}


def print_table(results, rows):
    if results.congestion:
        print("# congestion control: " + ", ".join(f"{who} {name}" for who, name in results.congestion.items()))
    print("\n".join(results.tables), end="\n" * bool(results.tables))
    for row in rows if not results.tables else []:
        first, *others = row["medians"]
        line = f"{row['driver']:9} {row['link']:11} {row['phone']:9} {row['what']:22} " \
               f"{first} {show(row['medians'][first])} {row['unit']}"
        for other in others:
            line += f"; {other} {show(row['medians'][other])}"
            if row["ratios"][other] is not None:
                line += f" (x {row['ratios'][other]:.2f}, at most {row['greatest ratios'][other]:.2f})"
        print(line)
    sys.stdout.flush()


def save(rows, results, settings):
    """Keeps the rows, beside those of earlier runs that measured something else."""
    kept = []
    if os.path.exists(settings.output):
        with open(settings.output, encoding="utf-8") as file:
            kept = json.load(file)["rows"]
    place = ("driver", "link", "phone")
    for row in rows:
        row["at"] = int(time.time())
        row["congestion"] = results.congestion
    fresh = {tuple(row[name] for name in place) for row in rows}
    kept = [row for row in kept if tuple(row[name] for name in place) not in fresh]
    os.makedirs(os.path.dirname(settings.output), exist_ok=True)
    with open(settings.output, "w", encoding="utf-8") as file:
        json.dump({"rows": kept + rows}, file, indent=1)


def measure(settings, name, link, phone):
    """One driver on one link with one phone. Returns whether it was measured."""
    if not benchlab.Link(link).exists:
        print(f"{name} {link} {phone}: left out: no such link, or its traces are not here", flush=True)
        return bool(settings.link is None)
    results = Results(settings.verbose)
    failure = None
    try:
        DRIVERS[name][0](settings, results, link, phone)
    except benchlab.Failed as error:
        failure = error
    rows = results.as_list()
    with one_at_a_time:
        print_table(results, rows)
        if failure:
            print(f"{name} {link} {phone}: not measured: {failure}", flush=True)
        save(rows, results, settings)
    return failure is None


def seeded(link):
    """"random" is another link each time; it is said which."""
    if link != "random":
        return link
    link = f"random:{secrets.randbelow(1_000_000)}"
    print(f"# a random link: --link {link}", flush=True)
    return link


def place_in_traces(text):
    return text if text == "pauses" else float(text)


def places_of(settings, name):
    """(link, phone): where a driver measures."""
    choices = DRIVERS[name][1:]
    places = choices[2 if settings.smoke else 1 if settings.quick else 0]
    if settings.link or settings.phone:
        links = settings.link or dict.fromkeys(link for link, _ in places)
        places = [(link, phone) for link in links for phone in settings.phone or ["relay"]]
    return [(settings.random if link == "random" else link, phone) for link, phone in places]


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("driver", nargs="+", choices=[*DRIVERS, "all"])
    parser.add_argument("--link", action="append", help="fast, 3g, lte; umts-trace, evdo-trace, lte-trace, "
                        "tmobile-lte-trace, att-lte-trace;\nrandom, or random:SEED to have the same again")
    parser.add_argument("--at", type=place_in_traces, metavar="SECOND|pauses", help="where in its traces a link is "
                        "when a round begins (in parts\nof the same length): a second, or shortly before it pauses, "
                        "the longest pauses first")
    parser.add_argument("--object", type=int, metavar="BYTES", help="account: one object of so many bytes, and no page")
    parser.add_argument("--phone", action="append", choices=("relay", "chromium"))
    parser.add_argument("--repeat", type=int, help="rounds (5; with --quick or --smoke 1)")
    parser.add_argument("--quick", action="store_true", help="shorter, and fewer links")
    parser.add_argument("--smoke", action="store_true", help="so short that the figures say nothing")
    parser.add_argument("--parallel", type=int, default=2, metavar="N",
                        help="emulated links measured at a time (2), since none of them keeps a processor busy")
    parser.add_argument("--congestion", default="cubic",
                        help="of all hosts (cubic, as most phones and sites have); \"machine\": this one's own")
    parser.add_argument("--output", default=RESULTS, help="where results are kept")
    parser.add_argument("--verbose", action="store_true", help="say each value as it is measured")
    settings = parser.parse_args()
    settings.output = os.path.abspath(settings.output)
    settings.repeat = settings.repeat or (1 if settings.quick or settings.smoke else 5)
    for program in "tether-server", "bench/cellular", "bench/cell_make", "bench/ws-flow":
        if not os.path.exists(os.path.join(benchlab.BUILD, program)):
            sys.exit(f"{program} is not built: make bench-programs")
    settings.link = settings.link and [seeded(link) for link in settings.link]
    wanted = list(DRIVERS) if "all" in settings.driver else settings.driver
    settings.random = None if settings.link or settings.quick or settings.smoke else seeded("random")
    places = [(name, *place) for name in wanted for place in places_of(settings, name)]
    emulated = [place for place in places if place[1] != "fast" or settings.smoke]
    with concurrent.futures.ThreadPoolExecutor(settings.parallel) as pool:
        measured = list(pool.map(lambda place: measure(settings, *place), emulated))
    measured += [measure(settings, *place) for place in places if place not in emulated]
    sys.exit(0 if all(measured) else 1)


main()
