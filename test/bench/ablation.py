#!/usr/bin/python3
# SPDX-License-Identifier: ISC
"""What each term of flow control is worth: bench_flow with a copy of src/flow from which the term is taken out.

    ablation.py [--only WORDS] [--seed NUMBER] [TRACES]

TRACES is a folder of recorded links. For each term, and each link, a row says by how many percent goodput and the
95th percentile of the wait change without it, each as the mean of transfers down, up and both ways, and the time that
pages take. A term earns its place where goodput falls by 2 % or more without it, or the wait grows by 10 % or more, on a
link. "Nothing" changes a constant by a quarter of a percent: what it changes is the simulation's own noise.

A term is a list of replacements in the source. One that is not found is an error, so the list stays true.
"""
import argparse
import math
import os
import re
import subprocess
import sys

TERMS = {
    "nothing": [("flow.c", "TARGET_US 4000", "TARGET_US 4010")],
    "spread": [("flow.c", "greater(TARGET_US, spread_us(flow)) + credit_us", "TARGET_US + credit_us")],
    "credit for connections that begin": [("flow.c", "is_beginning(flow, now_us) ? CREDIT_US : 0", "0 * now_us")],
    "told": [("flow.c", "greater(0, flow->told - (int64_t)flow_message_size(flow));", "0 * flow->told;")],
    "presumed delivery": [("flow.c", "return bytes_in(flow, greater(0, until_us - late_from_us(flow)));", "return 0 * until_us;")],
    "lateness of the way back": [("flow.c", "flow->way.late_us + message_us", "message_us")],
    "a message's own time": [("flow.c", "+ message_us + tolerated_us", "+ tolerated_us")],
    "clock: the way there apart": [("way.c", "report->has_received ? report->received_us : (uint32_t)(now_us - report->delay_us)",
                                    "(uint32_t)(now_us - report->delay_us)")],
    "the shortest way back is forgotten": [("way.c", "way->back_least_us += silent_us / DRIFT;", "(void)silent_us;")],
    "pace": [("flow.c", "if (is_beginning(flow, now_us))\n        return;", "return;")],
    "no pace while connections begin": [("flow.c", "if (is_beginning(flow, now_us))\n        return;",
                                         "if (flow_rate(flow) == 0)\n        return;")],
    "what a page sends is not the bare way": [("flow.c", "flow->drain.from_us = now_us;", ";")],
    "a window leaves in a round trip": [("flow.c", "smaller(takes_us, part_us)", "(part_us < 0 ? 0 : takes_us)")],
    "what drains makes no queue": [("flow.c", "bool drains = flow->drain.window > 0;", "bool drains = false;")],
    "no draining while connections begin": [("flow.c", "if (flow->drain.window > 0 && !is_beginning(flow, now_us))", "if (flow->drain.window > 0)"),
                                            ("flow.c", "if (!is_beginning(flow, now_us))", "if (flow_rate(flow) > 0)")],
    "draining": [("drain.c", "if (now_us - drain->ended_us < FLOW_RENEWED_US)", "if (now_us > 0)")],
    "growing where there is no queue": [("flow.c", "window += greater(window, WINDOW_FIRST);", ";")],
    "the window grows by what is delivered": [("flow.c", "smaller(smaller(window, grown), WINDOW_MOST)",
                                               "(grown == 0 ? 0 : smaller(window, WINDOW_MOST))")],
    "what passes in some time raises the rate": [("flow.c", "if (took_us >= flow_bare_us(flow))", "if (took_us < 0)")],
    "only busy time counts": [("service.c", "if (was_waiting && busy_us <= REMEMBERED_US)",
                               "(void)was_waiting;\n    if (busy_us <= REMEMBERED_US)")],
    "message length by rate": [("flow.c", "return (size_t)smaller(greater(size, TUN_MTU), LINK_RECORDS);",
                                "return size > 0 ? LINK_RECORDS : TUN_MTU;")],
    "message of two segments": [("flow.c", "size = greater(size, PAIR * TUN_MTU);", ";")],
    "longer messages while nobody hurries": [("flow.c", "size = greater(size, smaller(bytes_in(flow, half(CREDIT_US)), FLOW_SHORT));",
                                              ";")],
    "more spread while nobody hurries": [("flow.c", "if (is_gone(flow))\n        most_us =", "if (false)\n        most_us =")],
    "more presumed while nobody hurries": [("flow.c", "is_gone(flow) ? CREDIT_US : 0", "0")],
    "message length by unrest": [("flow.c", "greater(bytes_in(flow, MESSAGE_US), restless)", "bytes_in(flow, MESSAGE_US) + 0 * restless")],
    "small packets go ahead": [("flow.c", "return flow->count < FLOW_MESSAGES && !flow->silence.is_silent &&",
                                "return false && flow->count < FLOW_MESSAGES && !flow->silence.is_silent &&")],
    "small packets wait for a long queue": [("flow.c", "flow->way.queue_us < CREDIT_US && ", "")],
    "silence": [("flow.c", "return flow->silence.has_asked ? 0 : 1;", ";")],
    "no draining after a silence": [("flow.c", "flow->drain = (struct drain){.ended_us = now_us};", ";")],
    "a long pause makes the window small": [("flow.c", "pause_us >= FLOW_RENEWED_US && flow->window", "pause_us < 0 && flow->window")],
    "receiver: 12 KiB are told soon": [("flow_receiver.c", "receiver->bytes >= FLOW_OWED_SOME", "receiver->bytes >= 1000 * FLOW_OWED_SOME")],
}

BENCH = ["bench_flow.c", "flow_links.c", "flow_sim.c", "cell_link.c", "cell_trace.c"]


def copy_without(name, replacements, build):
    """A copy of src/ in which only flow/ is not a link to what is here."""
    folder = f"{build}/bench/without/{re.sub('[^a-z]+', '-', name)}"
    os.makedirs(f"{folder}/src/flow", exist_ok=True)
    for entry in os.listdir("src"):
        if entry != "flow" and not os.path.lexists(f"{folder}/src/{entry}"):
            os.symlink(os.path.abspath(f"src/{entry}"), f"{folder}/src/{entry}")
    for entry in os.listdir(f"{folder}/src/flow"):
        os.remove(f"{folder}/src/flow/{entry}")
    for entry in os.listdir("src/flow"):
        with open(f"src/flow/{entry}", encoding="utf-8") as file:
            text = file.read()
        for where, old, new in replacements:
            if where == entry and text.count(old) != 1:
                sys.exit(f"src/flow/{entry} does not have this once, for \"{name}\": {old}")
            text = text.replace(old, new) if where == entry else text
        with open(f"{folder}/src/flow/{entry}", "w", encoding="utf-8") as file:
            file.write(text)
    return folder


def build_bench(folder, build):
    sources = [f"test/bench/{name}" for name in BENCH]
    sources += sorted(f"{folder}/src/flow/{name}" for name in os.listdir(f"{folder}/src/flow") if name.endswith(".c"))
    subprocess.run([*os.environ.get("CC", "cc").split(), "-std=c11", "-O2", "-D_GNU_SOURCE", "-w", f"-I{folder}/src", f"-I{build}",
                    "-o", f"{folder}/bench_flow", *sources, f"{build}/libtether.a", "-lm"], check=True)
    return f"{folder}/bench_flow"


def figures(program, arguments):
    """Of each link and load: wait or ratio, used down, used up."""
    lines = subprocess.run([program, "--figures", *arguments], check=True, capture_output=True, text=True).stdout.split("\n")
    rows = [line.split(",") for line in lines if line]
    result = {}
    for link, load, *numbers in rows:
        result.setdefault(link, {})[load] = [float(number) for number in numbers]
    return result


def change(ratios):
    return 100 * (math.exp(sum(math.log(max(ratio, 1e-3)) for ratio in ratios) / len(ratios)) - 1)


def compare(full, without):
    """Percent by which goodput, wait and pages change."""
    loads = ("down", "up", "both")
    goodput = [sum(without[load][1:]) / max(sum(full[load][1:]), 1e-3) for load in loads]
    wait = [without[load][0] / full[load][0] for load in loads]
    return change(goodput), change(wait), change([without["pages"][0] / full["pages"][0]])


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--only", default="")
    parser.add_argument("--seed", default="1")
    parser.add_argument("--build", default="build")
    parser.add_argument("traces", nargs="?")
    options = parser.parse_args()
    arguments = ["--seed", options.seed] + ([options.traces] if options.traces else [])
    full = figures(f"{options.build}/bench/bench_flow", arguments)
    print("Without a term: changes of goodput, of the wait's 95th percentile and of pages' time, percent")
    print(f"{'':38}{'at its best':>19}  " + "".join(f"{link[:16]:>17}" for link in full))
    for name, replacements in TERMS.items():
        if options.only not in name:
            continue
        folder = copy_without(name, replacements, options.build)
        without = figures(build_bench(folder, options.build), arguments)
        rows = {link: compare(full[link], without[link]) for link in full}
        least, most, page = (min(row[0] for row in rows.values()), max(row[1] for row in rows.values()),
                             max(row[2] for row in rows.values()))
        print(f"{name:38}{least:+7.1f}{most:+6.0f}{page:+6.1f}  "
              + "".join(f"{row[0]:+6.1f}{row[1]:+6.0f}{row[2]:+5.0f}" for row in rows.values()), flush=True)


main()
