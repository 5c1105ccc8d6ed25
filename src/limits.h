// SPDX-License-Identifier: ISC
// The sizes of tables and buffers, and the times, that somebody may want to change, in one place.
// (What a protocol or the kernel fixes stands where it is used, with its source.)
//
// Nothing is allocated after start-up: each table and buffer below is part of a program's context
// struct, so memory use is known when the program is built, and no peer can make it grow. Pages
// that are never touched cost nothing, so a generous limit is cheap until it is used. A build for a
// small device overrides any of them: make LIMITS="NAT_MAPPINGS=4096 QUEUE_FLOWS=256"
#pragma once

#include <stdint.h>

// The poll() loop: descriptors and timers that one program may watch.
#define LOOP_MAX_FDS    1024
#define LOOP_MAX_TIMERS 16

// HTTP: the longest head of a request, in which a browser sends all that it holds of cookies for a
// host, whatever the port; the longest head of a response that is read; a head's fields; a response
// that is made on the fly; a name of the page's files; what is said to those who are not let in.
#define HTTP_REQUEST_MAX  8192
#define HTTP_ANSWER_MAX   4096
#define HTTP_HEADERS_MAX  64
#define HTTP_RESPONSE_MAX 4096
#define HTTP_NAME_MAX     64
#define HTTP_WHY_MAX      1024

// Sources (addresses) whose attempts are counted at a time, wherever they are limited.
#define RATE_SOURCES 1024

// Connections that have not (yet) become WebSockets; when all are taken, one of the source that
// holds the most gives way.
#define HTTP_SLOTS               128
#define HTTP_LISTENERS           12
#define HTTP_REQUEST_TIMEOUT_MS  10000
#define HTTP_KEEPALIVE_MS        15000
#define HTTP_RESPONSE_TIMEOUT_MS 60000

// WebSocket: the longest message accepted (RFC 6455 section 10.4), and the room in a receive buffer
// beyond it, which lets one read() fetch many small frames.
#define WS_MESSAGE_MAX (1024 * 1024)
#define WS_RX_SLACK    (64 * 1024)
#define WS_RX_SIZE     (WS_MESSAGE_MAX + WS_RX_SLACK)
// The most that one read() fetches: enough for a batch, little enough to stay in the processor's
// cache.
#define WS_READ_MAX (128 * 1024)
// Handshake, closing handshake, and silence after which a peer is asked (ping), then given up.
#define WS_OPEN_TIMEOUT_MS  10000
#define WS_CLOSE_TIMEOUT_MS 3000
#define WS_PING_AFTER_MS    20000
#define WS_DEAD_AFTER_MS    45000

// Packets: the largest IP packet, and what may wait for a slow peer before some is dropped.
#define IP_PACKET_MAX 65535
#define TUN_MTU       1500
// The size of TCP segments that the laptop asks for (RFC 9293 section 3.7.1): each, sealed, fits
// into one segment on the phone's link, which has 1500 bytes less IPv6 and TCP with timestamps
// (72), a masked WebSocket frame (8), the seal (29), a few more (3), and the laptop's own IP and
// TCP headers (40).
#define TUN_MSS     1348
#define QUEUE_BYTES (1024 * 1024)
// The fair queue keeps that in cells of this size, and before each packet has room for the head of
// a record. Flows that it tells apart, and what each may send in its turn: small, so that small
// packets do not wait for many large ones (RFC 8290 sections 5.2.5 and 5.2.4).
#define QUEUE_CELL     256
#define QUEUE_HEAD_MAX 16
#define QUEUE_FLOWS    1024
#define QUEUE_QUANTUM  300
// Connections whose segments are put together again at a time.
#define COALESCE_RUNS 8
// The sender of a flow of which more waits than the link carries in this time is told to slow down,
// but not below so many bytes; where memory is short, above those of a connection that has only
// begun (RFC 6928).
#define QUEUE_FLOW_US    500000
#define QUEUE_FLOW_LEAST (64 * 1024)
#define QUEUE_FLOW_BEGUN (10 * TUN_MTU)
// A WebSocket's send buffer: a few full batches; what does not fit waits in the queue above. It
// holds at least one message that carries a packet of the largest size in base64.
#define LINK_TX_SIZE (192 * 1024)
// Messages are put into it until this much waits for the kernel, and the kernel keeps about as much
// unsent: on a slow link, all beyond is delay. On a fast one they may be the bytes of a
// millisecond, as each program would wait for the next one more often than it must.
#define LINK_BATCH       (32 * 1024)
#define LINK_BATCH_MOST  (96 * 1024)
#define LINK_UNSENT      (16 * 1024)
#define LINK_UNSENT_MOST (256 * 1024)
// After an outage TCP goes on after so long at the latest, where the kernel can be told so.
#define LINK_BACKOFF_MS 2000

// Keyed sessions. The replay window; when fresh keys are agreed on, and when the old ones end at
// the latest; when an offer is repeated (then after twice as long, up to eight times), how often at
// most, and when a fresh one is made; how often a source may send offers, and how many at once.
#define REPLAY_WINDOW          2048
#define SESSION_REKEY_MS       (120 * 1000)
#define SESSION_OVER_MS        (3 * (int64_t)SESSION_REKEY_MS)
#define SESSION_REKEY_MESSAGES (UINT64_C(1) << 32)
#define OFFER_RETRY_MS         1000
#define OFFER_LEAST_MS         200
#define OFFER_LIFETIME_MS      30000
// So long nothing is sealed when the server says that it does not know the session, at most this
// often.
#define OFFER_HOLD_MS       1000
#define OFFER_HOLD_AGAIN_MS 20000
#define OFFER_INTERVAL_MS   200
#define OFFER_BURST         20
// A peer that owes an answer this long is pinged, and again each time that this has passed; a peer
// with which all is well, this often. After so long without an answer the path is dead.
#define LIVENESS_PROBE_MS 1000
#define LIVENESS_IDLE_MS  10000
#define LIVENESS_DEAD_MS  5000
// What came in so long before a phone returned goes on through it, and of what is older a little of
// each flow: its sender learns by it that the way is open again, long before it would try anew. In
// the end all is too old.
#define LINK_HELD_MS      3000
#define LINK_HELD_MOST_MS 90000
#define LINK_HELD_BYTES   6000
// Messages that may be on their way at a time.
#define FLOW_MESSAGES 1024
// Records: the longest run of packets put into one message, room for records of other types, and
// the shortest limit that a peer may set for a message. Resolvers handed on to the laptop.
#define LINK_RECORDS                                                                               \
    (64 * 1024 - 512) // so that a frame has a length of 16 bits (RFC 6455 section 5.2)
#define LINK_CONTROL  256
#define MESSAGE_LEAST 4096
#define RESOLVERS_MAX 4

// The server: laptops at a time, NAT mappings and TCP connections at a time.
#define SERVER_LINKS    64
#define NAT_MAPPINGS    65536
#define NAT_CONNECTIONS NAT_MAPPINGS
#define NAT_LAPTOPS     SERVER_LINKS
// Its WebSockets. Those of strangers have small buffers, enough for a handshake, and end after some
// time; those of laptops have large ones, of which there are some more than laptops for phones on
// their way out. A stranger's connection ends after so many messages that are not genuine.
#define SERVER_CONNS         160
#define SERVER_LARGE_BUFFERS (SERVER_LINKS + 8)
#define STRANGER_RX          512
#define STRANGER_TX          1280
#define STRANGER_LIMIT_MS    10000
#define STRANGER_MESSAGES    256
// A keyed laptop that was silent for so long may lose its place to another.
#define LAPTOP_AWAY_MS 60000
// Queries that a laptop may send to the server's own resolver, at once and a second. (Amazon's
// takes 1 024 packets a second of a machine.)
#define NAT_QUERIES            1000
#define NAT_QUERIES_PER_SECOND 200
// Addresses of the server beside the outside one.
#define NAT_OWN_ADDRESSES 16
// Unsolicited SYNs that wait for their answer; datagrams in fragments, and fragments that wait for
// their first (a 64 KiB datagram of Ethernet frames has 45); the longest of those.
#define NAT_SYNS           64
#define NAT_DATAGRAMS      64
#define NAT_HELD_FRAGMENTS 64
#define NAT_HELD_BYTES     2048

// The wire: packets a system call, next hops and neighbours remembered, packets that wait
// for ARP and the longest of them, and the ranges that local ports may cut the NAT's ports into.
#define WIRE_BATCH        16
#define WIRE_ROUTES       256
#define WIRE_NEIGHBOURS   64
#define WIRE_HELD         32
#define WIRE_HELD_MAX     2048
#define WIRE_RANGES       64
#define WIRE_RCVBUF_BYTES (8 * 1024 * 1024)
#define WIRE_SNDBUF_BYTES (4 * 1024 * 1024)

// The longest name of a key file.
#define KEY_PATH_MAX 1024

// The laptop: routes into the tunnel, and origins of web pages, that the command line may name.
#define CLIENT_ROUTES  32
#define CLIENT_ORIGINS 16
// Where phones find it: addresses at a time, and interfaces that it listens on. Addresses of a host
// that are looked through for these.
#define CLIENT_PLACES       8
#define CLIENT_DOORS        8
#define INTERFACE_ADDRESSES 128

// The phones' addresses on the laptop's own Wi-Fi. The longest and the shortest lease; for how long
// an address is kept for whom it was offered, and set aside where another host has it; how long
// such a host has to answer.
#define DHCP_LEASES        128
#define DHCP_LEASE_S       3600
#define DHCP_LEASE_LEAST_S 10
#define DHCP_OFFER_MS      30000
#define DHCP_CONFLICT_MS   600000
#define DHCP_PROBE_MS      500

// What this build overrides; make writes it from LIMITS.
#include "limits_of_build.h"

_Static_assert(WS_MESSAGE_MAX >= LINK_TX_SIZE, "each end takes what the other may send");
_Static_assert(LINK_TX_SIZE >= LINK_BATCH_MOST + 4 * (IP_PACKET_MAX + 2 * LINK_CONTROL) / 3,
               "behind a full batch the largest packet fits, in base64: who may send has room");
_Static_assert(WS_RX_SIZE > WS_MESSAGE_MAX, "a receive buffer holds the longest message");
_Static_assert(SERVER_LARGE_BUFFERS > SERVER_LINKS, "each laptop's phone has large buffers");
_Static_assert(SERVER_CONNS >= SERVER_LARGE_BUFFERS, "each of the large buffers has a connection");
_Static_assert(LOOP_MAX_FDS >= HTTP_SLOTS + SERVER_CONNS + HTTP_LISTENERS + 16,
               "the loop can watch all connections");
_Static_assert(HTTP_LISTENERS > CLIENT_DOORS, "one more listens on loopback");
_Static_assert(REPLAY_WINDOW % 64 == 0 && REPLAY_WINDOW >= 128, "the replay window is whole words");
_Static_assert(HTTP_RESPONSE_MAX >= 4096, "status.json fits into a response");
