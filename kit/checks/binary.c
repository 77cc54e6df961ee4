/* SPDX-License-Identifier: Apache-2.0 */
#include "kit/checks/groups.h"

#include <dlfcn.h>
#include <stdio.h>
#include <sys/stat.h>

/* ---- the file ---- */

static void check_mode(struct kit_run *run) {
    if (run->subject->elf.mode & S_IWOTH) {
        kit_fail(run, "the file's mode is %04o: everybody may write it",
                 run->subject->elf.mode & 07777u);
    }
}

static void check_elf(struct kit_run *run) {
    const char *fault = elf_file_fault(&run->subject->elf);
    if (fault) {
        kit_fail(run, "%s", fault);
    }
}

static void check_machine(struct kit_run *run) {
    uint16_t machine = elf_file_header(&run->subject->elf)->e_machine;
    if (machine != elf_own_machine.number) {
        kit_fail(run, "it is built for machine %u; this one is %s, machine %u", machine,
                 elf_own_machine.name, elf_own_machine.number);
    }
}

/* ---- symbols ---- */

static void check_exports(struct kit_run *run) {
    const struct elf_file *elf = &run->subject->elf;
    const Elf64_Sym *symbol = NULL;
    for (uint64_t i = 1; (symbol = elf_file_symbol(elf, i)); i++) {
        const char *name = elf_file_symbol_name(elf, symbol);
        if (symbol->st_shndx != SHN_UNDEF && ELF64_ST_BIND(symbol->st_info) != STB_LOCAL &&
            strcmp(name, BERTH_PLUGIN_SYMBOL) != 0) {
            kit_fail(run, "it exports [%s] besides [" BERTH_PLUGIN_SYMBOL "]", name);
        }
    }
}

/* Opening a library runs its constructors, which are not the plugin's. */
static void check_libraries(struct kit_run *run) {
    const char *name = NULL;
    for (uint32_t i = 0; (name = elf_file_needed(&run->subject->elf, i)); i++) {
        kit_phase(run, "the constructors of %s", name);
        if (!dlopen(name, RTLD_LAZY | RTLD_LOCAL)) {
            kit_fail(run, "it needs the library [%s]: %s", name, dlerror());
        }
    }
}

static bool is_defined(const struct kit_run *run, const char *symbol) {
    const char *name = NULL;
    for (uint32_t i = 0; (name = elf_file_needed(&run->subject->elf, i)); i++) {
        void *library = dlopen(name, RTLD_LAZY | RTLD_LOCAL);
        if (library && dlsym(library, symbol)) {
            return true;
        }
    }
    return false;
}

static void check_undefined(struct kit_run *run) {
    const struct elf_file *elf = &run->subject->elf;
    const Elf64_Sym *symbol = NULL;
    for (uint64_t i = 1; (symbol = elf_file_symbol(elf, i)); i++) {
        const char *name = elf_file_symbol_name(elf, symbol);
        if (symbol->st_shndx == SHN_UNDEF && ELF64_ST_BIND(symbol->st_info) == STB_GLOBAL &&
            !is_defined(run, name)) {
            kit_fail(run, "[%s] is defined by none of the libraries that it needs", name);
        }
    }
}

/* ---- how it was linked ---- */

static void check_stack(struct kit_run *run) {
    const Elf64_Phdr *p = elf_file_segment_of_type(&run->subject->elf, PT_GNU_STACK);
    if (!p || p->p_flags & PF_X) {
        kit_fail(run, p ? "it asks for a stack whose content can be executed"
                        : "it does not say that its stack need not be executed");
    }
}

static void check_writable_code(struct kit_run *run) {
    const Elf64_Phdr *p = NULL;
    for (uint32_t i = 0; (p = elf_file_segment(&run->subject->elf, i)); i++) {
        if (p->p_type == PT_LOAD && p->p_flags & PF_W && p->p_flags & PF_X) {
            kit_fail(run, "the segment at 0x%llx can be written and executed",
                     (unsigned long long)p->p_vaddr);
        }
    }
}

static void check_relro(struct kit_run *run) {
    if (!elf_file_segment_of_type(&run->subject->elf, PT_GNU_RELRO)) {
        kit_fail(run, "its relocated constants stay writable: there is no PT_GNU_RELRO");
    }
}

static void check_binding(struct kit_run *run) {
    const struct elf_file *elf = &run->subject->elf;
    uint64_t value = 0;
    if (!(elf_file_dynamic_flags(elf, DT_FLAGS) & DF_BIND_NOW) &&
        !(elf_file_dynamic_flags(elf, DT_FLAGS_1) & DF_1_NOW) &&
        !elf_file_dynamic(elf, DT_BIND_NOW, &value)) {
        kit_fail(run, "its functions are bound at their first call: there is no DF_BIND_NOW");
    }
}

static void check_run_path(struct kit_run *run) {
    const char *path = elf_file_dynamic_text(&run->subject->elf, DT_RUNPATH);
    path = path ? path : elf_file_dynamic_text(&run->subject->elf, DT_RPATH);
    if (path) {
        kit_fail(run, "it looks for libraries in [%s]", path);
    }
}

static void check_text_relocations(struct kit_run *run) {
    const struct elf_file *elf = &run->subject->elf;
    uint64_t value = 0;
    if (elf_file_dynamic_flags(elf, DT_FLAGS) & DF_TEXTREL ||
        elf_file_dynamic(elf, DT_TEXTREL, &value)) {
        kit_fail(run, "its code is changed when it is loaded: it has DT_TEXTREL");
    }
}

static void check_static_tls(struct kit_run *run) {
    if (elf_file_dynamic_flags(&run->subject->elf, DT_FLAGS) & DF_STATIC_TLS) {
        kit_fail(run, "its thread-local variables need room from the process's start: it has "
                      "DF_STATIC_TLS");
    }
}

/* choice: the bit of DT_FLAGS_1 that must not be set. */
static void check_flag(struct kit_run *run) {
    if (elf_file_dynamic_flags(&run->subject->elf, DT_FLAGS_1) & run->check->choice) {
        kit_fail(run, "DT_FLAGS_1 has the bit 0x%x", run->check->choice);
    }
}

/* ---- what it calls ---- */

enum imports {
    IMPORTS_SIGNALS,
    IMPORTS_EXIT_HANDLERS,
    IMPORTS_ENVIRONMENT,
    IMPORTS_LOCALE,
    IMPORTS_DIRECTORY,
    IMPORTS_THREADS,
    IMPORTS_THREAD_KEYS,
    IMPORTS_PROCESSES,
    IMPORTS_EXIT,
    IMPORTS_ALLOCATOR,
};

/* Names with spaces between. */
static const char *const forbidden[] = {
    [IMPORTS_SIGNALS] = "signal sigaction sigset bsd_signal sysv_signal __sysv_signal sigprocmask "
                        "pthread_sigmask sigaltstack",
    [IMPORTS_EXIT_HANDLERS] = "atexit on_exit at_quick_exit pthread_atfork __register_atfork",
    [IMPORTS_ENVIRONMENT] = "setenv putenv unsetenv clearenv",
    [IMPORTS_LOCALE] = "setlocale tzset",
    [IMPORTS_DIRECTORY] = "chdir fchdir chroot umask",
    [IMPORTS_THREADS] = "pthread_create thrd_create clone",
    [IMPORTS_THREAD_KEYS] = "pthread_key_create tss_create __cxa_thread_atexit_impl",
    [IMPORTS_PROCESSES] = "fork vfork _Fork daemon execl execle execlp execv execve execvp execvpe "
                          "system popen posix_spawn posix_spawnp",
    [IMPORTS_EXIT] = "exit _exit _Exit quick_exit",
    [IMPORTS_ALLOCATOR] = "mallopt mallinfo malloc_trim __malloc_hook __free_hook "
                          "__realloc_hook curl_global_init_mem",
};

/* choice: an enum imports. */
static void check_imports(struct kit_run *run) {
    struct berth_str rest = base_cstr(forbidden[run->check->choice]);
    struct berth_str name = {NULL, 0};
    while (base_str_split(&rest, ' ', &name)) {
        char text[64];
        (void)snprintf(text, sizeof text, BASE_FMT, BASE_ARG(name));
        if (elf_file_imports(&run->subject->elf, text)) {
            kit_fail(run, "it calls [%s]", text);
        }
    }
}

#define BUILD "build it with berth_add_plugin, or with the linker flags of plugin/template/Makefile"
#define IS_ELF "binary.elf"

const struct kit_check kit_binary_checks[] = {
    {"binary.mode", 12, "the file is not writable for everybody", "chmod 0755, or stricter", NULL,
     check_mode, 0},
    {IS_ELF, 1, "the file is a 64-bit little-endian ELF shared object, whole", BUILD, NULL,
     check_elf, 0},
    {"binary.machine", 4, "the file is built for this machine",
     "build it with a compiler for this machine", IS_ELF, check_machine, 0},
    {"binary.exports", 1, "it exports " BERTH_PLUGIN_SYMBOL " and nothing else",
     "hide all else: -fvisibility=hidden and the version script plugin.map", IS_ELF, check_exports,
     0},
    {"binary.libraries", 1, "each library that it needs is found here",
     "install the library, or link without it", "binary.elf binary.machine", check_libraries, 0},
    {"binary.undefined", 1, "its libraries define all that it uses: it links no symbol of the host",
     "ask the host by get_capability; link with -z defs to see it at once", "binary.libraries",
     check_undefined, 0},
    {"binary.executable_stack", 11, "it does not make the process's stacks executable",
     "link with -z noexecstack", IS_ELF, check_stack, 0},
    {"binary.writable_code", 11, "no part of it can be written and executed",
     "keep code and variables in sections of their own", IS_ELF, check_writable_code, 0},
    {"binary.relro", 1, "its constants cannot be written once it is loaded", "link with -z relro",
     IS_ELF, check_relro, 0},
    {"binary.binding", 1, "all its functions are bound when it is loaded", "link with -z now",
     IS_ELF, check_binding, 0},
    {"binary.run_path", 11, "it has no path of its own to look for libraries",
     "link without -rpath", IS_ELF, check_run_path, 0},
    {"binary.text_relocations", 4, "its code needs no change when it is loaded",
     "compile with -fPIC, link with -z text", IS_ELF, check_text_relocations, 0},
    {"binary.static_tls", 10, "its thread-local variables do not keep it from being unloaded",
     "compile without -ftls-model=initial-exec; keep state in the instance or a loop's context",
     IS_ELF, check_static_tls, 0},
    {"binary.no_delete", 10, "it can be unloaded", "link without -z nodelete", IS_ELF, check_flag,
     DF_1_NODELETE},
    {"binary.interpose", 11, "it does not put itself before other libraries",
     "link without -z interpose", IS_ELF, check_flag, DF_1_INTERPOSE},
    {"binary.signals", 11, "it does not change signal handlers or masks",
     "leave signals to the host", IS_ELF, check_imports, IMPORTS_SIGNALS},
    {"binary.exit_handlers", 11, "it registers no functions for the process's end",
     "do in stop and destroy what must be done", IS_ELF, check_imports, IMPORTS_EXIT_HANDLERS},
    {"binary.environment", 11, "it does not change the environment",
     "pass on values by arguments; read settings for what can be configured", IS_ELF, check_imports,
     IMPORTS_ENVIRONMENT},
    {"binary.locale", 11, "it does not change the locale",
     "use newlocale and the functions with _l", IS_ELF, check_imports, IMPORTS_LOCALE},
    {"binary.directory", 11, "it does not change the working directory, the root or the umask",
     "use openat, and modes that say what they mean", IS_ELF, check_imports, IMPORTS_DIRECTORY},
    {"binary.threads", 11, "it starts no threads", "use berth.worker/1 and berth.loop/1", IS_ELF,
     check_imports, IMPORTS_THREADS},
    {"binary.thread_keys", 11, "it has no destructors of threads",
     "keep what a loop needs in the context that loop_start makes", IS_ELF, check_imports,
     IMPORTS_THREAD_KEYS},
    {"binary.processes", 11, "it starts no processes", "let a service of its own do that", IS_ELF,
     check_imports, IMPORTS_PROCESSES},
    {"binary.exit", 11, "it does not end the process", "return an error's code", IS_ELF,
     check_imports, IMPORTS_EXIT},
    {"binary.allocator", 11, "it does not change the process's allocator",
     "leave the allocator as it is", IS_ELF, check_imports, IMPORTS_ALLOCATOR},
};
const uint32_t kit_binary_count = BASE_COUNT(kit_binary_checks);
