#!/usr/bin/python3
# SPDX-License-Identifier: ISC
"""What a recorded link leaves to a sender that bounds its queue, however well it measures.

    bound.py RECORDING...       recordings of mahimahi: a line for each chance to pass a packet, in ms

The sender of this model always has something to send, and knows at each moment what the link delivered until half a
round trip ago, to the byte: the way back never pauses, and no acknowledgement is late or costs anything. Its window is
what the link's rate of the last second carries in a round trip, and in QUEUE ms more; where no queue is left it
doubles each round trip. A line says, for some lengths of the queue, what share of the chances it uses, and the 95th
percentile of what a packet waits at the link. The phone itself uses all of them, and waits for a megabyte.
"""
import collections
import sys

PACKET, ROUND_TRIP_MS, RATE_MS, FIRST_WINDOW = 1500, 100, 1000, 40 * 1024
QUEUES_MS = 20, 75, 150, 300, 600
LONGEST_MS = 240_000  # of the recording


def percentile(waits, share):
    """Of [(ms, bytes)]."""
    left = share * sum(count for _, count in waits)
    for wait_ms, count in sorted(waits):
        left -= count
        if left <= 0:
            return wait_ms
    return 0


def simulate(chances, end_ms, queue_ms):
    on_their_way, queue, acknowledgements, lately = (collections.deque() for _ in range(4))
    in_flight = queued = passed = room = lately_bytes = 0
    waits = []
    for now_ms in range(end_ms):
        while on_their_way and on_their_way[0][0] <= now_ms:
            count = on_their_way.popleft()[1]
            queue.append([now_ms, count])
            queued += count
        chance = chances[now_ms] * PACKET
        left = served = min(chance, queued)
        room, passed, queued = room + chance, passed + served, queued - served
        while left > 0:
            came, count = queue[0]
            part = min(left, count)
            waits.append((now_ms - came, part))
            queue[0][1], left = count - part, left - part
            if part == count:
                queue.popleft()
        acknowledgements.append((now_ms + ROUND_TRIP_MS // 2, served))
        if acknowledgements[0][0] <= now_ms:
            count = acknowledgements.popleft()[1]
            in_flight, lately_bytes = in_flight - count, lately_bytes + count
            lately.append(count)
            if len(lately) > RATE_MS:
                lately_bytes -= lately.popleft()
        window = lately_bytes * (ROUND_TRIP_MS + queue_ms) // RATE_MS
        if queued == 0:
            window = max(window, 2 * sum(list(lately)[-ROUND_TRIP_MS:]))
        window = max(window, FIRST_WINDOW if now_ms < RATE_MS else 2 * PACKET)
        if window > in_flight:
            on_their_way.append((now_ms + ROUND_TRIP_MS // 2, window - in_flight))
            in_flight = window
    return 100 * passed / room, percentile(waits, 0.95)


def main():
    for name in sys.argv[1:]:
        with open(name, encoding="ascii") as file:
            at_ms = [int(line) for line in file]
        end_ms = min(at_ms[-1], LONGEST_MS)
        chances = collections.Counter(at_ms)
        print(f"{name.split('/')[-1]:28}", "; ".join("queue %d ms: %.0f %%, p95 %d ms" % (queue_ms, *simulate(
            chances, end_ms, queue_ms)) for queue_ms in QUEUES_MS), flush=True)


main()
