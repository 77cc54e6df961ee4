/* SPDX-License-Identifier: Apache-2.0 */
#include "host/plugins/elf_image.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#if defined(__x86_64__)
#define OWN_MACHINE EM_X86_64
#define RELATIVE R_X86_64_RELATIVE
#define ABSOLUTE R_X86_64_64
#elif defined(__aarch64__)
#define OWN_MACHINE EM_AARCH64
#define RELATIVE R_AARCH64_RELATIVE
#define ABSOLUTE R_AARCH64_ABS64
#else
#error "the loader does not know this machine's relocations"
#endif

static const char *machine_name(unsigned machine) {
    switch (machine) {
    case EM_X86_64:
        return "x86-64";
    case EM_AARCH64:
        return "AArch64";
    case EM_386:
        return "i386";
    case EM_ARM:
        return "ARM";
    case EM_RISCV:
        return "RISC-V";
    default:
        return "another machine";
    }
}

/* A part of the file; NULL where it is not wholly within. */
static const void *part(const struct elf_image *image, uint64_t offset, uint64_t size) {
    uint64_t end = 0;
    if (__builtin_add_overflow(offset, size, &end) || end > image->size) {
        return NULL;
    }
    return image->bytes + offset;
}

static const Elf64_Ehdr *header(const struct elf_image *image) {
    return (const Elf64_Ehdr *)(const void *)image->bytes;
}

static int32_t check_header(const struct elf_image *image, const char *path,
                            struct berth_error *error) {
    if (image->size < sizeof(Elf64_Ehdr) || memcmp(image->bytes, ELFMAG, SELFMAG) != 0) {
        return base_error(error, BERTH_E_INVALID,
                          "[%s] is not a shared object: it does not begin "
                          "as an ELF file does",
                          path);
    }
    const Elf64_Ehdr *h = header(image);
    if (h->e_ident[EI_CLASS] != ELFCLASS64 || h->e_ident[EI_DATA] != ELFDATA2LSB) {
        return base_error(error, BERTH_E_INVALID,
                          "[%s] is not a 64-bit little-endian ELF file: class %u, data %u, "
                          "expected %u and %u",
                          path, h->e_ident[EI_CLASS], h->e_ident[EI_DATA], ELFCLASS64, ELFDATA2LSB);
    }
    if (h->e_machine != OWN_MACHINE) {
        return base_error(error, BERTH_E_INVALID,
                          "[%s] is built for %s (machine %u), this host runs on %s (machine %u)",
                          path, machine_name(h->e_machine), h->e_machine, machine_name(OWN_MACHINE),
                          OWN_MACHINE);
    }
    if (h->e_type != ET_DYN) {
        return base_error(error, BERTH_E_INVALID,
                          "[%s] is an ELF file of type %u, a shared object is of type %u", path,
                          h->e_type, ET_DYN);
    }
    if (h->e_shentsize != sizeof(Elf64_Shdr) || h->e_phentsize != sizeof(Elf64_Phdr) ||
        !part(image, h->e_shoff, (uint64_t)h->e_shnum * sizeof(Elf64_Shdr)) ||
        !part(image, h->e_phoff, (uint64_t)h->e_phnum * sizeof(Elf64_Phdr)) || h->e_shoff % 8 ||
        h->e_phoff % 8) {
        return base_error(error, BERTH_E_INVALID,
                          "[%s] is cut short or damaged: its tables of "
                          "sections and segments are not within the file",
                          path);
    }
    return BERTH_OK;
}

static int32_t map_file(int fd, const char *path, struct elf_image *out_image,
                        struct berth_error *error) {
    struct stat status;
    if (fstat(fd, &status) != 0) {
        return base_error(error, BERTH_E_IO, "cannot read [%s]: %s", path, strerror(errno));
    }
    if (!S_ISREG(status.st_mode) || (uint64_t)status.st_size > ELF_IMAGE_MAX) {
        return base_error(error, BERTH_E_INVALID, "[%s] is no regular file of at most %llu bytes",
                          path, (unsigned long long)ELF_IMAGE_MAX);
    }
    if (status.st_size == 0) {
        return base_error(error, BERTH_E_INVALID, "[%s] is empty", path);
    }
    void *bytes = mmap(NULL, (size_t)status.st_size, PROT_READ, MAP_PRIVATE, fd, 0);
    if (bytes == MAP_FAILED) {
        return base_error_memory(error);
    }
    *out_image = (struct elf_image){.bytes = bytes, .size = (uint64_t)status.st_size};
    return BERTH_OK;
}

int32_t elf_image_open(const char *file, const char *path, struct elf_image *out_image,
                       struct berth_error *error) {
    int fd = open(file, O_RDONLY | O_CLOEXEC);
    if (fd < 0) {
        return base_error(error, errno == ENOENT ? BERTH_E_NOT_FOUND : BERTH_E_IO,
                          "cannot open the plugin [%s]: %s", path, strerror(errno));
    }
    struct elf_image image = {0};
    int32_t code = map_file(fd, path, &image, error);
    (void)close(fd);
    code = code ? code : check_header(&image, path, error);
    if (code) {
        elf_image_close(&image);
        return code;
    }
    *out_image = image;
    return BERTH_OK;
}

void elf_image_close(struct elf_image *image) {
    if (image->bytes) {
        (void)munmap((void *)(uintptr_t)image->bytes, (size_t)image->size);
        *image = (struct elf_image){0};
    }
}

static const Elf64_Shdr *section(const struct elf_image *image, uint32_t index) {
    const Elf64_Ehdr *h = header(image);
    const Elf64_Shdr *sections = part(image, h->e_shoff, (uint64_t)h->e_shnum * sizeof *sections);
    return index < h->e_shnum ? &sections[index] : NULL;
}

/* A section's table of entries of a size; NULL when it is not within the file. */
static const void *table(const struct elf_image *image, const Elf64_Shdr *s, uint64_t entry,
                         uint64_t *out_count) {
    *out_count = s->sh_size / entry;
    return s->sh_offset % 8 == 0 ? part(image, s->sh_offset, s->sh_size) : NULL;
}

static bool names_symbol(const struct elf_image *image, const Elf64_Shdr *strings,
                         const Elf64_Sym *symbol, const char *name) {
    size_t len = strlen(name) + 1;
    if (!strings || symbol->st_name > strings->sh_size ||
        strings->sh_size - symbol->st_name < len) {
        return false;
    }
    uint64_t offset = 0;
    if (__builtin_add_overflow(strings->sh_offset, (uint64_t)symbol->st_name, &offset)) {
        return false;
    }
    const char *text = part(image, offset, len);
    return text && memcmp(text, name, len) == 0;
}

bool elf_image_symbol(const struct elf_image *image, const char *name, uint64_t *out_address,
                      uint64_t *out_size) {
    for (uint32_t i = 0; i < header(image)->e_shnum; i++) {
        const Elf64_Shdr *s = section(image, i);
        uint64_t count = 0;
        const Elf64_Sym *symbols =
            s->sh_type == SHT_DYNSYM ? table(image, s, sizeof *symbols, &count) : NULL;
        for (uint64_t k = 0; symbols && k < count; k++) {
            if (symbols[k].st_shndx != SHN_UNDEF &&
                names_symbol(image, section(image, s->sh_link), &symbols[k], name)) {
                *out_address = symbols[k].st_value;
                *out_size = symbols[k].st_size;
                return true;
            }
        }
    }
    return false;
}

/* NULL where it has no end within its table. */
static const char *symbol_name(const struct elf_image *image, const Elf64_Shdr *strings,
                               const Elf64_Sym *symbol) {
    const char *all = strings ? part(image, strings->sh_offset, strings->sh_size) : NULL;
    if (!all || symbol->st_name >= strings->sh_size ||
        !memchr(all + symbol->st_name, '\0', strings->sh_size - symbol->st_name)) {
        return NULL;
    }
    return all + symbol->st_name;
}

bool elf_image_exports(const struct elf_image *image, bool (*fn)(void *user, const char *name),
                       void *user) {
    for (uint32_t i = 0; i < header(image)->e_shnum; i++) {
        const Elf64_Shdr *s = section(image, i);
        uint64_t count = 0;
        const Elf64_Sym *symbols =
            s->sh_type == SHT_DYNSYM ? table(image, s, sizeof *symbols, &count) : NULL;
        for (uint64_t k = 1; symbols && k < count; k++) {
            if (symbols[k].st_shndx == SHN_UNDEF ||
                ELF64_ST_BIND(symbols[k].st_info) == STB_LOCAL) {
                continue;
            }
            const char *name = symbol_name(image, section(image, s->sh_link), &symbols[k]);
            if (!fn(user, name ? name : "")) {
                return false;
            }
        }
    }
    return true;
}

const Elf64_Phdr *elf_image_segment(const struct elf_image *image, uint32_t index) {
    const Elf64_Ehdr *h = header(image);
    const Elf64_Phdr *segments = part(image, h->e_phoff, (uint64_t)h->e_phnum * sizeof *segments);
    return segments && index < h->e_phnum ? &segments[index] : NULL;
}

const Elf64_Dyn *elf_image_dynamic(const struct elf_image *image, uint32_t index) {
    const Elf64_Phdr *p = NULL;
    for (uint32_t i = 0; (p = elf_image_segment(image, i)); i++) {
        if (p->p_type == PT_DYNAMIC && p->p_offset % 8 == 0) {
            const Elf64_Dyn *all = part(image, p->p_offset, p->p_filesz);
            return all && index < p->p_filesz / sizeof *all ? &all[index] : NULL;
        }
    }
    return NULL;
}

const unsigned char *elf_image_at(const struct elf_image *image, uint64_t address, uint64_t size) {
    const Elf64_Ehdr *h = header(image);
    const Elf64_Phdr *segments = part(image, h->e_phoff, (uint64_t)h->e_phnum * sizeof *segments);
    for (uint32_t i = 0; segments && i < h->e_phnum; i++) {
        const Elf64_Phdr *p = &segments[i];
        if (p->p_type == PT_LOAD && address >= p->p_vaddr && address - p->p_vaddr <= p->p_filesz &&
            p->p_filesz - (address - p->p_vaddr) >= size) {
            return part(image, p->p_offset + (address - p->p_vaddr), size);
        }
    }
    return NULL;
}

/* What a symbol that an absolute relocation names is at. */
static uint64_t symbol_address(const struct elf_image *image, const Elf64_Shdr *relocations,
                               uint64_t index) {
    const Elf64_Shdr *s = section(image, relocations->sh_link);
    uint64_t count = 0;
    const Elf64_Sym *symbols = s ? table(image, s, sizeof *symbols, &count) : NULL;
    return symbols && index < count ? symbols[index].st_value : 0;
}

uint64_t elf_image_pointer(const struct elf_image *image, uint64_t address) {
    for (uint32_t i = 0; i < header(image)->e_shnum; i++) {
        const Elf64_Shdr *s = section(image, i);
        uint64_t count = 0;
        const Elf64_Rela *list =
            s->sh_type == SHT_RELA ? table(image, s, sizeof *list, &count) : NULL;
        for (uint64_t k = 0; list && k < count; k++) {
            if (list[k].r_offset != address) {
                continue;
            }
            uint64_t base = ELF64_R_TYPE(list[k].r_info) == ABSOLUTE
                                ? symbol_address(image, s, ELF64_R_SYM(list[k].r_info))
                                : 0;
            bool known = ELF64_R_TYPE(list[k].r_info) == RELATIVE || base;
            return known ? base + (uint64_t)list[k].r_addend : 0;
        }
    }
    return 0;
}
