// SPDX-License-Identifier: ISC
// Phones that are not our programs. One is no friend: it speaks WebSocket to a laptop and to the
// server, and what it copies it drops, repeats, holds back, changes, or exchanges for what it heard
// long ago; or it is patient: copies all, and says each message once more when the window of those
// that can be told from new ones has moved on by nearly, exactly or just more than its size. The
// other is plain: it copies, and when one of its connections ends, begins anew with both; it
// notices nothing by itself.
#include <stdlib.h>
#include <string.h>

#include "base/bytes.h"
#include "session/session.h"
#include "world.h"
#include "ws/frame.h"

#define PHONES_MOST 8
#define KEPT        4096
#define HEARD       (128 * 1024)

struct kept {
    uint8_t *bytes;
    size_t length;
    uint8_t opcode;
};

struct hostile {
    bool used;
    struct actor actor;
    struct chance chance;
    struct stream *streams[2]; // to the laptop, to the server
    uint64_t numbers[2];
    bool is_open[2];
    uint8_t heard[2][HEARD];
    size_t heard_length[2];
    struct kept kept[2][KEPT];
    size_t kept_count[2];
    unsigned mood; // one message in so many is treated badly; 0: none
    bool is_plain;
    bool is_patient;
    struct host *host;
    int laptop;
};

static struct hostile hostiles[PHONES_MOST];

static void say_hello(struct hostile *hostile, int side) {
    static const char hello[] = "GET /websocket HTTP/1.1\r\nHost: 169.254.134.89:6354\r\n"
                                "Upgrade: websocket\r\nConnection: Upgrade\r\n"
                                "Sec-WebSocket-Version: 13\r\n"
                                "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n";
    stream_send(hostile->streams[side], 0, hello, sizeof hello - 1);
}

static bool is_there(const struct hostile *hostile, int side) {
    const struct stream *stream = hostile->streams[side];
    return stream != NULL && stream->used && stream->number == hostile->numbers[side] &&
           stream->actors[0] == &hostile->actor && stream->error[0] == 0;
}

// Masked with zeros, which changes nothing.
static void send_frame(struct hostile *hostile, int side, const struct kept *message) {
    uint8_t head[WS_HEAD_MAX];
    struct ws_frame frame = {true, true, message->opcode, {0}, message->length, false};
    if (!is_there(hostile, side) || !hostile->is_open[side] ||
        stream_room(hostile->streams[side], 0) < message->length + WS_HEAD_MAX)
        return;
    stream_send(hostile->streams[side], 0, head, ws_write_head(head, &frame));
    stream_send(hostile->streams[side], 0, message->bytes, message->length);
}

struct held {
    struct hostile *hostile;
    int side;
    struct kept message;
};

static void let_go(void *arg, uint64_t tag) {
    struct held *held = arg;
    if (held->hostile->used && held->hostile->numbers[0] == tag)
        send_frame(held->hostile, held->side, &held->message);
    free(held->message.bytes);
    free(held);
}

static struct kept copy_of(const struct kept *message) {
    struct kept copy = {malloc(message->length + 1), message->length, message->opcode};
    memcpy(copy.bytes, message->bytes, message->length);
    return copy;
}

static void hold(struct hostile *hostile, int side, const struct kept *message) {
    struct held *held = malloc(sizeof *held);
    *held = (struct held){hostile, side, copy_of(message)};
    int64_t most_us = chance_below(&hostile->chance, 8) == 0 ? 300 * SECOND : 2 * SECOND;
    at(world.now_us + (int64_t)chance_below(&hostile->chance, (uint64_t)most_us), let_go, held,
       hostile->numbers[0]);
}

static bool is_sealed(const struct kept *message) {
    return message->length >= SEALED_HEAD && message->bytes[0] == MESSAGE_SEALED;
}

static void keep(struct hostile *hostile, int side, const struct kept *message) {
    size_t number = hostile->kept_count[side]++;
    if (hostile->is_patient)
        number = is_sealed(message) ? (size_t)get_be64(message->bytes + 5) : KEPT - 1;
    struct kept *place = &hostile->kept[side][number % KEPT];
    free(place->bytes);
    *place = copy_of(message);
}

// Says again what was said so many messages ago under the same key: where the window ends, where
// its ring of words begins anew, and a word before and after.
static void say_again(struct hostile *hostile, int side, const struct kept *message) {
    static const uint64_t ago[] = {
        REPLAY_WINDOW - 66, REPLAY_WINDOW - 65, REPLAY_WINDOW - 64,
        REPLAY_WINDOW - 63, REPLAY_WINDOW - 1,  REPLAY_WINDOW,
        REPLAY_WINDOW + 1,  REPLAY_WINDOW + 63, REPLAY_WINDOW + 64,
    };
    uint64_t newest = get_be64(message->bytes + 5);
    size_t which = chance_below(&hostile->chance, sizeof ago / sizeof ago[0]);
    // A counter that begins a word takes another word's place, whose last counter is the nearest.
    uint64_t counter = newest - (newest % 64 == 0 ? REPLAY_WINDOW - 63 : ago[which]);
    const struct kept *old = &hostile->kept[side][counter % KEPT];
    if (old->bytes != NULL && is_sealed(old) &&
        sealed_index(old->bytes) == sealed_index(message->bytes) &&
        get_be64(old->bytes + 5) == counter)
        send_frame(hostile, !side, old);
}

// A message came from `side`: it goes to the other, more or less.
static void copy(struct hostile *hostile, int side, struct kept *message) {
    struct chance *chance = &hostile->chance;
    if (!hostile->is_plain)
        keep(hostile, side, message);
    if (hostile->is_plain || !chance_of(chance, hostile->mood)) {
        send_frame(hostile, !side, message);
        if (hostile->is_patient && is_sealed(message))
            say_again(hostile, side, message);
        return;
    }
    size_t old = chance_below(chance, KEPT);
    switch (chance_below(chance, 6)) {
    case 0: return; // dropped
    case 1:
        send_frame(hostile, !side, message);
        send_frame(hostile, !side, message);
        return;
    case 2: hold(hostile, !side, message); return;
    case 3:
        if (message->length > 0) {
            size_t place = chance_below(chance, message->length);
            message->bytes[place] ^= (uint8_t)(1 << chance_below(chance, 8));
        }
        send_frame(hostile, !side, message);
        return;
    case 4: // what it heard long ago, from either side
        if (hostile->kept[side][old].bytes != NULL)
            send_frame(hostile, (int)chance_below(chance, 2), &hostile->kept[side][old]);
        return;
    default: // shorter than it was
        message->length = message->length > 0 ? chance_below(chance, message->length) : 0;
        send_frame(hostile, !side, message);
        return;
    }
}

static size_t take_handshake(struct hostile *hostile, int side) {
    const uint8_t *heard = hostile->heard[side];
    const uint8_t *end = memmem(heard, hostile->heard_length[side], "\r\n\r\n", 4);
    if (end == NULL)
        return 0;
    hostile->is_open[side] = true;
    return (size_t)(end - heard) + 4;
}

static size_t take_frame(struct hostile *hostile, int side, size_t at_byte) {
    struct ws_frame frame;
    uint8_t *from = hostile->heard[side] + at_byte;
    size_t here = hostile->heard_length[side] - at_byte;
    int head = ws_parse_head(&frame, from, here);
    if (head <= 0 || here - (size_t)head < frame.length)
        return 0;
    struct kept message = {from + head, (size_t)frame.length, frame.opcode};
    if (frame.opcode == WS_PING) {
        message.opcode = WS_PONG;
        send_frame(hostile, side, &message);
    } else if (!ws_opcode_is_control(frame.opcode)) {
        struct kept mine = copy_of(&message);
        uint8_t *bytes = mine.bytes;
        copy(hostile, side, &mine);
        free(bytes);
    }
    return (size_t)head + (size_t)frame.length;
}

static void connect_both(struct hostile *hostile);

static void begin_anew(void *arg, uint64_t tag) {
    struct hostile *hostile = arg;
    if (hostile->is_plain && hostile->numbers[0] == tag)
        connect_both(hostile);
    if (hostile->is_plain)
        say("the plain phone connects anew");
}

// A connection has ended.
static void end_here(struct hostile *hostile) {
    for (int side = 0; side < 2; side++) {
        struct stream *stream = hostile->streams[side];
        if (stream->used && stream->number == hostile->numbers[side] &&
            stream->actors[0] == &hostile->actor)
            stream_close(stream, 0);
    }
    if (hostile->is_plain)
        at(world.now_us + SECOND, begin_anew, hostile, hostile->numbers[0]);
}

static void readable(struct actor *actor, struct stream *stream, int side_of_stream) {
    struct hostile *hostile = actor->arg;
    int side = stream == hostile->streams[1];
    (void)side_of_stream;
    if (!is_there(hostile, side)) {
        if (stream->used && stream->actors[0] == actor)
            end_here(hostile);
        return;
    }
    if (stream->pipes[0].sent == 0)
        say_hello(hostile, side);
    size_t *length = &hostile->heard_length[side];
    for (;;) {
        size_t got = stream_take(stream, 0, hostile->heard[side] + *length, HEARD - *length);
        *length += got;
        size_t done = 0;
        size_t step = 1;
        while (step > 0 && is_there(hostile, side)) {
            step = hostile->is_open[side] ? take_frame(hostile, side, done)
                                          : take_handshake(hostile, side);
            done += step;
        }
        memmove(hostile->heard[side], hostile->heard[side] + done, *length - done);
        *length -= done;
        if (got == 0 && done == 0)
            break;
        if (*length == HEARD) {
            end_here(hostile);
            return;
        }
    }
    if (stream->pipes[1].end_came)
        end_here(hostile);
}

static void connect_both(struct hostile *hostile) {
    static const uint32_t addresses[] = {LAPTOPS_ADDRESS, SERVER_ADDRESS};
    static const uint16_t ports[] = {LAPTOP_PORT, SERVER_PORT};
    int was_with = hostile->host->laptop;
    hostile->host->laptop = hostile->laptop;
    for (int side = 0; side < 2; side++) {
        hostile->streams[side] =
            stream_connect(hostile->host, NULL, FDS, &hostile->actor, addresses[side], ports[side]);
        hostile->numbers[side] = hostile->streams[side]->number;
        hostile->is_open[side] = false;
        hostile->heard_length[side] = 0;
    }
    hostile->host->laptop = was_with;
}

void plain_phone(int laptop, struct host *host) {
    static struct hostile plain;
    plain = (struct hostile){.used = true, .is_plain = true, .actor = {readable, &plain}};
    plain.host = host;
    plain.laptop = laptop;
    connect_both(&plain);
}

static void leave(void *arg, uint64_t tag) {
    struct hostile *hostile = arg;
    (void)tag;
    say("the phone that is no friend leaves");
    if (hostile->is_patient)
        world.in_haste &= ~(1u << hostile->laptop);
    end_here(hostile);
    for (size_t i = 0; i < 2 * KEPT; i++) free(hostile->kept[i / KEPT][i % KEPT].bytes);
    hostile->used = false;
}

void hostile_phone(struct fault *fault, int laptop, struct host *host) {
    static const unsigned moods[] = {1, 3, 20, 200, 0};
    struct hostile *hostile = NULL;
    for (size_t i = 0; i < PHONES_MOST && hostile == NULL; i++)
        if (!hostiles[i].used)
            hostile = &hostiles[i];
    if (hostile == NULL)
        return;
    *hostile =
        (struct hostile){.used = true, .actor = {readable, hostile}, .chance = fault->chance};
    hostile->mood = moods[chance_below(&hostile->chance, 5)];
    hostile->is_patient = hostile->mood == 0;
    if (hostile->is_patient)
        world.in_haste |= 1u << laptop;
    hostile->host = host;
    hostile->laptop = laptop;
    connect_both(hostile);
    say("a phone that is no friend comes to laptop%d for %.1f s (one message in %u%s)", laptop,
        (double)fault->lasts_us / SECOND, hostile->mood, hostile->is_patient ? ": patient" : "");
    at(fault->when_us + fault->lasts_us, leave, hostile, 0);
}
