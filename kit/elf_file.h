/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A shared object's file, read without running any of it.
 *
 * Nothing in it is trusted: every offset is checked against the file, and what is not there is
 * NULL, 0 or false.
 */
#ifndef KIT_ELF_FILE_H
#define KIT_ELF_FILE_H

#include <elf.h>

#include "base/error.h"

#define ELF_FILE_MAX ((uint64_t)256 << 20)

struct elf_file {
    const unsigned char *bytes;
    uint64_t size;
    uint32_t mode; /* of the file, as stat tells it */
};

/* The kinds of relocations that a plugin's data may have; other machines have other numbers. */
struct elf_machine {
    uint16_t number;
    const char *name;
    uint32_t relative;
    uint32_t absolute;
    uint32_t jump_slot;
    uint32_t global_data;
};
extern const struct elf_machine elf_own_machine;

/* Maps the file, whatever it is. NOT_FOUND, IO, INVALID: no regular file, or none that fits. */
int32_t elf_file_open(const char *path, struct elf_file *out_file, struct berth_error *error);
void elf_file_close(struct elf_file *file);

/* NULL, or what is wrong: all that follows gives nothing where this is not NULL. */
const char *elf_file_fault(const struct elf_file *file);
const Elf64_Ehdr *elf_file_header(const struct elf_file *file);

/* NULL behind the last one. */
const Elf64_Phdr *elf_file_segment(const struct elf_file *file, uint32_t index);
const Elf64_Phdr *elf_file_segment_of_type(const struct elf_file *file, uint32_t type);
/* The loaded segment that an address is in. */
const Elf64_Phdr *elf_file_segment_at(const struct elf_file *file, uint64_t address);

/* The value of a tag of the dynamic section; false when there is none. */
bool elf_file_dynamic(const struct elf_file *file, int64_t tag, uint64_t *out_value);
/* Bits of a tag's value; 0 when there is none. */
uint64_t elf_file_dynamic_flags(const struct elf_file *file, int64_t tag);
/* The names of the libraries that it needs; NULL behind the last one. */
const char *elf_file_needed(const struct elf_file *file, uint32_t index);
/* The text that a tag leads to. */
const char *elf_file_dynamic_text(const struct elf_file *file, int64_t tag);

/* The dynamic symbols, from 0; NULL behind the last one. */
const Elf64_Sym *elf_file_symbol(const struct elf_file *file, uint64_t index);
/* "" where it has none. */
const char *elf_file_symbol_name(const struct elf_file *file, const Elf64_Sym *symbol);
/* An exported symbol. */
const Elf64_Sym *elf_file_export(const struct elf_file *file, const char *name);
/* Whether it uses a symbol of this name that another object defines. */
bool elf_file_imports(const struct elf_file *file, const char *name);

/* The bytes at an address, as in the file; NULL where they are not all in it. */
const unsigned char *elf_file_at(const struct elf_file *file, uint64_t address, uint64_t size);

/* The relocations of data or of calls; NULL where they are not in the file. */
const Elf64_Rela *elf_file_relocations(const struct elf_file *file, bool calls,
                                       uint64_t *out_count);

/* The address that a pointer at this address will hold; 0 for NULL or one that is not known. */
uint64_t elf_file_pointer(const struct elf_file *file, uint64_t address);

#endif
