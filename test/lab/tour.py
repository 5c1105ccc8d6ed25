#!/usr/bin/python3
# SPDX-License-Identifier: ISC
"""Holds doc/tour.md against the source, and against what the programs did.

usage: tour.py DOCUMENT [PROGRAM=TRACE...]

A stop is a line of the document such as
    12. `src/tunnel/open.c`: `send_message()`.
and a heading that ends in the name of a program, as "(tether-client)", says who is to call the
stops below it in the first evening. A trace is what trace_calls.c wrote. Each stop's file must have
such a function, the numbers of an evening must count up, and in a program's trace each of its stops
must be called, after the stop before it was; those below "Up, ..." or "Down, ..." all in one turn
of the program's loop.
"""
import array
import bisect
import collections
import itertools
import pathlib
import re
import subprocess
import sys

ROOT = pathlib.Path(__file__).resolve().parents[2]
Stop = collections.namedtuple("Stop", "evening section number file function program")
failed = False


def report(name, problems):
    global failed
    for problem in problems[:10]:
        print(f"#   {problem}")
    print(f"not ok - {name}: {problems[0]}" if problems else f"ok - {name}")
    failed = failed or bool(problems)


def read_stops(document):
    evening, section, program, stops = None, None, None, []
    for line in document.read_text().splitlines():
        if heading := re.fullmatch(r"(#+) (.*?)(?: \((tether-[a-z]+)\))?", line):
            section, program = heading[2], heading[3]
            if len(heading[1]) == 2 and "evening" in heading[2]:
                evening = heading[2]
        elif stop := re.fullmatch(r"(\d+)\. `([\w/.]+)`: `(\w+)\(\)`\.", line):
            stops.append(Stop(evening, section, int(stop[1]), stop[2], stop[3], program))
    return stops


def definition(stop):
    """The lines of a stop's function, none where its file has no such function."""
    try:
        lines = (ROOT / stop.file).read_text().splitlines()
    except OSError:
        return []
    begin = {".c": rf"\w.*\b{stop.function}\(.*[^;]", ".js": rf"\s*function {stop.function}\(.*",
             ".py": rf"\s*(async )?def {stop.function}\(.*"}[pathlib.Path(stop.file).suffix]
    for first, line in enumerate(lines):
        if re.fullmatch(begin, line):
            indent = re.match(r"\s*", line)[0]
            after = range(first + 1, len(lines))
            last = next((i for i in after if lines[i] == indent + "}"), first)
            return lines[first:last + 1]
    return []


def read_trace(program, trace):
    """Where each (file, function) was called: places in the row of all calls, which count up."""
    count, calls = array.array("Q"), array.array("Q")
    with trace.open("rb") as file:
        count.fromfile(file, 1)
        calls.fromfile(file, count[0])
    addresses = list(set(calls))
    said = subprocess.run(["addr2line", "-f", "-e", program], text=True, check=True,
                          stdout=subprocess.PIPE, input="\n".join(map(hex, addresses))).stdout
    functions, places = said.splitlines(), collections.defaultdict(list)
    name = {}
    for i, address in enumerate(addresses):
        file = functions[2 * i + 1].rpartition(":")[0]
        if "/src/" in file:
            name[address] = ("src/" + file.rpartition("/src/")[2], functions[2 * i])
    for place, address in enumerate(calls):
        places[name.get(address)].append(place)
    return places


def follow(stops, places, after, end):
    """Looks for the stops one after the other, between two places. Returns how many it found, and
    the place of the last."""
    for found, stop in enumerate(stops):
        called = places.get((stop.file, stop.function), [])
        i = bisect.bisect_right(called, after)
        if i == len(called) or called[i] >= end:
            return found, after
        after = called[i]
    return len(stops), after


def wrong_in_trace(stops, places):
    """Says which stop was not called where it should have been; None where all were."""
    after, end = -1, float("inf")
    turns = [*places["src/base/loop.c", "read_clock"], end]
    for section, group in itertools.groupby(stops, lambda stop: stop.section):
        group = list(group)
        spans = [(after, end)]
        if section.startswith(("Up", "Down")):
            spans = [(max(after, span[0]), span[1]) for span in zip(turns, turns[1:])]
        tries = (follow(group, places, *span) for span in spans)
        found, after = max(tries, key=lambda attempt: attempt[0])
        if found < len(group):
            stop = group[found]
            never = (stop.file, stop.function) not in places
            return (f"stop {stop.number}, {stop.function}() of {stop.file}, was not called"
                    + ("" if never else " after the stop before it"))
    return None


def seen_exchanges(stops, places):
    """How many of the stops could not be exchanged with the next one without its being noticed."""
    pairs = range(1, len(stops))
    exchanged = ([*stops[:i - 1], stops[i], stops[i - 1], *stops[i + 1:]] for i in pairs)
    return sum(wrong_in_trace(each, places) is not None for each in exchanged)


stops = read_stops(pathlib.Path(sys.argv[1]))
evenings = collections.Counter(stop.evening for stop in stops)
first = next(iter(evenings), None)
report("the tour has three evenings of stops",
       [] if len(evenings) == 3 and None not in evenings else [f"it has {dict(evenings)}"])
for evening in evenings:
    numbers = [stop.number for stop in stops if stop.evening == evening]
    report(f"the stops count up: {evening}",
           [f"{n} stands where {i} should" for i, n in enumerate(numbers, 1) if n != i])
lengths = [(stop, len(definition(stop))) for stop in stops]
report("the source has each stop's function where the tour says",
       [f"stop {s.number}: {s.file} has no {s.function}()" for s, length in lengths if length == 0])
lines = sum(n for s, n in lengths if s.evening == first)
print(f"# the first evening: {evenings[first]} stops, {lines} lines beside the Python programs")
for argument in sys.argv[2:]:
    program, _, trace = argument.partition("=")
    name = pathlib.Path(program).name
    its = [s for s in stops if s.program == name and s.evening == first]
    places = read_trace(program, pathlib.Path(trace))
    wrong = wrong_in_trace(its, places) if its else "the tour has no stops in it"
    report(f"{name} calls its {len(its)} stops in the tour's order", [wrong] if wrong else [])
    if its and not wrong:
        print(f"# {seen_exchanges(its, places)} of {len(its) - 1} pairs of neighbours could not be "
              "exchanged unseen")
sys.exit(failed)
