// SPDX-License-Identifier: ISC
// Address ranges (RFC 6890): first and last address of each, and their neighbours. Clouds' metadata
// services.
#include "ip/scope.h"

#include "packets.h"
#include "test.h"

static const struct {
    uint32_t address;
    enum ip_scope scope;
} edges[] = {
    {ADDRESS(0, 0, 0, 0), SCOPE_NOWHERE},
    {ADDRESS(0, 255, 255, 255), SCOPE_NOWHERE},
    {ADDRESS(1, 0, 0, 0), SCOPE_GLOBAL},
    {ADDRESS(9, 255, 255, 255), SCOPE_GLOBAL},
    {ADDRESS(10, 0, 0, 0), SCOPE_PRIVATE},
    {ADDRESS(10, 255, 255, 255), SCOPE_PRIVATE},
    {ADDRESS(11, 0, 0, 0), SCOPE_GLOBAL},
    {ADDRESS(100, 63, 255, 255), SCOPE_GLOBAL},
    {ADDRESS(100, 64, 0, 0), SCOPE_PRIVATE},
    {ADDRESS(100, 80, 80, 79), SCOPE_PRIVATE},
    {ADDRESS(100, 80, 80, 80),
     SCOPE_LINK_LOCAL}, // clouds' metadata services, out of their usual range
    {ADDRESS(100, 80, 80, 81), SCOPE_PRIVATE},
    {ADDRESS(100, 96, 0, 95), SCOPE_PRIVATE},
    {ADDRESS(100, 96, 0, 96), SCOPE_LINK_LOCAL},
    {ADDRESS(100, 96, 0, 97), SCOPE_PRIVATE},
    {ADDRESS(100, 100, 100, 199), SCOPE_PRIVATE},
    {ADDRESS(100, 100, 100, 200), SCOPE_LINK_LOCAL},
    {ADDRESS(100, 100, 100, 201), SCOPE_PRIVATE},
    {ADDRESS(100, 127, 255, 255), SCOPE_PRIVATE},
    {ADDRESS(100, 128, 0, 0), SCOPE_GLOBAL},
    {ADDRESS(126, 255, 255, 255), SCOPE_GLOBAL},
    {ADDRESS(127, 0, 0, 0), SCOPE_LOOPBACK},
    {ADDRESS(127, 0, 0, 1), SCOPE_LOOPBACK},
    {ADDRESS(127, 255, 255, 255), SCOPE_LOOPBACK},
    {ADDRESS(128, 0, 0, 0), SCOPE_GLOBAL},
    {ADDRESS(168, 63, 129, 15), SCOPE_GLOBAL},
    {ADDRESS(168, 63, 129, 16), SCOPE_LINK_LOCAL}, // what Azure has in its place
    {ADDRESS(168, 63, 129, 17), SCOPE_GLOBAL},
    {ADDRESS(169, 253, 255, 255), SCOPE_GLOBAL},
    {ADDRESS(169, 254, 0, 0), SCOPE_LINK_LOCAL},
    {ADDRESS(169, 254, 169, 254), SCOPE_LINK_LOCAL}, // the metadata service of most clouds
    {ADDRESS(169, 254, 255, 255), SCOPE_LINK_LOCAL},
    {ADDRESS(169, 255, 0, 0), SCOPE_GLOBAL},
    {ADDRESS(172, 15, 255, 255), SCOPE_GLOBAL},
    {ADDRESS(172, 16, 0, 0), SCOPE_PRIVATE},
    {ADDRESS(172, 31, 255, 255), SCOPE_PRIVATE},
    {ADDRESS(172, 32, 0, 0), SCOPE_GLOBAL},
    {ADDRESS(191, 255, 255, 255), SCOPE_GLOBAL},
    {ADDRESS(192, 0, 0, 0), SCOPE_NOWHERE},
    {ADDRESS(192, 0, 0, 192), SCOPE_NOWHERE}, // Oracle Classic's metadata service
    {ADDRESS(192, 0, 0, 255), SCOPE_NOWHERE},
    {ADDRESS(192, 0, 1, 0), SCOPE_GLOBAL},
    {ADDRESS(192, 167, 255, 255), SCOPE_GLOBAL},
    {ADDRESS(192, 168, 0, 0), SCOPE_PRIVATE},
    {ADDRESS(192, 168, 255, 255), SCOPE_PRIVATE},
    {ADDRESS(192, 169, 0, 0), SCOPE_GLOBAL},
    {ADDRESS(198, 17, 255, 255), SCOPE_GLOBAL},
    {ADDRESS(198, 18, 0, 0), SCOPE_PRIVATE},
    {ADDRESS(198, 19, 255, 255), SCOPE_PRIVATE},
    {ADDRESS(198, 20, 0, 0), SCOPE_GLOBAL},
    {ADDRESS(223, 255, 255, 255), SCOPE_GLOBAL},
    {ADDRESS(224, 0, 0, 0), SCOPE_MULTICAST},
    {ADDRESS(239, 255, 255, 255), SCOPE_MULTICAST},
    {ADDRESS(240, 0, 0, 0), SCOPE_NOWHERE},
    {ADDRESS(255, 255, 255, 254), SCOPE_NOWHERE},
    {ADDRESS(255, 255, 255, 255), SCOPE_NOWHERE},
    {ADDRESS(8, 8, 8, 8), SCOPE_GLOBAL},
};

static void range_edges(void) {
    for (size_t i = 0; i < COUNT(edges); i++) {
        test_row("%08lx", (unsigned long)edges[i].address);
        CHECK_INT(ip_scope_of(edges[i].address), edges[i].scope);
    }
}

int main(void) {
    TEST("each special-purpose range begins and ends where it should", range_edges);
    return test_end();
}
