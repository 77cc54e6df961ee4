/* SPDX-License-Identifier: Apache-2.0 */
#include "kit/host/memory.h"

#include <errno.h>
#include <inttypes.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#define SLOTS_MIN 4096u

enum kind { BLOCK_FREE_SLOT, BLOCK_LIVE, BLOCK_FREED, BLOCK_HOST, BLOCK_MAPPED };

struct block {
    uintptr_t address;
    size_t size;
    enum kind kind;
    enum kit_era era;
};

/* One for the process: see kit/host/ledger.h. */
static struct {
    pthread_mutex_t lock;
    struct block *blocks; /* a hash table; entries are never taken out, only changed */
    size_t cap;
    size_t used;
    enum kit_era era;
    uint64_t fail_in; /* 0: none */
    uint64_t failures;
} memory = {.lock = PTHREAD_MUTEX_INITIALIZER};

/* ---- the table ---- */

static struct block *slot_of(struct block *blocks, size_t cap, uintptr_t address) {
    size_t at = (size_t)((address >> 4) * 0x9e3779b97f4a7c15u) & (cap - 1);
    while (blocks[at].kind != BLOCK_FREE_SLOT && blocks[at].address != address) {
        at = (at + 1) & (cap - 1);
    }
    return &blocks[at];
}

static void grow(void) {
    size_t cap = memory.cap ? memory.cap * 2 : SLOTS_MIN;
    struct block *blocks = calloc(cap, sizeof *blocks);
    if (!blocks) {
        abort();
    }
    for (size_t i = 0; i < memory.cap; i++) {
        if (memory.blocks[i].kind != BLOCK_FREE_SLOT) {
            *slot_of(blocks, cap, memory.blocks[i].address) = memory.blocks[i];
        }
    }
    free(memory.blocks);
    memory.blocks = blocks;
    memory.cap = cap;
}

/* Under the lock. */
static struct block *slot(const void *pointer) {
    if (memory.used * 2 >= memory.cap) {
        grow();
    }
    return slot_of(memory.blocks, memory.cap, (uintptr_t)pointer);
}

static void note(const void *pointer, size_t size, enum kind kind) {
    if (!pointer) {
        return;
    }
    (void)pthread_mutex_lock(&memory.lock);
    struct block *block = slot(pointer);
    memory.used += block->kind == BLOCK_FREE_SLOT;
    *block = (struct block){(uintptr_t)pointer, size, kind, memory.era};
    (void)pthread_mutex_unlock(&memory.lock);
}

/* Whether this one fails. */
static bool fails(void) {
    (void)pthread_mutex_lock(&memory.lock);
    bool now = memory.fail_in == 1;
    memory.fail_in -= memory.fail_in > 0;
    memory.failures += now;
    (void)pthread_mutex_unlock(&memory.lock);
    if (now) {
        errno = ENOMEM;
    }
    return now;
}

/* Whether a pointer may be given to the real free. One that is not known is a library's. */
static bool may_free(const void *pointer) {
    (void)pthread_mutex_lock(&memory.lock);
    struct block *block = slot(pointer);
    enum kind kind = block->kind;
    if (kind == BLOCK_LIVE) {
        block->kind = BLOCK_FREED;
    }
    (void)pthread_mutex_unlock(&memory.lock);
    if (kind == BLOCK_HOST) {
        kit_blame(KIT_BLAME_FOREIGN_FREE, "it frees memory of the host");
    } else if (kind == BLOCK_FREED) {
        kit_blame(KIT_BLAME_DOUBLE_FREE, "it frees memory that it has freed already");
    }
    return kind == BLOCK_LIVE || kind == BLOCK_FREE_SLOT;
}

/* ---- in the place of the allocator ---- */

static void *kit_malloc(size_t size) {
    void *pointer = fails() ? NULL : malloc(size);
    note(pointer, size, BLOCK_LIVE);
    return pointer;
}

static void *kit_calloc(size_t count, size_t size) {
    void *pointer = fails() ? NULL : calloc(count, size);
    note(pointer, count * size, BLOCK_LIVE);
    return pointer;
}

static void kit_free(void *pointer) {
    if (pointer && may_free(pointer)) {
        free(pointer);
    }
}

static void *kit_realloc(void *old, size_t size) {
    if (fails() || (old && !may_free(old))) {
        return NULL;
    }
    void *pointer = realloc(old, size);
    note(pointer, size, BLOCK_LIVE);
    if (!pointer && size) {
        note(old, 0, BLOCK_LIVE);
    }
    return pointer;
}

static void *kit_reallocarray(void *old, size_t count, size_t size) {
    size_t bytes = 0;
    if (__builtin_mul_overflow(count, size, &bytes)) {
        errno = ENOMEM;
        return NULL;
    }
    return kit_realloc(old, bytes);
}

static char *kit_strndup(const char *text, size_t max) {
    char *copy = fails() ? NULL : strndup(text, max);
    note(copy, copy ? strlen(copy) + 1 : 0, BLOCK_LIVE);
    return copy;
}

static char *kit_strdup(const char *text) {
    return kit_strndup(text, strlen(text));
}

static void *kit_aligned_alloc(size_t alignment, size_t size) {
    void *pointer = fails() ? NULL : aligned_alloc(alignment, size);
    note(pointer, size, BLOCK_LIVE);
    return pointer;
}

static int kit_posix_memalign(void **out_pointer, size_t alignment, size_t size) {
    int code = fails() ? ENOMEM : posix_memalign(out_pointer, alignment, size);
    if (code == 0) {
        note(*out_pointer, size, BLOCK_LIVE);
    }
    return code;
}

__attribute__((format(printf, 2, 0))) static int kit_vasprintf(char **out_text, const char *format,
                                                               va_list list) {
    int len = fails() ? -1 : vasprintf(out_text, format, list);
    if (len >= 0) {
        note(*out_text, (size_t)len + 1, BLOCK_LIVE);
    }
    return len;
}

__attribute__((format(printf, 2, 3))) static int kit_asprintf(char **out_text, const char *format,
                                                              ...) {
    va_list list;
    va_start(list, format);
    int len = kit_vasprintf(out_text, format, list);
    va_end(list);
    return len;
}

static void *kit_mmap(void *at, size_t size, int protection, int flags, int fd, off_t offset) {
    void *pointer = mmap(at, size, protection, flags, fd, offset);
    if (pointer != MAP_FAILED) {
        note(pointer, size, BLOCK_MAPPED);
    }
    return pointer;
}

static int kit_munmap(void *pointer, size_t size) {
    (void)pthread_mutex_lock(&memory.lock);
    struct block *block = slot(pointer);
    if (block->kind == BLOCK_MAPPED) {
        block->kind = BLOCK_FREED;
    }
    (void)pthread_mutex_unlock(&memory.lock);
    return munmap(pointer, size);
}

/* ---- putting it there ---- */

#define REPLACEMENT(name) {#name, (uintptr_t)kit_##name}

static uintptr_t replacement_of(const char *name) {
    const struct {
        const char *name;
        uintptr_t address;
    } replacements[] = {
        REPLACEMENT(malloc),    REPLACEMENT(calloc),        REPLACEMENT(free),
        REPLACEMENT(realloc),   REPLACEMENT(reallocarray),  REPLACEMENT(strdup),
        REPLACEMENT(strndup),   REPLACEMENT(aligned_alloc), REPLACEMENT(posix_memalign),
        REPLACEMENT(vasprintf), REPLACEMENT(asprintf),      REPLACEMENT(mmap),
        REPLACEMENT(munmap),
    };
    for (size_t i = 0; i < BASE_COUNT(replacements); i++) {
        if (strcmp(replacements[i].name, name) == 0) {
            return replacements[i].address;
        }
    }
    return 0;
}

static void patch_one(const struct elf_file *elf, uint64_t base, const Elf64_Rela *r) {
    uint32_t type = (uint32_t)ELF64_R_TYPE(r->r_info);
    if (type != elf_own_machine.jump_slot && type != elf_own_machine.global_data &&
        type != elf_own_machine.absolute) {
        return;
    }
    const Elf64_Sym *symbol = elf_file_symbol(elf, ELF64_R_SYM(r->r_info));
    uintptr_t address = symbol && symbol->st_shndx == SHN_UNDEF
                            ? replacement_of(elf_file_symbol_name(elf, symbol))
                            : 0;
    if (address) {
        memcpy((void *)(uintptr_t)(base + r->r_offset), &address, sizeof address);
    }
}

/* The pages that hold its relocated constants: writable for a moment. */
static bool protect(const struct elf_file *elf, uint64_t base, int protection) {
    const Elf64_Phdr *relro = elf_file_segment_of_type(elf, PT_GNU_RELRO);
    uint64_t page = (uint64_t)getpagesize();
    if (!relro) {
        return true;
    }
    uint64_t from = (base + relro->p_vaddr) & ~(page - 1);
    uint64_t to = (base + relro->p_vaddr + relro->p_memsz) & ~(page - 1);
    return to <= from || mprotect((void *)(uintptr_t)from, (size_t)(to - from), protection) == 0;
}

bool kit_memory_patch(const struct elf_file *elf, uint64_t base) {
    if (!protect(elf, base, PROT_READ | PROT_WRITE)) {
        return false;
    }
    for (int calls = 0; calls < 2; calls++) {
        uint64_t count = 0;
        const Elf64_Rela *list = elf_file_relocations(elf, calls, &count);
        for (uint64_t i = 0; list && i < count; i++) {
            patch_one(elf, base, &list[i]);
        }
    }
    return protect(elf, base, PROT_READ);
}

/* ---- for the checks ---- */

void kit_memory_era(enum kit_era era) {
    (void)pthread_mutex_lock(&memory.lock);
    memory.era = era;
    (void)pthread_mutex_unlock(&memory.lock);
}

void kit_memory_fail(uint64_t nth) {
    (void)pthread_mutex_lock(&memory.lock);
    memory.fail_in = nth;
    (void)pthread_mutex_unlock(&memory.lock);
}

uint64_t kit_memory_failures(void) {
    (void)pthread_mutex_lock(&memory.lock);
    uint64_t failures = memory.failures;
    (void)pthread_mutex_unlock(&memory.lock);
    return failures;
}

void kit_memory_account(void) {
    uint64_t bytes[KIT_ERA_COUNT] = {0};
    uint64_t counts[KIT_ERA_COUNT] = {0};
    (void)pthread_mutex_lock(&memory.lock);
    for (size_t i = 0; i < memory.cap; i++) {
        struct block *block = &memory.blocks[i];
        if (block->kind == BLOCK_LIVE) {
            bytes[block->era] += block->size;
            counts[block->era]++;
            block->kind = BLOCK_FREED;
        } else if (block->kind == BLOCK_MAPPED) {
            block->kind = BLOCK_FREED;
            kit_blame(KIT_BLAME_MAPPED_BYTES, "%zu bytes are still mapped after unload",
                      block->size);
        }
    }
    (void)pthread_mutex_unlock(&memory.lock);
    for (uint32_t i = 0; i < KIT_ERA_COUNT; i++) {
        if (counts[i]) {
            kit_blame(KIT_BLAME_LEAK_CREATE + i,
                      "%" PRIu64 " bytes in %" PRIu64 " pieces are not freed when it is destroyed",
                      bytes[i], counts[i]);
        }
    }
}

void kit_memory_own(const void *pointer) {
    note(pointer, 0, BLOCK_HOST);
}

void kit_memory_disown(const void *pointer) {
    note(pointer, 0, BLOCK_FREED);
}
