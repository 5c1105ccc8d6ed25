#!/usr/bin/python3
"""Measures Tether beside its peers, in the lab of this folder.

    test/bench/run.py DRIVER... [--link L]... [--phone relay|chromium]... [--repeat N] [--quick]

Drivers are goodput, pages, latency, cpu, outage, fairness, or all. Prints a table, each figure as a median with
its ratio to each peer measured beside it (a ratio is the median of the rounds' own ratios), and keeps
everything in build/bench/results.json; a driver replaces what was there of its own driver, link and phone.
Needs root, make bench-programs, and: test/packages.sh lab bench
"""
import argparse
import json
import os
import statistics
import sys
import time

import benchlab
from drivers import DRIVERS

RESULTS = os.path.join(benchlab.BUILD, "bench", "results.json")


class Results:
    """Rows of what was measured: a list of values for each way, one a round."""

    def __init__(self, verbose):
        self.rows = {}
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
    ratios = {}
    for other in others:
        pairs = zip(row["ways"][first], row["ways"][other])
        ratios[other] = median([ours / theirs for ours, theirs in pairs
                                if ours is not None and theirs])
    return {**dict(zip(("driver", "link", "phone", "what"), key)), "unit": row["unit"],
            "values": row["ways"], "medians": {way: median(values) for way, values in row["ways"].items()},
            "ratios": ratios}


def print_table(rows):
    for row in rows:
        first, *others = row["medians"]
        line = f"{row['driver']:9} {row['link']:7} {row['phone']:9} {row['what']:22} " \
               f"{first} {show(row['medians'][first])} {row['unit']}"
        for other in others:
            line += f"; {other} {show(row['medians'][other])}"
            if row["ratios"][other] is not None:
                line += f" (x {row['ratios'][other]:.2f})"
        print(line)


def save(rows, settings):
    """Keeps the rows, beside those of earlier runs that measured something else."""
    kept = []
    if os.path.exists(RESULTS):
        with open(RESULTS, encoding="utf-8") as file:
            kept = json.load(file)["rows"]
    place = ("driver", "link", "phone", "congestion")
    for row in rows:
        row["at"] = int(time.time())
        row["congestion"] = settings.congestion
    fresh = {tuple(row[name] for name in place) for row in rows}
    kept = [row for row in kept if tuple(row[name] for name in place) not in fresh]
    os.makedirs(os.path.dirname(RESULTS), exist_ok=True)
    with open(RESULTS, "w", encoding="utf-8") as file:
        json.dump({"rows": kept + rows}, file, indent=1)


def measure(settings, name):
    """One driver on all its links and phones; returns how many of these failed."""
    function, *choices = DRIVERS[name]
    places = choices[settings.quick]
    if settings.link or settings.phone:
        links = settings.link or dict.fromkeys(link for link, _ in places)
        phones = settings.phone or ["relay"]
        places = [(link, phone) for link in links for phone in phones]
    failed = 0
    for link, phone in places:
        if not benchlab.has_link(link):
            print(f"{name} {link} {phone}: left out: no such link, or its traces are not here", flush=True)
            continue
        results = Results(settings.verbose)
        try:
            function(settings, results, link, phone)
        except benchlab.Failed as error:
            failed += 1
            print(f"{name} {link} {phone}: not measured: {error}", flush=True)
        rows = results.as_list()
        print_table(rows)
        sys.stdout.flush()
        save(rows, settings)
    return failed


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("driver", nargs="+", choices=[*DRIVERS, "all"])
    parser.add_argument("--link", action="append", help="fast, slow3g, 3g, 4g, umts, lte")
    parser.add_argument("--phone", action="append", choices=("relay", "chromium"))
    parser.add_argument("--repeat", type=int, help="rounds (5; with --quick 1)")
    parser.add_argument("--quick", action="store_true", help="shorter, and fewer links")
    parser.add_argument("--congestion", default="machine",
                        help="of all hosts, for instance cubic (the machine's own)")
    parser.add_argument("--verbose", action="store_true", help="say each value as it is measured")
    settings = parser.parse_args()
    settings.repeat = settings.repeat or (1 if settings.quick else 5)
    for program in "tether-server", "bench/cellular", "bench/ws-flow":
        if not os.path.exists(os.path.join(benchlab.BUILD, program)):
            sys.exit(f"{program} is not built: make bench-programs")
    wanted = list(DRIVERS) if "all" in settings.driver else settings.driver
    sys.exit(1 if sum(measure(settings, name) for name in wanted) else 0)


main()
