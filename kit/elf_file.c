/* SPDX-License-Identifier: Apache-2.0 */
#include "kit/elf_file.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#if defined(__x86_64__)
const struct elf_machine elf_own_machine = {EM_X86_64,   "x86-64",           R_X86_64_RELATIVE,
                                            R_X86_64_64, R_X86_64_JUMP_SLOT, R_X86_64_GLOB_DAT};
#elif defined(__aarch64__)
const struct elf_machine elf_own_machine = {EM_AARCH64,          "AArch64",
                                            R_AARCH64_RELATIVE,  R_AARCH64_ABS64,
                                            R_AARCH64_JUMP_SLOT, R_AARCH64_GLOB_DAT};
#else
#error "the kit does not know this machine's relocations"
#endif

int32_t elf_file_open(const char *path, struct elf_file *out_file, struct berth_error *error) {
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    struct stat status;
    if (fd < 0 || fstat(fd, &status) != 0) {
        int32_t code = base_error(error, errno == ENOENT ? BERTH_E_NOT_FOUND : BERTH_E_IO,
                                  "cannot open [%s]: %s", path, strerror(errno));
        if (fd >= 0) {
            (void)close(fd);
        }
        return code;
    }
    void *bytes = MAP_FAILED;
    bool fits =
        S_ISREG(status.st_mode) && status.st_size > 0 && (uint64_t)status.st_size <= ELF_FILE_MAX;
    if (fits) {
        bytes = mmap(NULL, (size_t)status.st_size, PROT_READ, MAP_PRIVATE, fd, 0);
    }
    (void)close(fd);
    if (bytes == MAP_FAILED) {
        return base_error(error, BERTH_E_INVALID, "[%s] is no regular file of 1 to %llu bytes",
                          path, (unsigned long long)ELF_FILE_MAX);
    }
    *out_file = (struct elf_file){
        .bytes = bytes, .size = (uint64_t)status.st_size, .mode = (uint32_t)status.st_mode};
    return BERTH_OK;
}

void elf_file_close(struct elf_file *file) {
    if (file->bytes) {
        (void)munmap((void *)(uintptr_t)file->bytes, (size_t)file->size);
        *file = (struct elf_file){0};
    }
}

/* A part of the file, aligned as its structs are; NULL where it is not wholly within. */
static const void *part(const struct elf_file *file, uint64_t offset, uint64_t size) {
    uint64_t end = 0;
    if (__builtin_add_overflow(offset, size, &end) || end > file->size) {
        return NULL;
    }
    return file->bytes + offset;
}

const Elf64_Ehdr *elf_file_header(const struct elf_file *file) {
    return (const Elf64_Ehdr *)(const void *)file->bytes;
}

static const Elf64_Shdr *sections(const struct elf_file *file) {
    const Elf64_Ehdr *h = elf_file_header(file);
    return part(file, h->e_shoff, (uint64_t)h->e_shnum * sizeof(Elf64_Shdr));
}

const char *elf_file_fault(const struct elf_file *file) {
    const Elf64_Ehdr *h = elf_file_header(file);
    if (file->size < sizeof *h || memcmp(file->bytes, ELFMAG, SELFMAG) != 0) {
        return "it does not begin as an ELF file does";
    }
    if (h->e_ident[EI_CLASS] != ELFCLASS64 || h->e_ident[EI_DATA] != ELFDATA2LSB) {
        return "it is not a 64-bit little-endian ELF file";
    }
    if (h->e_type != ET_DYN) {
        return "it is an ELF file, but not a shared object";
    }
    if (h->e_shentsize != sizeof(Elf64_Shdr) || h->e_phentsize != sizeof(Elf64_Phdr) ||
        h->e_shoff % 8 || h->e_phoff % 8 || h->e_phnum == 0 || h->e_shnum == 0 || !sections(file) ||
        !part(file, h->e_phoff, (uint64_t)h->e_phnum * sizeof(Elf64_Phdr))) {
        return "its tables of sections and segments are not within the file";
    }
    return NULL;
}

const Elf64_Phdr *elf_file_segment(const struct elf_file *file, uint32_t index) {
    if (elf_file_fault(file) || index >= elf_file_header(file)->e_phnum) {
        return NULL;
    }
    return (const Elf64_Phdr *)part(file, elf_file_header(file)->e_phoff, 0) + index;
}

const Elf64_Phdr *elf_file_segment_of_type(const struct elf_file *file, uint32_t type) {
    const Elf64_Phdr *p = NULL;
    for (uint32_t i = 0; (p = elf_file_segment(file, i)) && p->p_type != type; i++) {
    }
    return p;
}

const Elf64_Phdr *elf_file_segment_at(const struct elf_file *file, uint64_t address) {
    const Elf64_Phdr *p = NULL;
    for (uint32_t i = 0; (p = elf_file_segment(file, i)); i++) {
        if (p->p_type == PT_LOAD && address >= p->p_vaddr && address - p->p_vaddr < p->p_memsz) {
            return p;
        }
    }
    return NULL;
}

/* ---- the dynamic section ---- */

static const Elf64_Dyn *dynamic_entry(const struct elf_file *file, uint64_t index) {
    const Elf64_Phdr *p = elf_file_segment_of_type(file, PT_DYNAMIC);
    if (!p || p->p_offset % 8 || index >= p->p_filesz / sizeof(Elf64_Dyn)) {
        return NULL;
    }
    const Elf64_Dyn *entries = part(file, p->p_offset, p->p_filesz);
    return entries && entries[index].d_tag != DT_NULL ? &entries[index] : NULL;
}

bool elf_file_dynamic(const struct elf_file *file, int64_t tag, uint64_t *out_value) {
    const Elf64_Dyn *d = NULL;
    for (uint64_t i = 0; (d = dynamic_entry(file, i)); i++) {
        if (d->d_tag == tag) {
            *out_value = d->d_un.d_val;
            return true;
        }
    }
    return false;
}

uint64_t elf_file_dynamic_flags(const struct elf_file *file, int64_t tag) {
    uint64_t value = 0;
    return elf_file_dynamic(file, tag, &value) ? value : 0;
}

/* A zero-terminated text of the table of names. */
static const char *text_at(const struct elf_file *file, uint64_t offset) {
    uint64_t table = 0;
    uint64_t size = 0;
    if (!elf_file_dynamic(file, DT_STRTAB, &table) || !elf_file_dynamic(file, DT_STRSZ, &size) ||
        offset >= size) {
        return NULL;
    }
    const char *text = (const char *)elf_file_at(file, table, size);
    return text && memchr(text + offset, '\0', (size_t)(size - offset)) ? text + offset : NULL;
}

const char *elf_file_needed(const struct elf_file *file, uint32_t index) {
    const Elf64_Dyn *d = NULL;
    for (uint64_t i = 0; (d = dynamic_entry(file, i)); i++) {
        if (d->d_tag == DT_NEEDED && index-- == 0) {
            return text_at(file, d->d_un.d_val);
        }
    }
    return NULL;
}

const char *elf_file_dynamic_text(const struct elf_file *file, int64_t tag) {
    uint64_t offset = 0;
    return elf_file_dynamic(file, tag, &offset) ? text_at(file, offset) : NULL;
}

/* ---- symbols ---- */

const Elf64_Sym *elf_file_symbol(const struct elf_file *file, uint64_t index) {
    if (elf_file_fault(file)) {
        return NULL;
    }
    const Elf64_Shdr *s = sections(file);
    for (uint32_t i = 0; i < elf_file_header(file)->e_shnum; i++) {
        if (s[i].sh_type == SHT_DYNSYM && s[i].sh_offset % 8 == 0) {
            const Elf64_Sym *symbols = part(file, s[i].sh_offset, s[i].sh_size);
            return symbols && index < s[i].sh_size / sizeof *symbols ? &symbols[index] : NULL;
        }
    }
    return NULL;
}

const char *elf_file_symbol_name(const struct elf_file *file, const Elf64_Sym *symbol) {
    const char *name = text_at(file, symbol->st_name);
    return name ? name : "";
}

static const Elf64_Sym *find_symbol(const struct elf_file *file, const char *name, bool defined) {
    const Elf64_Sym *symbol = NULL;
    for (uint64_t i = 1; (symbol = elf_file_symbol(file, i)); i++) {
        if ((symbol->st_shndx != SHN_UNDEF) == defined &&
            strcmp(elf_file_symbol_name(file, symbol), name) == 0) {
            return symbol;
        }
    }
    return NULL;
}

const Elf64_Sym *elf_file_export(const struct elf_file *file, const char *name) {
    return find_symbol(file, name, true);
}

bool elf_file_imports(const struct elf_file *file, const char *name) {
    return find_symbol(file, name, false) != NULL;
}

/* ---- data ---- */

const unsigned char *elf_file_at(const struct elf_file *file, uint64_t address, uint64_t size) {
    const Elf64_Phdr *p = elf_file_segment_at(file, address);
    if (!p || address - p->p_vaddr > p->p_filesz || p->p_filesz - (address - p->p_vaddr) < size) {
        return NULL;
    }
    return part(file, p->p_offset + (address - p->p_vaddr), size);
}

/* A table of relocations; NULL where it is not in the file. */
static const Elf64_Rela *relocations(const struct elf_file *file, int64_t tag, int64_t size_tag,
                                     uint64_t *out_count) {
    uint64_t at = 0;
    uint64_t size = 0;
    *out_count = 0;
    if (!elf_file_dynamic(file, tag, &at) || !elf_file_dynamic(file, size_tag, &size) || at % 8) {
        return NULL;
    }
    *out_count = size / sizeof(Elf64_Rela);
    return (const Elf64_Rela *)(const void *)elf_file_at(file, at, size);
}

const Elf64_Rela *elf_file_relocations(const struct elf_file *file, bool calls,
                                       uint64_t *out_count) {
    return calls ? relocations(file, DT_JMPREL, DT_PLTRELSZ, out_count)
                 : relocations(file, DT_RELA, DT_RELASZ, out_count);
}

uint64_t elf_file_pointer(const struct elf_file *file, uint64_t address) {
    uint64_t count = 0;
    const Elf64_Rela *r = relocations(file, DT_RELA, DT_RELASZ, &count);
    const Elf64_Rela *end = r ? r + count : NULL;
    while (r != end && r->r_offset != address) {
        r++;
    }
    if (r == end) {
        return 0;
    }
    if (ELF64_R_TYPE(r->r_info) == elf_own_machine.relative) {
        return (uint64_t)r->r_addend;
    }
    const Elf64_Sym *symbol = ELF64_R_TYPE(r->r_info) == elf_own_machine.absolute
                                  ? elf_file_symbol(file, ELF64_R_SYM(r->r_info))
                                  : NULL;
    return symbol && symbol->st_value ? symbol->st_value + (uint64_t)r->r_addend : 0;
}
