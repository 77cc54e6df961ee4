/* SPDX-License-Identifier: Apache-2.0 */
#include "host/security/attempts.h"

#include "base/clock.h"

/* Slots that a key may be in. */
#define WAYS 8u

void attempts_init(struct attempts *attempts, uint32_t allowed, uint64_t window_ms) {
    memset(attempts, 0, sizeof *attempts);
    attempts->allowed = allowed;
    attempts->window_ns = window_ms * BASE_NS_PER_MS;
    (void)pthread_mutex_init(&attempts->lock, NULL);
}

void attempts_deinit(struct attempts *attempts) {
    (void)pthread_mutex_destroy(&attempts->lock);
}

/* Two hashes rather than one of both texts, so that no name can pass for another's address. */
static uint64_t key_of(struct berth_str name, struct berth_str address) {
    uint64_t key = base_str_hash(name) * 31 + base_str_hash(address);
    return key ? key : 1;
}

static bool is_past(const struct attempts *attempts, const struct attempts_slot *slot,
                    uint64_t now_ns) {
    return now_ns - slot->first_ns > attempts->window_ns;
}

static struct attempts_slot *find(struct attempts *attempts, uint64_t key) {
    for (uint64_t i = 0; i < WAYS; i++) {
        struct attempts_slot *slot = &attempts->slots[(key + i) % ATTEMPTS_SLOTS];
        if (slot->key == key) {
            return slot;
        }
    }
    return NULL;
}

/* A free one among those that the key may be in, or the one that failed the longest ago. */
static struct attempts_slot *take(struct attempts *attempts, uint64_t key) {
    struct attempts_slot *oldest = &attempts->slots[key % ATTEMPTS_SLOTS];
    for (uint64_t i = 1; i < WAYS; i++) {
        struct attempts_slot *slot = &attempts->slots[(key + i) % ATTEMPTS_SLOTS];
        oldest = slot->last_ns < oldest->last_ns ? slot : oldest;
    }
    return oldest;
}

bool attempts_are_over(struct attempts *attempts, struct berth_str name, struct berth_str address,
                       uint64_t now_ns) {
    if (attempts->allowed == 0) {
        return false;
    }
    (void)pthread_mutex_lock(&attempts->lock);
    const struct attempts_slot *slot = find(attempts, key_of(name, address));
    bool over = slot && slot->failures >= attempts->allowed && !is_past(attempts, slot, now_ns);
    (void)pthread_mutex_unlock(&attempts->lock);
    return over;
}

void attempts_note(struct attempts *attempts, struct berth_str name, struct berth_str address,
                   bool was_right, uint64_t now_ns) {
    if (attempts->allowed == 0) {
        return;
    }
    uint64_t key = key_of(name, address);
    (void)pthread_mutex_lock(&attempts->lock);
    struct attempts_slot *slot = find(attempts, key);
    if (was_right && slot) {
        *slot = (struct attempts_slot){0};
    } else if (!was_right) {
        if (!slot || is_past(attempts, slot, now_ns)) {
            slot = slot ? slot : take(attempts, key);
            *slot = (struct attempts_slot){.key = key, .first_ns = now_ns};
        }
        slot->failures++;
        slot->last_ns = now_ns;
    }
    (void)pthread_mutex_unlock(&attempts->lock);
}
