// SPDX-License-Identifier: ISC
// Two laptops and a server that know the same key, and a network that belongs to the input: it says
// which of all messages so far is delivered to whom, when, how often and how changed, and makes
// messages of its own. Whatever it does, a session comes only of messages that were made for it,
// records only of the end that sealed them, and once; and offers keep their distance.
#include "base/bytes.h"
#include "crypto/random.h"
#include "crypto/x25519.h"
#include "fuzz.h"
#include "session/initiator.h"
#include "session/responder.h"

#define LAPTOPS     2
#define CONNS       3
#define POOL        24
#define MESSAGE     160
#define PACKETS     256
#define PACKET_SIZE 8

struct message {
    size_t length;
    uint8_t bytes[MESSAGE];
};

static struct {
    int64_t now_ms;
    uint64_t random;
    unsigned places; // at the server
    int laptop_count;
    int owners[SERVER_LINKS];
    struct responder responder;
    struct pending pending[CONNS];
    struct initiator laptops[LAPTOPS];
    int64_t offered_ms[LAPTOPS];
    struct message pool[POOL];
    unsigned next;
    // Packets that were sealed, and those that arrived: up and down.
    unsigned sealed[LAPTOPS][2];
    bool arrived[LAPTOPS][2][PACKETS];
} world;

// The numbers of src/crypto: xorshift64*, so that a finding can be shown again.
int crypto_random(void *out, size_t length) {
    uint8_t *at = out;
    for (size_t i = 0; i < length; i++) {
        world.random ^= world.random >> 12;
        world.random ^= world.random << 25;
        world.random ^= world.random >> 27;
        at[i] = (uint8_t)(world.random * UINT64_C(0x2545f4914f6cdd1d) >> 56);
    }
    return 0;
}

// A Diffie-Hellman that hides nothing and takes no time, in place of the one in src/crypto, which
// would take nearly all of it. It fails where both keys are the same.
void x25519_public(uint8_t public_key[X25519_SIZE], const uint8_t private_key[X25519_SIZE]) {
    memcpy(public_key, private_key, X25519_SIZE);
}

bool x25519(uint8_t shared[X25519_SIZE], const uint8_t private_key[X25519_SIZE],
            const uint8_t public_key[X25519_SIZE]) {
    uint8_t any = 0;
    for (size_t i = 0; i < X25519_SIZE; i++) {
        shared[i] = private_key[i] ^ public_key[i];
        any |= shared[i];
    }
    return any != 0;
}

static void keep(const uint8_t *bytes, size_t length) {
    struct message *message = &world.pool[world.next++ % POOL];
    EXPECT(length > 0 && length <= MESSAGE);
    message->length = length;
    memcpy(message->bytes, bytes, length);
}

// Whether these very bytes were sent by somebody, and are still remembered.
static bool is_kept(const uint8_t *bytes, size_t length) {
    for (size_t i = 0; i < POOL; i++)
        if (world.pool[i].length == length && memcmp(world.pool[i].bytes, bytes, length) == 0)
            return true;
    return false;
}

static int admit(void *arg, const struct offer *offer) {
    int laptop = offer->identity[0];
    (void)arg;
    EXPECT(laptop < LAPTOPS && offer->identity[15] == 0x77);
    for (unsigned i = 0; i < world.places; i++)
        if (world.owners[i] == laptop)
            return (int)i;
    for (unsigned i = 0; i < world.places; i++) {
        if (world.owners[i] < 0) {
            world.owners[i] = laptop;
            return (int)i;
        }
    }
    return -1;
}

static void start_server(void) {
    struct responder_config config = {.key = {1, 2, 3}, .admit = admit};
    uint8_t greeting[GREETING_SIZE];
    crypto_random(config.run, sizeof config.run);
    responder_init(&world.responder, &config);
    for (int i = 0; i < SERVER_LINKS; i++) world.owners[i] = -1;
    for (int c = 0; c < CONNS; c++) pending_init(&world.pending[c]);
    greeting_write(&world.responder, greeting);
    keep(greeting, sizeof greeting);
}

static void begin(uint8_t settings) {
    static const uint8_t key[KEY_SIZE] = {1, 2, 3};
    memset(&world, 0, sizeof world);
    world.random = 0x9e3779b97f4a7c15 + settings;
    world.now_ms = 1000000;
    world.places = (settings & 1) != 0 ? 1 : SERVER_LINKS;
    world.laptop_count = (settings & 2) != 0 ? 1 : LAPTOPS;
    start_server();
    for (int i = 0; i < LAPTOPS; i++) {
        uint8_t identity[IDENTITY_SIZE] = {(uint8_t)i, [15] = 0x77};
        initiator_init(&world.laptops[i], key, identity, 0x64400001);
        world.offered_ms[i] = world.now_ms - OFFER_LEAST_MS;
    }
}

// ---- what they say ----

static void offer_if_due(int laptop) {
    uint8_t offer[OFFER_SIZE];
    bool other_form = false;
    size_t length = initiator_due(&world.laptops[laptop], world.now_ms, offer, &other_form);
    if (length == 0)
        return;
    EXPECT(length == OFFER_SIZE && offer[0] == MESSAGE_OFFER);
    EXPECT(world.now_ms - world.offered_ms[laptop] >= OFFER_LEAST_MS);
    world.offered_ms[laptop] = world.now_ms;
    keep(offer, length);
}

static void say_packet(struct session *session, int laptop, int way) {
    uint8_t message[SEALED_OVERHEAD + PACKET_SIZE] = {0};
    if (session == NULL || world.sealed[laptop][way] == PACKETS)
        return;
    EXPECT(session->live && !session_is_over(session, world.now_ms));
    uint8_t *packet = message + SEALED_HEAD;
    packet[0] = 0x45;
    packet[1] = (uint8_t)laptop;
    packet[2] = (uint8_t)way;
    packet[3] = (uint8_t)world.sealed[laptop][way]++;
    session_seal(session, message, PACKET_SIZE);
    keep(message, sizeof message);
}

static void server_says(int laptop) {
    for (uint16_t i = 0; i < SERVER_LINKS; i++)
        if (world.owners[i] == laptop)
            say_packet(session_to_seal(&world.responder.laptops[i], world.now_ms), laptop, 1);
}

// ---- what they hear ----

static void packet_arrived(int laptop, int way, const uint8_t *packet, size_t length) {
    EXPECT(length == PACKET_SIZE);
    EXPECT(packet[0] == 0x45 && packet[1] == laptop && packet[2] == way);
    EXPECT(packet[3] < world.sealed[laptop][way]);
    EXPECT(!world.arrived[laptop][way][packet[3]]);
    world.arrived[laptop][way][packet[3]] = true;
}

static void expect_reply(const struct responder_heard *heard) {
    EXPECT(heard->bytes == heard->reply && heard->length <= sizeof heard->reply);
    switch (heard->bytes[0]) {
    case MESSAGE_ANSWER: EXPECT(heard->length == ANSWER_SIZE); break;
    case MESSAGE_REFUSAL: EXPECT(heard->length == REFUSAL_SIZE); break;
    default: EXPECT(heard->bytes[0] == MESSAGE_SEALED && world.places == 1);
    }
    keep(heard->bytes, heard->length);
}

static void server_hears(int c, const uint8_t *bytes, size_t length) {
    struct responder_heard heard;
    uint64_t sessions = world.responder.sessions;
    uint8_t *copy = exact_copy(bytes, length);
    bool genuine = is_kept(bytes, length);
    responder_hear(&world.responder, &world.pending[c], (uint64_t)c, copy, length, world.now_ms,
                   &heard);
    bool is_new = world.responder.sessions != sessions;
    EXPECT(!is_new || world.responder.sessions == sessions + 1);
    EXPECT(is_new == (heard.event == RESPONDER_RECORDS && heard.is_session));
    if (heard.event == RESPONDER_REPLY) {
        EXPECT(heard.bytes[0] == MESSAGE_REFUSAL || genuine);
        expect_reply(&heard);
    }
    if (heard.event == RESPONDER_RECORDS) {
        EXPECT(genuine && heard.laptop < SERVER_LINKS && world.owners[heard.laptop] >= 0);
        EXPECT(heard.bytes == copy + SEALED_HEAD && heard.length == length - SEALED_OVERHEAD);
        packet_arrived(world.owners[heard.laptop], 0, heard.bytes, heard.length);
    }
    free(copy);
}

static void laptop_hears(int laptop, const uint8_t *bytes, size_t length) {
    static const uint8_t full[] = {RECORD_GOODBYE, 0, 0, 1, GOODBYE_FULL};
    struct initiator *initiator = &world.laptops[laptop];
    bool genuine = is_kept(bytes, length);
    bool had_session = session_to_seal(&initiator->keys, world.now_ms) != NULL;
    bool was_live = initiator->keys.current.live;
    uint8_t *copy = exact_copy(bytes, length);
    uint8_t *records = NULL;
    size_t size = 0;
    switch (initiator_hear(initiator, copy, length, world.now_ms, &records, &size)) {
    case INITIATOR_SESSION:
        EXPECT(genuine && bytes[0] == MESSAGE_ANSWER && initiator->keys.current.live);
        break;
    case INITIATOR_RECORDS:
    case INITIATOR_LATE:
        EXPECT(genuine && records == copy + SEALED_HEAD && size == length - SEALED_OVERHEAD);
        if (size == sizeof full && memcmp(records, full, size) == 0)
            initiator_give_up(initiator, world.now_ms, 1000);
        else
            packet_arrived(laptop, 1, records, size);
        free(copy);
        return;
    case INITIATOR_WRONG_KEY: // forged; it is only said
    case INITIATOR_GREETING:
    case INITIATOR_NOTHING: break;
    }
    // Nothing that works is given up for what anybody can say; at most it is held back for a
    // moment.
    EXPECT(!was_live || initiator->keys.current.live);
    if (had_session && session_to_seal(&initiator->keys, world.now_ms) == NULL)
        EXPECT(initiator->keys.held_until_ms <= world.now_ms + OFFER_HOLD_MS);
    free(copy);
}

static void deliver(uint8_t to, const uint8_t *bytes, size_t length) {
    if (to % (CONNS + LAPTOPS) < CONNS)
        server_hears(to % (CONNS + LAPTOPS), bytes, length);
    else
        laptop_hears(to % (CONNS + LAPTOPS) - CONNS, bytes, length);
}

// A message as somebody sent it, or changed by the input.
static void deliver_kept(struct input *input, bool changed) {
    struct message message = world.pool[take8(input) % POOL];
    uint8_t to = take8(input);
    if (changed) {
        uint8_t changes = take8(input);
        for (int i = 0; i < (changes & 3); i++) {
            size_t at = take8(input) % MESSAGE;
            message.bytes[at] ^= take8(input);
        }
        if ((changes & 4) != 0)
            message.length = take8(input) % MESSAGE;
    }
    deliver(to, message.bytes, message.length);
}

// A refusal that fits, made by who sees all that is sent; and greetings.
static void forge_word(int laptop, uint8_t what) {
    const struct initiator *initiator = &world.laptops[laptop];
    uint8_t message[REFUSAL_SIZE] = {MESSAGE_REFUSAL, REFUSAL_UNKNOWN};
    put_be32(message + 2, initiator->keys.current.send_index);
    if (what % 3 == 1) {
        message[1] = REFUSAL_WRONG_KEY;
        memcpy(message + 2, initiator->offer + 1, REFUSAL_SUBJECT);
    } else if (what % 3 == 2) {
        message[0] = MESSAGE_GREETING;
        message[1] = what;
    }
    laptop_hears(laptop, message, sizeof message);
}

static void pass_time(uint8_t how_long) {
    static const int64_t steps_ms[] = {10, 200, 1000, 20000, SESSION_REKEY_MS, SESSION_OVER_MS};
    world.now_ms += steps_ms[how_long % (sizeof steps_ms / sizeof steps_ms[0])];
    for (int i = 0; i < world.laptop_count; i++) offer_if_due(i);
}

static void obey(struct input *input) {
    const uint8_t *bytes;
    uint8_t command = take8(input);
    int laptop = command >> 4 & 1;
    switch (command & 15) {
    case 0:
    case 1:
    case 2:
    case 3: deliver_kept(input, false); break;
    case 4:
    case 5: deliver_kept(input, true); break;
    case 6:
    case 7: pass_time(command >> 4); break;
    case 8:
        say_packet(session_to_seal(&world.laptops[laptop].keys, world.now_ms), laptop, 0);
        break;
    case 9: server_says(laptop); break;
    case 10: forge_word(laptop, command >> 5); break;
    case 11: {
        uint8_t to = take8(input);
        size_t length = take_bytes(input, &bytes, take8(input));
        if (!is_kept(bytes, length))
            deliver(to, bytes, length);
        break;
    }
    case 12: start_server(); break;
    case 13: initiator_hurry(&world.laptops[laptop], world.now_ms); break;
    case 14:
        responder_forget(&world.responder, (uint16_t)(command >> 4));
        world.owners[command >> 4] = -1;
        break;
    default:
        pending_init(&world.pending[(command >> 4) % CONNS]); // a new connection
        break;
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    struct input input = {data, size};
    begin(take8(&input));
    for (int steps = 0; input.left > 0 && steps < 150; steps++) {
        obey(&input);
        for (int i = 0; i < world.laptop_count; i++) offer_if_due(i);
    }
    return 0;
}
