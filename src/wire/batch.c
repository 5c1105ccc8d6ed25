// SPDX-License-Identifier: ISC
// Frames go and come many a system call (sendmmsg(2), recvmmsg(2)). What they are made of lies in
// arrays that are prepared once: for each frame that goes, its heads and then the packet's own
// bytes.
#include "wire.h"
#include <errno.h>
#include <linux/if_ether.h>
#include <string.h>

// Everything that never changes between system calls.
void wire_prepare_batches(struct wire *wire) {
    for (size_t i = 0; i < WIRE_BATCH; i++) {
        wire->out_pieces[i][0] = (struct iovec){&wire->heads[i], sizeof wire->heads[i]};
        wire->out[i].msg_hdr.msg_iov = wire->out_pieces[i];
        wire->out[i].msg_hdr.msg_iovlen = 2;
        wire->in_pieces[i] = (struct iovec){wire->in_bytes[i], sizeof wire->in_bytes[i]};
        wire->in[i].msg_hdr.msg_iov = &wire->in_pieces[i];
        wire->in[i].msg_hdr.msg_iovlen = 1;
    }
}

uint8_t *wire_put_frame(struct wire *wire, uint8_t *packet, size_t length,
                        const uint8_t mac[MAC_SIZE]) {
    if (wire->out_count == WIRE_BATCH)
        wire_flush(wire);
    struct wire_frame_head *head = &wire->heads[wire->out_count];
    memset(head->vnet, 0, sizeof head->vnet);
    memcpy(head->ethernet, mac, MAC_SIZE);
    memcpy(head->ethernet + MAC_SIZE, wire->mac, MAC_SIZE);
    put_be16(head->ethernet + ETHERNET_TYPE, ETH_P_IP);
    wire->out_pieces[wire->out_count][1] = (struct iovec){packet, length};
    wire->out_count++;
    return head->vnet;
}

void wire_flush(struct wire *wire) {
    unsigned done = 0;
    while (done < wire->out_count) {
        int sent = sendmmsg(wire->packet_fd, wire->out + done, wire->out_count - done, 0);
        if (sent < 0 && errno == EINTR)
            continue;
        if (sent > 0) {
            done += (unsigned)sent;
            continue;
        }
        wire->send_failed++; // this one the interface does not take; the next it may
        done++;
    }
    wire->out_count = 0;
}
