// SPDX-License-Identifier: ISC
// A bulk transfer has acknowledgements of TCP come back, one for each two segments. On a thin way
// back they alone may be more than it carries, and then each waits for all before it (RFC 3449
// section 3.1). Acknowledgements are cumulative: while some wait, only the newest has something to
// say, and the others may go (section 5.2.1, ACK filtering).
//
// Only what says nothing else is filtered: no data, no other flag, and no option but the timestamp
// (RFC 7323 section 3.2), so none that tells of holes. One that acknowledges no more than the one
// before it is such a sign, too (RFC 5681 section 3.2), and replaces nothing; the last of them goes
// when a newer one says that the hole is filled. Both stand right behind each other, so that
// nothing is overtaken.
#include "ack_thinning.h"
#include "../base/bytes.h"
#include "../ip/packet.h"
#include <string.h>

#define TIMESTAMP_OPTION 12 // bytes, with two before it that bring it into line

static const uint8_t timestamp[] = {1, 1, 8, 10};

static bool is_pure_ack(const uint8_t *packet, size_t length) {
    const uint8_t *tcp = packet + IP_HEADER_MIN;
    if (length != IP_HEADER_MIN + TCP_HEADER_MIN &&
        length != IP_HEADER_MIN + TCP_HEADER_MIN + TIMESTAMP_OPTION)
        return false;
    if (packet[0] != 0x45 || packet[IP_AT_PROTOCOL] != IP_TCP || ip_header_is_fragment(packet))
        return false;
    // Beside the offset, in 32-bit words, are reserved bits.
    if (tcp[TCP_AT_FLAGS] != TCP_ACK || tcp[TCP_AT_DATA_OFFSET] != (length - IP_HEADER_MIN) / 4
                                                                       << 4)
        return false;
    return length == IP_HEADER_MIN + TCP_HEADER_MIN ||
           memcmp(tcp + TCP_HEADER_MIN, timestamp, sizeof timestamp) == 0;
}

bool ack_thinning_replaces(const uint8_t *newer, const uint8_t *older, size_t length) {
    if (!is_pure_ack(newer, length) || !is_pure_ack(older, length))
        return false;
    // Addresses, ports and sequence number are in one piece.
    size_t same = IP_HEADER_MIN + TCP_AT_ACKNOWLEDGMENT - IP_AT_SOURCE;
    if (memcmp(newer + IP_AT_SOURCE, older + IP_AT_SOURCE, same) != 0)
        return false;
    uint32_t more = get_be32(newer + IP_HEADER_MIN + TCP_AT_ACKNOWLEDGMENT) -
                    get_be32(older + IP_HEADER_MIN + TCP_AT_ACKNOWLEDGMENT);
    return more != 0 && more < UINT32_MAX / 2;
}
