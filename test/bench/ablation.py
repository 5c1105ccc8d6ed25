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
    "nothing": [("flow.c", "TARGET_US      4000", "TARGET_US      4010")],
    "spread": [("flow.c", "int64_t us = service_unrest_us(&flow->service) * 3 / 2;", "int64_t us = 0;")],
    "told": [("flow.c", "return greater(0, flow->told - (int64_t)flow_message_size(flow));", "return 0 * flow->told;")],
    "presumed delivery": [("flow.c", "if (flow->back_late_us < BACK_FREE_US)", "if (flow->back_late_us >= 0)")],
    "acknowledgements kept back": [("flow.c", "target_us + flow->delay_us + flow->back_us", "target_us + flow->back_us")],
    "lateness of the way back": [("flow.c", "flow->delay_us + flow->back_us + flow_spread", "flow->delay_us + flow_spread")],
    "clock: the way there apart": [("flow.c", "if (!report->has_received)\n        return trip_us;",
                                    "if (report->counter + 1 > 0)\n        return trip_us;"),
                                   ("flow.c", "if (report->has_received && newest.sent_us",
                                    "if (false && newest.sent_us")],
    "pace": [("flow.c", "if (rate == 0 || service_unrest_us", "if (rate >= 0 || service_unrest_us")],
    "no pace on restless links": [("flow.c", "service_unrest_us(&flow->service) > PACE_UNREST_US", "false")],
    "no pace after a pause": [("flow.c", "now_us - flow->starved_us <= flow->smoothed_us)", "false)")],
    "pace: faster while more is tried": [("flow.c", "rate = is_growing ? 3 * rate : rate * 3 / 2;",
                                          "(void)is_growing;\n    rate = rate * 3 / 2;")],
    "draining": [("flow.c", "flow->drain_from_us = now_us;\n        flow->is_draining = true;",
                  "flow->drain_from_us = now_us;")],
    "eagerness": [("flow.c", "window += window * flow->eager / 100 * eagerness(queue_us, target_us) / 100;",
                   "window += 0 * eagerness(queue_us, target_us);")],
    "eagerness goes by the queue": [("flow.c", "return 100 * (target_us - greater(queue_us, 0)) / target_us;",
                                     "return 100 + 0 * (target_us + queue_us);")],
    "eagerness is halved": [("flow.c", "flow->eager = greater(flow->eager / 2, EAGER_LEAST);",
                             "flow->eager = EAGER_MOST;")],
    "eagerness waits two round trips": [("flow.c", "now_us - flow->queued_us > 2 * trip_us)", "trip_us >= 0)")],
    "start": [("flow.c", "flow->is_starting && goes_on_starting(", "false && goes_on_starting(")],
    "start ends with a queue": [("flow.c", "return queue_us <= START_QUEUE_US && now_us", "(void)queue_us;\n    return now_us")],
    "starved samples count as less": [("flow.c", "if (is_starved && rate <= flow_rate(flow))", "if (false && is_starved)")],
    "starved: the window stays": [("flow.c", "if (is_starved && window < (int64_t)flow->window)", "if (false)")],
    "a queue shows that there was enough": [("flow.c", "newest.is_starved && !had_enough(flow, &newest, heard_us)",
                                             "newest.is_starved && (heard_us > 0 || had_enough(flow, &newest, heard_us))")],
    "idle time does not count": [("flow.c", "took_us = greater(took_us - (flow->service.idle_us - message->idle_us), took_us / 2);", "")],
    "bursts of acknowledgements": [("flow.c", "if (took_us < sending_us) // acknowledgements", "if (sending_us < 0) //")],
    "the window grows by what is delivered": [("flow.c", "if (window > (int64_t)(flow->window + delivered))", "if (false)")],
    "message length by rate": [("flow.c", "    return size > LINK_RECORDS ? LINK_RECORDS : (size_t)size;",
                                "    (void)size;\n    return LINK_RECORDS;")],
    "message of two segments": [("flow.c", "size = rate * MESSAGE_TWO_US / US < 2 * MESSAGE_LEAST_BYTES ? MESSAGE_LEAST_BYTES\n"
                                 "                                                                    : 2 * MESSAGE_LEAST_BYTES;",
                                 "size = size < MESSAGE_LEAST_BYTES ? MESSAGE_LEAST_BYTES : size;")],
    "message length by unrest": [("flow.c", "int64_t unrest_us = service_unrest_us(&flow->service);", "int64_t unrest_us = 0;")],
    "small packets go ahead": [("flow.c", "return flow->count < FLOW_MESSAGES && flow->timeouts == 0 &&",
                                "return false && flow->count < FLOW_MESSAGES && flow->timeouts == 0 &&")],
    "small packets wait for a long queue": [("flow.c", "flow->latest_us - flow->bare_us < SMALL_QUEUE_US &&", "")],
    "silence": [("flow.c", "return flow->has_asked ? 0 : 1;", ";")],
    "silence halves the window": [("flow.c", "if (flow->window > 2 * (size_t)WINDOW_FIRST)\n        flow->window /= 2;", "")],
    "silence tells no round trip nor rate": [("flow.c", "flow->silences < 2 && flow->smoothed_us > 0)", "false)")],
    "two silences do": [("flow.c", "flow->silences < 2 && flow->smoothed_us > 0)", "flow->smoothed_us > 0)")],
    "pause halves the window": [("flow.c", "flow->window = flow->window / 2 > WINDOW_FIRST ? flow->window / 2 : WINDOW_FIRST;", ";")],
    "queue less a message's own time": [("flow.c", "- bare_us - greater(own_us, MESSAGE_US);", "- bare_us;")],
    "target goes by way and packet": [("flow.c", "TARGET_US + bare_us / 25 + packet_us(flow) / 2;", "TARGET_US;")],
    "receiver: 12 KiB are told soon": [("flow_receiver.c", "receiver->bytes >= FLOW_OWED_SOME ||", "")],
    "receiver: slow ways back wait": [("flow_receiver.c", "reverse_rate > 0 ? (int64_t)OWED_COST * US / reverse_rate : OWED_LEAST_US;",
                                       "reverse_rate > 0 ? OWED_LEAST_US : OWED_LEAST_US;")],
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
