// SPDX-License-Identifier: ISC
// When the server sends to its laptops: each when its link says so, and none is forgotten while
// others are served. The link itself is a stand-in here, which tells when it is due.
#define tunnel_link_pump   stand_in_pump
#define tunnel_link_due_us stand_in_due_us
#include "../../src/server/laptops.c"
#include "../../src/server/phones.c"

#include "test.h"

#define LAPTOPS 3

static struct loop loop;
static struct loop_timer alarm_timer;
static struct laptops laptops;
static struct server_phones phones;
static struct log quiet; // errors alone
static struct ws_conn there;
static const struct siphash_key queue_key = {1, 2};
static int64_t due_us[LAPTOPS]; // what each link waits for; what is over is nothing to wait for
static int pumped[LAPTOPS];

static size_t number_of(const struct tunnel_link *link) {
    for (size_t i = 0; i < LAPTOPS; i++)
        if (&laptops.places[i].link == link)
            return i;
    abort();
}

void stand_in_pump(struct tunnel_link *link, int64_t now_us) {
    (void)now_us;
    pumped[number_of(link)]++;
}

int64_t stand_in_due_us(const struct tunnel_link *link, int64_t now_us) {
    int64_t due = due_us[number_of(link)];
    return due > now_us ? due : INT64_MAX;
}

void gateway_set_laptop(struct gateway *gateway, uint16_t laptop, uint64_t identity) {
    (void)gateway, (void)laptop, (void)identity;
}

uint32_t gateway_mappings(const struct gateway *gateway, uint16_t laptop) {
    (void)gateway, (void)laptop;
    return 0;
}

void gateway_flush(struct gateway *gateway) { (void)gateway; }

void laptop_send_status(struct laptop *laptop) { (void)laptop; }

static void be_at(int64_t now_us) {
    loop.now_us = now_us;
    loop.now_ms = now_us / 1000;
}

// Laptops with a connection each, that were served at 1 s and wait for nothing.
static void start(void) {
    memset(&laptops, 0, sizeof laptops);
    memset(pumped, 0, sizeof pumped);
    quiet = (struct log){.program = "test"};
    laptops.log = &quiet;
    laptops.loop = &loop;
    laptops.alarm = &alarm_timer;
    laptops.count = LAPTOPS;
    be_at(1000000);
    for (uint16_t i = 0; i < LAPTOPS; i++) {
        path_init(&laptops.places[i].path, &laptops.places[i].link, i);
        tunnel_link_init(&laptops.places[i].link, NULL, &queue_key, loop.now_us);
        laptops.places[i].laptops = &laptops;
        laptops.places[i].link.conn = &there;
        laptops.places[i].touched = true;
        due_us[i] = INT64_MAX;
    }
}

static void touch(size_t i, int64_t then_due_us) {
    laptops.places[i].touched = true;
    due_us[i] = then_due_us;
    laptops_pump(&laptops);
}

static void the_first_rings(void) {
    start();
    laptops_pump(&laptops);
    CHECK_INT(alarm_timer.due_ms, LOOP_NEVER);
    touch(2, 3000001);
    CHECK_INT(alarm_timer.due_ms, 3001); // not before it
    touch(1, 2000000);
    CHECK_INT(alarm_timer.due_ms, 2000);
    laptops.places[1].link.conn = NULL; // its phone is gone: nobody is sent to
    touch(0, INT64_MAX);
    CHECK_INT(alarm_timer.due_ms, 3001);
}

// The time of one has just come, and the alarm has not rung yet, when another is served.
static void none_is_forgotten(void) {
    start();
    touch(1, 2000000);
    be_at(2000400);
    touch(0, 9000000);
    CHECK_INT(pumped[1], 1);
    CHECK_INT(alarm_timer.due_ms, 2000);
    on_alarm(&laptops);
    CHECK_INT(pumped[1], 2);
    CHECK_INT(alarm_timer.due_ms, 9000);
}

static void only_who_has_something(void) {
    start();
    laptops_pump(&laptops);
    touch(0, INT64_MAX);
    CHECK_INT(pumped[0], 2);
    CHECK_INT(pumped[1], 1);
}

// What waits for a laptop goes to its older connection as soon as the newer one is gone.
static void a_path_closes(void) {
    start();
    laptops_pump(&laptops);
    server_phones_init(&phones, &(struct server_mode){0}, &quiet, &loop, &laptops);
    for (size_t i = 0; i < 2; i++) {
        phones.conns[i].phones = &phones;
        phones.conns[i].phone.ws.state = WS_OPEN;
        phones.conns[i].phone.serial = (uint32_t)i;
        path_join(&laptops.places[0].path, &phones.conns[i].phone, loop.now_us);
        path_take(&phones.conns[i].phone, loop.now_us);
    }
    be_at(5000000);
    server_phones_on_closed(&phones.conns[1], WS_STATUS_GOING_AWAY);
    CHECK(laptops.places[0].path.current == &phones.conns[0].phone);
    CHECK_INT(alarm_timer.due_ms, 5000);
    on_alarm(&laptops);
    CHECK_INT(pumped[0], 2);
}

int main(void) {
    TEST("the alarm rings for the laptop whose time comes first", the_first_rings);
    TEST("a laptop whose time has come waits for its turn, whoever is served meanwhile",
         none_is_forgotten);
    TEST("only laptops that have something to send are asked to", only_who_has_something);
    TEST("when a path closes, its laptop is served at once", a_path_closes);
    return test_end();
}
