/* SPDX-License-Identifier: Apache-2.0 */
#include "plugin/ml_remote/address.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <string.h>

#include "base/str.h"

struct range {
    unsigned char bytes[16];
    int prefix; /* bits */
};

/* IANA's special-purpose registries: what is not globally reachable, and multicast. */
static const struct range ranges4[] = {
    {{0}, 8},          /* this network, 0.0.0.0 */
    {{10}, 8},         /* private */
    {{100, 64}, 10},   /* shared, behind a provider */
    {{127}, 8},        /* loopback */
    {{169, 254}, 16},  /* link-local, metadata services */
    {{172, 16}, 12},   /* private */
    {{192, 0, 0}, 24}, /* protocol assignments */
    {{192, 168}, 16},  /* private */
    {{198, 18}, 15},   /* benchmarking */
    {{224}, 4},        /* multicast */
    {{240}, 4},        /* reserved, broadcast */
};

static const struct range ranges6[] = {
    {{0}, 128},                                              /* unspecified */
    {{0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1}, 128}, /* loopback */
    {{0, 0x64, 0xff, 0x9b, 0, 1}, 48},                       /* NAT64 of a local network */
    {{0xfc}, 7},                                             /* unique-local */
    {{0xfe, 0x80}, 10},                                      /* link-local */
    {{0xfe, 0xc0}, 10},                                      /* site-local, of old */
    {{0xff}, 8},                                             /* multicast */
};

/* IPv6 prefixes that carry an IPv4 address, and where it stands. */
static const struct {
    struct range range;
    int offset;
} carriers[] = {
    {{{0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff}, 96}, 12}, /* mapped */
    {{{0, 0x64, 0xff, 0x9b}, 96}, 12},                      /* NAT64 */
    {{{0x20, 0x02}, 16}, 2},                                /* 6to4 */
    {{{0}, 96}, 12},                                        /* compatible, of old */
};

static bool is_in(const unsigned char *address, const struct range *range) {
    int whole = range->prefix / 8;
    int bits = range->prefix % 8;
    unsigned char mask = (unsigned char)(0xff00 >> bits);
    return memcmp(address, range->bytes, (size_t)whole) == 0 &&
           (bits == 0 || (address[whole] & mask) == (range->bytes[whole] & mask));
}

static bool is_private4(const unsigned char *address) {
    for (size_t i = 0; i < BASE_COUNT(ranges4); i++) {
        if (is_in(address, &ranges4[i])) {
            return true;
        }
    }
    return false;
}

static bool is_private6(const unsigned char *address) {
    for (size_t i = 0; i < BASE_COUNT(ranges6); i++) {
        if (is_in(address, &ranges6[i])) {
            return true;
        }
    }
    for (size_t i = 0; i < BASE_COUNT(carriers); i++) {
        if (is_in(address, &carriers[i].range)) {
            return is_private4(address + carriers[i].offset);
        }
    }
    return false;
}

bool ml_address_is_private(const struct sockaddr *address) {
    if (address->sa_family == AF_INET) {
        const struct sockaddr_in *v4 = (const struct sockaddr_in *)(const void *)address;
        unsigned char bytes[4];
        memcpy(bytes, &v4->sin_addr, sizeof bytes);
        return is_private4(bytes);
    }
    if (address->sa_family == AF_INET6) {
        const struct sockaddr_in6 *v6 = (const struct sockaddr_in6 *)(const void *)address;
        return is_private6(v6->sin6_addr.s6_addr);
    }
    return true;
}

bool ml_address_text_is_private(const char *text) {
    unsigned char bytes[16];
    if (inet_pton(AF_INET, text, bytes) == 1) {
        return is_private4(bytes);
    }
    if (inet_pton(AF_INET6, text, bytes) == 1) {
        return is_private6(bytes);
    }
    return true;
}

bool ml_address_host_is_private(struct berth_str host) {
    static const struct berth_str local = BERTH_STR_INIT("localhost");
    char text[INET6_ADDRSTRLEN];
    struct in_addr v4;
    if (host.len > 2 && host.ptr[0] == '[') {
        host = base_str_slice(host, 1, host.len - 1);
    } else if (host.len > 0 && host.ptr[host.len - 1] == '.') {
        host.len--;
    }
    struct berth_str end = base_str_from(host, host.len > local.len ? host.len - local.len : 0);
    if (base_str_eq_nocase(end, local)) {
        return host.len == local.len || host.ptr[host.len - local.len - 1] == '.';
    }
    if (host.len == 0 || host.len >= sizeof text) {
        return host.len == 0;
    }
    memcpy(text, host.ptr, BASE_LEN(host));
    text[host.len] = '\0';
    if (inet_aton(text, &v4) == 1) {
        /* Also 127.1, 0x7f000001 and the like. */
        return is_private4((const unsigned char *)&v4.s_addr);
    }
    return base_str_find(host, ':') < host.len && ml_address_text_is_private(text);
}
