/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The groups of checks, each a table in a file of its own. X(name, what it is about)
 */
#ifndef KIT_CHECKS_GROUPS_H
#define KIT_CHECKS_GROUPS_H

#include "kit/check.h"

#define KIT_GROUPS(X)                                                                              \
    X(binary, "the shared object as a file: nothing of it is run")                                 \
    X(descriptor, "what it says of itself: nothing of it is run")                                  \
    X(lifecycle, "create, start, stop, destroy and what comes between, also cut short")            \
    X(capabilities, "what it asks for, and what it does where it is not given")                    \
    X(versions, "hosts of other minors, and structs that have grown")                              \
    X(routes, "what it registers, and how it answers: once, in form, whatever it is asked")        \
    X(settings, "what it declares, and what it does when a value changes")                         \
    X(memory, "what it allocates, holds and frees, and what it does where an allocation fails")    \
    X(threads, "loops, workers and changes at the same time")                                      \
    X(faults, "calls of the host that fail, each in turn")                                         \
    X(reload, "what is left of it, and what the next generation finds")

#define KIT_GROUP_DECLARE(name, text)                                                              \
    extern const struct kit_check kit_##name##_checks[];                                           \
    extern const uint32_t kit_##name##_count;
KIT_GROUPS(KIT_GROUP_DECLARE)
#undef KIT_GROUP_DECLARE

#endif
