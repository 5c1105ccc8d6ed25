// A ring of records: two bytes of length, then the packet, always in one piece. A record that does
// not fit before the buffer's end begins at its start; a length of 0 marks the jump, as does an end
// too short for a length.
#include "queue.h"

#include <stdbool.h>
#include <string.h>

#include "../base/bytes.h"

#define LENGTH_BYTES 2

void packet_queue_init(struct packet_queue *queue, uint8_t *buffer, size_t size)
{
    memset(queue, 0, sizeof *queue);
    queue->buffer = buffer;
    queue->size = size;
}

void packet_queue_clear(struct packet_queue *queue)
{
    queue->head = queue->tail = queue->count = 0;
}

// Moves `head` over a jump, if one is there.
static size_t record_at(const struct packet_queue *queue, size_t head)
{
    if (queue->size - head < LENGTH_BYTES || get_be16(queue->buffer + head) == 0)
        return 0;
    return head;
}

const uint8_t *packet_queue_peek(const struct packet_queue *queue, size_t *length)
{
    if (queue->count == 0)
        return NULL;
    size_t at = record_at(queue, queue->head);
    *length = get_be16(queue->buffer + at);
    return queue->buffer + at + LENGTH_BYTES;
}

size_t packet_queue_fit(const struct packet_queue *queue, size_t room)
{
    size_t fit = 0;
    size_t head = queue->head;
    for (size_t i = 0; i < queue->count; i++) {
        head = record_at(queue, head);
        size_t length = get_be16(queue->buffer + head);
        if (length > room - fit)
            break;
        fit += length;
        head += LENGTH_BYTES + length;
    }
    return fit;
}

void packet_queue_pop(struct packet_queue *queue)
{
    if (queue->count == 0)
        return;
    size_t at = record_at(queue, queue->head);
    queue->head = at + LENGTH_BYTES + get_be16(queue->buffer + at);
    if (--queue->count == 0)
        queue->head = queue->tail = 0;
}

// Finds a place for a record of `need` bytes at the tail. Returns false where it does not fit now.
static bool make_place(struct packet_queue *queue, size_t need)
{
    bool wrapped = queue->count > 0 && queue->tail <= queue->head;
    if (wrapped)
        return need <= queue->head - queue->tail;
    if (need <= queue->size - queue->tail)
        return true;
    if (need > queue->head)
        return false;
    if (queue->size - queue->tail >= LENGTH_BYTES)
        put_be16(queue->buffer + queue->tail, 0);
    queue->tail = 0;
    return true;
}

void packet_queue_push(struct packet_queue *queue, const uint8_t *packet, size_t length)
{
    size_t need = LENGTH_BYTES + length;
    if (length == 0 || length > UINT16_MAX || need > queue->size) {
        queue->dropped++;
        return;
    }
    while (!make_place(queue, need)) {
        packet_queue_pop(queue);
        queue->dropped++;
    }
    put_be16(queue->buffer + queue->tail, (uint16_t)length);
    memcpy(queue->buffer + queue->tail + LENGTH_BYTES, packet, length);
    queue->tail += need;
    queue->count++;
}
