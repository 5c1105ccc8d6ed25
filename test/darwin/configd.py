#!/usr/bin/python3
# SPDX-License-Identifier: ISC
"""A stand-in for macOS's configd: keeps the dynamic store, and has names resolved as it says.

    configd.py SOCKET RESOLV_CONF

Sessions connect to SOCKET and send lines "VERB<tab>KEY<tab>JSON"; each is answered by "1" or "0". A
value that was lent goes with its session, one that was set stays. Of a service that has IPv4 with an
interface and DNS with servers, the servers are written to RESOLV_CONF, before what was there at first;
when it goes they go. Values are checked as the schema of SystemConfiguration has them
(SCSchemaDefinitions.h). What is refused is said on stderr.
"""
import ipaddress
import json
import os
import re
import selectors
import socket
import struct
import sys


def is_address(text):
    try:
        return isinstance(text, str) and ipaddress.IPv4Address(text)
    except ValueError:
        return False


def addresses(value):
    return isinstance(value, list) and value and all(is_address(a) for a in value)


def texts(value):
    return isinstance(value, list) and all(isinstance(t, str) for t in value)


SCHEMA = {
    "IPv4": {
        "Addresses": addresses, "SubnetMasks": addresses, "DestAddresses": addresses,
        "BroadcastAddresses": addresses, "InterfaceName": lambda v: isinstance(v, str) and v, "Router": is_address,
        "OverridePrimary": lambda v: v in (0, 1), "ConfigMethod": lambda v: isinstance(v, str),
        "ServerAddress": is_address,
    },
    "DNS": {
        "ServerAddresses": addresses, "SearchDomains": texts, "SupplementalMatchDomains": texts,
        "SupplementalMatchOrders": lambda v: isinstance(v, list), "SearchOrder": lambda v: isinstance(v, int),
        "InterfaceName": lambda v: isinstance(v, str), "DomainName": lambda v: isinstance(v, str),
        "SupplementalMatchDomainsNoSearch": lambda v: v in (0, 1),
    },
    "Interface": {"DeviceName": lambda v: isinstance(v, str), "Hardware": lambda v: isinstance(v, str),
                  "Type": lambda v: isinstance(v, str)},
}
NEEDED = {"IPv4": ("Addresses", "InterfaceName"), "DNS": ("ServerAddresses",), "Interface": ()}
KEY = re.compile(r"State:/Network/Service/([A-Za-z0-9_.-]+)/(IPv4|DNS|Interface)")


class Store:
    def __init__(self, resolv_conf):
        self.values = {}  # key -> (value, its session or None)
        self.path = resolv_conf
        with open(resolv_conf, encoding="ascii") as file:
            self.first = file.read()

    def complain(self, key, value):
        """What is wrong with a value, or None."""
        match = KEY.fullmatch(key)
        if not match:
            return "the key is that of no service"
        kind = match.group(2)
        if not isinstance(value, dict):
            return "the value is no dictionary"
        for name, content in value.items():
            if name not in SCHEMA[kind]:
                return f"{kind} has no {name}"
            if not SCHEMA[kind][name](content):
                return f"{kind} has the wrong kind of {name}: {content!r}"
        for name in NEEDED[kind]:
            if name not in value:
                return f"{kind} lacks {name}"
        return None

    def do(self, session, verb, key, text):
        if not session.is_root:
            print(f"refused: {verb} {key}: the session was not opened by root", file=sys.stderr, flush=True)
            return False
        if verb.startswith("open"):
            session.keys = "session keys" in verb
            return True
        if verb == "remove":
            return self.values.pop(key, None) is not None
        wrong = self.complain(key, json.loads(text))
        if wrong:
            print(f"refused: {verb} {key}: {wrong}", file=sys.stderr, flush=True)
            return False
        if key in self.values and verb in ("add", "lend"):
            return False
        owner = session if verb == "lend" or session.keys else None
        if verb == "set" and key in self.values:
            owner = owner or self.values[key][1]
        self.values[key] = (json.loads(text), owner)
        return True

    def end(self, session):
        self.values = {k: v for k, v in self.values.items() if v[1] is not session}

    def publish(self):
        servers = []
        for key, (value, _) in self.values.items():
            match = KEY.fullmatch(key)
            ipv4 = self.values.get(f"State:/Network/Service/{match.group(1)}/IPv4") if match else None
            if match and match.group(2) == "DNS" and ipv4 and self.becomes_resolver(ipv4[0], value):
                servers += value["ServerAddresses"]
        # In place: the file may be mounted.
        with open(self.path, "w", encoding="ascii") as file:
            file.write("".join(f"nameserver {s}\n" for s in servers) or self.first)

    @staticmethod
    def becomes_resolver(ipv4, dns):
        """The primary service's resolver is everybody's; a service with a router may become primary, and does
        where it says so. One that matches all domains is asked for all of them."""
        return ("Router" in ipv4 and ipv4.get("OverridePrimary") == 1) or "" in dns.get("SupplementalMatchDomains", [])


class Session:
    def __init__(self, connection):
        _, user, _ = struct.unpack("3i", connection.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, 12))
        self.is_root = user == 0  # when it was opened: configd keeps that, too
        self.rest = b""
        self.keys = False


def main(path, resolv_conf):
    store = Store(resolv_conf)
    selector = selectors.DefaultSelector()
    listener = socket.socket(socket.AF_UNIX)
    listener.bind(path)
    os.chmod(path, 0o666)
    listener.listen()
    selector.register(listener, selectors.EVENT_READ)
    while True:
        for key, _ in selector.select():
            if key.fileobj is listener:
                connection = listener.accept()[0]
                selector.register(connection, selectors.EVENT_READ, Session(connection))
                continue
            data = key.fileobj.recv(4096)
            if not data:
                selector.unregister(key.fileobj)
                key.fileobj.close()
                store.end(key.data)
            *lines, key.data.rest = (key.data.rest + data).split(b"\n")
            answers = [store.do(key.data, *line.decode().split("\t")) for line in lines]
            store.publish()
            if answers:
                key.fileobj.send(b"".join(b"1" if a else b"0" for a in answers))
            print("now: " + json.dumps({k: v[0] for k, v in store.values.items()}), flush=True)


main(*sys.argv[1:])
