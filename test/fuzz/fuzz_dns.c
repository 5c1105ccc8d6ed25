// SPDX-License-Identifier: ISC
// An IP packet that may be a resolver's answer, which is also taken for the answer alone.
#include "../unit/packets.h"
#include "dns/dns.h"
#include "fuzz.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    uint8_t *copy = exact_copy(data, size);
    if (dns_answer_is_good(copy, size))
        EXPECT(size >= 12 && (copy[2] & 0x80) != 0);
    if (dns_packet_is_good(copy, size)) {
        size_t header = packet_header_length(copy);
        EXPECT(size >= header + 8 + 12 && copy[9] == PACKET_UDP);
        EXPECT(packet_get16(copy + header) == 53);
        EXPECT(dns_answer_is_good(copy + header + 8, size - header - 8));
    }
    EXPECT(size == 0 || memcmp(copy, data, size) == 0);
    free(copy);
    return 0;
}
