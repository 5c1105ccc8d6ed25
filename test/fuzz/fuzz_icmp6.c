// SPDX-License-Identifier: ISC
// The answer to IPv6 packets: the input is a packet.
#include "../unit/packets.h"
#include "fuzz.h"
#include "ip/icmp.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    uint8_t *packet = exact_copy(data, size);
    uint8_t answer[ICMP6_ERROR_MAX];
    uint8_t again[ICMP6_ERROR_MAX];
    size_t length = icmp6_refuse(answer, packet, size);
    EXPECT(length <= ICMP6_ERROR_MAX);
    if (length > 0) {
        size_t quoted = size < ICMP6_ERROR_MAX - 48 ? size : ICMP6_ERROR_MAX - 48;
        uint8_t pseudo[4] = {(uint8_t)((8 + quoted) >> 8), (uint8_t)(8 + quoted), 0, 58};
        uint16_t sum = packet_sum(packet_sum(0, answer + 8, 32), pseudo, 4);
        EXPECT(length == 48 + quoted);
        EXPECT(packet_sum(sum, answer + 40, 8 + quoted) == 0xffff);
        EXPECT(memcmp(answer + 48, packet, quoted) == 0);
        EXPECT(packet[24] != 0xff && packet[8] != 0xff);
        EXPECT(packet[6] != 58 || packet[40] >= 128);
        // It is an error: nobody answers it again.
        EXPECT(icmp6_refuse(again, answer, length) == 0);
    }
    free(packet);
    return 0;
}
