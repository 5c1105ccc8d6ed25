#!/usr/bin/python3
# SPDX-License-Identifier: ISC
"""Bulk transfers and a thin stream for the benchmarks; counts, and checks nothing.

    flow.py serve [PORT]                                        on the web host: TCP and UDP
    flow.py bulk up|down ADDRESS [--port N] [--flows N] [--seconds S]
    flow.py stream ADDRESS [--port N] [--seconds S]             64 kbit/s of UDP, there and back

Whoever receives a flow prints a line for each tenth of a second in which something came: the flow's
name, CLOCK_MONOTONIC in ms at the end of it, and bytes. All hosts of the lab are one machine, so
the clock is the same, and what the sender believes it has sent does not matter.

A bulk transfer's client says when it begins. Each of its flows first sends a line, "down NAME" or "up NAME".
Both ends go on until the client ends, which it does without ceremony (RST), so that what still waits
somewhere is of no use to anyone.
"""
import argparse
import json
import socket
import struct
import sys
import threading
import time

PORT = 9000
TICK_MS = 100
PIECE = bytes(256 * 1024)
STREAM_INTERVAL_S = 0.02
STREAM_BYTES = 160
PATIENCE_S = 120

printing = threading.Lock()


def now_ms():
    return time.monotonic_ns() // 1_000_000


def say(line):
    with printing:
        print(line, flush=True)


def receive(connection, name):
    """Reads to the end, and says how much came when."""
    buffer = bytearray(1024 * 1024)
    end_ms, count = now_ms() + TICK_MS, 0
    connection.settimeout(None)
    try:
        while got := connection.recv_into(buffer):
            now = now_ms()
            if now >= end_ms:
                if count:
                    say(f"{name} {end_ms} {count}")
                end_ms, count = now - (now - end_ms) % TICK_MS + TICK_MS, 0
            count += got
    except OSError:
        pass
    if count:
        say(f"{name} {end_ms} {count}")


def send(connection, until_ms=None):
    """Sends until the peer has enough, or until a time."""
    connection.settimeout(None if until_ms is None else 1)
    try:
        while until_ms is None or now_ms() < until_ms:
            try:
                connection.send(PIECE)
            except TimeoutError:
                pass
    except OSError:
        pass


def end(connection):
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    connection.close()


# ---- the web host ----

def serve_flow(connection):
    with connection:
        request = connection.makefile("rb", buffering=0).readline(200).decode().split()
        if len(request) != 2:
            return
        if request[0] == "down":
            send(connection)
        else:
            receive(connection, request[1])


def serve_streams(port):
    """Each datagram goes back, and with it how many have come from its sender."""
    counts = {}
    udp = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    udp.bind(("", port))
    while True:
        data, sender = udp.recvfrom(2048)
        counts[sender] = counts.get(sender, 0) + 1
        udp.sendto(data[:8] + struct.pack(">Q", counts[sender]) + data[16:], sender)


def serve(options):
    threading.Thread(target=serve_streams, args=(options.port,), daemon=True).start()
    with socket.create_server(("", options.port), backlog=100) as listener:
        while True:
            connection, _ = listener.accept()
            threading.Thread(target=serve_flow, args=(connection,), daemon=True).start()


# ---- the clients ----

def flow(options, name, until_ms):
    connection = socket.create_connection((options.address, options.port), timeout=PATIENCE_S)
    connection.sendall(f"{options.direction} {name}\n".encode())
    if options.direction == "down":
        threading.Timer((until_ms - now_ms()) / 1000, end, [connection]).start()
        receive(connection, name)
    else:
        send(connection, until_ms)
        end(connection)


def bulk(options):
    say(f"begins {now_ms()}")
    until_ms = now_ms() + int(options.seconds * 1000)
    names = [f"{options.name}.{number}" for number in range(options.flows)]
    threads = [threading.Thread(target=flow, args=(options, name, until_ms), daemon=True) for name in names]
    for thread in threads:
        thread.start()
    time.sleep(options.seconds + 0.2)


def stream(options):
    """Prints the count of datagrams sent, how many of them arrived, and how many came back."""
    udp = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    udp.connect((options.address, options.port))
    arrived = back = 0

    def listen():
        nonlocal arrived, back
        while True:
            data = udp.recv(2048)
            back += 1
            arrived = max(arrived, struct.unpack(">QQ", data[:16])[1])

    threading.Thread(target=listen, daemon=True).start()
    count = int(options.seconds / STREAM_INTERVAL_S)
    start = time.monotonic()
    for number in range(count):
        time.sleep(max(0, start + number * STREAM_INTERVAL_S - time.monotonic()))
        udp.send(struct.pack(">QQ", number, 0) + bytes(STREAM_BYTES - 16))
    time.sleep(options.linger)
    print(json.dumps({"sent": count, "arrived": arrived, "back": back}))


def main():
    parser = argparse.ArgumentParser()
    commands = parser.add_subparsers(required=True)
    for function in serve, bulk, stream:
        command = commands.add_parser(function.__name__)
        command.set_defaults(function=function)
        if function is bulk:
            command.add_argument("direction", choices=("up", "down"))
            command.add_argument("--flows", type=int, default=1)
            command.add_argument("--name", default="flow")
        if function is not serve:
            command.add_argument("address")
            command.add_argument("--seconds", type=float, default=5)
        if function is stream:
            command.add_argument("--linger", type=float, default=5, help="wait for the last of it")
        command.add_argument("--port", type=int, default=PORT)
    options = parser.parse_args()
    options.function(options)
    sys.stdout.flush()


main()
