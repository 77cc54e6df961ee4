/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A shared object's file, read without running any of it.
 *
 * What a pointer in constant data will lead to is found from the file's relocations. Every offset
 * and size is checked against the file: it is not trusted before it is loaded.
 */
#ifndef HOST_PLUGINS_ELF_IMAGE_H
#define HOST_PLUGINS_ELF_IMAGE_H

#include <elf.h>

#include "base/error.h"

/* Files beyond this are refused. */
#define ELF_IMAGE_MAX ((uint64_t)256 << 20)

struct elf_image {
    const unsigned char *bytes;
    uint64_t size;
};

/* Maps and checks: a 64-bit little-endian shared object for this machine. path: for messages. */
int32_t elf_image_open(const char *file, const char *path, struct elf_image *out_image,
                       struct berth_error *error);
void elf_image_close(struct elf_image *image);

/* The address and size of an exported symbol; false when there is none. */
bool elf_image_symbol(const struct elf_image *image, const char *name, uint64_t *out_address,
                      uint64_t *out_size);

/* The bytes at an address, as in the file; NULL where [address, address + size) is not in it. */
const unsigned char *elf_image_at(const struct elf_image *image, uint64_t address, uint64_t size);

/* Program headers, and entries of the dynamic section; NULL behind the last one. */
const Elf64_Phdr *elf_image_segment(const struct elf_image *image, uint32_t index);
const Elf64_Dyn *elf_image_dynamic(const struct elf_image *image, uint32_t index);

/* Calls fn with each symbol that is exported, until it gives false; whether it never did. */
bool elf_image_exports(const struct elf_image *image, bool (*fn)(void *user, const char *name),
                       void *user);

/* The address that the pointer at this address will hold; 0 for NULL or an unknown one. */
uint64_t elf_image_pointer(const struct elf_image *image, uint64_t address);

#endif
