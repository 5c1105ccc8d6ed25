// Address ranges that are not simply somewhere on the Internet, from RFC 6890's tables.
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
    {0xac100000, 12, SCOPE_PRIVATE},    // 172.16.0.0/12
    {0xc0a80000, 16, SCOPE_PRIVATE},    // 192.168.0.0/16
    {0xe0000000, 4, SCOPE_MULTICAST},   // 224.0.0.0/4
    {0xf0000000, 4, SCOPE_NOWHERE},     // 240.0.0.0/4
};

enum ip_scope ip_scope_of(uint32_t address)
{
    for (size_t i = 0; i < sizeof ranges / sizeof ranges[0]; i++)
        if ((address ^ ranges[i].network) >> (32 - ranges[i].prefix_length) == 0)
            return ranges[i].scope;
    return SCOPE_GLOBAL;
}
