// SPDX-License-Identifier: ISC
// macOS: configd keeps a dynamic store, in which each way into the internet is a service with its
// addresses and resolvers (SCDynamicStore, SCSchemaDefinitions). Ours goes before all others, so
// all programs ask the tether's resolver, and those that look for a way before they try find one.
// The keys are the session's: configd takes them back when this process ends, however it ends. It
// has seen that we are root when the session began. Nothing is linked: two frameworks are loaded,
// which allocate some memory for each resolver.
#include "../base/text.h"
#include "../os/resolvers.h"
#include "told.h"
#include <dlfcn.h>
#include <stdio.h>
#include <string.h>

#define FRAMEWORK(name) "/System/Library/Frameworks/" name ".framework/" name
#define UTF8            0x08000100 // kCFStringEncodingUTF8, CFString.h
#define SINT32          3          // kCFNumberSInt32Type, CFNumber.h
#define FIELDS          4

typedef const void *ref; // to an object; as an allocator NULL is the usual one

#define CALLS(CALL)                                                                                \
    CALL(CFStringCreateWithCString, ref (*string)(ref, const char *, uint32_t))                    \
    CALL(CFNumberCreate, ref (*number)(ref, long, const void *))                                   \
    CALL(CFArrayCreate, ref (*list)(ref, const ref *, long, ref))                                  \
    CALL(CFDictionaryCreate, ref (*dictionary)(ref, const ref *, const ref *, long, ref, ref))     \
    CALL(CFRelease, void (*release)(ref))                                                          \
    CALL(kCFTypeArrayCallBacks, ref objects)                                                       \
    CALL(kCFTypeDictionaryKeyCallBacks, ref keys)                                                  \
    CALL(kCFTypeDictionaryValueCallBacks, ref values)                                              \
    CALL(kCFBooleanTrue, const ref *yes)                                                           \
    CALL(SCDynamicStoreCreateWithOptions, ref (*open)(ref, ref, ref, ref, ref))                    \
    CALL(SCDynamicStoreSetValue, unsigned char (*set)(ref, ref, ref))
#define NAME(name, member)   #name,
#define MEMBER(name, member) member;

static const char *const names[] = {CALLS(NAME)};
#define NAMES (sizeof names / sizeof names[0])
struct calls {
    CALLS(MEMBER)
};

// (A pointer to a function fits into one to data, POSIX has it.)
static bool find_calls(struct calls *calls, const struct dns_told *told) {
    void *found[NAMES];
    for (size_t i = 0; i < NAMES; i++) {
        void *framework = told->frameworks[names[i][0] == 'S'];
        found[i] = framework != NULL ? dlsym(framework, names[i]) : NULL;
        if (found[i] == NULL)
            return false;
    }
    memcpy(calls, found, sizeof found);
    return true;
}

static ref make_text(const struct calls *calls, const char *text) {
    return calls->string(NULL, text, UTF8);
}

// Makes a dictionary, to which the values belong then.
static ref make_dictionary(const struct calls *calls, const char *const *fields, const ref *values,
                           size_t count) {
    ref keys[FIELDS];
    for (size_t i = 0; i < count; i++) keys[i] = make_text(calls, fields[i]);
    ref made = calls->dictionary(NULL, keys, values, (long)count, calls->keys, calls->values);
    for (size_t i = 0; i < count; i++) {
        calls->release(keys[i]);
        if (values[i] != *calls->yes) // which is a constant
            calls->release(values[i]);
    }
    return made;
}

// Sets what the service has of a kind.
static bool publish(const struct dns_told *told, const struct calls *calls, const char *kind,
                    ref value) {
    char text[64];
    snprintf(text, sizeof text, "State:/Network/Service/tether-%s/%s", told->tun->name, kind);
    ref key = make_text(calls, text);
    bool is_set = calls->set(told->store, key, value) != 0;
    calls->release(key);
    calls->release(value);
    return is_set;
}

static ref make_address(const struct calls *calls, uint32_t address) {
    char out[16];
    struct text text;
    text_init(&text, out, sizeof out);
    text_add_ipv4(&text, address);
    return make_text(calls, out);
}

static ref make_addresses(const struct calls *calls, uint32_t address) {
    ref one = make_address(calls, address);
    ref list = calls->list(NULL, &one, 1, calls->objects);
    calls->release(one);
    return list;
}

static bool tell_resolver(struct dns_told *told, const struct calls *calls) {
    static const char *const field = "ServerAddresses";
    ref value = make_addresses(calls, told->resolver);
    if (!publish(told, calls, "DNS", make_dictionary(calls, &field, &value, 1)))
        return false;
    told->own = told->resolver;
    return true;
}

static bool tell_service(const struct dns_told *told, const struct calls *calls) {
    static const char *const fields[FIELDS] = {"Addresses", "Router", "InterfaceName",
                                               "OverridePrimary"};
    const int32_t one = 1;
    const ref values[FIELDS] = {
        make_addresses(calls, told->tun->address), make_address(calls, told->tun->address),
        make_text(calls, told->tun->name), calls->number(NULL, SINT32, &one)};
    return publish(told, calls, "IPv4", make_dictionary(calls, fields, values, FIELDS));
}

static ref open_store(const struct calls *calls) {
    static const char *const field = "UseSessionKeys";
    return calls->open(NULL, make_text(calls, "tether-client"),
                       make_dictionary(calls, &field, calls->yes, 1), NULL, NULL);
}

void dns_tell(struct dns_told *told) {
    struct calls calls;
    if (resolvers_read(&told->own, 1, "/etc/resolv.conf") == 0)
        told->own = DNS_LOOPBACK;
    told->frameworks[0] = dlopen(FRAMEWORK("CoreFoundation"), RTLD_LAZY | RTLD_LOCAL);
    told->frameworks[1] = dlopen(FRAMEWORK("SystemConfiguration"), RTLD_LAZY | RTLD_LOCAL);
    if (find_calls(&calls, told))
        told->store = open_store(&calls);
    if (told->store == NULL || !tell_resolver(told, &calls) || !tell_service(told, &calls))
        log_warn(told->log, "macOS takes no resolver from the tether: if names do not resolve, "
                            "choose a public one in the Network settings");
}

void dns_tell_again(struct dns_told *told) {
    struct calls calls;
    if (told->store != NULL && find_calls(&calls, told))
        (void)tell_resolver(told, &calls);
}

// Ends with the process, a moment later.
void dns_untell(struct dns_told *told) { (void)told; }
