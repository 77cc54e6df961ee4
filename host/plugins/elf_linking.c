/* SPDX-License-Identifier: Apache-2.0 */
#include "host/plugins/elf_linking.h"

#include <stdio.h>

static int32_t refuse(const char *path, const char *what, struct berth_error *error) {
    return base_error(error, BERTH_E_INVALID,
                      "[%s] %s; build it with berth_add_plugin, or with the linker flags of "
                      "plugin/template/Makefile",
                      path, what);
}

/* ---- segments ---- */

static int32_t judge_segments(const struct elf_image *image, const char *path,
                              struct berth_error *error) {
    const Elf64_Phdr *p = NULL;
    bool has_stack = false;
    for (uint32_t i = 0; (p = elf_image_segment(image, i)); i++) {
        if (p->p_type == PT_GNU_STACK) {
            has_stack = true;
            if (p->p_flags & PF_X) {
                return refuse(path, "asks for stacks whose content can be executed", error);
            }
        }
        if (p->p_type == PT_LOAD && (p->p_flags & PF_W) && (p->p_flags & PF_X)) {
            return refuse(path, "has memory that can be both written and executed", error);
        }
    }
    return has_stack ? BERTH_OK
                     : refuse(path, "does not say that stacks need not be executed", error);
}

/* ---- the dynamic section ---- */

/* A row of it that is refused: by its presence (mask 0), or by a bit of its value. */
static const struct {
    int64_t tag;
    uint64_t mask;
    const char *what;
} refused[] = {
    {DT_TEXTREL, 0, "needs its code to be changed when it is loaded (DT_TEXTREL)"},
    {DT_FLAGS, DF_TEXTREL, "needs its code to be changed when it is loaded (DF_TEXTREL)"},
    {DT_FLAGS, DF_STATIC_TLS,
     "has thread-local variables that need room from the process's start (DF_STATIC_TLS), and so "
     "cannot be loaded and unloaded again and again"},
    {DT_RPATH, 0, "looks for libraries in a place of its own (DT_RPATH)"},
    {DT_RUNPATH, 0, "looks for libraries in a place of its own (DT_RUNPATH)"},
    {DT_FLAGS_1, DF_1_NODELETE, "cannot be unloaded (DF_1_NODELETE)"},
    {DT_FLAGS_1, DF_1_INITFIRST, "wants to be initialised before all others (DF_1_INITFIRST)"},
    {DT_FLAGS_1, DF_1_INTERPOSE, "puts itself before other libraries (DF_1_INTERPOSE)"},
};

static int32_t judge_dynamic(const struct elf_image *image, const char *path,
                             struct berth_error *error) {
    const Elf64_Dyn *d = NULL;
    for (uint32_t i = 0; (d = elf_image_dynamic(image, i)) && d->d_tag != DT_NULL; i++) {
        for (size_t k = 0; k < BASE_COUNT(refused); k++) {
            if (d->d_tag == refused[k].tag &&
                (!refused[k].mask || (d->d_un.d_val & refused[k].mask))) {
                return refuse(path, refused[k].what, error);
            }
        }
    }
    return d ? BERTH_OK : refuse(path, "has no list of what it needs (PT_DYNAMIC)", error);
}

/* ---- exports ---- */

struct exports {
    const char *allowed;
    char other[64];
};

static bool note_export(void *user, const char *name) {
    struct exports *exports = user;
    if (strcmp(name, exports->allowed) == 0) {
        return true;
    }
    (void)snprintf(exports->other, sizeof exports->other, "%s", name);
    return false;
}

int32_t elf_linking_judge(const struct elf_image *image, const char *path, const char *allowed,
                          struct berth_error *error) {
    struct exports exports = {.allowed = allowed};
    int32_t code = judge_segments(image, path, error);
    code = code ? code : judge_dynamic(image, path, error);
    if (!code && !elf_image_exports(image, note_export, &exports)) {
        char what[192];
        (void)snprintf(what, sizeof what,
                       "exports [%s], and a plugin exports [%s] alone: hide all else",
                       exports.other, allowed);
        code = refuse(path, what, error);
    }
    return code;
}
