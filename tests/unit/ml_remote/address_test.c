/* SPDX-License-Identifier: Apache-2.0 */
#include "plugin/ml_remote/address.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <string.h>
#include <sys/un.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>

#include <cmocka.h>

#include "base/str.h"

/* The first and last address of each range, and those just outside. */
static const struct {
    const char *text;
    bool is_private;
} cases[] = {
    {"0.0.0.0", true},
    {"0.255.255.255", true},
    {"1.0.0.0", false},
    {"9.255.255.255", false},
    {"10.0.0.0", true},
    {"10.255.255.255", true},
    {"11.0.0.0", false},
    {"100.63.255.255", false},
    {"100.64.0.0", true},
    {"100.100.100.200", true}, /* a cloud's metadata service */
    {"100.127.255.255", true},
    {"100.128.0.0", false},
    {"126.255.255.255", false},
    {"127.0.0.1", true},
    {"127.255.255.255", true},
    {"128.0.0.0", false},
    {"169.253.255.255", false},
    {"169.254.0.0", true},
    {"169.254.169.254", true}, /* metadata */
    {"169.254.255.255", true},
    {"169.255.0.0", false},
    {"172.15.255.255", false},
    {"172.16.0.0", true},
    {"172.31.255.255", true},
    {"172.32.0.0", false},
    {"191.255.255.255", false},
    {"192.0.0.0", true},
    {"192.0.0.192", true}, /* metadata */
    {"192.0.1.0", false},
    {"192.167.255.255", false},
    {"192.168.0.0", true},
    {"192.168.255.255", true},
    {"192.169.0.0", false},
    {"198.17.255.255", false},
    {"198.18.0.0", true},
    {"198.19.255.255", true},
    {"198.20.0.0", false},
    {"223.255.255.255", false},
    {"224.0.0.1", true},
    {"240.0.0.0", true},
    {"255.255.255.255", true},
    {"8.8.8.8", false},
    {"93.184.216.34", false},
    {"::", true},
    {"::1", true},
    {"::2", true}, /* carries 0.0.0.2 */
    {"fc00::", true},
    {"fd00:ec2::254", true}, /* metadata */
    {"fdff:ffff:ffff:ffff:ffff:ffff:ffff:ffff", true},
    {"fbff:ffff:ffff:ffff:ffff:ffff:ffff:ffff", false},
    {"fe00::1", false},
    {"fe7f:ffff::1", false},
    {"fe80::1", true},
    {"febf:ffff::1", true},
    {"fec0::1", true},
    {"feff:ffff::1", true},
    {"ff02::1", true},
    {"2606:4700:4700::1111", false},
    {"2a00:1450:4001:81b::200e", false},
    /* IPv6 that carries IPv4. */
    {"::ffff:10.0.0.1", true},
    {"::ffff:127.0.0.1", true},
    {"::ffff:169.254.169.254", true},
    {"::ffff:7f00:1", true},
    {"::ffff:8.8.8.8", false},
    {"::10.0.0.1", true},
    {"::8.8.8.8", false},
    {"64:ff9b::10.0.0.1", true},
    {"64:ff9b::192.168.1.1", true},
    {"64:ff9b::8.8.8.8", false},
    {"64:ff9b:1::8.8.8.8", true}, /* NAT64 of a local network, wherever it leads */
    {"2002:a00:1::", true},       /* 6to4 of 10.0.0.1 */
    {"2002:7f00:1::1", true},
    {"2002:808:808::1", false},
    /* What is no address. */
    {"", true},
    {"example.org", true},
    {"10.0.0", true},
    {"0x7f.0.0.1", true},
    {"8.8.8.8 ", true},
    {"fe80::1%eth0", true},
};

static void decides_texts_by_table(void **state) {
    (void)state;
    for (size_t i = 0; i < BASE_COUNT(cases); i++) {
        if (ml_address_text_is_private(cases[i].text) != cases[i].is_private) {
            fail_msg("[%s] is%s private", cases[i].text, cases[i].is_private ? "" : " not");
        }
    }
}

/* The same addresses in the form in which they are connected to. */
static void decides_socket_addresses_by_table(void **state) {
    (void)state;
    for (size_t i = 0; i < BASE_COUNT(cases); i++) {
        struct sockaddr_in v4 = {.sin_family = AF_INET};
        struct sockaddr_in6 v6 = {.sin6_family = AF_INET6};
        const struct sockaddr *address = NULL;
        if (inet_pton(AF_INET, cases[i].text, &v4.sin_addr) == 1) {
            address = (const struct sockaddr *)(const void *)&v4;
        } else if (inet_pton(AF_INET6, cases[i].text, &v6.sin6_addr) == 1) {
            address = (const struct sockaddr *)(const void *)&v6;
        }
        if (address && ml_address_is_private(address) != cases[i].is_private) {
            fail_msg("[%s] is%s private", cases[i].text, cases[i].is_private ? "" : " not");
        }
    }
}

static void takes_another_family_for_private(void **state) {
    (void)state;
    struct sockaddr_un local = {.sun_family = AF_UNIX};
    assert_true(ml_address_is_private((const struct sockaddr *)(const void *)&local));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(decides_texts_by_table),
        cmocka_unit_test(decides_socket_addresses_by_table),
        cmocka_unit_test(takes_another_family_for_private),
    };
    return cmocka_run_group_tests_name("ml_remote.address", tests, NULL, NULL);
}
