#!/usr/bin/python3
# SPDX-License-Identifier: ISC
"""Whether the results of "run.py all --smoke" are complete; test-smoke.sh runs it.

    smoke_check.py RESULTS STATUS-OF-RUN.PY
"""
import json
import math
import sys

PEERS = {"tether", "phone itself"}
EXPECTED = {
    # driver: {what: ways that have a value}
    "goodput": {"down": PEERS | {"socat"}, "up": PEERS | {"socat"}},
    "pages": {"load": PEERS},
    "latency": {f"{load} {what}": PEERS for load in ("idle", "both") for what in ("median", "p95")},
    "cpu": {f"{direction} {what}": {"tether-client", "tether-server", "openvpn"}
            for direction in ("down", "up") for what in ("a byte", "a core", "resident")},
    "memory": {"resident after 2 s": {"tether-client", "tether-server"}},
    "outage": {"down, 1 s, full use": PEERS},
    "fairness": {"ten flows, Jain": PEERS, "stream beside down": PEERS},
}
# What an account says in parts, and as a whole; and how much the two may differ.
SUMS = {"down:": ("down: on the link", 0), "up:": ("up: on the link", 0), "time:": ("after: loaded", 1e-6)}
NO_PARTS = "in all", "on the link", "records at most"
MAY_BE_ZERO = ("outage", "fairness")


def complaint(rows, driver, what, ways):
    """What is wrong with a row, or None."""
    found = [row for row in rows if (row["driver"], row["what"]) == (driver, what)]
    if len(found) != 1:
        return f"{len(found)} rows"
    values = found[0]["values"]
    for way in ways:
        value = values.get(way, [None])[0]
        if value is None or not math.isfinite(value) or value < 0 or (value == 0 and driver not in MAY_BE_ZERO):
            return f"{way} has {value}"
    if set(found[0]["congestion"]) != {"hosts", "phone", "server"} or None in found[0]["congestion"].values():
        return f"congestion control is {found[0]['congestion']}"
    return None


IDLE = 1024  # bytes: what a tether says that is up beside the phone's own page, a packet of its kernel's too


def account_complaints(rows):
    """What does not add up in the account of a page."""
    for way in PEERS:
        found = {row["what"]: row["values"][way][0] for row in rows if row["driver"] == "account"}
        if not found.get("down: page"):
            yield f"{way}: there is no account"
            continue
        for begins, (whole, differ) in SUMS.items():
            parts = sum(value for what, value in found.items() if what.startswith(begins) and not
                        what.endswith(NO_PARTS))
            if abs(parts - found[whole]) > differ * found[whole]:
                yield f"{way}: {begins} the parts are {parts}, {whole} {found[whole]}"
        for direction in "down", "up":
            records, most = found[f"{direction}: records"], found[f"{direction}: records at most"]
            most += IDLE if way == "phone itself" else 0
            if not 0 <= records <= most:
                yield f"{way}: {direction}: records take {records} bytes, and not between 0 and {most}"


def main():
    path, status = sys.argv[1:]
    failed = status != "0"
    print("not ok - every driver measures: status " + status if failed else "ok - every driver measures")
    with open(path, encoding="utf-8") as file:
        rows = json.load(file)["rows"]
    for driver, wanted in EXPECTED.items():
        wrong = {what: complaint(rows, driver, what, ways) for what, ways in wanted.items()}
        wrong = [f"{what}: {why}" for what, why in wrong.items() if why]
        failed |= bool(wrong)
        print(f"not ok - the results of {driver} are complete: {'; '.join(wrong)}" if wrong
              else f"ok - the results of {driver} are complete")
    wrong = "; ".join(account_complaints(rows))
    failed |= bool(wrong)
    print(f"not ok - the account of a page adds up: {wrong}" if wrong else
          "ok - the account of a page adds up: each byte on the link, and each millisecond, is of one kind")
    sys.exit(1 if failed else 0)


main()
