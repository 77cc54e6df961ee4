/* SPDX-License-Identifier: Apache-2.0 */
/* The rules of docs/abi/rules.md, as explain prints them. */
#include "kit/check.h"

static const struct {
    const char *title;
    const char *reason;
} rules[] = {
    {"One symbol", "two symbols of one name in a process are resolved by load order, which nobody "
                   "controls; a descriptor that is only data is read before any code has run"},
    {"Two numbers, and capabilities", "one number for everything makes every addition a break for "
                                      "somebody"},
    {"Structs carry their size", "the two sides are compiled at different times; a rest that is "
                                 "zero asks for nothing that the older side cannot do"},
    {"Layouts are fixed", "sizes that depend on compiler, flags or libc differ between two sides"},
    {"Text has a length, JSON is text, the rest is opaque",
     "a library's object ties both sides to one version of that library"},
    {"Ownership is written down", "most crashes of plugin systems are a free on the wrong side, or "
                                  "a view that outlived what it looked at"},
    {"One comment grammar", "thread and state are as much a part of a contract as the types, and "
                            "no compiler checks them"},
    {"Errors are codes", "a code that only one plugin knows cannot be turned into a status by "
                         "anybody else"},
    {"One reply", "a request without a reply is a client that hangs, one with two is memory that "
                  "is used after it was freed"},
    {"The host sweeps", "what a plugin forgets to take back would call code that is not mapped any "
                        "more"},
    {"Nothing process-wide", "there is one process and there are many plugins; what one sets for "
                             "all, another breaks, and what points into a plugin outlives it"},
    {"A refusal explains itself", "who reads it has a plugin that worked yesterday and a host that "
                                  "somebody else upgraded; the message is all they have"},
};

const char *kit_rule_title(uint32_t rule) {
    return rule >= 1 && rule <= BASE_COUNT(rules) ? rules[rule - 1].title : "";
}

const char *kit_rule_reason(uint32_t rule) {
    return rule >= 1 && rule <= BASE_COUNT(rules) ? rules[rule - 1].reason : "";
}
