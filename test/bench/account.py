# SPDX-License-Identifier: ISC
"""What became of one page's bytes and milliseconds, from captures at four places of the lab:

    browser ··· laptop's TUN ··· phone's cell0 ··[link]·· router's to-phone ··· web host's eth0

The first is the tether's alone. All is one machine, so the captures' times compare; nothing but the emulated link
takes time on the way, and what a packet waits for between two places, it waits for in what lies between them.

Bytes: each packet that the link delivered is cut into its headers, what was delivered before, and what of the outer
stream is new; that stream is cut into WebSocket frames and messages, whose heads and tags have known lengths
(doc/protocol.md). A sealed message's content cannot be read, but the packets that came out of it can be captured: what
is left beside them is the heads of super-packets, acknowledgements and other records.

Time: at each moment the link either could pass nothing, or was used, or went unused; then the first of these says why:
data waited in the server, a web host had more and did not send it, or awaited to send again what was lost; a request,
or an answer, was on its way; or the browser asked for nothing.
"""
import bisect
import collections

import pcap

PHONE, SERVER_PORT, WEB_PORT = "198.51.100.2", 8080, 80
SEAL = 29  # SEALED_OVERHEAD of doc/protocol.md
SEALED = 3  # the first byte of a sealed message
SUPER_HEAD = 6  # of a super-packet's record
RECORDS_MOST = 20 + 6  # in a message: an acknowledgement, and a super-packet that is not longer than others
RECORDS_RARE = 200  # in a page's time: a status, pings
TUN_MTU = 1500
MASKED, BINARY, CONTINUATION = 0x80, 2, 0
MS = 1_000_000  # ns
SOON_NS = 2 * MS  # so soon after an acknowledgement's arrival it is why something leaves

BYTE_KINDS = ("page", "web host repeats", "inner headers", "inner acknowledgements", "records", "seals",
              "WebSocket heads", "other messages", "headers", "acknowledgements", "repetitions", "other")
IDLE_KINDS = ("server: socket", "server: window", "server: pacing", "web host: window", "web host: repetition",
              "request on its way", "answer on its way", "browser")


# ---- the outer stream ----

def assemble(steps):
    """The bytes of each stream."""
    streams = collections.defaultdict(bytearray)
    for step in steps:
        for start, end in step.new:
            stream = streams[step.stream]
            stream.extend(bytes(max(0, end - len(stream))))
            stream[start:end] = step.packet.payload[start - step.start:end - step.start]
    return streams


Frame = collections.namedtuple("Frame", "start body end opcode first")  # positions; the payload's first byte, if any


def frames_of(stream):
    """The WebSocket frames of a stream; what is before them is its HTTP head. The last may be unfinished."""
    at = stream.find(b"\r\n\r\n") + 4
    frames = [Frame(0, at, at, None, None)]
    while at + 14 <= len(stream):
        length, head = stream[at + 1] & 127, 2
        if length > 125:
            head = 4 if length == 126 else 10
            length = int.from_bytes(stream[at + 2:at + head], "big")
        mask = 0
        if stream[at + 1] & MASKED:
            mask, head = stream[at + head], head + 4
        first = stream[at + head] ^ mask if length > 0 and at + head < len(stream) else None
        frames.append(Frame(at, at + head, at + head + length, stream[at] & 15, first))
        at = frames[-1].end
    return frames


def spans_of(frames):
    """[(start, end, kind)]: what each byte of the stream is. Of a sealed message the seal counts as at its end."""
    spans, is_sealed = [], False
    for frame in frames:
        if frame.opcode is None:
            spans.append((frame.start, frame.end, "other messages"))
            continue
        spans.append((frame.start, frame.body, "WebSocket heads"))
        begins = frame.opcode == BINARY and frame.first == SEALED
        is_sealed = begins or frame.opcode == CONTINUATION and is_sealed
        records_end = max(frame.body, frame.end - SEAL) if begins else frame.end
        spans.append((frame.body, records_end, "records" if is_sealed else "other messages"))
        spans.append((records_end, frame.end, "seals"))
    return spans


class Outer:
    """One direction of the tether's connections over the link, at the place where the link delivers."""

    def __init__(self, steps):
        streams = assemble(step for step in steps if is_outer(step))
        self.frames = {name: frames_of(stream) for name, stream in streams.items()}
        self.spans = {name: spans_of(frames) for name, frames in self.frames.items()}
        self.starts = {name: [span[0] for span in spans] for name, spans in self.spans.items()}

    def count(self, stream, start, end, counter):
        """Adds what these bytes of a stream are."""
        at = bisect.bisect_right(self.starts[stream], start) - 1
        for from_, to, kind in self.spans[stream][at:]:
            if from_ >= end:
                break
            counter[kind] += max(0, min(end, to) - max(start, from_))
        counter["other messages"] += max(0, end - max(start, self.spans[stream][-1][1]))


def is_outer(step):
    return step.stream is not None and SERVER_PORT in (step.packet.source[1], step.packet.target[1])


def split_by_direction(steps):
    """{"down": steps, "up": steps} of a place at either end of the link."""
    phones = {step.packet.sender for step in steps if step.packet.source[0] == PHONE}
    return {"down": [step for step in steps if step.packet.sender not in phones],
            "up": [step for step in steps if step.packet.sender in phones]}


def is_web(step):
    return step.stream is not None and WEB_PORT in (step.packet.source[1], step.packet.target[1])


# ---- bytes ----

def within(steps, window):
    return (step for step in steps if window[0] <= step.packet.at_ns < window[1])


def on_link(steps, outer, window):
    """(bytes by kind, sealed bytes) of what the link delivered in a window."""
    counter = collections.Counter()
    for step in within(steps, window):
        packet, new = step.packet, sum(end - start for start, end in step.new)
        payload = len(packet.payload)
        if not (is_outer(step) or is_web(step)):
            counter["other"] += packet.size
        elif payload == 0:
            counter["acknowledgements"] += packet.size
        elif new == 0:
            counter["repetitions"] += packet.size
        else:
            counter["headers"] += packet.size - payload
            counter["repetitions"] += payload - new
            for part in step.new:
                if is_outer(step):
                    outer.count(step.stream, *part, counter)
                else:
                    counter["page"] += part[1] - part[0]
    return counter


def inside(steps, window):
    """Bytes by kind of the packets that came out of sealed messages in a window."""
    counter = collections.Counter()
    for step in within(steps, window):
        packet, new = step.packet, sum(end - start for start, end in step.new)
        kind = "inner headers" if packet.payload else "inner acknowledgements"
        counter[kind] += packet.size - len(packet.payload)
        counter["page"] += new
        counter["web host repeats"] += len(packet.payload) - new
        counter["super-packets"] += packet.size > TUN_MTU
    return counter


def bytes_by_kind(link_steps, inner_steps, window):
    """Of what the link delivered in a window, in one direction; and the most that records may be, as a check.

    inner_steps: what came out of sealed messages; None for the phone itself.
    """
    counter = on_link(link_steps, Outer(link_steps), window)
    inner = inside(inner_steps or [], window)
    most = RECORDS_MOST * (counter["seals"] // SEAL) + SUPER_HEAD * inner.pop("super-packets", 0) + RECORDS_RARE
    counter["records"] -= sum(inner.values())
    counter.update(inner)
    return {kind: counter[kind] for kind in BYTE_KINDS}, most


# ---- who had what when ----

class Marks:
    """Which milliseconds of a page something was the case."""

    def __init__(self, start_ns, end_ns):
        self.start_ns = start_ns
        self.at = bytearray((end_ns - start_ns) // MS + 1)

    def add(self, from_ns, to_ns):
        """From the first moment to the second; less than a millisecond does not count."""
        first, last = max(0, (from_ns - self.start_ns) // MS + 1), min(len(self.at), (to_ns - self.start_ns) // MS)
        if first < last:
            self.at[first:last] = b"\1" * (last - first)


class Object:
    """One object of the page, as it passed the web host: a part of a stream."""

    def __init__(self, name, asked_ns, stream, start):
        self.name, self.asked_ns, self.stream, self.start = name, asked_ns, stream, start
        self.end = start  # known when all is read


class Transfer:
    """A page's packets at the web host and at the browser, put side by side.

    Of each of its connections' streams there are parts, (ns, start, end, is_new): those that the web host sent and the
    browser got, those that the browser asked with and the web host heard. A SYN is byte -1.
    """

    def __init__(self, web, browser, window):
        web, browser = list(within(web, window)), list(within(browser, window))
        self.sent, self.got = parts_of(web, True), parts_of(browser, True)
        self.asked, self.heard = parts_of(browser, False), parts_of(web, False)
        self.objects = list(self.find_objects(web))

    def find_objects(self, web):
        """Each object begins at what its request acknowledges, and ends where the next one begins."""
        open_ones = {}
        for step in web:
            if is_web(step) and step.packet.payload.startswith(b"GET ") and step.new:
                name = step.packet.payload.split(b" ", 2)[1].decode("ascii", "replace")
                if step.back in open_ones:
                    open_ones[step.back].end = step.acked
                open_ones[step.back] = Object(name, step.packet.at_ns, step.back, step.acked)
                yield open_ones[step.back]
        for stream, last in open_ones.items():
            last.end = max((part[2] for part in self.sent[stream]), default=last.start)

    def had_ns(self, parts, stream, position):
        """When a stream's parts were whole up to a position; None: never."""
        ranges = pcap.Ranges()
        for at_ns, start, end, _ in parts[stream]:
            ranges.add(max(0, start), end)
            if ranges.parts[0][0] == 0 and ranges.parts[0][1] >= position:
                return at_ns
        return None

    def travels(self, down):
        """[(stream, from ns, to ns)]: what was under way between browser and web host, and not lost."""
        lost = {(stream, before_ns) for stream, before_ns, _, _, is_lost in self.repeats() if is_lost}
        for stream, parts in (self.sent if down else self.asked).items():
            for at_ns, _, end, _ in parts:
                arrivals = (self.got if down else self.heard)[stream]
                to_ns = next((part[0] for part in arrivals if part[0] >= at_ns and part[1] < end <= part[2]), None)
                if to_ns is not None and (stream, at_ns) not in lost:
                    yield stream, at_ns, to_ns

    def repeats(self):
        """[(stream, ns of the copy before, ns of this copy, bytes, is_lost)]: what the web host sent again."""
        for stream, parts in self.sent.items():
            for number, (at_ns, start, end, is_new) in enumerate(parts):
                if not is_new:
                    before_ns = [part[0] for part in parts[:number] if part[1] < end and part[2] > start][-1]
                    copies = sum(1 for part in self.got[stream] if part[1] < end <= part[2])
                    yield stream, before_ns, at_ns, end - start, copies < 2


def parts_of(steps, down):
    streams = collections.defaultdict(list)
    for step in steps:
        is_syn = bool(step.packet.flags & pcap.SYN)
        if is_web(step) and (step.packet.source[1] == WEB_PORT) == down and (is_syn or step.end > step.start):
            streams[step.stream].append((step.packet.at_ns, step.start - is_syn, step.end,
                                         bool(step.new) or is_syn))
    return streams


def bytes_until(streams, until_ns):
    """Of all streams, what there was for the first time."""
    return sum(end - max(0, start) for parts in streams.values() for at_ns, start, end, is_new in parts
               if at_ns <= until_ns and is_new)


# ---- time ----

class Server:
    """When the tether's server sent what: its messages at the router, and when the phone had them.

    samples: [(ns, bytes that its sockets held, sent and not acknowledged or not sent)].
    """

    def __init__(self, router, phone, samples):
        self.samples = samples
        self.left = [step for step in router if is_outer(step) and step.packet.source[1] == SERVER_PORT]
        self.heard = [step for step in router if is_outer(step) and step.packet.target[1] == SERVER_PORT]
        delivered = [step for step in phone if is_outer(step) and step.packet.source[1] == SERVER_PORT]
        pairs = []
        for stream, frames in Outer(delivered).frames.items():
            ends = [frame.end for frame in frames]
            pairs += zip(passed_ns(delivered, stream, ends), passed_ns(self.left, stream, ends))
        pairs = sorted(pair for pair in pairs if None not in pair)
        self.had_ns, self.left_ns = [pair[0] for pair in pairs], [pair[1] for pair in pairs]
        self.sends_ns = [step.packet.at_ns for step in self.left if step.new]
        self.comes_ns = [step.packet.at_ns for step in self.heard if step.new]

    def leaves_ns(self, got_ns):
        """When the server sent the message that a packet came out of at this time."""
        at = bisect.bisect_right(self.had_ns, got_ns) - 1
        return self.left_ns[at] if at >= 0 else got_ns

    def unsent(self):
        """[(ns, bytes)]: what TCP held back in the server's sockets."""
        furthest = collections.Counter()
        steps = sorted(self.left + self.heard, key=lambda step: step.packet.at_ns)
        at = flying = 0
        for at_ns, held in self.samples:
            while at < len(steps) and steps[at].packet.at_ns <= at_ns:
                step, at = steps[at], at + 1
                is_sent = step.packet.source[1] == SERVER_PORT
                name = (is_sent, step.stream if is_sent else step.back)
                gone = max(0, (step.end if is_sent else step.acked) - furthest[name])
                furthest[name] += gone
                flying += gone if is_sent else -gone
            yield at_ns, held - flying

    def waits_for_word(self, at_ns):
        """Whether what the server sends next after a time goes when something came: an acknowledgement."""
        at = bisect.bisect_left(self.sends_ns, at_ns)
        if at == len(self.sends_ns):
            return True
        before = bisect.bisect_right(self.comes_ns, self.sends_ns[at]) - 1
        return before >= 0 and self.sends_ns[at] - self.comes_ns[before] <= SOON_NS


def passed_ns(steps, stream, ends):
    """When each of these positions of a stream had been passed, without gaps; None: never."""
    ranges, at = pcap.Ranges(), 0
    passed = [None] * len(ends)
    for step in steps:
        if step.stream != stream or not step.new:
            continue
        ranges.add(step.start, step.end)
        while at < len(ends) and ranges.parts[0][0] == 0 and ends[at] <= ranges.parts[0][1]:
            passed[at], at = step.packet.at_ns, at + 1
    return passed


def marks_of(transfer, server, start_ns, end_ns):
    """{kind of idleness: its moments}, that of the first kind being the reason where several are."""
    marks = {kind: Marks(start_ns, end_ns) for kind in ("held", "socket", *IDLE_KINDS[3:-1])}
    lost = collections.defaultdict(lambda: Marks(start_ns, end_ns))
    for stream, before_ns, again_ns, _, is_lost in transfer.repeats():
        if is_lost:
            marks["web host: repetition"].add(before_ns, again_ns)
            lost[stream].add(before_ns, again_ns)
    for item in transfer.objects:
        sent_ns = transfer.had_ns(transfer.sent, item.stream, item.end)
        wants = Marks(start_ns, end_ns)
        wants.add(item.asked_ns, sent_ns or end_ns)
        for at, is_wanted in enumerate(wants.at):
            if is_wanted and not lost[item.stream].at[at]:
                marks["web host: window"].at[at] = 1
    for _, from_ns, to_ns in transfer.travels(False):
        marks["request on its way"].add(from_ns, to_ns)
    for _, from_ns, to_ns in transfer.travels(True):
        marks["answer on its way"].add(from_ns, to_ns)
        if server is not None:
            marks["held"].add(from_ns, server.leaves_ns(to_ns))
    for at_ns, bytes_ in server.unsent() if server is not None else ():
        if bytes_ > 0:
            marks["socket"].add(at_ns - 5 * MS, at_ns + 5 * MS)
    return marks


def reason(marks, server, at_ns):
    """Why the link went unused at a moment."""
    at = (at_ns - marks["held"].start_ns) // MS
    if marks["held"].at[at]:
        if marks["socket"].at[at]:
            return "server: socket"
        return "server: window" if server.waits_for_word(at_ns) else "server: pacing"
    return next((kind for kind in IDLE_KINDS[3:-1] if marks[kind].at[at]), "browser")


def chances_within(chances, start_ns, end_ns, rate_bits):
    """[(ns, bytes that could pass, bytes that did)] of a time. chances: as the emulator tells them.

    At a constant rate the emulator tells of what passed alone; what could have passed between is added.
    """
    chances = [chance for chance in chances if start_ns <= chance[0] < end_ns]
    if rate_bits is None:
        yield from chances
        return
    free_ns = start_ns
    for at_ns, offered, used in [*chances, (end_ns, 0, 0)]:
        begin_ns = at_ns - int(offered * 8e9 / rate_bits)
        while free_ns < begin_ns:
            part_ns = min(MS, begin_ns - free_ns)
            yield free_ns, part_ns * rate_bits / 8e9, 0
            free_ns += part_ns
        free_ns = at_ns
        yield min(at_ns, end_ns - 1), offered, used


def time_by_kind(transfer, server, chances, start_ns, end_ns):
    """Bytes that could pass until the page was loaded: {"used" or why not: bytes}."""
    marks = marks_of(transfer, server, start_ns, end_ns)
    kinds = dict.fromkeys(("used", *IDLE_KINDS), 0)
    for at_ns, offered, used in chances:
        kinds["used"] += used
        if offered > used:
            kinds[reason(marks, server, at_ns)] += offered - used
    return kinds
