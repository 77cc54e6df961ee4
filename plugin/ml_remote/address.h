/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Private addresses: those that a remote service must not have unless it is allowed.
 */
#ifndef ML_REMOTE_ADDRESS_H
#define ML_REMOTE_ADDRESS_H

#include <berth/types.h>
#include <stdbool.h>
#include <sys/socket.h>

/*
 * Whether an address is not a public one: loopback, private, shared, link-local, unspecified,
 * unique-local, multicast and reserved ranges, also where an IPv6 address carries an IPv4 one. An
 * address of another family counts as private.
 */
bool ml_address_is_private(const struct sockaddr *address);

/* The same of a text such as "10.0.0.1" or "::1"; what is no address counts as private. */
bool ml_address_text_is_private(const char *text);

/*
 * Whether a URL's host is private for certain: such an address, in any form in which it is written,
 * or localhost. Other names are not looked up.
 */
bool ml_address_host_is_private(struct berth_str host);

#endif
