// SPDX-License-Identifier: ISC
// Address ranges that are not simply somewhere on the Internet, from RFC 6890's tables. The first
// that fits decides.
//
// Before them stand the addresses at which a cloud has what most have in the link-local range
// (169.254.169.254 and others): the metadata service, which gives credentials to whoever asks from
// the machine. They count as link-local wherever they lie. The clouds' own documents name them:
// - Alibaba Cloud, "Instance metadata" (ECS); cloud-init's data source AliYun
// - BytePlus and Volcengine, "Viewing instance metadata" (ECS)
// - UCloud, "metadata-server" (UHost)
// - Azure, "What is IP address 168.63.129.16?"
// Oracle's Classic has 192.0.0.192, which is refused anyway. CloudStack's is at the router of each
// network (cloud-init's data source CloudStack): no list can hold that one.
#include "scope.h"
#include <stddef.h>

static const struct {
    uint32_t network;
    uint8_t prefix_length;
    enum ip_scope scope;
} ranges[] = {
    {0x646464c8, 32, SCOPE_LINK_LOCAL}, // 100.100.100.200, Alibaba
    {0x64600060, 32, SCOPE_LINK_LOCAL}, // 100.96.0.96, BytePlus, Volcengine
    {0x64505050, 32, SCOPE_LINK_LOCAL}, // 100.80.80.80, UCloud
    {0xa83f8110, 32, SCOPE_LINK_LOCAL}, // 168.63.129.16, Azure
    {0x00000000, 8, SCOPE_NOWHERE},     // 0.0.0.0/8
    {0x0a000000, 8, SCOPE_PRIVATE},     // 10.0.0.0/8
    {0x64400000, 10, SCOPE_PRIVATE},    // 100.64.0.0/10
    {0x7f000000, 8, SCOPE_LOOPBACK},    // 127.0.0.0/8
    {0xa9fe0000, 16, SCOPE_LINK_LOCAL}, // 169.254.0.0/16
    {0xac100000, 12, SCOPE_PRIVATE},    // 172.16.0.0/12
    {0xc0000000, 24, SCOPE_NOWHERE},    // 192.0.0.0/24, protocol assignments
    {0xc0a80000, 16, SCOPE_PRIVATE},    // 192.168.0.0/16
    {0xc6120000, 15, SCOPE_PRIVATE},    // 198.18.0.0/15, benchmarks
    {0xe0000000, 4, SCOPE_MULTICAST},   // 224.0.0.0/4
    {0xf0000000, 4, SCOPE_NOWHERE},     // 240.0.0.0/4
};

enum ip_scope ip_scope_of(uint32_t address) {
    for (size_t i = 0; i < sizeof ranges / sizeof ranges[0]; i++)
        if (((address ^ ranges[i].network) & (UINT32_MAX << (32 - ranges[i].prefix_length))) == 0)
            return ranges[i].scope;
    return SCOPE_GLOBAL;
}
