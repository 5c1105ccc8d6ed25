// The packet queue against a list, and the messages of a link. The input: a size for the queue's
// buffer, then commands; each command's bytes are a message to a link too.
#include "fuzz.h"
#include "tunnel/link.h"

#define MODEL_MAX 1024

// What the queue should hold, by number; packets are made from their numbers.
struct model {
    uint16_t lengths[MODEL_MAX];
    uint32_t first;
    uint32_t last;
};

static void make_packet(uint8_t *out, uint32_t number, size_t length)
{
    for (size_t i = 0; i < length; i++)
        out[i] = (uint8_t)(number * 131 + i * 7 + (i >> 8));
}

static void expect_first(const struct packet_queue *queue, const struct model *model)
{
    static uint8_t expected[4096];
    size_t length = 0;
    const uint8_t *packet = packet_queue_peek(queue, &length);
    EXPECT(queue->count == model->last - model->first);
    EXPECT((packet == NULL) == (queue->count == 0));
    if (packet == NULL)
        return;
    EXPECT(length == model->lengths[model->first % MODEL_MAX]);
    EXPECT(packet >= queue->buffer && packet + length <= queue->buffer + queue->size);
    make_packet(expected, model->first, length);
    EXPECT(memcmp(packet, expected, length) == 0);
}

static void push(struct packet_queue *queue, struct model *model, size_t length)
{
    static uint8_t packet[4096];
    uint64_t dropped = queue->dropped;
    make_packet(packet, model->last, length);
    packet_queue_push(queue, packet, length);
    dropped = queue->dropped - dropped;
    if (length == 0 || length + 2 > queue->size) {
        EXPECT(dropped == 1);
        return;
    }
    model->first += (uint32_t)dropped;
    model->lengths[model->last++ % MODEL_MAX] = (uint16_t)length;
    EXPECT(model->first < model->last);
}

static void try_link(uint8_t opcode, const uint8_t *bytes, size_t length)
{
    static struct tunnel_link link;
    tunnel_link_init(&link, false);
    uint8_t *copy = exact_copy(bytes, length);
    size_t size = length;
    uint8_t *packet = tunnel_link_read(&link, opcode, copy, &size);
    EXPECT(link.packets_received + link.bad_message == 1);
    if (packet != NULL) {
        EXPECT(size > 0 && size <= IP_PACKET_MAX && size <= length && packet == copy);
        EXPECT(packet[0] >> 4 == 4 || packet[0] >> 4 == 6);
        EXPECT(link.text == (opcode == WS_TEXT));
        if (opcode == WS_BINARY)
            EXPECT(size == length && memcmp(packet, bytes, length) == 0);
    }
    free(copy);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct input input = {data, size};
    struct packet_queue queue;
    struct model model = {.first = 0};
    size_t buffer_size = 3 + take16(&input) % 2000;
    uint8_t *buffer = malloc(buffer_size);
    EXPECT(buffer != NULL);
    try_link(WS_TEXT, input.at, input.left);
    try_link(WS_BINARY, input.at, input.left);
    packet_queue_init(&queue, buffer, buffer_size);
    while (input.left > 0) {
        uint8_t command = take8(&input);
        if (command < 0xa0)
            push(&queue, &model, command < 0x80 ? command : take16(&input) % 2100);
        else if (command < 0xff && queue.count > 0)
            packet_queue_pop(&queue), model.first++;
        else if (command == 0xff)
            packet_queue_clear(&queue), model.first = model.last;
        expect_first(&queue, &model);
    }
    free(buffer);
    return 0;
}
