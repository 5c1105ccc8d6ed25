// SPDX-License-Identifier: ISC
// The layer itself, by calls with bytes written by hand after route(4) and xnu's public headers: it
// carries out what is as documented, and refuses each of many ways to be wrong. Run it in a network
// namespace of its own:  unshare -n build/darwin/layer
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "darwin.h"

static int failures;

static void check(bool good, const char *name) {
    printf("%s - %s%s\n", good ? "ok" : "not ok", name, good ? "" : ": it is not so");
    failures += !good;
}

static bool run(const char *command) { return system(command) == 0; }

// ---- a utun ----

static const uint8_t utun_address[32] = {32, 32, 2, 0, 5, 0, 0, 0}; // sc_id is filled in

static int open_utun(void) {
    uint8_t info[100] = {0};
    uint8_t address[32];
    int fd = socket(32, SOCK_DGRAM, 2);
    memcpy(info + 4, "com.apple.net.utun_control", 26);
    memcpy(address, utun_address, sizeof address);
    if (ioctl(fd, 0xc0644e03ul, info) < 0)
        return -1;
    memcpy(address + 4, info, 4);
    return connect(fd, (const struct sockaddr *)address, sizeof address) == 0 ? fd : -1;
}

static int inet; // for ioctls
static int routes;

// struct ifaliasreq: utun0, 100.64.0.7 to itself, mask 255.255.255.255.
static const uint8_t alias[64] = {
    'u', 't', 'u', 'n', '0', 0,   0,   0,   0, 0, 0, 0, 0, 0, 0, 0, //
    16,  2,   0,   0,   100, 64,  0,   7,   0, 0, 0, 0, 0, 0, 0, 0, //
    16,  2,   0,   0,   100, 64,  0,   7,   0, 0, 0, 0, 0, 0, 0, 0, //
    16,  2,   0,   0,   255, 255, 255, 255, 0, 0, 0, 0, 0, 0, 0, 0,
};

static void test_utun(int fd) {
    char name[16];
    socklen_t length = sizeof name;
    uint8_t packet[64] = {0, 0, 0, 2, 0x45, 0, 0, 60};
    uint8_t request[64];
    check(getsockopt(fd, 2, 2, name, &length) == 0 && strcmp(name, "utun0") == 0 && length == 6,
          "the utun says its name");
    length = sizeof name;
    check(getsockopt(fd, 2, 1, name, &length) < 0, "another option is not the name");
    check(getsockopt(fd, SOL_SOCKET, 2, name, &length) < 0, "nor is that of another level");
    memcpy(request, alias, 64);
    memset(request + 32, 0, 16);
    check(ioctl(inet, 0x8040691aul, request) < 0 && errno == EDESTADDRREQ,
          "an address without a peer is refused");
    memcpy(request, alias, 64);
    request[16] = 0;
    check(ioctl(inet, 0x8040691aul, request) < 0, "an address without its length is refused");
    memcpy(request, alias, 64);
    memcpy(request + 20, "\x07\x00\x40\x64", 4);
    memcpy(request + 52, "\x00\xff\xff\xff", 4);
    check(ioctl(inet, 0x8040691aul, request) < 0, "a mask in the wrong order is refused");
    memcpy(request, alias, 64);
    check(ioctl(inet, 0x8050691aul, request) < 0, "a request of the wrong size is refused");
    check(ioctl(inet, 0x8040691aul, request) == 0 && run("ip -4 a show utun0 | grep -q 100.64.0.7"),
          "an address is put on the utun");
    memset(request, 0, sizeof request);
    memcpy(request, "utun0", 5);
    check(!run("ip link show utun0 | grep -q LOWER_UP") &&
              ioctl(inet, 0xc0206911ul, request) == 0 && (request[16] & 1) == 0,
          "it is down until its flags are set");
    request[16] |= 1;
    check(ioctl(inet, 0x80206910ul, request) == 0 && run("ip link show utun0 | grep -q LOWER_UP"),
          "it comes up then");
    check(write(fd, packet, 64) == 64, "a packet behind its family is taken");
    packet[0] = 2, packet[3] = 0;
    check(write(fd, packet, 64) < 0, "one behind a family in host order is refused");
    check(write(fd, packet + 4, 60) < 0, "one without a family is refused");
    packet[0] = 0, packet[3] = 10;
    check(write(fd, packet, 64) < 0, "one behind Linux's family is refused");
}

// ---- routes ----

// 128.0.0.0/1 by the interface, as bytes: header, destination, gateway (sockaddr_dl), netmask.
#define ROUTE_BYTES (92 + 16 + 20 + 8)
static uint8_t good[ROUTE_BYTES];

static void put32_at(uint8_t *bytes, uint32_t value) { memcpy(bytes, &value, 4); }

static void make_route(int index) {
    const uint16_t length = ROUTE_BYTES;
    const uint16_t interface = (uint16_t)index;
    memset(good, 0, sizeof good);
    memcpy(good, &length, 2);
    good[2] = 5;               // RTM_VERSION
    good[3] = 1;               // RTM_ADD
    put32_at(good + 8, 0x801); // RTF_UP, RTF_STATIC
    put32_at(good + 12, 0x7);  // RTA_DST, RTA_GATEWAY, RTA_NETMASK
    put32_at(good + 20, 1);    // rtm_seq
    memcpy(good + 92, "\x10\x02\0\0\x80\0\0\0", 8);
    good[108] = 20, good[109] = 18; // AF_LINK
    memcpy(good + 110, &interface, 2);
    memcpy(good + 128, "\x05\x00\0\0\x80\0\0\0", 8); // of 5 bytes, with padding
}

struct fault {
    const char *name;
    int at;
    int length;
    const char *bytes;
};

static const struct fault faults[] = {
    {"rtm_msglen in network order", 0, 2, "\0\x88"},
    {"another version", 2, 1, "\x04"},
    {"a type of notices", 3, 1, "\x0c"},
    {"no RTF_UP", 8, 4, "\0\x08\0\0"},
    {"RTF_GATEWAY with an interface", 8, 4, "\x03\x08\0\0"},
    {"RTF_HOST with a netmask", 8, 4, "\x05\x08\0\0"},
    {"a flag that only the kernel sets", 8, 4, "\x41\x08\0\0"},
    {"flags in network order", 8, 4, "\0\0\x08\x01"},
    {"a netmask whose bit is missing", 12, 4, "\x03\0\0\0"},
    {"a bit for an address that is missing", 12, 4, "\x27\0\0\0"},
    {"no destination", 12, 4, "\x06\0\0\0"},
    {"metrics that rtm_inits does not name", 40, 4, "\xdc\x05\0\0"},
    {"a destination without its length", 92, 1, "\0"},
    {"a destination with Linux's layout", 92, 2, "\x02\0"},
    {"a destination with a port", 94, 2, "\0\x35"},
    {"a destination in host order", 96, 4, "\0\0\0\x80"},
    {"a gateway of half the size", 108, 1, "\x0a"},
    {"a gateway of Linux's AF_PACKET", 109, 1, "\x11"},
    {"an interface that is not there", 110, 2, "\xff\x7f"},
    {"an interface in network order", 110, 2, "\x7f\0"},
    {"a netmask that holds no prefix", 132, 1, "\x40"},
    {"a netmask whose padding is used", 133, 1, "\x80"},
    {"a netmask that is longer than the message", 128, 1, "\x10"},
};

static bool add(const uint8_t *bytes, size_t length) {
    uint8_t answer[512];
    bool added = write(routes, bytes, length) == (ssize_t)length;
    int error = added ? 0 : errno;
    while (recv(routes, answer, sizeof answer, MSG_DONTWAIT) > 0) continue;
    if (added)
        run("ip route del 128.0.0.0/1");
    errno = error;
    return added;
}

static void test_routes(void) {
    uint8_t bytes[ROUTE_BYTES + 8];
    char name[128];
    check(add(good, sizeof good), "a route that is as documented is added");
    for (size_t i = 0; i < sizeof faults / sizeof faults[0]; i++) {
        memcpy(bytes, good, sizeof good);
        memcpy(bytes + faults[i].at, faults[i].bytes, (size_t)faults[i].length);
        snprintf(name, sizeof name, "a route is refused for %s", faults[i].name);
        check(!add(bytes, sizeof good), name);
    }
    memcpy(bytes, good, sizeof good);
    memset(bytes + sizeof good, 0, 8);
    check(!add(bytes, sizeof good + 8), "a route is refused for bytes behind it");
    bytes[0] = ROUTE_BYTES + 4;
    check(!add(bytes, sizeof good + 4), "a route is refused for padding to 8 bytes");
    memcpy(bytes + 133, good + 133, 0);
    bytes[0] = ROUTE_BYTES - 3; // the netmask's five bytes alone
    check(!add(bytes, sizeof good - 3), "a route is refused for an address without its padding");
}

static void test_answers(void) {
    uint8_t answer[512];
    struct pollfd polled = {routes, POLLIN, 0};
    int32_t value;
    bool own = false, notice = false;
    check(write(routes, good, sizeof good) == ROUTE_BYTES && run("ip route | grep -q ^128.0.0.0/1"),
          "the route is there");
    while (poll(&polled, 1, 500) > 0) {
        ssize_t length = read(routes, answer, sizeof answer);
        memcpy(&value, answer + 8, 4);
        own |= length == ROUTE_BYTES && answer[20] == 1 && (value & 0x40) != 0;
        notice |= answer[3] == 1 && answer[20] == 0;
    }
    check(own, "its message comes back with RTF_DONE");
    check(notice, "the kernel tells of the route, too");
    check(write(routes, good, sizeof good) < 0 && errno == EEXIST, "a second one is there already");
    good[3] = 2;
    good[8] = 0;
    check(write(routes, good, sizeof good) == ROUTE_BYTES, "it is deleted");
    check(write(routes, good, sizeof good) < 0 && errno == ESRCH, "and is not there then");
}

// A change that another program makes; the netmask of the notice is short, and its last address
// ends the message.
static void test_notices(void) {
    uint8_t notice[512];
    struct pollfd polled = {routes, POLLIN, 0};
    ssize_t length = 0;
    while (recv(routes, notice, sizeof notice, MSG_DONTWAIT) > 0) continue;
    run("ip link add wifi0 type veth peer name far && ip address add 172.20.10.5/28 brd + dev "
        "wifi0");
    while (poll(&polled, 1, 2000) > 0) {
        length = read(routes, notice, sizeof notice);
        if (notice[3] == 0xc)
            break;
    }
    check(length == 20 + 8 + 20 + 16 + 16 &&
              memcmp(notice + 20, "\x08\xff\0\0\xff\xff\xff\xf0", 8) == 0,
          "a new address is told with its mask");
    check(notice[28] == 20 && notice[29] == 18 && memcmp(notice + 36, "wifi0", 5) == 0,
          "and with its interface");
    check(memcmp(notice + 48, "\x10\x02\0\0\xac\x14\x0a\x05", 8) == 0, "and the address itself");
}

// ---- sockets ----

static void test_sockets(void) {
    const struct sockaddr_in any = {.sin_family = AF_INET, .sin_port = htons(6354)};
    int a = socket(AF_INET, SOCK_STREAM, 0);
    int b = socket(AF_INET, SOCK_STREAM, 0);
    int index = 1, on = 1;
    check(setsockopt(a, IPPROTO_IP, 25, &index, sizeof index) == 0, "IP_BOUND_IF binds");
    check(setsockopt(a, SOL_SOCKET, 25, &index, sizeof index) < 0, "not at SOL_SOCKET");
    check(setsockopt(a, IPPROTO_IP, 25, "lo0", 3) < 0, "nor by name");
    check(setsockopt(a, IPPROTO_IPV6, 125, &index, sizeof index) < 0, "nor for the other family");
    check(setsockopt(a, SOL_SOCKET, SO_BINDTODEVICE, "lo", 2) < 0, "Darwin has no SO_BINDTODEVICE");
    setsockopt(a, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
    setsockopt(b, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
    check(bind(a, (const struct sockaddr *)&any, sizeof any) == 0 &&
              bind(b, (const struct sockaddr *)&any, sizeof any) < 0,
          "two sockets do not have one port");
    check(socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0) < 0, "a socket's type has no flags");
    check(socket(AF_NETLINK, SOCK_RAW, 0) < 0, "Darwin has no netlink");
}

// ---- the dynamic store ----

#define FRAMEWORKS "/System/Library/Frameworks/"

typedef void *create_string(const void *, const char *, uint32_t);
typedef void *create_array(const void *, const void **, long, const void *);
typedef void *create_dictionary(const void *, const void **, const void **, long, const void *,
                                const void *);
typedef void *create_store(const void *, const void *, const void *, void *, void *);
typedef unsigned char set_value(const void *, const void *, const void *);

struct frameworks {
    create_string *string;
    create_array *array;
    create_dictionary *dictionary;
    create_store *store;
    set_value *set;
    const void *arrays, *keys, *values, **session_keys, **yes;
};

static void load(struct frameworks *f) {
    void *cf = dlopen(FRAMEWORKS "CoreFoundation.framework/CoreFoundation", RTLD_LAZY);
    void *sc = dlopen(FRAMEWORKS "SystemConfiguration.framework/SystemConfiguration", RTLD_LAZY);
    *(void **)&f->string = dlsym(cf, "CFStringCreateWithCString");
    *(void **)&f->array = dlsym(cf, "CFArrayCreate");
    *(void **)&f->dictionary = dlsym(cf, "CFDictionaryCreate");
    *(void **)&f->store = dlsym(sc, "SCDynamicStoreCreateWithOptions");
    *(void **)&f->set = dlsym(sc, "SCDynamicStoreSetValue");
    f->arrays = dlsym(cf, "kCFTypeArrayCallBacks");
    f->keys = dlsym(cf, "kCFTypeDictionaryKeyCallBacks");
    f->values = dlsym(cf, "kCFTypeDictionaryValueCallBacks");
    f->session_keys = dlsym(sc, "kSCDynamicStoreUseSessionKeys");
    f->yes = dlsym(cf, "kCFBooleanTrue");
}

static bool publish(const struct frameworks *f, void *store, const char *key, const char *property,
                    const char *text, bool in_array) {
    const void *value = f->string(NULL, text, 0x08000100);
    const void *array = f->array(NULL, &value, 1, f->arrays);
    const void *name = f->string(NULL, property, 0x08000100);
    const void *content = in_array ? array : value;
    return f->set(store, f->string(NULL, key, 0x08000100),
                  f->dictionary(NULL, &name, &content, 1, f->keys, f->values)) != 0;
}

static void test_store(void) {
    struct frameworks f;
    const char *key = "State:/Network/Service/tether/DNS";
    load(&f);
    const void *option = *f.session_keys, *yes = *f.yes;
    void *store = f.store(NULL, f.string(NULL, "tether", 0x08000100),
                          f.dictionary(NULL, &option, &yes, 1, f.keys, f.values), NULL, NULL);
    check(store != NULL, "the store opens a session");
    if (store == NULL)
        return;
    check(publish(&f, store, key, "ServerAddresses", "192.0.2.81", true),
          "a resolver is published");
    check(!publish(&f, store, "State:/Network/Global/DNS", "ServerAddresses", "192.0.2.81", true),
          "not for everybody: that is configd's own");
    check(!publish(&f, store, key, "ServerAddresses", "192.0.2.81", false), "not without an array");
    check(!publish(&f, store, key, "ServerAddresses", "ns.example", true), "not by name");
    check(!publish(&f, store, key, "ServerAddress", "192.0.2.81", true), "nor by another property");
    check(f.string(NULL, "tether", 4) == NULL, "a string has an encoding that is known");
    check(f.set(store, store, store) == 0, "a session is no value");
    check(dlopen("/usr/lib/libresolv.dylib", RTLD_LAZY) == NULL, "other libraries are not there");
}

static void test_rights(void) {
    uint8_t request[64];
    memcpy(request, alias, 64);
    check(setuid(65534) == 0, "the process becomes nobody's");
    check(ioctl(inet, 0x8040691aul, request) < 0 && errno == EPERM,
          "it puts no address anywhere then");
    good[3] = 1, good[8] = 1;
    check(add(good, sizeof good), "its routing socket stays root's");
    int late = socket(17, SOCK_RAW, 0);
    check(write(late, good, sizeof good) < 0 && errno == EPERM, "one that it opens then is not");
    check(open_utun() < 0, "nor is it given a utun");
}

int main(void) {
    struct darwin_interface found;
    int utun = open_utun();
    setvbuf(stdout, NULL, _IOLBF, 0);
    inet = socket(AF_INET, SOCK_DGRAM, 0);
    routes = socket(17, SOCK_RAW, 0);
    check(utun >= 0, "a utun is opened");
    test_utun(utun);
    make_route(kernel_interface("utun0", 0, &found) ? found.index : 0);
    test_routes();
    test_answers();
    test_notices();
    test_sockets();
    if (getenv("DARWIN_CONFIGD") != NULL)
        test_store();
    test_rights();
    close(utun);
    check(!kernel_interface("utun0", 0, &found), "the utun goes when it is closed");
    return failures != 0;
}
