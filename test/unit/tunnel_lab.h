// SPDX-License-Identifier: ISC
// A world of laptops, phones and one server, for tests of the keyed session: a struct initiator for
// each laptop, one struct responder, and connections between them that delay, reorder, double and
// lose messages, or carry one form only. Time goes in steps. Every laptop that talks, and the
// server to it, sends numbered packets all the time; each that arrives must have been sent, to this
// receiver, and arrive once.
//
// The random numbers of src/crypto are the test's own here, so that runs repeat and indexes can be
// made to collide.
#ifndef TETHER_TEST_UNIT_TUNNEL_LAB_H
#define TETHER_TEST_UNIT_TUNNEL_LAB_H

#include "base/bytes.h"
#include "crypto/random.h"
#include "session/initiator.h"
#include "session/responder.h"
#include "test.h"

#define LAB_LAPTOPS (SERVER_LINKS + 4)
#define LAB_CONNS   48
#define LAB_FLIGHTS 8192
#define LAB_MESSAGE 160
#define LAB_PACKETS 40000
#define LAB_PACKET  24
#define LAB_STEP_MS 10
#define LAB_TICK_MS 50
#define LAB_NO_CONN (-1)

// One direction between a laptop and the server.
struct lab_way {
    uint32_t sent;
    uint32_t arrived;
    int64_t arrived_ms; // the last one
    int64_t gap_ms;     // the longest time between two
    bool seen[LAB_PACKETS];
};

struct lab_laptop {
    struct initiator initiator;
    bool used;
    bool talks;
    int path;
    unsigned offers;
    unsigned sessions;
    unsigned refused_key;
    unsigned told_full;
    int64_t offer_ms;     // of the last offer
    int64_t offer_gap_ms; // the shortest time between two
    struct lab_way up;
    struct lab_way down;
};

struct lab_conn {
    bool open;
    int laptop;
    uint32_t serial; // connections are numbered as they open
    uint64_t source;
    struct pending pending;
    bool laptop_text; // the form of the last message that came here
    bool server_text;
    bool carries_text;
    bool carries_binary;
    int64_t delay_ms;
    int64_t jitter_ms;
    unsigned loss_percent;
    unsigned double_percent;
};

struct lab_flight {
    int64_t due_ms;
    uint64_t order;
    int conn;
    bool up;
    bool text;
    size_t length;
    uint8_t bytes[LAB_MESSAGE];
};

static struct {
    int64_t now_ms;
    int64_t packet_every_ms;
    struct responder responder;
    uint8_t key[KEY_SIZE];
    struct lab_laptop laptops[LAB_LAPTOPS];
    struct lab_conn conns[LAB_CONNS];
    int places[SERVER_LINKS]; // whose each place at the server is, or -1
    int paths[SERVER_LINKS];
    struct lab_flight flights[LAB_FLIGHTS];
    size_t flying;
    uint64_t order;
    uint32_t serial;
    unsigned replies;
    void (*tap)(int conn, bool up, const uint8_t *bytes, size_t length); // hears all that is sent
    // The next random numbers of 4 bytes, then failures.
    uint32_t indexes[8];
    size_t index_count;
    bool random_fails;
} lab;

int crypto_random(void *out, size_t length) {
    if (lab.random_fails)
        return -1;
    if (length == 4 && lab.index_count > 0) {
        memcpy(out, &lab.indexes[0], 4);
        memmove(&lab.indexes[0], &lab.indexes[1], sizeof lab.indexes - sizeof lab.indexes[0]);
        lab.index_count--;
        return 0;
    }
    test_random_bytes(out, length);
    return 0;
}

// ---- the network ----

static inline void lab_fly(int c, bool up, bool text, const uint8_t *bytes, size_t length) {
    const struct lab_conn *conn = &lab.conns[c];
    if (!conn->open || test_below(100) < conn->loss_percent ||
        (text ? !conn->carries_text : !conn->carries_binary))
        return;
    if (lab.flying == LAB_FLIGHTS || length > LAB_MESSAGE) {
        test_fail(__FILE__, __LINE__, "the laboratory is too small");
        return;
    }
    struct lab_flight *flight = &lab.flights[lab.flying++];
    int64_t jitter_ms = conn->jitter_ms > 0 ? test_below((uint32_t)conn->jitter_ms) : 0;
    *flight = (struct lab_flight){.due_ms = lab.now_ms + conn->delay_ms + jitter_ms,
                                  .order = lab.order++,
                                  .conn = c,
                                  .up = up,
                                  .text = text,
                                  .length = length};
    memcpy(flight->bytes, bytes, length);
}

static inline void lab_send(int c, bool up, bool text, const uint8_t *bytes, size_t length) {
    if (lab.tap != NULL)
        lab.tap(c, up, bytes, length);
    lab_fly(c, up, text, bytes, length);
    if (test_below(100) < lab.conns[c].double_percent)
        lab_fly(c, up, text, bytes, length);
}

// Whether a path may move to this connection: it is the newer.
static inline bool lab_is_newer(int c, int path) {
    return path < 0 || lab.conns[c].serial >= lab.conns[path].serial;
}

// ---- numbered packets ----

// Seals the next packet, and sends it on a connection.
static inline void lab_send_packet(struct session *session, int laptop, bool up, int c) {
    struct lab_way *way = up ? &lab.laptops[laptop].up : &lab.laptops[laptop].down;
    const struct lab_conn *conn = &lab.conns[c];
    uint8_t message[SEALED_OVERHEAD + LAB_PACKET] = {0};
    uint8_t *packet = message + SEALED_HEAD;
    packet[0] = 0x45;
    packet[1] = up;
    packet[2] = (uint8_t)laptop;
    put_be32(packet + 4, way->sent++);
    session_seal(session, message, LAB_PACKET);
    lab_send(c, up, up ? conn->laptop_text : conn->server_text, message, sizeof message);
}

static inline void lab_packet_arrived(int laptop, bool up, const uint8_t *packet, size_t length) {
    struct lab_way *way = up ? &lab.laptops[laptop].up : &lab.laptops[laptop].down;
    if (length != LAB_PACKET || packet[0] != 0x45 || packet[1] != up || packet[2] != laptop) {
        test_fail(__FILE__, __LINE__, "a packet that nobody sent, or for another");
        return;
    }
    uint32_t number = get_be32(packet + 4);
    if (number >= way->sent || number >= LAB_PACKETS || way->seen[number]) {
        test_fail(__FILE__, __LINE__, "packet %u came twice, or was not sent", (unsigned)number);
        return;
    }
    way->seen[number] = true;
    if (way->arrived++ > 0 && lab.now_ms - way->arrived_ms > way->gap_ms)
        way->gap_ms = lab.now_ms - way->arrived_ms;
    way->arrived_ms = lab.now_ms;
}

// ---- the server ----

static inline int lab_admit(void *arg, const struct offer *offer) {
    int laptop = offer->identity[0];
    int place = -1;
    (void)arg;
    if (laptop >= LAB_LAPTOPS || offer->identity[1] != 0x77)
        test_fail(__FILE__, __LINE__, "an offer that nobody made");
    for (int i = 0; i < SERVER_LINKS; i++) {
        if (lab.places[i] == laptop)
            return i;
        if (lab.places[i] < 0 && place < 0)
            place = i;
    }
    if (place >= 0)
        lab.places[place] = laptop;
    return place;
}

static inline void lab_start_server(void) {
    struct responder_config config = {.admit = lab_admit};
    memcpy(config.key, lab.key, KEY_SIZE);
    crypto_random(config.run, sizeof config.run);
    responder_init(&lab.responder, &config);
    for (int i = 0; i < SERVER_LINKS; i++) lab.places[i] = lab.paths[i] = -1;
    for (int c = 0; c < LAB_CONNS; c++) pending_init(&lab.conns[c].pending);
}

static inline void lab_server_hears(int c, bool text, uint8_t *bytes, size_t length) {
    struct responder_heard heard;
    struct lab_conn *conn = &lab.conns[c];
    conn->server_text = text;
    responder_hear(&lab.responder, &conn->pending, conn->source, bytes, length, lab.now_ms, &heard);
    if (heard.event == RESPONDER_REPLY) {
        lab.replies++;
        lab_send(c, false, text, heard.bytes, heard.length);
    }
    if (heard.event != RESPONDER_RECORDS)
        return;
    if (heard.laptop >= SERVER_LINKS || lab.places[heard.laptop] < 0) {
        test_fail(__FILE__, __LINE__, "records of no laptop");
        return;
    }
    if (heard.is_newest && lab_is_newer(c, lab.paths[heard.laptop]))
        lab.paths[heard.laptop] = c;
    lab_packet_arrived(lab.places[heard.laptop], true, heard.bytes, heard.length);
}

static inline void lab_server_talks(void) {
    for (int i = 0; i < SERVER_LINKS; i++) {
        struct session *session = session_to_seal(&lab.responder.laptops[i], lab.now_ms);
        int laptop = lab.places[i];
        if (session != NULL && laptop >= 0 && lab.laptops[laptop].talks && lab.paths[i] >= 0)
            lab_send_packet(session, laptop, false, lab.paths[i]);
    }
}

// ---- the laptops ----

static inline void lab_tick_laptop(int number) {
    struct lab_laptop *laptop = &lab.laptops[number];
    uint8_t offer[OFFER_SIZE];
    bool other_form = false;
    if (laptop->path < 0)
        return;
    size_t length = initiator_due(&laptop->initiator, lab.now_ms, offer, &other_form);
    if (length == 0)
        return;
    if (laptop->offers++ > 0 && lab.now_ms - laptop->offer_ms < laptop->offer_gap_ms)
        laptop->offer_gap_ms = lab.now_ms - laptop->offer_ms;
    laptop->offer_ms = lab.now_ms;
    for (int c = 0; c < LAB_CONNS; c++)
        if (lab.conns[c].open && lab.conns[c].laptop == number)
            lab_send(c, true, lab.conns[c].laptop_text != other_form, offer, length);
}

// Something under the session, so that the server sees where we are.
static inline void lab_say(int number, int c) {
    struct session *session = session_to_seal(&lab.laptops[number].initiator.keys, lab.now_ms);
    if (session != NULL)
        lab_send_packet(session, number, true, c);
}

static inline void lab_laptop_hears(int c, bool text, uint8_t *message, size_t size) {
    static const uint8_t full[] = {RECORD_GOODBYE, 0, 0, 1, GOODBYE_FULL};
    int number = lab.conns[c].laptop;
    struct lab_laptop *laptop = &lab.laptops[number];
    uint8_t *bytes = NULL;
    size_t length = 0;
    lab.conns[c].laptop_text = text;
    if (!laptop->used)
        return;
    switch (initiator_hear(&laptop->initiator, message, size, lab.now_ms, &bytes, &length)) {
    case INITIATOR_SESSION:
        laptop->sessions++;
        laptop->path = c;
        lab_say(number, c);
        break;
    case INITIATOR_RECORDS:
    case INITIATOR_LATE:
        if (lab_is_newer(c, laptop->path))
            laptop->path = c;
        if (length == sizeof full && memcmp(bytes, full, sizeof full) == 0) {
            laptop->told_full++;
            initiator_give_up(&laptop->initiator, lab.now_ms, 5000);
            break;
        }
        lab_packet_arrived(number, false, bytes, length);
        break;
    case INITIATOR_WRONG_KEY: laptop->refused_key++; break;
    case INITIATOR_GREETING:
        lab_say(number, c);
        lab_tick_laptop(number);
        break;
    case INITIATOR_NOTHING: break;
    }
}

// ---- the world ----

// Sends bytes to one end as if they came by a connection.
static inline void lab_inject(int c, bool up, bool text, const uint8_t *bytes, size_t length) {
    uint8_t *copy = test_copy(bytes, length);
    if (up)
        lab_server_hears(c, text, copy, length);
    else
        lab_laptop_hears(c, text, copy, length);
    free(copy);
}

static inline void lab_begin(void) {
    memset(&lab, 0, sizeof lab);
    lab.now_ms = 1000000;
    lab.packet_every_ms = 50;
    test_random_bytes(lab.key, sizeof lab.key);
    for (int i = 0; i < LAB_LAPTOPS; i++) lab.laptops[i].path = LAB_NO_CONN;
    lab_start_server();
}

static inline struct lab_laptop *lab_laptop(int number) {
    struct lab_laptop *laptop = &lab.laptops[number];
    uint8_t identity[IDENTITY_SIZE] = {(uint8_t)number, 0x77};
    initiator_init(&laptop->initiator, lab.key, identity, 0x64400000 + (uint32_t)number);
    laptop->used = laptop->talks = true;
    laptop->offer_gap_ms = INT64_MAX;
    return laptop;
}

// A phone connects a laptop with the server. Returns the connection's number.
static inline int lab_connect(int laptop, int64_t delay_ms) {
    uint8_t greeting[GREETING_SIZE];
    int c = 0;
    while (c < LAB_CONNS - 1 && lab.conns[c].open) c++;
    struct lab_conn *conn = &lab.conns[c];
    memset(conn, 0, sizeof *conn);
    conn->open = conn->carries_text = conn->carries_binary = true;
    conn->laptop = laptop;
    conn->serial = ++lab.serial;
    conn->source = 1000 + (uint64_t)c;
    conn->delay_ms = delay_ms;
    pending_init(&conn->pending);
    if (lab.laptops[laptop].path < 0)
        lab.laptops[laptop].path = c;
    greeting_write(&lab.responder, greeting);
    lab_send(c, false, false, greeting, sizeof greeting);
    initiator_hurry(&lab.laptops[laptop].initiator, lab.now_ms);
    return c;
}

// What is under way on the connection is lost.
static inline void lab_disconnect(int c) {
    int laptop = lab.conns[c].laptop;
    size_t kept = 0;
    lab.conns[c].open = false;
    for (size_t i = 0; i < lab.flying; i++)
        if (lab.flights[i].conn != c)
            lab.flights[kept++] = lab.flights[i];
    lab.flying = kept;
    for (int i = 0; i < SERVER_LINKS; i++)
        if (lab.paths[i] == c)
            lab.paths[i] = -1;
    if (lab.laptops[laptop].path != c)
        return;
    lab.laptops[laptop].path = LAB_NO_CONN;
    for (int other = 0; other < LAB_CONNS; other++)
        if (lab.conns[other].open && lab.conns[other].laptop == laptop)
            lab.laptops[laptop].path = other;
}

static inline void lab_land(void) {
    for (;;) {
        struct lab_flight *next = NULL;
        for (size_t i = 0; i < lab.flying; i++) {
            struct lab_flight *flight = &lab.flights[i];
            if (flight->due_ms <= lab.now_ms &&
                (next == NULL || flight->due_ms < next->due_ms ||
                 (flight->due_ms == next->due_ms && flight->order < next->order)))
                next = flight;
        }
        if (next == NULL)
            return;
        struct lab_flight landed = *next;
        *next = lab.flights[--lab.flying];
        lab_inject(landed.conn, landed.up, landed.text, landed.bytes, landed.length);
    }
}

// Lets time pass until a test has failed or it is over.
static inline void lab_run(int64_t duration_ms) {
    int64_t end_ms = lab.now_ms + duration_ms;
    for (; lab.now_ms < end_ms && !test_state.failed; lab.now_ms += LAB_STEP_MS) {
        lab_land();
        for (int i = 0; i < LAB_LAPTOPS && lab.now_ms % LAB_TICK_MS == 0; i++)
            if (lab.laptops[i].used)
                lab_tick_laptop(i);
        if (lab.now_ms % lab.packet_every_ms != 0)
            continue;
        lab_server_talks();
        for (int i = 0; i < LAB_LAPTOPS; i++)
            if (lab.laptops[i].used && lab.laptops[i].talks && lab.laptops[i].path >= 0)
                lab_say(i, lab.laptops[i].path);
    }
}

// Nobody says anything any more, and all that is under way arrives.
static inline void lab_settle(void) {
    for (int i = 0; i < LAB_LAPTOPS; i++) lab.laptops[i].talks = false;
    while (lab.flying > 0 && !test_state.failed) lab_run(LAB_STEP_MS);
}

#endif
