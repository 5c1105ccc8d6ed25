// SPDX-License-Identifier: ISC
// A row of messages of a macOS kernel, such as its list of interfaces.
#include "fuzz.h"
#include "os/xnu.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    uint8_t *bytes = exact_copy(data, size);
    struct xnu_message message;
    size_t step;
    for (size_t at = 0; (step = xnu_read(&message, bytes + at, size - at)) > 0; at += step) {
        EXPECT(step >= 4 && step <= size - at);
        EXPECT(message.type == bytes[at + 3]);
        EXPECT(memchr(message.name, 0, sizeof message.name) != NULL);
        EXPECT(message.name[0] == 0 || message.type == XNU_RTM_IFINFO);
        EXPECT(message.address == 0 || message.type == XNU_RTM_NEWADDR ||
               message.type == XNU_RTM_DELADDR);
    }
    free(bytes);
    return 0;
}
