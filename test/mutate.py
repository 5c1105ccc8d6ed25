#!/usr/bin/python3
# SPDX-License-Identifier: ISC
"""How good are the tests? Puts small faults into the sources, one at a time, and looks which tests find them.

    test/mutate.py [--count N] [--seed S] [--worlds N] [PATH...]

Each fault is one line of src/ changed at random: a comparison turned, a condition inverted, a number off by one, a
statement gone. The unit tests are run with it, in a copy of the sources, and where they find nothing, worlds of test/world.
A change after which the compiler makes the same code changes nothing and counts for nothing. What nothing finds is printed.
The same seed makes the same faults. PATH restricts them to files whose name begins so, such as src/nat.
"""
import argparse
import os
import random
import re
import shutil
import subprocess
import sys

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
TREE = os.path.join(ROOT, "build", "mutants")
UNITS = "for test in build/unit/test_*[!.]?; do [ ! -x $test ] || $test || exit 1; done"
TIME_LIMIT_S = 120  # a test that does not end has found the fault, too

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


def sources(paths):
    listed = subprocess.run(["git", "ls-files", "src"], cwd=ROOT, capture_output=True, text=True, check=True).stdout.split()
    return [name for name in listed if name.endswith(".c") and not name.endswith("_darwin.c")
            and (not paths or name.startswith(tuple(paths)))]


def is_code(line):
    text = line.strip()
    return text and not text.startswith(("//", "#", "*", "}")) and "static_assert" not in text.lower() and '"' not in text


def draw(chance, names):
    """A fault: file, line's number, the line before and after, what was done."""
    while True:
        name = chance.choice(names)
        with open(os.path.join(ROOT, name), encoding="utf-8") as file:
            lines = file.read().split("\n")
        at = chance.randrange(len(lines))
        what, pattern, instead = chance.choice(CHANGES)
        code = lines[at].split(" //")[0]
        places = list(re.finditer(pattern, code)) if is_code(code) else []
        if places:
            place = chance.choice(places)
            return name, at, lines[at], code[:place.start()] + instead(place) + code[place.end():], what


def write_line(name, at, text):
    path = os.path.join(TREE, name)
    with open(path, encoding="utf-8") as file:
        lines = file.read().split("\n")
    lines[at] = text
    with open(path, "w", encoding="utf-8") as file:
        file.write("\n".join(lines))


def make(*targets):
    command = ["make", "-s", f"-j{os.cpu_count()}", "WARNINGS=-w", *targets]
    return subprocess.run(command, cwd=TREE, capture_output=True, check=False).returncode == 0


def passes(command):
    try:
        return subprocess.run(command, cwd=TREE, capture_output=True, timeout=TIME_LIMIT_S, check=False).returncode == 0
    except subprocess.TimeoutExpired:
        return False


def object_of(name):
    return f"build/obj/{name[:-2]}.o"


def code_of(name):
    """What the compiler made of a file: without -g nothing in it says where a line was."""
    with open(os.path.join(TREE, object_of(name)), "rb") as file:
        return file.read()


def judge(name, before, worlds):
    """Who finds the fault that is in the copy: "units", "world" or None; "" where it is none."""
    if not make(object_of(name)) or code_of(name) == before:
        return ""
    if not make("unit-tests") or not passes(["sh", "-c", UNITS]):
        return "units"
    if not make("build/world/world") or not passes(["build/world/world", "1", str(worlds)]):
        return "world"
    return None


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--count", type=int, default=200)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--worlds", type=int, default=100)
    parser.add_argument("path", nargs="*")
    options = parser.parse_args()
    chance, names = random.Random(options.seed), sources(options.path)
    os.environ["STORM_STEPS"] = "20000"
    shutil.rmtree(TREE, ignore_errors=True)
    os.makedirs(TREE)
    for entry in ("Makefile", "src", "html", "test", "tools", "dist"):
        source = os.path.join(ROOT, entry)
        (shutil.copytree if os.path.isdir(source) else shutil.copy2)(source, os.path.join(TREE, entry))
    if not make("all", "unit-tests", "build/world/world"):
        sys.exit("the sources do not build")
    found = {"units": 0, "world": 0, None: 0}
    while sum(found.values()) < options.count:
        name, at, line, fault, what = draw(chance, names)
        if not os.path.exists(os.path.join(TREE, object_of(name))):
            continue
        before = code_of(name)
        write_line(name, at, fault)
        who = judge(name, before, options.worlds)
        write_line(name, at, line)
        make(object_of(name))
        if who == "":
            continue
        found[who] += 1
        if who is None:
            print(f"survives: {name}:{at + 1}: {what}\n    {line.strip()}\n    {fault.strip()}", flush=True)
    total = sum(found.values())
    print(f"{total} faults: {found['units']} found by the unit tests, {found['world']} by the world, "
          f"{found[None]} by nobody ({100 * (total - found[None]) / max(total, 1):.0f} % found)")
    shutil.rmtree(TREE, ignore_errors=True)


main()
