#!/usr/bin/python3
# SPDX-License-Identifier: ISC
"""How good are the tests? Puts small faults into the sources, one at a time, and looks which tests find them.

    test/mutate.py [--count N] [--seed S] [--worlds N] [--log FILE] [PATH...]

Each fault is one line of src/ changed at random: a comparison turned, a condition inverted, a number off by one, a
statement gone. A change after which the compiler makes the same code changes nothing and counts for nothing. Else the unit
tests into which the changed object is linked are run, the quickest first, until one fails; where none does, worlds of
test/world. A test has a few times the CPU time that it takes unchanged; one that takes more, or hangs, has found the fault.
What nothing finds is printed, but for what test/mutants-known.txt names: those change nothing that anybody can see.
Objects that are in no unit test and in no world are counted apart: only labs run them.
The same seed makes the same faults. PATH restricts them to files whose name begins so, such as src/nat.
"""
import argparse
import collections
import concurrent.futures
import os
import random
import re
import resource
import shutil
import signal
import subprocess
import sys
import threading
import time

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
TREES = os.path.join(ROOT, "build", "mutants")
KNOWN = os.path.join(ROOT, "test", "mutants-known.txt")
MAKE = ["make", "-s", "CFLAGS=-O2", "WARNINGS=-w"]  # without -g nothing in an object says where a line was
WORLD_SECONDS = 1200  # of a life: what is found is found early

# What a line has, and what it gets instead.
CHANGES = [
    ("a comparison turned", r"(?<=\s)(<=|>=|<|>|==|!=)(?=\s)",
     lambda m: {"<": "<=", "<=": "<", ">": ">=", ">=": ">", "==": "!=", "!=": "=="}[m[0]]),
    ("and, or exchanged", r"&&|\|\|", lambda m: "||" if m[0] == "&&" else "&&"),
    ("a condition inverted", r"\b(if|while) \((?=.*\)( \{)?$)(.*)\)( \{)?$", lambda m: f"{m[1]} (!({m[3]})){m[4] or ''}"),
    ("a number off by one", r"\b\d+\b(?!\.)", lambda m: str(int(m[0]) + 1)),
    ("plus, minus exchanged", r"(?<=\s)[+-](?=\s)", lambda m: "-" if m[0] == "+" else "+"),
    ("true, false exchanged", r"\b(true|false)\b", lambda m: "false" if m[0] == "true" else "true"),
    ("a statement gone", r"^(\s+)(?!return|break|continue|goto|case|default|static|const|struct|enum|union|\w+ \*?\w+( =|;|\[))"
                         r"[\w*(>-][^{}]*;$", lambda m: f"{m[1]};"),
]

Fault = collections.namedtuple("Fault", "number name at line instead what")


def output(*command):
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True).stdout


def sources(paths):
    return [name for name in output("git", "ls-files", "src").split() if name.endswith(".c")
            and not name.endswith("_darwin.c") and (not paths or name.startswith(tuple(paths)))]


def is_code(line):
    text = line.strip()
    return text and not text.startswith(("//", "#", "*", "}")) and "static_assert" not in text.lower() and '"' not in text


def faults(seed, names):
    """Without end: faults, in an order that the seed makes."""
    chance, number = random.Random(seed), 0
    texts = {name: open(os.path.join(ROOT, name), encoding="utf-8").read().split("\n") for name in names}
    while True:
        name = chance.choice(names)
        lines = texts[name]
        at = chance.randrange(len(lines))
        what, pattern, instead = chance.choice(CHANGES)
        code = lines[at].split(" //")[0]
        places = list(re.finditer(pattern, code)) if is_code(code) else []
        if places:
            place = chance.choice(places)
            yield Fault(number, name, at, lines[at], code[:place.start()] + instead(place) + code[place.end():], what)
            number += 1


def known():
    """Faults that change nothing: file, line before, line after."""
    with open(KNOWN, encoding="utf-8") as file:
        rows = [line.rstrip("\n").split(" | ") for line in file if line.strip() and not line.startswith("#")]
    return {tuple(cell.strip() for cell in row[:3]) for row in rows}


class Objects:
    """Which objects need which, by their symbols."""

    def __init__(self, tree):
        self.tree, self.needs, self.gives = tree, {}, {}
        library = subprocess.run(["ar", "t", "build/libtether.a"], cwd=tree, capture_output=True, text=True, check=True)
        members = set(library.stdout.split())
        for folder, _, files in os.walk(os.path.join(tree, "build", "obj")):
            if folder.split("/obj/")[-1].startswith(("src/client", "src/server", "src/relay", "test", "storm")):
                continue
            for file in files:
                if file in members:
                    self.add(os.path.relpath(os.path.join(folder, file), tree))

    def symbols(self, path):
        found = subprocess.run(["nm", path], cwd=self.tree, capture_output=True, text=True, check=True).stdout
        rows = [line.split()[-2:] for line in found.splitlines() if len(line.split()) > 1]
        return {name for kind, name in rows if kind == "U"}, {name for kind, name in rows if kind in "TDBRVWC"}

    def add(self, path):
        self.needs[path], gives = self.symbols(path)
        self.gives.update(dict.fromkeys(gives, path))

    def behind(self, *paths):
        """All of the library that these objects bring in."""
        own = [self.symbols(path) for path in paths]
        gives = set().union(*(gives for _, gives in own))  # a test may have its own in the place of the library's
        found, wanted = set(), set().union(*(needs for needs, _ in own)) - gives
        while wanted:
            path = self.gives.get(wanted.pop())
            if path is not None and path not in found:
                found.add(path)
                wanted |= self.needs[path] - gives
        return found


class Test:
    """A unit test: its object, what it is linked from, and what it takes."""

    def __init__(self, tree, name, extra, objects):
        self.name, self.cpu_s = name, 0.0
        self.program, own = f"build/unit/{name}", f"build/unit/{name}.o"
        self.parts = [own, *extra, *sorted(objects.behind(own, *extra))]
        with open(os.path.join(tree, "test", "unit", f"{name}.c"), encoding="utf-8") as file:
            self.includes = [f"build/obj/{path}.o" for path in re.findall(r'#include "../../(src/.*)\.c"', file.read())]
        self.link(tree)

    def link(self, tree):
        run(tree, ["cc", "-o", self.program, *self.parts, "-lm"], check=True)

    def passes(self, tree):
        if self.includes:
            compile_test(tree, self.name)
        self.link(tree)
        return passes(tree, [self.program], 1 + 4 * self.cpu_s)


def run(tree, command, check=False):
    return subprocess.run(command, cwd=tree, capture_output=True, text=True, check=check)


def passes(tree, command, cpu_s):
    """Whether it ends well before it took so much CPU time, and does not sleep for ever. Wall time means nothing on a busy
    machine, where this program may itself stand still for long: so looks are counted that find it asleep, twenty seconds' worth."""
    def limit():
        os.setpgid(0, 0)
        signal.signal(signal.SIGHUP, signal.SIG_DFL)  # a test of it would wait for ever under nohup(1)
        resource.setrlimit(resource.RLIMIT_CPU, (int(cpu_s + 1), int(cpu_s + 2)))
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    with subprocess.Popen(command, cwd=tree, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
                          preexec_fn=limit) as child:
        asleep, pause_s = 0, 0.002
        while child.poll() is None:
            time.sleep(pause_s)
            pause_s = min(0.2, pause_s * 1.5)
            asleep += pause_s == 0.2 and "R" not in states(child.pid)
            if asleep > 100:
                os.killpg(child.pid, 9)
                child.wait()
                return False
        return child.returncode == 0


def states(process):
    """A letter for it and each of its children (proc(5)): R runs, or waits for a processor."""
    try:
        with open(f"/proc/{process}/task/{process}/children", encoding="ascii") as file:
            all_of_them = [process, *map(int, file.read().split())]
        found = ""
        for one in all_of_them:
            with open(f"/proc/{one}/stat", encoding="ascii") as file:
                found += file.read().rsplit(")", 1)[1].split()[0]
        return found
    except OSError:
        return "R"  # one of them has just ended


def compile_test(tree, name):
    folder = ["-Itest/unit/storm"] if name.endswith("_storm") else []
    run(tree, ["cc", *folder, "-std=c11", "-w", "-O1", "-fstack-protector-strong", "-D_GNU_SOURCE", '-DTETHER_VERSION="1.0"',
               "-Isrc", "-Ibuild", "-Itest/unit", "-c", "-o", f"build/unit/{name}.o", f"test/unit/{name}.c"], check=True)


class Project:
    """The first tree, built; what is in each test and each world's program."""

    def __init__(self):
        self.tree = os.path.join(TREES, "0")
        shutil.rmtree(TREES, ignore_errors=True)
        os.makedirs(self.tree)
        for entry in ("Makefile", "src", "html", "test", "tools", "dist", "doc"):
            source = os.path.join(ROOT, entry)
            (shutil.copytree if os.path.isdir(source) else shutil.copy2)(source, os.path.join(self.tree, entry))
        names = sorted(file[:-2] for file in os.listdir(os.path.join(self.tree, "test/unit"))
                       if file.startswith("test_") and file.endswith(".c"))
        built = run(self.tree, [*MAKE, f"-j{os.cpu_count()}", "all", "build/world/world",
                                "build/obj/storm/session.o"])
        if built.returncode != 0:
            sys.exit("the sources do not build: " + built.stderr[-2000:])
        os.makedirs(os.path.join(self.tree, "build", "unit"), exist_ok=True)
        with concurrent.futures.ThreadPoolExecutor(os.cpu_count()) as pool:
            list(pool.map(lambda name: compile_test(self.tree, name), names))
        objects = Objects(self.tree)
        told = run(self.tree, [*MAKE, "-n", "-B", *(f"build/unit/{name}" for name in names)], check=True).stdout
        links = [line.replace("\\\n", " ").split() for line in re.split(r"(?<!\\)\n", told) if "-o build/unit/test_" in line]
        own = {os.path.basename(words[words.index("-o") + 1]): [word for word in words if word.endswith(".o")] for words in links}
        self.tests = [Test(self.tree, name, own[name], objects) for name in names]
        for test in self.tests:
            before = resource.getrusage(resource.RUSAGE_CHILDREN)
            if not passes(self.tree, [test.program], 60):
                sys.exit(f"{test.name} fails without any fault")
            after = resource.getrusage(resource.RUSAGE_CHILDREN)
            test.cpu_s = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
        told = run(self.tree, [*MAKE, "-n", "-B", "build/world/world"], check=True).stdout
        rows = [line.split() for line in told.splitlines() if line.startswith("test/world/link.sh")]
        self.world = {row[1]: row[3:] for row in rows}

    def tests_of(self, path):
        """Those that may find it: of the same name first, then the quickest."""
        stem = os.path.basename(path)[:-2].split("_")[0]
        paths = {path, "build/obj/storm/session.o"} if path.endswith("src/session/session.o") else {path}
        return sorted((test for test in self.tests if paths & {*test.parts, *test.includes}),
                      key=lambda test: (not test.name.startswith("test_" + stem), test.cpu_s))

    def programs_of(self, path):
        return [name for name, parts in self.world.items() if path in parts]


class Judge:
    def __init__(self, project, tree, worlds):
        self.project, self.tree, self.worlds = project, tree, worlds

    def judge(self, fault):
        """Who finds it: a test's name, "world", "nobody", "labs" (who alone could); None: it is no fault."""
        path = f"build/obj/{fault.name[:-2]}.o"
        if not os.path.exists(os.path.join(self.tree, path)):
            return None
        before = self.code_of(path)
        self.write_line(fault.name, fault.at, fault.instead)
        try:
            if run(self.tree, [*MAKE, path]).returncode != 0 or self.code_of(path) == before:
                return None
            return self.look(path)
        finally:
            self.write_line(fault.name, fault.at, fault.line)
            run(self.tree, [*MAKE, path], check=True)

    def look(self, path):
        tests, programs = self.project.tests_of(path), self.project.programs_of(path)
        if not tests and not programs:
            return "labs"
        if path.endswith("src/session/session.o") and run(self.tree, [*MAKE, "build/obj/storm/session.o"]).returncode != 0:
            return None
        for test in tests:
            if not test.passes(self.tree):
                return test.name
        if programs and not self.world_passes():
            return "world"
        return "nobody"

    def world_passes(self):
        if run(self.tree, [*MAKE, "build/world/world"]).returncode != 0:
            return False
        return passes(self.tree, ["build/world/world", "-f", "1", str(self.worlds), str(WORLD_SECONDS)], 20)

    def code_of(self, path):
        with open(os.path.join(self.tree, path), "rb") as file:
            return file.read()

    def write_line(self, name, at, text):
        path = os.path.join(self.tree, name)
        with open(path, encoding="utf-8") as file:
            lines = file.read().split("\n")
        lines[at] = text
        with open(path, "w", encoding="utf-8") as file:
            file.write("\n".join(lines))


class Tally:
    """Takes faults out one by one and notes what became of each, until so many were judged."""

    def __init__(self, options):
        self.drawn, self.count = faults(options.seed, sources(options.path)), options.count
        self.known, self.verdicts, self.lock = known(), [], threading.Lock()
        self.log = open(options.log, "a", encoding="utf-8") if options.log else None

    def next(self):
        with self.lock:
            return next(self.drawn) if len(self.verdicts) < self.count else None

    def note(self, fault, who):
        row = (fault.name, fault.line.split(" //")[0].strip(), fault.instead.strip())
        with self.lock:
            if who is None or row in self.known:
                return
            self.verdicts.append((fault, who))
            if self.log:
                print(who, f"{fault.name}:{fault.at + 1}", *row[1:], sep=" | ", file=self.log, flush=True)
            if who == "nobody":
                print(f"survives: {fault.name}:{fault.at + 1}: {fault.what}\n    {row[1]}\n    {row[2]}", flush=True)

    def tell(self):
        """A line for each folder, and one for all: of what units or worlds can reach."""
        counts = collections.defaultdict(collections.Counter)
        for fault, who in self.verdicts:
            who = who if who in ("world", "nobody", "labs") else "units"
            counts[fault.name.split("/")[1]][who] += 1
            counts["all"][who] += 1
        for folder in sorted(counts, key=lambda name: (name == "all", name)):
            count = counts[folder]
            reached = count["units"] + count["world"] + count["nobody"]
            share = f"{100 * (reached - count['nobody']) / reached:.0f} % found" if reached else "none reached"
            print(f"{folder:8} {reached:4} faults: {count['units']} found by the unit tests, {count['world']} by the world, "
                  f"{count['nobody']} by nobody ({share}); {count['labs']} more in files that only labs run")


def work(judge, tally):
    fault = tally.next()
    while fault is not None:
        tally.note(fault, judge.judge(fault))
        fault = tally.next()


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--count", type=int, default=200)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--worlds", type=int, default=24)
    parser.add_argument("--log", help="a line for each fault is added to this file")
    parser.add_argument("path", nargs="*")
    options = parser.parse_args()
    os.environ["STORM_STEPS"] = "20000"
    project, tally = Project(), Tally(options)
    trees = [os.path.join(TREES, str(i)) for i in range(os.cpu_count())]
    for tree in trees[1:]:
        run(ROOT, ["cp", "-a", project.tree, tree], check=True)
    workers = [threading.Thread(target=work, args=(Judge(project, tree, options.worlds), tally)) for tree in trees]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    tally.tell()
    shutil.rmtree(TREES, ignore_errors=True)


main()
