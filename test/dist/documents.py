#!/usr/bin/env python3
# SPDX-License-Identifier: ISC
"""Compares the manual pages with what they describe.

  test/dist/documents.py

For each program: the options of the manual page (its list and its synopsis), of --help, of bash's completion and of
the parser's table in the source are the same ones. Where status.json is described, its fields are those that the
source writes. The error sentences that the source can log are all explained in some page, and no page explains
another. Needs build/tether-*, bash and mandoc.
"""
import glob
import re
import subprocess
import sys

PROGRAMS = ("client", "server", "relay")
failed = False


def check(name, problems):
    global failed
    problems = list(problems)
    print(f"not ok - {name}: {'; '.join(problems)}" if problems else f"ok - {name}")
    failed = failed or bool(problems)


def same(name, got, wanted, of_got, of_wanted):
    check(name, [f"{of_got} lacks {one}" for one in sorted(wanted - got)] +
          [f"only {of_got} has {one}" for one in sorted(got - wanted)])


def read(path):
    with open(path, encoding="utf-8") as file:
        return file.read()


def sources(program=None):
    """The source of all programs, or a program's own."""
    return "\n".join(read(path) for path in sorted(glob.glob("src/**/*.c", recursive=True))
                     if program is None or re.match(rf"src/{program}\b|src/{program}_", path))


def run(*command):
    return subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False).stdout


def section(page, title):
    return re.search(rf"^\.Sh {title}\n(.*?)(?=^\.Sh |\Z)", page, re.M | re.S).group(1)


# ---- options ----

def options_of_mdoc(text):
    """{option: whether it has a value} of "Fl Fl key-file Ar file" and the like."""
    found = {}
    for line in text.splitlines():
        for part in re.split(r"[|,\[\]] ?", line):
            match = re.search(r"\bFl (Fl )?([\w-]+)(.*)", part)
            if match:
                dashes = "--" if match.group(1) else "-"
                found[dashes + match.group(2)] = " Ar " in match.group(3) or " Cm " in match.group(3)
    return found


def options_of_list(page):
    lines = re.findall(r"^\.It (Fl .*)", section(page, "OPTIONS"), re.M)
    return options_of_mdoc("\n".join(lines))


def options_of_synopsis(page):
    # "Op Fl v | q" is short for -v and -q.
    return options_of_mdoc(section(page, "SYNOPSIS").replace("Fl v | q", "Fl v | Fl q"))


def options_of_parser(program):
    rows = r'\{"(--?[\w-]+)",\s*\.(flag|text|take) = '
    found = re.findall(rows, sources(program)) + re.findall(rows, read("src/base/options.c"))
    return {name: taken_by != "flag" for name, taken_by in found}


def options_of_help(program):
    return set(re.findall(r"(?<![\w-])--?[a-z][a-z-]*", run(f"build/tether-{program}", "--help")))


def complete(program, *words):
    script = f"""source dist/completion/tether
        COMP_WORDS=(tether-{program} {' '.join(words)} '') COMP_CWORD={len(words) + 1}; _tether
        printf '%s\\n' "${{COMPREPLY[@]}}" """
    return set(run("bash", "-c", script).split())


def check_options(program, page):
    name = f"tether-{program}"
    parser = options_of_parser(program)
    listed = options_of_list(page)
    check(f"{name}: the source has a table of options", [] if len(parser) > 6 else ["it was not found"])
    same(f"{name}: the page lists the parser's options", set(listed), set(parser), "the page", "the parser")
    check(f"{name}: the page gives values to the options that take one",
          [option for option in listed if listed[option] != parser.get(option)])
    same(f"{name}: the synopsis has the options of the list", set(options_of_synopsis(page)), set(listed),
         "the synopsis", "the list")
    same(f"{name}: --help shows the parser's options", options_of_help(program), set(parser), "--help", "the parser")
    same(f"{name}: bash completes the parser's options", complete(program), set(parser), "completion", "the parser")
    check(f"{name}: bash completes no option where a value belongs",
          [option for option in parser if parser[option] and complete(program, option) & set(parser)])
    check(f"{name}: the program knows the page's options",
          [option for option in listed if "there is no option" in run(f"build/{name}", option, "--version")])


def check_defaults(program, page):
    items = re.split(r"^\.It ", section(page, "OPTIONS"), flags=re.M)[1:]
    check(f"tether-{program}: the page says the default of each option with a value",
          [item.splitlines()[0] for item in items if re.search(r"^Fl Fl.* (Ar|Cm) ", item) and "default" not in item])
    shown = re.findall(r"\(([^()]*\d[^()]*)\)", run(f"build/tether-{program}", "--help"))
    values = [re.sub(r"^port ", "", value) for value in shown]
    check(f"tether-{program}: the page has the defaults that --help shows",
          [value for value in values if value not in section(page, "OPTIONS")])


# ---- status.json ----

CONFIG = {"role", "server", "id", "laptop", "websocket_ports"}  # config.json's fields


def check_status(program, page):
    text = section(page, "STATUS")
    described = set()
    for line in re.findall(r"^\.(?:It )?Cm (.*)", text, re.M):
        described |= set(re.findall(r"\w+", line))
    # Strings may go on in the next line. The HTTP host writes its counters for both programs.
    whole = re.sub(r'"\s*\n\s*"', "", sources(program) + read("src/http/host.c"))
    written = set(re.findall(r'\\"(\w+)\\":', whole)) - CONFIG
    shared = read("src/tunnel/counters.c")  # the names of both programs' counters stand in a table
    written |= set(re.findall(r'"([a-z_]+)"', shared[:shared.index("};")])) | {"drops"}
    if program == "server":
        names = re.findall(r'\[NAT_\w+\] = "(\w+)"', sources())
        written |= set(names) - {"pass", "held"}
    check(f"tether-{program}: the source writes fields of status.json", [] if len(written) > 20 else ["few were found"])
    same(f"tether-{program}: the page describes status.json's fields", described, written, "the page", "the source")


# ---- error sentences ----

def sentences_of_source():
    calls = re.findall(r'log_(?:error|warn)\(\s*[^,;{]*?,\s*((?:"(?:[^"\\]|\\.)*"\s*)+)', sources())
    return {"".join(re.findall(r'"((?:[^"\\]|\\.)*)"', call)) for call in calls}


def pattern(sentence):
    """A page shows words in place of "%s"; what a sentence ends with ("%s%s") may be left out."""
    text = re.sub(r"(%\w+)+$", "%s", sentence)
    return "".join(".+" if part.startswith("%") else re.escape(part) for part in re.split(r"((?:%l?\w[./%d]*)+)", text))


def check_sentences(pages):
    source = sentences_of_source()
    explained = set()
    for page in pages.values():
        explained |= set(re.findall(r"^\.It (.*)", section(page, "DIAGNOSTICS"), re.M))
    patterns = {sentence: re.compile(pattern(sentence) + r"\Z") for sentence in source}
    check("the source logs error sentences", [] if len(source) > 40 else ["few were found"])
    check("each error sentence of the source is explained in a page",
          [sentence for sentence in sorted(source) if not any(patterns[sentence].match(one) for one in explained)])
    check("each sentence that a page explains is in the source",
          [one for one in sorted(explained) if not any(match.match(one) for match in patterns.values())])


def main():
    pages = {program: read(f"dist/man/tether-{program}.8") for program in PROGRAMS}
    names = [f"tether-{program}.8" for program in PROGRAMS]
    lint = subprocess.run(["mandoc", "-T", "lint"] + names, cwd="dist/man", stdout=subprocess.PIPE,
                          stderr=subprocess.STDOUT, text=True, check=False)
    check("mandoc finds nothing wrong in the pages", lint.stdout.splitlines())
    for program, page in pages.items():
        check_options(program, page)
        check_defaults(program, page)
        if program != "relay":
            check_status(program, page)
    check_sentences(pages)
    newest = re.search(r"^Tether (\S+)", read("CHANGES"), re.M)
    said = run("build/tether-server", "--version").split()
    check("CHANGES begins with the programs' version", [] if newest and newest.group(1) == said[1] else [said[1]])
    sys.exit(failed)


main()
