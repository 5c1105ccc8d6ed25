// SPDX-License-Identifier: ISC
// Netlink messages: requests as they are put together, attributes as they are found, and the
// conversation with a kernel that is played by the other end of a socket pair.
#include "os/netlink.h"

#include <errno.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

#include "base/bytes.h"
#include "test.h"

// Attributes and messages are in the host's byte order.
static size_t put_attribute(uint8_t *out, uint16_t claimed_length, uint16_t type, const void *data,
                            size_t length) {
    memcpy(out, &claimed_length, 2);
    memcpy(out + 2, &type, 2);
    if (length > 0)
        memcpy(out + 4, data, length);
    return (4 + length + 3) / 4 * 4;
}

// Looks in a copy of exactly `length` bytes. Returns the place of the data in it, or -1.
static long find(const uint8_t *bytes, size_t length, size_t offset, uint16_t type, size_t least,
                 size_t *size) {
    uint8_t *copy = test_copy(bytes, length);
    const uint8_t *found = netlink_find(copy, length, offset, type, least, size);
    long place = found != NULL ? (long)(found - copy) : -1;
    free(copy);
    return place;
}

// A body: 6 bytes of a header (aligned: 8), then attributes 1 (5 bytes), 2 (none), 3 nested (4),
// and 1 once more.
static size_t make_body(uint8_t *out) {
    size_t length = 8;
    memset(out, 0xee, 8);
    memset(out + length, 0, 64);
    length += put_attribute(out + length, 9, 1, "hello", 5);
    length += put_attribute(out + length, 4, 2, NULL, 0);
    length += put_attribute(out + length, 8, 3 | NLA_F_NESTED, "nest", 4);
    length += put_attribute(out + length, 8, 1, "last", 4);
    return length;
}

static void attributes_are_found(void) {
    uint8_t body[128];
    size_t size = 0;
    size_t length = make_body(body);
    CHECK_INT(length, 8 + 12 + 4 + 8 + 8);
    CHECK_INT(find(body, length, 6, 1, 5, &size), 12);
    CHECK_INT(size, 5);
    CHECK_INT(find(body, length, 8, 1, 0, NULL), 12);
    CHECK_INT(find(body, length, 6, 2, 0, &size), 24);
    CHECK_INT(size, 0);
    CHECK_INT(find(body, length, 6, 3, 4, &size), 28);
    CHECK_INT(size, 4);
    CHECK_INT(find(body, length, 6, 4, 0, NULL), -1);
    CHECK_INT(find(body, length, 6, 1, 6, NULL), -1); // shorter than wanted
    CHECK_INT(find(body, length, 6, 2, 1, NULL), -1);
    CHECK_INT(find(body, length, length, 1, 0, NULL), -1);
    CHECK_INT(find(body, length, length + 4, 1, 0, NULL), -1);
    CHECK_INT(find(body, 0, 0, 1, 0, NULL), -1);
}

// Cut off anywhere, what is whole is found and the rest is not, and nothing is read beyond.
static void truncated_bodies(void) {
    uint8_t body[128];
    size_t whole = make_body(body);
    for (size_t length = 0; length < whole; length++) {
        test_row("%lu of %lu bytes", (unsigned long)length, (unsigned long)whole);
        CHECK_INT(find(body, length, 6, 1, 0, NULL), length >= 8 + 9 ? 12 : -1);
        CHECK_INT(find(body, length, 6, 2, 0, NULL), length >= 20 + 4 ? 24 : -1);
        CHECK_INT(find(body, length, 6, 3, 0, NULL), length >= 24 + 8 ? 28 : -1);
        CHECK_INT(find(body, length, 6, 9, 0, NULL), -1);
    }
}

static void lying_lengths(void) {
    static const uint16_t lies[] = {0, 1, 2, 3, 37, 38, 255, 32767, 65532, 65535};
    for (size_t i = 0; i < COUNT(lies); i++) {
        uint8_t body[64] = {0};
        size_t length = put_attribute(body, lies[i], 1, "0123456789abcdef", 16);
        length += put_attribute(body + length, 8, 2, "next", 4);
        memset(body + length, 0, 8);
        test_row("an attribute of %u bytes", lies[i]);
        CHECK_INT(length, 28);
        CHECK_INT(find(body, length, 0, 1, 0, NULL), -1);
        CHECK_INT(find(body, length, 0, 2, 0, NULL), -1);
        CHECK_INT(find(body, length, 0, 7, 0, NULL), -1);
    }
}

// Random bytes: whatever is found lies inside, and the search ends.
static void random_attributes(void) {
    for (int i = 0; i < 100000; i++) {
        uint8_t body[64];
        size_t size = 0;
        size_t length = test_below(sizeof body + 1);
        size_t offset = test_below(sizeof body + 8);
        size_t least = test_below(8);
        test_random_bytes(body, sizeof body);
        for (size_t at = 0; at + 4 <= sizeof body; at += 4) { // lengths and types that may be
            uint16_t small = (uint16_t)test_below(24);
            memcpy(body + at, &small, 2);
            small = (uint16_t)test_below(4);
            memcpy(body + at + 2, &small, 2);
        }
        long place = find(body, length, offset, (uint16_t)test_below(4), least, &size);
        if (place < 0)
            continue;
        CHECK((size_t)place <= length && size <= length - (size_t)place);
        CHECK(size >= least);
        CHECK_INT(place % 4, 0);
    }
}

static void requests_are_put_together(void) {
    struct netlink_request request;
    struct {
        uint8_t family;
        uint8_t bytes[6];
    } body = {2, {1, 2, 3, 4, 5, 6}};
    uint16_t value;
    size_t size;
    netlink_begin(&request, 42, NLM_F_CREATE, &body, sizeof body);
    CHECK_INT(request.header.nlmsg_type, 42);
    CHECK_INT(request.header.nlmsg_flags, NLM_F_CREATE | NLM_F_REQUEST);
    CHECK_INT(request.length, 16 + 8);
    CHECK_BYTES(request.bytes + 16, &body, sizeof body);
    netlink_put_string(&request, 1, "eth0");
    netlink_put_be32(&request, 2, 0x01020304);
    size_t outer = netlink_nest(&request, 3);
    size_t inner = netlink_nest(&request, 4);
    netlink_put(&request, 5, "x", 1);
    netlink_nest_end(&request, inner);
    netlink_put(&request, 6, NULL, 0);
    netlink_nest_end(&request, outer);
    CHECK_INT(request.overflow, 0);
    CHECK_INT(request.length, 24 + 12 + 8 + 4 + 4 + 8 + 4);
    const uint8_t *attributes = request.bytes + 24;
    size_t length = request.length - 24;
    const uint8_t *name = netlink_find(attributes, length, 0, 1, 1, &size);
    CHECK(name != NULL);
    CHECK_INT(size, 5);
    CHECK_TEXT((const char *)name, "eth0");
    const uint8_t *number = netlink_find(attributes, length, 0, 2, 4, NULL);
    CHECK(number != NULL);
    CHECK_INT(get_be32(number), 0x01020304);
    const uint8_t *nest = netlink_find(attributes, length, 0, 3, 0, &size);
    CHECK(nest != NULL);
    CHECK_INT(size, 4 + 8 + 4);
    memcpy(&value, nest - 2, 2);
    CHECK_INT(value, 3 | NLA_F_NESTED);
    CHECK(netlink_find(nest, size, 0, 6, 0, NULL) != NULL);
    nest = netlink_find(nest, size, 0, 4, 0, &size);
    CHECK(nest != NULL);
    CHECK_INT(size, 8);
    const uint8_t *leaf = netlink_find(nest, size, 0, 5, 1, &size);
    CHECK(leaf != NULL);
    CHECK_INT(size, 1);
    CHECK_INT(*leaf, 'x');
}

static void requests_that_overflow(void) {
    static uint8_t data[2000];
    for (size_t length = 0; length < sizeof data; length++) {
        struct netlink_request request;
        struct kernel_socket netlink = {-1, 1};
        netlink_begin(&request, 1, 0, NULL, 0);
        netlink_put(&request, 1, data, length);
        bool fits = 16 + 4 + (length + 3) / 4 * 4 <= sizeof request.bytes;
        test_row("%lu bytes", (unsigned long)length);
        CHECK_INT(request.overflow, !fits);
        CHECK(request.length <= sizeof request.bytes);
        if (fits)
            continue;
        size_t nest = netlink_nest(&request, 2);
        netlink_nest_end(&request, nest);
        CHECK_INT(netlink_talk(&netlink, &request, NULL, NULL), -EMSGSIZE);
        CHECK_INT(netlink_talk_batch(&netlink, &request, 1), -EMSGSIZE);
    }
}

// The kernel, played.
static int kernel = -1;
static struct kernel_socket ours = {-1, 0};

static bool open_pair(void) {
    int fds[2];
    if (socketpair(AF_UNIX, SOCK_DGRAM, 0, fds) < 0)
        return false;
    kernel = fds[0];
    struct timeval limit = {.tv_sec = 0, .tv_usec = 100000};
    setsockopt(fds[1], SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit);
    ours = (struct kernel_socket){fds[1], 100}; // the next request is number 101
    return true;
}

static void close_pair(void) {
    close(kernel);
    netlink_close(&ours);
}

static size_t put_message(uint8_t *out, uint32_t claimed_length, uint16_t type, uint32_t sequence,
                          const void *body, size_t length) {
    struct nlmsghdr head = {.nlmsg_len = claimed_length, .nlmsg_type = type, .nlmsg_seq = sequence};
    memset(out, 0, 16 + (length + 3) / 4 * 4);
    memcpy(out, &head, sizeof head);
    memcpy(out + 16, body, length);
    return 16 + (length + 3) / 4 * 4;
}

static size_t put_result(uint8_t *out, uint32_t sequence, int32_t error) {
    uint8_t body[20] = {0};
    memcpy(body, &error, 4);
    return put_message(out, 36, NLMSG_ERROR, sequence, body, sizeof body);
}

static void say(const uint8_t *bytes, size_t length) {
    if (send(kernel, bytes, length, 0) != (ssize_t)length)
        exit(2);
}

static struct {
    int count;
    uint16_t type;
    size_t length;
    uint8_t body[64];
} answers;

static void on_answer(void *arg, uint16_t type, const uint8_t *body, size_t length) {
    if (arg != &answers || length > sizeof answers.body)
        exit(2);
    answers.count++;
    answers.type = type;
    answers.length = length;
    memcpy(answers.body, body, length);
}

static int ask(uint16_t flags) {
    struct netlink_request request;
    memset(&answers, 0, sizeof answers);
    netlink_begin(&request, 18, flags, "body", 4);
    return netlink_talk(&ours, &request, on_answer, &answers);
}

static void acknowledgements(void) {
    uint8_t bytes[256];
    struct nlmsghdr head;
    CHECK(open_pair());
    say(bytes, put_result(bytes, 101, 0));
    CHECK_INT(ask(0), 0);
    CHECK_INT(recv(kernel, bytes, sizeof bytes, 0), 20); // what the kernel was asked
    memcpy(&head, bytes, sizeof head);
    CHECK_INT(head.nlmsg_len, 20);
    CHECK_INT(head.nlmsg_type, 18);
    CHECK_INT(head.nlmsg_flags, NLM_F_REQUEST | NLM_F_ACK);
    CHECK_INT(head.nlmsg_seq, 101);
    CHECK_BYTES(bytes + 16, "body", 4);
    say(bytes, put_result(bytes, 102, -EEXIST));
    CHECK_INT(ask(0), -EEXIST);
    CHECK_INT(answers.count, 0);
    close_pair();
}

static void answers_and_dumps(void) {
    uint8_t bytes[512];
    CHECK(open_pair());
    size_t length = put_message(bytes, 16 + 5, 24, 101, "route", 5);
    length += put_result(bytes + length, 101, 0);
    say(bytes, length);
    CHECK_INT(ask(0), 0);
    CHECK_INT(answers.count, 1);
    CHECK_INT(answers.type, 24);
    CHECK_INT(answers.length, 5);
    CHECK_BYTES(answers.body, "route", 5);
    // A dump: several datagrams, each with several messages, and its end.
    length = put_message(bytes, 16 + 1, 20, 102, "a", 1);
    length += put_message(bytes + length, 16 + 2, 20, 102, "bb", 2);
    say(bytes, length);
    length = put_message(bytes, 16 + 3, 20, 102, "ccc", 3);
    length += put_message(bytes + length, 16 + 4, NLMSG_DONE, 102, "\0\0\0\0", 4);
    length += put_message(bytes + length, 16 + 4, 20, 102, "late", 4);
    say(bytes, length);
    CHECK_INT(ask(NLM_F_DUMP), 0);
    CHECK_INT(answers.count, 3);
    CHECK_BYTES(answers.body, "ccc", 3);
    close_pair();
}

// An answer to something that was given up long ago is not taken for the answer.
static void late_answers(void) {
    uint8_t bytes[256];
    CHECK(open_pair());
    size_t length = put_message(bytes, 16 + 3, 20, 99, "old", 3);
    length += put_result(bytes + length, 99, -ENOENT);
    say(bytes, length);
    say(bytes, put_result(bytes, 100, 0));
    say(bytes, put_result(bytes, 101, -EPERM));
    CHECK_INT(ask(0), -EPERM);
    CHECK_INT(answers.count, 0);
    close_pair();
}

// Datagrams that are cut off or lie: no answer in them, and the wait ends with the time limit.
static void bad_datagrams(void) {
    uint8_t bytes[256];
    CHECK(open_pair());
    say(bytes, 3);
    put_result(bytes, 101, 0);
    say(bytes, 15);
    for (uint32_t lie = 0; lie < 16; lie++)
        say(bytes, put_message(bytes, lie, NLMSG_ERROR, 101, "\0\0\0\0", 4));
    say(bytes, put_message(bytes, 24, NLMSG_ERROR, 101, "\0\0\0\0", 4));
    say(bytes, put_message(bytes, UINT32_MAX, NLMSG_ERROR, 101, "\0\0\0\0", 4));
    int result = ask(0);
    CHECK(result == -EAGAIN || result == -EWOULDBLOCK);
    CHECK_INT(answers.count, 0);
    close_pair();
}

// Such as NLMSG_NOOP: what follows it is heard.
static void header_alone(void) {
    uint8_t bytes[256];
    CHECK(open_pair());
    size_t length = put_message(bytes, 16, NLMSG_NOOP, 101, "", 0);
    length += put_result(bytes + length, 101, -EPERM);
    say(bytes, length);
    CHECK_INT(ask(0), -EPERM);
    close_pair();
}

static void batches(void) {
    uint8_t bytes[512];
    struct netlink_request requests[3];
    CHECK(open_pair());
    for (int i = 0; i < 3; i++)
        netlink_begin(&requests[i], (uint16_t)(10 + i), i == 1 ? NLM_F_ACK : 0, "body", 4);
    say(bytes, put_result(bytes, 102, 0));
    CHECK_INT(netlink_talk_batch(&ours, requests, 3), 0);
    CHECK_INT(recv(kernel, bytes, sizeof bytes, 0), 60); // one datagram
    for (int i = 0; i < 3; i++) {
        struct nlmsghdr head;
        memcpy(&head, bytes + (size_t)i * 20, sizeof head);
        CHECK_INT(head.nlmsg_len, 20);
        CHECK_INT(head.nlmsg_type, 10 + i);
        CHECK_INT(head.nlmsg_seq, 101 + i);
    }
    // An error of any part ends it.
    size_t length = put_result(bytes, 104, -EOPNOTSUPP);
    say(bytes, length);
    CHECK_INT(netlink_talk_batch(&ours, requests, 3), -EOPNOTSUPP);
    close_pair();
}

static void closed_socket(void) {
    CHECK(open_pair());
    netlink_close(&ours);
    CHECK_INT(ours.fd, -1);
    netlink_close(&ours); // a second time does no harm
    CHECK_INT(ask(0), -EBADF);
    close(kernel);
}

int main(void) {
    TEST("attributes are found by their type, nested or not", attributes_are_found);
    TEST("in a body that is cut off, only what is whole is found", truncated_bodies);
    TEST("an attribute whose length lies ends the search", lying_lengths);
    TEST("whatever the bytes, what is found lies inside them", random_attributes);
    TEST("requests are put together and can be read back", requests_are_put_together);
    TEST("a request that overflows is not sent", requests_that_overflow);
    TEST("a request ends with its acknowledgement or its error", acknowledgements);
    TEST("answers and dumps are given out until their end", answers_and_dumps);
    TEST("late answers to other requests are passed over", late_answers);
    TEST("bad datagrams are passed over, and the wait has a limit", bad_datagrams);
    TEST("a message without a body is passed over", header_alone);
    TEST("a batch is one datagram, and ends with its acknowledgement or first error", batches);
    TEST("a closed socket is an error, not a crash", closed_socket);
    return test_end();
}
