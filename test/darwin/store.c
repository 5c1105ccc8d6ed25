// SPDX-License-Identifier: ISC
// What the programs load of CoreFoundation and SystemConfiguration, by dlopen(3): as much as it
// takes to publish values in the dynamic store. Objects know their types, and a call with one of
// another type, or one that is gone, is refused. The store itself is configd.py, at the Unix socket
// DARWIN_CONFIGD; a session is a connection to it, so it ends as on Darwin when the process does.
#include <dlfcn.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "darwin.h"

int __real_socket(int family, int type, int protocol);
int __real_connect(int fd, const struct sockaddr *address, socklen_t length);
ssize_t __real_send(int fd, const void *bytes, size_t length, int flags);
ssize_t __real_recv(int fd, void *bytes, size_t length, int flags);
int __real_close(int fd);

#define OBJECTS   512
#define ITEMS_MAX 16
#define TEXT_MAX_ 200
#define UTF8      0x08000100u // kCFStringEncodingUTF8
#define ASCII     0x0600u     // kCFStringEncodingASCII
#define SINT32    3L          // kCFNumberSInt32Type
#define INT       9L          // kCFNumberIntType

enum type { FREE, STRING, NUMBER, BOOLEAN, ARRAY, DICTIONARY, STORE };
static const char *const type_names[] = {"nothing", "CFString",     "CFNumber",      "CFBoolean",
                                         "CFArray", "CFDictionary", "SCDynamicStore"};

struct object {
    enum type type;
    int references;
    bool constant;
    char text[TEXT_MAX_];
    long number; // of a store: its socket
    int count;
    struct object *keys[ITEMS_MAX], *values[ITEMS_MAX];
};

static struct object objects[OBJECTS];
static struct object boolean_true = {
    .type = BOOLEAN, .references = 1, .constant = true, .number = 1};
static struct object boolean_false = {.type = BOOLEAN, .references = 1, .constant = true};
static struct object *true_reference = &boolean_true;
static struct object *false_reference = &boolean_false;
// Whoever gives the address of these wants what is in a collection to be kept while it is there.
static char key_callbacks[64], value_callbacks[64], array_callbacks[64];

static struct object *make(enum type type) {
    for (size_t i = 0; i < OBJECTS; i++)
        if (objects[i].type == FREE) {
            objects[i] = (struct object){.type = type, .references = 1};
            return &objects[i];
        }
    darwin_refuse("CoreFoundation: %d objects were made and not released", OBJECTS);
    return NULL;
}

static bool is(const struct object *object, enum type type, const char *call) {
    enum type found = object == NULL ? FREE : object->type;
    if (found == type)
        return true;
    darwin_refuse("%s: a %s where a %s belongs", call, type_names[found], type_names[type]);
    return false;
}

static bool is_value(const struct object *object, const char *call) {
    if (object != NULL && object->type > FREE && object->type < STORE)
        return true;
    darwin_refuse("%s: a value is no property list", call);
    return false;
}

static struct object *keep(struct object *object) {
    object->references += object->constant ? 0 : 1;
    return object;
}

static void release(struct object *object) {
    if (object == NULL || object->type == FREE) {
        darwin_refuse("CFRelease: of something that is not there");
        return;
    }
    if (object->constant || --object->references > 0)
        return;
    for (int i = 0; i < object->count; i++) {
        if (object->type == DICTIONARY)
            release(object->keys[i]);
        release(object->values[i]);
    }
    if (object->type == STORE)
        __real_close((int)object->number);
    object->type = FREE;
}

// ---- CoreFoundation ----

static struct object *string_create(const void *allocator, const char *text, uint32_t encoding) {
    (void)allocator;
    if ((encoding != UTF8 && encoding != ASCII) || text == NULL || strlen(text) >= TEXT_MAX_) {
        darwin_refuse("CFStringCreateWithCString: encoding %#x", encoding);
        return NULL;
    }
    struct object *string = make(STRING);
    if (string != NULL)
        strcpy(string->text, text);
    return string;
}

static struct object *number_create(const void *allocator, long type, const void *value) {
    int number;
    (void)allocator;
    if (type != SINT32 && type != INT) {
        darwin_refuse("CFNumberCreate: type %ld", type);
        return NULL;
    }
    struct object *object = make(NUMBER);
    memcpy(&number, value, sizeof number);
    if (object != NULL)
        object->number = number;
    return object;
}

static struct object *array_create(const void *allocator, const void **values, long count,
                                   const void *callbacks) {
    (void)allocator;
    if (callbacks != array_callbacks || count < 0 || count > ITEMS_MAX) {
        darwin_refuse("CFArrayCreate: %ld values, or other callbacks than kCFTypeArrayCallBacks",
                      count);
        return NULL;
    }
    struct object *array = make(ARRAY);
    for (long i = 0; array != NULL && i < count; i++) {
        struct object *value = (struct object *)(uintptr_t)values[i];
        if (!is_value(value, "CFArrayCreate"))
            return NULL;
        array->values[array->count++] = keep(value);
    }
    return array;
}

static struct object *array_create_mutable(const void *allocator, long most,
                                           const void *callbacks) {
    (void)most;
    return array_create(allocator, NULL, 0, callbacks);
}

static void array_append(struct object *array, struct object *value) {
    if (is(array, ARRAY, "CFArrayAppendValue") && is_value(value, "CFArrayAppendValue") &&
        array->count < ITEMS_MAX)
        array->values[array->count++] = keep(value);
}

static void dictionary_set(struct object *dictionary, struct object *key, struct object *value) {
    int i = 0;
    if (!is(dictionary, DICTIONARY, "CFDictionarySetValue") ||
        !is(key, STRING, "CFDictionarySetValue") || !is_value(value, "CFDictionarySetValue"))
        return;
    while (i < dictionary->count && strcmp(dictionary->keys[i]->text, key->text) != 0) i++;
    if (i == ITEMS_MAX)
        return;
    if (i == dictionary->count) {
        dictionary->keys[i] = keep(key);
        dictionary->values[i] = keep(value);
        dictionary->count++;
    } else {
        release(dictionary->values[i]);
        dictionary->values[i] = keep(value);
    }
}

static struct object *dictionary_create(const void *allocator, const void **keys,
                                        const void **values, long count, const void *key_calls,
                                        const void *value_calls) {
    (void)allocator;
    if (key_calls != key_callbacks || value_calls != value_callbacks || count > ITEMS_MAX) {
        darwin_refuse("CFDictionaryCreate: %ld values, or other callbacks than those of types",
                      count);
        return NULL;
    }
    struct object *dictionary = make(DICTIONARY);
    for (long i = 0; dictionary != NULL && i < count; i++)
        dictionary_set(dictionary, (struct object *)(uintptr_t)keys[i],
                       (struct object *)(uintptr_t)values[i]);
    return dictionary;
}

static struct object *dictionary_create_mutable(const void *allocator, long most,
                                                const void *key_calls, const void *value_calls) {
    (void)most;
    return dictionary_create(allocator, NULL, NULL, 0, key_calls, value_calls);
}

// ---- the dynamic store ----

// Writes a value as JSON. Returns where its text ends.
static char *write_value(char *at, const char *end, const struct object *value) {
    switch (value->type) {
    case STRING: return at + snprintf(at, (size_t)(end - at), "\"%s\"", value->text);
    case NUMBER: return at + snprintf(at, (size_t)(end - at), "%ld", value->number);
    case BOOLEAN: return at + snprintf(at, (size_t)(end - at), value->number ? "true" : "false");
    default: break;
    }
    *at++ = value->type == ARRAY ? '[' : '{';
    for (int i = 0; i < value->count && end - at > 2 * TEXT_MAX_; i++) {
        if (i > 0)
            *at++ = ',';
        if (value->type == DICTIONARY) {
            at = write_value(at, end, value->keys[i]);
            *at++ = ':';
        }
        at = write_value(at, end, value->values[i]);
    }
    *at++ = value->type == ARRAY ? ']' : '}';
    return at;
}

static unsigned char ask(struct object *store, const char *what, struct object *key,
                         const struct object *value) {
    char line[4096], answer = 0;
    const char *end = line + sizeof line - 4;
    if (!is(store, STORE, what) || !is(key, STRING, what) ||
        (value != NULL && !is_value(value, what)))
        return 0;
    char *at = line + snprintf(line, sizeof line, "%s\t%s\t", what, key->text);
    if (value != NULL)
        at = write_value(at, end, value);
    *at++ = '\n';
    *at = '\0';
    darwin_note("%.*s", (int)(at - line - 1), line);
    if (__real_send((int)store->number, line, (size_t)(at - line), MSG_NOSIGNAL) < 0 ||
        __real_recv((int)store->number, &answer, 1, 0) != 1 || answer != '1')
        darwin_note("the store refuses that");
    return answer == '1';
}

static struct object *store_open(struct object *name, bool session_keys) {
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    const char *path = getenv("DARWIN_CONFIGD");
    if (!is(name, STRING, "SCDynamicStoreCreate") || path == NULL)
        return NULL;
    int fd = __real_socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    snprintf(address.sun_path, sizeof address.sun_path, "%s", path);
    if (__real_connect(fd, (const struct sockaddr *)&address, sizeof address) < 0) {
        darwin_note("there is no configd");
        __real_close(fd);
        return NULL;
    }
    struct object *store = make(STORE);
    store->number = fd;
    (void)ask(store, session_keys ? "open with session keys" : "open", name, NULL);
    return store;
}

static struct object *store_create(const void *allocator, struct object *name, void *call,
                                   void *context) {
    (void)allocator, (void)context;
    if (call != NULL)
        darwin_refuse("SCDynamicStoreCreate: a call back is not known here");
    return store_open(name, false);
}

static struct object *store_create_with(const void *allocator, struct object *name,
                                        struct object *options, void *call, void *context) {
    bool session_keys = false;
    (void)allocator, (void)call, (void)context;
    if (options != NULL && !is(options, DICTIONARY, "SCDynamicStoreCreateWithOptions"))
        return NULL;
    for (int i = 0; options != NULL && i < options->count; i++)
        session_keys |= strcmp(options->keys[i]->text, "UseSessionKeys") == 0 &&
                        options->values[i] == &boolean_true;
    return store_open(name, session_keys);
}

static unsigned char store_set(struct object *store, struct object *key, struct object *value) {
    return is_value(value, "SCDynamicStoreSetValue") ? ask(store, "set", key, value) : 0;
}

static unsigned char store_add(struct object *store, struct object *key, struct object *value) {
    return is_value(value, "SCDynamicStoreAddValue") ? ask(store, "add", key, value) : 0;
}

static unsigned char store_add_temporary(struct object *store, struct object *key,
                                         struct object *value) {
    return is_value(value, "SCDynamicStoreAddTemporaryValue") ? ask(store, "lend", key, value) : 0;
}

static unsigned char store_remove(struct object *store, struct object *key) {
    return ask(store, "remove", key, NULL);
}

// ---- the loader ----

static struct object use_session_keys = {
    .type = STRING, .references = 1, .constant = true, .text = "UseSessionKeys"};
static struct object *use_session_keys_reference = &use_session_keys;

typedef void function(void);
struct symbol {
    const char *name;
    function *call;
    void *data;
};

#define CALL(name, call)                                                                           \
    { name, (function *)(call), NULL }
static const struct symbol core_foundation[] = {
    CALL("CFStringCreateWithCString", string_create),
    CALL("CFNumberCreate", number_create),
    CALL("CFArrayCreate", array_create),
    CALL("CFArrayCreateMutable", array_create_mutable),
    CALL("CFArrayAppendValue", array_append),
    CALL("CFDictionaryCreate", dictionary_create),
    CALL("CFDictionaryCreateMutable", dictionary_create_mutable),
    CALL("CFDictionarySetValue", dictionary_set),
    CALL("CFDictionaryAddValue", dictionary_set),
    CALL("CFRelease", release),
    {"kCFBooleanTrue", NULL, &true_reference},
    {"kCFBooleanFalse", NULL, &false_reference},
    {"kCFTypeDictionaryKeyCallBacks", NULL, key_callbacks},
    {"kCFTypeDictionaryValueCallBacks", NULL, value_callbacks},
    {"kCFTypeArrayCallBacks", NULL, array_callbacks},
    {NULL, NULL, NULL},
};
static const struct symbol system_configuration[] = {
    CALL("SCDynamicStoreCreate", store_create),
    CALL("SCDynamicStoreCreateWithOptions", store_create_with),
    CALL("SCDynamicStoreSetValue", store_set),
    CALL("SCDynamicStoreAddValue", store_add),
    CALL("SCDynamicStoreAddTemporaryValue", store_add_temporary),
    CALL("SCDynamicStoreRemoveValue", store_remove),
    {"kSCDynamicStoreUseSessionKeys", NULL, &use_session_keys_reference},
    {NULL, NULL, NULL},
};

#define FRAMEWORKS "/System/Library/Frameworks/"

// Loading SystemConfiguration loads CoreFoundation, too; each handle finds what its own tree has.
void *__wrap_dlopen(const char *path, int mode);
void *__wrap_dlopen(const char *path, int mode) {
    (void)mode;
    if (path != NULL && strcmp(path, FRAMEWORKS "CoreFoundation.framework/CoreFoundation") == 0)
        return (void *)(uintptr_t)core_foundation;
    if (path != NULL &&
        strcmp(path, FRAMEWORKS "SystemConfiguration.framework/SystemConfiguration") == 0)
        return (void *)(uintptr_t)system_configuration;
    darwin_refuse("dlopen: there is no %s", path != NULL ? path : "(null)");
    return NULL;
}

static void *find(const struct symbol *symbols, const char *name) {
    for (; symbols->name != NULL; symbols++)
        if (strcmp(symbols->name, name) == 0) {
            void *address = symbols->data;
            if (symbols->call != NULL)
                memcpy(&address, &symbols->call, sizeof address); // ISO C has no such cast
            return address;
        }
    return NULL;
}

void *__wrap_dlsym(void *handle, const char *name);
void *__wrap_dlsym(void *handle, const char *name) {
    void *found = NULL;
    if (handle == (void *)(uintptr_t)system_configuration || handle == RTLD_DEFAULT)
        found = find(system_configuration, name);
    if (found == NULL)
        found = find(core_foundation, name);
    if (found == NULL)
        darwin_refuse("dlsym: %s is not known here", name);
    return found;
}
