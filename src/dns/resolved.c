// SPDX-License-Identifier: ISC
// D-Bus (its specification, "Message Protocol"), in whole messages, of which only two values differ
// from time to time. A message is a head with the lengths of its body and its fields, fields (each
// a number, the type of its value, and that), and the body; all aligned to its size, and in the
// order of bytes that the head names. Nothing is answered, and nothing is started that does not
// run.
#include "../base/bytes.h"
#include "dns.h"
#include <string.h>

#define CALL(body, fields) "l\1\3\1" body "\0\0\0\1\0\0\0" fields "\0\0\0"
#define TO_RESOLVED                                                                                \
    "\1\1o\0\31\0\0\0/org/freedesktop/resolve1\0\0\0\0\0\0\0"                                      \
    "\2\1s\0 \0\0\0org.freedesktop.resolve1.Manager\0\0\0\0\0\0\0\0"                               \
    "\6\1s\0\30\0\0\0org.freedesktop.resolve1\0\0\0\0\0\0\0\0"

// The bus takes our user from the kernel (SASL EXTERNAL).
static const char greeting[] = "\0AUTH EXTERNAL\r\nDATA\r\nBEGIN\r\n" //
    CALL("\0", "\156")                                                //
    "\1\1o\0\25\0\0\0/org/freedesktop/DBus\0\0\0"
    "\2\1s\0\24\0\0\0org.freedesktop.DBus\0\0\0\0"
    "\6\1s\0\24\0\0\0org.freedesktop.DBus\0\0\0\0"
    "\3\1s\0\5\0\0\0Hello\0\0";

// The device stands for @@@@, and the resolver for ####, whose family is AF_INET (2); "." with a 1
// behind it is "~.": all names, and none of them to be completed with it.
static const char settings[] = //
    CALL("\24", "\245")        //
    TO_RESOLVED "\3\1s\0\12\0\0\0SetLinkDNS\0\0\0\0\0\0\10\1g\0\7ia(iay)\0\0\0\0"
                "@@@@\14\0\0\0\2\0\0\0\4\0\0\0####" //
    CALL("\24", "\244")                             //
    TO_RESOLVED "\3\1s\0\16\0\0\0SetLinkDomains\0\0\10\1g\0\6ia(sb)\0\0\0\0\0"
                "@@@@\14\0\0\0\1\0\0\0.\0\0\0\1\0\0\0" //
    CALL("\10", "\250")                                //
    TO_RESOLVED "\3\1s\0\23\0\0\0SetLinkDefaultRoute\0\0\0\0\0\10\1g\0\2ib\0"
                "@@@@\1\0\0";

_Static_assert(sizeof settings + sizeof greeting <= RESOLVED_BYTES, "there is room for both");

size_t resolved_write(uint8_t out[RESOLVED_BYTES], bool begins, int index, uint32_t resolver) {
    uint8_t *at = out;
    if (begins)
        at = (uint8_t *)memcpy(out, greeting, sizeof greeting) + sizeof greeting;
    memcpy(at, settings, sizeof settings);
    for (size_t i = 0; i < sizeof settings - 3; i++) {
        if (memcmp(settings + i, "@@@@", 4) == 0)
            put_le32(at + i, (uint32_t)index);
        else if (memcmp(settings + i, "####", 4) == 0)
            put_be32(at + i, resolver);
    }
    return (size_t)(at - out) + sizeof settings;
}
