// The packet queue: order, dropping from its head, wrapping around.
#include "tunnel/queue.h"

#include "test.h"

static void first_in_first_out(void)
{
    struct packet_queue queue;
    uint8_t buffer[64];
    size_t length;
    packet_queue_init(&queue, buffer, sizeof buffer);
    CHECK(packet_queue_peek(&queue, &length) == NULL);
    packet_queue_pop(&queue);
    packet_queue_push(&queue, (const uint8_t *)"one", 3);
    packet_queue_push(&queue, (const uint8_t *)"three", 5);
    CHECK_INT(queue.count, 2);
    const uint8_t *packet = packet_queue_peek(&queue, &length);
    CHECK(packet != NULL);
    CHECK_INT(length, 3);
    CHECK_BYTES(packet, "one", 3);
    packet_queue_pop(&queue);
    packet = packet_queue_peek(&queue, &length);
    CHECK(packet != NULL);
    CHECK_INT(length, 5);
    CHECK_BYTES(packet, "three", 5);
    packet_queue_pop(&queue);
    CHECK(packet_queue_peek(&queue, &length) == NULL);
    CHECK_INT(queue.count, 0);
    CHECK_INT(queue.dropped, 0);
}

// Ten bytes hold two packets of three bytes with their lengths; the third drives the first out.
static void the_oldest_goes(void)
{
    struct packet_queue queue;
    uint8_t buffer[10];
    size_t length;
    packet_queue_init(&queue, buffer, sizeof buffer);
    packet_queue_push(&queue, (const uint8_t *)"aaa", 3);
    packet_queue_push(&queue, (const uint8_t *)"bbb", 3);
    CHECK_INT(queue.dropped, 0);
    packet_queue_push(&queue, (const uint8_t *)"ccc", 3);
    CHECK_INT(queue.dropped, 1);
    CHECK_INT(queue.count, 2);
    CHECK_BYTES(packet_queue_peek(&queue, &length), "bbb", 3);
    packet_queue_pop(&queue);
    CHECK_BYTES(packet_queue_peek(&queue, &length), "ccc", 3);
}

static void what_never_fits(void)
{
    static uint8_t buffer[80000];
    static uint8_t packet[70000];
    struct packet_queue queue;
    size_t length;
    packet_queue_init(&queue, buffer, 10);
    packet_queue_push(&queue, (const uint8_t *)"aaa", 3);
    packet_queue_push(&queue, packet, 9);
    packet_queue_push(&queue, packet, 0);
    CHECK_INT(queue.dropped, 2);
    CHECK_INT(queue.count, 1);
    CHECK_BYTES(packet_queue_peek(&queue, &length), "aaa", 3);
    packet_queue_push(&queue, packet, 8);
    CHECK_INT(queue.count, 1);
    CHECK(packet_queue_peek(&queue, &length) != NULL);
    CHECK_INT(length, 8);
    packet_queue_init(&queue, buffer, sizeof buffer);
    packet_queue_push(&queue, packet, 65536);
    CHECK_INT(queue.dropped, 1);
    packet_queue_push(&queue, packet, 65535);
    CHECK(packet_queue_peek(&queue, &length) != NULL);
    CHECK_INT(length, 65535);
}

static void clearing(void)
{
    struct packet_queue queue;
    uint8_t buffer[64];
    size_t length;
    packet_queue_init(&queue, buffer, sizeof buffer);
    for (int i = 0; i < 20; i++)
        packet_queue_push(&queue, (const uint8_t *)"hello", 5);
    packet_queue_clear(&queue);
    CHECK_INT(queue.count, 0);
    CHECK(packet_queue_peek(&queue, &length) == NULL);
    packet_queue_push(&queue, (const uint8_t *)"x", 1);
    CHECK_BYTES(packet_queue_peek(&queue, &length), "x", 1);
}

// How many bytes of packets go into a room; a packet goes whole or not at all.
static void fitting(void)
{
    static const size_t lengths[] = {10, 1, 30, 5};
    static const struct {
        size_t room;
        size_t fit;
    } cases[] = {
        {0, 0},   {9, 0},   {10, 10}, {11, 11},      {12, 11},       {40, 11},
        {41, 41}, {45, 41}, {46, 46}, {1000000, 46}, {SIZE_MAX, 46},
    };
    struct packet_queue queue;
    uint8_t buffer[100];
    uint8_t packet[30] = {0};
    packet_queue_init(&queue, buffer, sizeof buffer);
    CHECK_INT(packet_queue_fit(&queue, SIZE_MAX), 0);
    for (size_t i = 0; i < COUNT(lengths); i++)
        packet_queue_push(&queue, packet, lengths[i]);
    for (size_t i = 0; i < COUNT(cases); i++) {
        test_row("room of %lu", (unsigned long)cases[i].room);
        CHECK_INT(packet_queue_fit(&queue, cases[i].room), cases[i].fit);
    }
    CHECK_INT(queue.count, COUNT(lengths));
    packet_queue_clear(&queue);
    CHECK_INT(packet_queue_fit(&queue, SIZE_MAX), 0);
}

// The model: packets known by a number, which their bytes are made of.
#define MODEL_MAX 4096

struct model {
    uint32_t numbers[MODEL_MAX];
    size_t lengths[MODEL_MAX];
    size_t first;
    size_t last;
    uint32_t next;
    size_t pushed;
};

static void make_packet(uint8_t *out, uint32_t number, size_t length)
{
    for (size_t i = 0; i < length; i++)
        out[i] = (uint8_t)((number + i) * 167 >> 3);
}

static void check_first(const struct packet_queue *queue, const struct model *model)
{
    uint8_t expected[512];
    size_t length = 0;
    const uint8_t *packet = packet_queue_peek(queue, &length);
    CHECK(packet != NULL);
    size_t at = model->first % MODEL_MAX;
    CHECK_INT(length, model->lengths[at]);
    CHECK(packet >= queue->buffer && packet + length <= queue->buffer + queue->size);
    make_packet(expected, model->numbers[at], length);
    CHECK_BYTES(packet, expected, length);
}

// The room may end anywhere, and most of all just before, at, or behind a packet's end.
static void check_fit(const struct packet_queue *queue, const struct model *model)
{
    size_t waiting = 0;
    for (size_t i = model->first; i < model->last; i++)
        waiting += model->lengths[i % MODEL_MAX];
    for (int i = 0; i < 6; i++) {
        size_t room = test_below((uint32_t)waiting + 100);
        size_t expected = 0;
        for (size_t at = model->first;
             at < model->last && expected + model->lengths[at % MODEL_MAX] <= room; at++)
            expected += model->lengths[at % MODEL_MAX];
        CHECK_INT(packet_queue_fit(queue, room), expected);
        CHECK_INT(packet_queue_fit(queue, expected), expected);
        if (expected > 0)
            CHECK(packet_queue_fit(queue, expected - 1) < expected);
    }
    CHECK_INT(packet_queue_fit(queue, waiting), waiting);
    CHECK_INT(packet_queue_fit(queue, SIZE_MAX), waiting);
}

static void model_push(struct packet_queue *queue, struct model *model, size_t length)
{
    uint8_t packet[512];
    uint64_t dropped = queue->dropped;
    make_packet(packet, model->next, length);
    uint8_t *copy = test_copy(packet, length);
    packet_queue_push(queue, copy, length);
    free(copy);
    if (length == 0 || length + 2 > queue->size) {
        CHECK_INT(queue->dropped, dropped + 1);
        return;
    }
    model->first += (size_t)(queue->dropped - dropped); // the oldest
    model->numbers[model->last % MODEL_MAX] = model->next++;
    model->lengths[model->last % MODEL_MAX] = length;
    model->last++;
    model->pushed++;
    CHECK(model->first < model->last);
}

// Random pushes and pops give what a plain list gives, whatever the buffer's size; nothing is
// dropped while the buffer is less than half full; and no byte outside the buffer is touched.
static void like_a_list(void)
{
    static struct model model;
    for (int round = 0; round < 300 && !test_state.failed; round++) {
        struct packet_queue queue;
        size_t size = 3 + test_below(round % 3 == 0 ? 40 : 600);
        size_t longest = round % 2 == 0 ? size : 1 + test_below((uint32_t)size);
        uint8_t *buffer = malloc(size);
        memset(&model, 0, sizeof model);
        packet_queue_init(&queue, buffer, size);
        for (int step = 0; step < 400 && !test_state.failed; step++) {
            test_row("round %d, step %d, %lu bytes", round, step, (unsigned long)size);
            if (test_below(5) < 3) {
                size_t length = test_below((uint32_t)longest + 1) % 500;
                size_t waiting = 0;
                for (size_t i = model.first; i < model.last; i++)
                    waiting += model.lengths[i % MODEL_MAX] + 2;
                uint64_t dropped = queue.dropped;
                model_push(&queue, &model, length);
                if (length > 0 && (waiting + length + 2) * 2 + 500 < size &&
                    queue.dropped != dropped)
                    test_fail(__FILE__, __LINE__, "dropped without need");
            } else if (model.first < model.last) {
                packet_queue_pop(&queue);
                model.first++;
            }
            if (queue.count != model.last - model.first)
                test_fail(__FILE__, __LINE__, "%lu packets, not %lu", (unsigned long)queue.count,
                          (unsigned long)(model.last - model.first));
            else if (queue.count > 0)
                check_first(&queue, &model);
            check_fit(&queue, &model);
        }
        while (queue.count > 0 && !test_state.failed) {
            check_first(&queue, &model);
            packet_queue_pop(&queue);
            model.first++;
        }
        free(buffer);
    }
}

int main(void)
{
    TEST("packets leave in the order in which they came", first_in_first_out);
    TEST("when a packet does not fit, the oldest goes", the_oldest_goes);
    TEST("what could never fit is dropped itself, and drives nothing out", what_never_fits);
    TEST("a cleared queue is empty and works", clearing);
    TEST("as many packets fit into a room as fit whole", fitting);
    TEST("whatever is pushed and popped, the queue behaves like a list", like_a_list);
    return test_end();
}
