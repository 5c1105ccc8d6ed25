// The kernel kept silent. It sees the replies to the packets that we injected too, knows no socket
// for them, and would answer TCP with RST and UDP with ICMP port-unreachable, which ends the
// connection. So what arrives for the NAT's ports is dropped at prerouting; our packet socket has
// its copy by then.
//
// The rules are a table of our own in nftables, spoken to by nfnetlink without any program. The
// table has the owner flag (Linux 5.12): it belongs to our netlink socket, and the kernel removes
// it when that is closed, however this process ends. Where that cannot be had, the iptables program
// is asked to do the same, and asked again to undo it at the end; what a killed run left is removed
// at the next start.
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/netfilter.h>
#include <linux/netfilter/nf_tables.h>
#include <linux/netfilter/nfnetlink.h>
#include <netinet/in.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "../base/bytes.h"
#include "wire.h"

#ifndef NFT_TABLE_F_OWNER
#define NFT_TABLE_F_OWNER 0x2
#endif

#define CHAIN_NAME   "silence"
#define RAW_PRIORITY (-300) // before connection tracking, like the iptables table "raw"

// Table, chain, rules, and the batch's begin and end.
#define REQUESTS_MAX (2 * WIRE_RANGES + 4)

static void begin_nft(struct netlink_request *request, uint16_t type, uint16_t flags)
{
    struct nfgenmsg body = {.nfgen_family = NFPROTO_IPV4, .version = NFNETLINK_V0};
    netlink_begin(request, (uint16_t)(NFNL_SUBSYS_NFTABLES << 8 | type), flags, &body, sizeof body);
}

// A batch is all done or not at all (nfnetlink_batch).
static void begin_batch_mark(struct netlink_request *request, uint16_t type)
{
    struct nfgenmsg body = {
        .nfgen_family = AF_UNSPEC, .version = NFNETLINK_V0, .res_id = htons(NFNL_SUBSYS_NFTABLES)};
    netlink_begin(request, type, 0, &body, sizeof body);
}

static void table_name(char name[32])
{
    snprintf(name, 32, "tether-%ld", (long)getpid());
}

static void make_table(struct netlink_request *request, const char *table)
{
    begin_nft(request, NFT_MSG_NEWTABLE, NLM_F_CREATE | NLM_F_EXCL);
    netlink_put_string(request, NFTA_TABLE_NAME, table);
    netlink_put_be32(request, NFTA_TABLE_FLAGS, NFT_TABLE_F_OWNER);
}

static void make_chain(struct netlink_request *request, const char *table)
{
    begin_nft(request, NFT_MSG_NEWCHAIN, NLM_F_CREATE);
    netlink_put_string(request, NFTA_CHAIN_TABLE, table);
    netlink_put_string(request, NFTA_CHAIN_NAME, CHAIN_NAME);
    size_t hook = netlink_nest(request, NFTA_CHAIN_HOOK);
    netlink_put_be32(request, NFTA_HOOK_HOOKNUM, NF_INET_PRE_ROUTING);
    netlink_put_be32(request, NFTA_HOOK_PRIORITY, (uint32_t)RAW_PRIORITY);
    netlink_nest_end(request, hook);
    netlink_put_string(request, NFTA_CHAIN_TYPE, "filter");
}

// One expression of a rule is a name and nested data; these open and close both.
struct expression {
    size_t element;
    size_t data;
};

static struct expression begin_expression(struct netlink_request *request, const char *name)
{
    struct expression e;
    e.element = netlink_nest(request, NFTA_LIST_ELEM);
    netlink_put_string(request, NFTA_EXPR_NAME, name);
    e.data = netlink_nest(request, NFTA_EXPR_DATA);
    return e;
}

static void end_expression(struct netlink_request *request, struct expression e)
{
    netlink_nest_end(request, e.data);
    netlink_nest_end(request, e.element);
}

// Register 1 = the transport protocol.
static void load_protocol(struct netlink_request *request)
{
    struct expression e = begin_expression(request, "meta");
    netlink_put_be32(request, NFTA_META_KEY, NFT_META_L4PROTO);
    netlink_put_be32(request, NFTA_META_DREG, NFT_REG_1);
    end_expression(request, e);
}

// Register 1 = bytes of the packet.
static void load_payload(struct netlink_request *request, uint32_t base, uint32_t offset,
                         uint32_t length)
{
    struct expression e = begin_expression(request, "payload");
    netlink_put_be32(request, NFTA_PAYLOAD_DREG, NFT_REG_1);
    netlink_put_be32(request, NFTA_PAYLOAD_BASE, base);
    netlink_put_be32(request, NFTA_PAYLOAD_OFFSET, offset);
    netlink_put_be32(request, NFTA_PAYLOAD_LEN, length);
    end_expression(request, e);
}

// Goes on only if register 1 compares so with the bytes.
static void compare(struct netlink_request *request, uint32_t operation, const uint8_t *bytes,
                    size_t length)
{
    struct expression e = begin_expression(request, "cmp");
    netlink_put_be32(request, NFTA_CMP_SREG, NFT_REG_1);
    netlink_put_be32(request, NFTA_CMP_OP, operation);
    size_t data = netlink_nest(request, NFTA_CMP_DATA);
    netlink_put(request, NFTA_DATA_VALUE, bytes, length);
    netlink_nest_end(request, data);
    end_expression(request, e);
}

static void drop(struct netlink_request *request)
{
    struct expression e = begin_expression(request, "immediate");
    netlink_put_be32(request, NFTA_IMMEDIATE_DREG, NFT_REG_VERDICT);
    size_t data = netlink_nest(request, NFTA_IMMEDIATE_DATA);
    size_t verdict = netlink_nest(request, NFTA_DATA_VERDICT);
    netlink_put_be32(request, NFTA_VERDICT_CODE, NF_DROP);
    netlink_nest_end(request, verdict);
    netlink_nest_end(request, data);
    end_expression(request, e);
}

// ip daddr ADDRESS PROTOCOL dport LOW-HIGH drop
static void make_rule(struct netlink_request *request, const char *table, uint32_t address,
                      uint8_t protocol, const struct port_range *range)
{
    uint8_t bytes[4];
    begin_nft(request, NFT_MSG_NEWRULE, NLM_F_CREATE | NLM_F_APPEND);
    netlink_put_string(request, NFTA_RULE_TABLE, table);
    netlink_put_string(request, NFTA_RULE_CHAIN, CHAIN_NAME);
    size_t list = netlink_nest(request, NFTA_RULE_EXPRESSIONS);
    load_protocol(request);
    compare(request, NFT_CMP_EQ, &protocol, 1);
    load_payload(request, NFT_PAYLOAD_NETWORK_HEADER, 16, 4);
    put_be32(bytes, address);
    compare(request, NFT_CMP_EQ, bytes, 4);
    load_payload(request, NFT_PAYLOAD_TRANSPORT_HEADER, 2, 2);
    put_be16(bytes, range->low);
    compare(request, NFT_CMP_GTE, bytes, 2);
    put_be16(bytes, range->high);
    compare(request, NFT_CMP_LTE, bytes, 2);
    drop(request);
    netlink_nest_end(request, list);
}

static int silence_by_nftables(struct wire *wire, const struct port_ranges *tcp,
                               const struct port_ranges *udp)
{
    struct netlink_request requests[REQUESTS_MAX];
    char table[32];
    size_t count = 0;
    if (netlink_open(&wire->rules, NETLINK_NETFILTER) < 0)
        return -errno;
    table_name(table);
    begin_batch_mark(&requests[count++], NFNL_MSG_BATCH_BEGIN);
    make_table(&requests[count++], table);
    make_chain(&requests[count++], table);
    for (size_t i = 0; i < tcp->count; i++)
        make_rule(&requests[count++], table, wire->address, IPPROTO_TCP, &tcp->ranges[i]);
    for (size_t i = 0; i < udp->count; i++)
        make_rule(&requests[count++], table, wire->address, IPPROTO_UDP, &udp->ranges[i]);
    requests[count - 1].header.nlmsg_flags |= NLM_F_ACK; // one for all; errors come anyway
    begin_batch_mark(&requests[count++], NFNL_MSG_BATCH_END);
    int error = netlink_talk_batch(&wire->rules, requests, count);
    if (error < 0)
        netlink_close(&wire->rules);
    return error;
}

// Runs iptables on the table "raw"; `arguments` end in NULL. Returns true when it said it was done.
static bool run_iptables(const char *const *arguments)
{
    const char *command[16] = {"iptables", "-w", "-t", "raw"};
    size_t count = 4;
    while (*arguments != NULL && count < sizeof command / sizeof command[0] - 1)
        command[count++] = *arguments++;
    pid_t child = fork();
    if (child < 0)
        return false;
    if (child == 0) {
        int null = open("/dev/null", O_RDWR);
        sigset_t none;
        sigemptyset(&none);
        sigprocmask(SIG_SETMASK, &none, NULL);
        dup2(null, STDOUT_FILENO);
        dup2(null, STDERR_FILENO);
        execvp(command[0], (char *const *)(uintptr_t)command);
        _exit(127);
    }
    int status = 0;
    while (waitpid(child, &status, 0) < 0 && errno == EINTR)
        continue;
    return WIFEXITED(status) && WEXITSTATUS(status) == 0;
}

// The chain that is ours, and that a killed run of ours on this interface may have left.
static void chain_name(const struct wire *wire, char name[32])
{
    snprintf(name, 32, "tether-%s", wire->interface);
}

static void remove_chain(const struct wire *wire)
{
    char chain[32];
    chain_name(wire, chain);
    (void)run_iptables((const char *[]){"-D", "PREROUTING", "-j", chain, NULL});
    (void)run_iptables((const char *[]){"-F", chain, NULL});
    (void)run_iptables((const char *[]){"-X", chain, NULL});
}

static bool add_ranges(const struct wire *wire, const char *protocol,
                       const struct port_ranges *ranges)
{
    char chain[32];
    char address[INET_ADDRSTRLEN];
    char ports[16];
    struct in_addr in = {htonl(wire->address)};
    chain_name(wire, chain);
    inet_ntop(AF_INET, &in, address, sizeof address);
    for (size_t i = 0; i < ranges->count; i++) {
        const struct port_range *range = &ranges->ranges[i];
        snprintf(ports, sizeof ports, "%u:%u", (unsigned)range->low, (unsigned)range->high);
        if (!run_iptables((const char *[]){"-A", chain, "-d", address, "-p", protocol, "--dport",
                                           ports, "-j", "DROP", NULL}))
            return false;
    }
    return true;
}

static bool silence_by_iptables(struct wire *wire, const struct port_ranges *tcp,
                                const struct port_ranges *udp)
{
    char chain[32];
    chain_name(wire, chain);
    remove_chain(wire);
    wire->by_iptables = true;
    return run_iptables((const char *[]){"-N", chain, NULL}) && add_ranges(wire, "tcp", tcp) &&
           add_ranges(wire, "udp", udp) &&
           run_iptables((const char *[]){"-I", "PREROUTING", "-j", chain, NULL});
}

int wire_silence(struct wire *wire, const struct port_ranges *tcp, const struct port_ranges *udp)
{
    int error = silence_by_nftables(wire, tcp, udp);
    if (error == 0)
        return 0;
    log_info(wire->log, "nftables is not to be had (%s): using iptables", strerror(-error));
    if (silence_by_iptables(wire, tcp, udp))
        return 0;
    log_error(wire->log,
              "cannot keep the kernel from answering for the tether: nftables says %s, "
              "and iptables did not work either (install nftables or iptables)",
              strerror(-error));
    return -1;
}

void wire_unsilence(struct wire *wire)
{
    netlink_close(&wire->rules);
    if (wire->by_iptables)
        remove_chain(wire);
    wire->by_iptables = false;
}
