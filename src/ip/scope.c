// Address ranges that are not simply somewhere on the Internet, from RFC 6890's tables; and one that
// is, but where a cloud (Azure) keeps what others keep in the link-local range. The first that fits
// decides.
#include "scope.h"

#include <stddef.h>

static const struct {
    uint32_t network;
    uint8_t prefix_length;
    enum ip_scope scope;
} ranges[] = {
    {0x00000000, 8, SCOPE_NOWHERE},     // 0.0.0.0/8
    {0x0a000000, 8, SCOPE_PRIVATE},     // 10.0.0.0/8
    {0x64400000, 10, SCOPE_PRIVATE},    // 100.64.0.0/10
    {0x7f000000, 8, SCOPE_LOOPBACK},    // 127.0.0.0/8
    {0xa9fe0000, 16, SCOPE_LINK_LOCAL}, // 169.254.0.0/16
    {0xa83f8110, 32, SCOPE_LINK_LOCAL}, // 168.63.129.16, a virtual machine's own host
    {0xac100000, 12, SCOPE_PRIVATE},    // 172.16.0.0/12
    {0xc0000000, 24, SCOPE_NOWHERE},    // 192.0.0.0/24, protocol assignments
    {0xc0a80000, 16, SCOPE_PRIVATE},    // 192.168.0.0/16
    {0xc6120000, 15, SCOPE_PRIVATE},    // 198.18.0.0/15, benchmarks
    {0xe0000000, 4, SCOPE_MULTICAST},   // 224.0.0.0/4
    {0xf0000000, 4, SCOPE_NOWHERE},     // 240.0.0.0/4
};

enum ip_scope ip_scope_of(uint32_t address)
{
    for (size_t i = 0; i < sizeof ranges / sizeof ranges[0]; i++)
        if (((address ^ ranges[i].network) & (UINT32_MAX << (32 - ranges[i].prefix_length))) == 0)
            return ranges[i].scope;
    return SCOPE_GLOBAL;
}
