/* SPDX-License-Identifier: Apache-2.0 */
#include "host/cli/cli.h"

#include "base/json_write.h"
#include "host/admin/admin.h"
#include "host/cli/config.h"
#include "host/cli/node_settings.h"
#include "host/host.h"
#include "host/security/password.h"
#include "host/store/transfer.h"
#include "host/version.h"

#include <getopt.h>
#include <limits.h>
#include <locale.h>
#include <pthread.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

/* What -E and --plugin may be given how often. */
#define REPEATS_MAX 128

struct options {
    const char *config;
    const char *data;
    const char *plugins[REPEATS_MAX];
    size_t plugin_count;
    const char *overrides[REPEATS_MAX];
    size_t override_count;
    const char *file;
    const char *deadline;
    bool dry_run;
    bool without_state;
    const char *operand; /* behind the command */
};

/* Commands that an option belongs to. */
#define OF_NODE 1u   /* those that read the configuration */
#define OF_ORDER 2u  /* those that a running node carries out */
#define OF_RELOAD 4u /* reload alone */

/* Options of the commands; help, and what getopt is given, are made from this table. */
static const struct {
    const char *name;
    int letter;        /* beyond ASCII: it has none */
    const char *value; /* NULL: it has none */
    uint32_t commands;
    const char *help;
} option_table[] = {
    {"config", 'c', "FILE", OF_NODE | OF_ORDER, "the node's configuration (berth.yml)"},
    {"data", 'd', "DIR", OF_NODE | OF_ORDER, "the data directory (setting path.data)"},
    {"plugin", 'p', "FILE", OF_NODE, "a plugin to load; may be given several times"},
    {"setting", 'E', "KEY=VALUE", OF_NODE | OF_ORDER,
     "a setting, over what the configuration says; several times"},
    {"file", 'f', "FILE", OF_RELOAD, "reload: another file than the one that was loaded"},
    {"deadline", 't', "MILLIS", OF_ORDER, "how long requests in flight may take to end"},
    {"dry-run", 'n', NULL, OF_RELOAD, "reload: up to before it serves, and back"},
    {"without-state", 256, NULL, OF_RELOAD, "reload: hands no state over"},
    {"help", 'h', NULL, UINT32_MAX, "this text"},
    {"version", 'V', NULL, UINT32_MAX, "the version"},
};

static int fail(const char *format, ...) __attribute__((format(printf, 1, 2)));

static int fail(const char *format, ...) {
    va_list args;
    va_start(args, format);
    (void)fputs("berth: ", stderr);
    (void)vfprintf(stderr, format, args);
    (void)fputc('\n', stderr);
    va_end(args);
    return CLI_FAILED;
}

/* ---- the configuration ---- */

static int32_t read_config_file(const char *path, struct settings_layer *layer,
                                struct berth_error *error) {
    int32_t code = config_read(path, layer, error);
    if (code) {
        return code;
    }
    char directory[PATH_MAX];
    if (!realpath(path, directory)) {
        return base_error(error, BERTH_E_IO, "cannot resolve [%s]", path);
    }
    char *slash = strrchr(directory, '/');
    *(slash == directory ? slash + 1 : slash) = '\0';
    return node_settings_resolve_paths(layer, directory, error);
}

/* Adds to berth.plugins what --plugin names. */
static int32_t add_plugins(const struct options *options, struct settings_layer *layer,
                           struct berth_error *error) {
    const struct setting_value *known = settings_layer_get(layer, BERTH_STR("berth.plugins"));
    struct berth_str all[2 * REPEATS_MAX];
    uint32_t count = 0;
    for (; known && count < known->item_count && count < REPEATS_MAX; count++) {
        all[count] = known->items[count];
    }
    for (size_t i = 0; i < options->plugin_count; i++) {
        all[count++] = base_cstr(options->plugins[i]);
    }
    bool ok = options->plugin_count == 0 ||
              settings_layer_set(layer, BERTH_STR("berth.plugins"), true, all, count);
    return ok ? BERTH_OK : base_error_memory(error);
}

static int32_t read_configuration(const struct options *options, struct settings_layer **out_layer,
                                  struct berth_error *error) {
    struct settings_layer *layer = settings_layer_create();
    int32_t code = layer ? BERTH_OK : base_error_memory(error);
    if (!code && options->config) {
        code = read_config_file(options->config, layer, error);
    }
    for (size_t i = 0; i < options->override_count && !code; i++) {
        code = config_override(layer, options->overrides[i], error);
    }
    if (!code && options->data) {
        struct berth_str data = base_cstr(options->data);
        code = settings_layer_set(layer, BERTH_STR("path.data"), false, &data, 1)
                   ? BERTH_OK
                   : base_error_memory(error);
    }
    code = code ? code : add_plugins(options, layer, error);
    char here[PATH_MAX];
    if (!code && !getcwd(here, sizeof here)) {
        code = base_error(error, BERTH_E_IO, "the working directory is gone");
    }
    code = code ? code : node_settings_resolve_paths(layer, here, error);
    if (code) {
        settings_layer_destroy(layer);
        return code;
    }
    *out_layer = layer;
    return BERTH_OK;
}

/* A message about a line of the file begins with its name. */
static int report(const struct options *options, const struct berth_error *error) {
    bool line = strncmp(error->message, "line ", 5) == 0 && options->config;
    return fail("%s%s%s", line ? options->config : "", line ? ": " : "", error->message);
}

/* ---- serve ---- */

static void prepare_process(void) {
    struct rlimit limit;
    (void)signal(SIGPIPE, SIG_IGN);
    (void)setlocale(LC_ALL, "C");
    /* Documents and keys are this user's alone, also in a directory that others may enter. */
    (void)umask(S_IRWXG | S_IRWXO);
    if (getrlimit(RLIMIT_NOFILE, &limit) == 0) {
        limit.rlim_cur = limit.rlim_max;
        (void)setrlimit(RLIMIT_NOFILE, &limit);
    }
}

/* Signals are taken by sigwait, on this thread; all other threads inherit that they are blocked. */
static void block_signals(sigset_t *out_set) {
    (void)sigemptyset(out_set);
    (void)sigaddset(out_set, SIGTERM);
    (void)sigaddset(out_set, SIGINT);
    (void)sigaddset(out_set, SIGHUP);
    (void)pthread_sigmask(SIG_BLOCK, out_set, NULL);
}

static void reload(struct host *host, struct log *log) {
    struct berth_error error = BASE_ERROR_INIT;
    if (host_reload(host, &error)) {
        LOG(log, BERTH_LOG_ERROR, "users_not_reloaded",
            LOG_FIELD("reason", base_cstr(error.message)));
    } else {
        LOG(log, BERTH_LOG_INFO, "users_reloaded", LOG_FIELD("signal", BERTH_STR("SIGHUP")));
    }
}

/* SIGHUP reads the users again, the others end the node. */
static int wait_for_end(const sigset_t *signals, struct host *host, struct log *log) {
    int number = 0;
    while (sigwait(signals, &number) == 0 && number == SIGHUP) {
        reload(host, log);
    }
    return number;
}

static int serve(const struct options *options) {
    struct berth_error error = BASE_ERROR_INIT;
    struct settings_layer *layer = NULL;
    struct host *host = NULL;
    struct log log;
    sigset_t signals;
    prepare_process();
    block_signals(&signals);
    if (read_configuration(options, &layer, &error)) {
        return report(options, &error);
    }
    log_init(&log, STDERR_FILENO, BERTH_LOG_INFO);
    int32_t code = host_create(layer, &log, &host, &error);
    code = code ? code : host_listen(host, &error);
    int status = code ? report(options, &error) : CLI_OK;
    if (!code) {
        int signal_number = wait_for_end(&signals, host, &log);
        LOG(&log, BERTH_LOG_INFO, "stopping",
            LOG_FIELD("signal", base_cstr(signal_number == SIGTERM ? "SIGTERM" : "SIGINT")));
    }
    host_destroy(host);
    if (!code) {
        LOG(&log, BERTH_LOG_INFO, "stopped", LOG_FIELD("version", BERTH_STR(BERTH_VERSION)));
    }
    log_deinit(&log);
    return status;
}

/* ---- check-config ---- */

static void remove_directory(const char *path) {
    static const char *const files[] = {"berth.db",   "berth.db-wal", "berth.db-shm",
                                        "berth.lock", "node.id",      "master.key"};
    char name[PATH_MAX + 16];
    for (size_t i = 0; i < BASE_COUNT(files); i++) {
        (void)snprintf(name, sizeof name, "%s/%s", path, files[i]);
        (void)unlink(name);
    }
    (void)snprintf(name, sizeof name, "%s/run", path);
    (void)rmdir(name);
    (void)rmdir(path);
}

/* Starts everything but the listening, on an empty data directory, and ends it again. */
static int check_config(const struct options *options) {
    struct berth_error error = BASE_ERROR_INIT;
    struct settings_layer *layer = NULL;
    struct host *host = NULL;
    struct log log;
    char data[] = "/tmp/berth-check-XXXXXX";
    prepare_process();
    if (!mkdtemp(data)) {
        return fail("cannot make a directory in /tmp");
    }
    struct options with_data = *options;
    with_data.data = data;
    int32_t code = read_configuration(&with_data, &layer, &error);
    struct berth_str level = BERTH_STR("error"); /* the answer is what counts here */
    if (!code && !settings_layer_set(layer, BERTH_STR("log.level"), false, &level, 1)) {
        code = base_error_memory(&error);
    }
    log_init(&log, STDERR_FILENO, BERTH_LOG_ERROR);
    code = code ? code : host_create(layer, &log, &host, &error);
    host_destroy(host);
    log_deinit(&log);
    remove_directory(data);
    if (code) {
        return report(options, &error);
    }
    (void)printf("%s: the configuration is in order\n",
                 options->config ? options->config : "no file");
    return CLI_OK;
}

/* ---- hash-password ---- */

/* From a pipe or a terminal; a password on the command line would be seen by all. */
static int hash_password(const struct options *options) {
    char line[256];
    char hash[PASSWORD_HASH_LENGTH + 1];
    struct berth_error error = BASE_ERROR_INIT;
    (void)options;
    if (!fgets(line, sizeof line, stdin)) {
        return fail("the password is read from standard input, and there is none");
    }
    line[strcspn(line, "\r\n")] = '\0';
    int32_t code = password_hash(base_cstr(line), PASSWORD_COST_DEFAULT, hash, &error);
    explicit_bzero(line, sizeof line);
    if (code) {
        return fail("%s", error.message);
    }
    (void)puts(hash);
    return CLI_OK;
}

/* ---- load, reload, unload ---- */

/* The data directory that the configuration and the options name. */
static int32_t find_data(const struct options *options, char out_path[PATH_MAX],
                         struct berth_error *error) {
    struct settings_layer *layer = NULL;
    int32_t code = read_configuration(options, &layer, error);
    if (code) {
        return code;
    }
    const struct setting_value *data = settings_layer_get(layer, BERTH_STR("path.data"));
    (void)snprintf(out_path, PATH_MAX, BASE_FMT,
                   BASE_ARG(data ? data->items[0] : BERTH_STR("data")));
    settings_layer_destroy(layer);
    return BERTH_OK;
}

static bool put_path(struct base_buf *out, const char *path) {
    char whole[PATH_MAX];
    if (!realpath(path, whole)) {
        return false;
    }
    json_member_cstr(out, "path", whole);
    return true;
}

static int order(const struct options *options, const char *action) {
    struct berth_error error = BASE_ERROR_INIT;
    char data[PATH_MAX];
    bool is_load = strcmp(action, "load") == 0;
    const char *file = is_load ? options->operand : options->file;
    if (find_data(options, data, &error)) {
        return report(options, &error);
    }
    BASE_BUF_AUTO line;
    BASE_BUF_AUTO answer;
    base_buf_init(&line, ADMIN_LINE_MAX);
    base_buf_init(&answer, BASE_BUF_MAX_DEFAULT);
    json_open_object(&line);
    json_member_cstr(&line, "action", action);
    if (!is_load) {
        json_member_cstr(&line, "plugin", options->operand);
    }
    if (file && !put_path(&line, file)) {
        return fail("there is no file [%s]", file);
    }
    if (options->deadline) {
        int64_t ms = 0;
        if (!base_str_i64(base_cstr(options->deadline), &ms)) {
            return fail("[%s] is no number of milliseconds", options->deadline);
        }
        json_member_i64(&line, "deadline_ms", ms);
    }
    json_member_bool(&line, "dry_run", options->dry_run);
    json_member_bool(&line, "state", !options->without_state);
    json_close_object(&line);
    if (admin_ask(data, base_buf_view(&line), &answer, &error)) {
        return fail("%s", error.message);
    }
    (void)printf(BASE_FMT "\n", BASE_ARG(base_buf_view(&answer)));
    return strncmp(answer.ptr, "{\"error\"", 8) == 0 ? CLI_FAILED : CLI_OK;
}

static int load_plugin(const struct options *options) {
    return order(options, "load");
}

static int reload_plugin(const struct options *options) {
    return order(options, "reload");
}

static int unload_plugin(const struct options *options) {
    return order(options, "unload");
}

/* ---- export, import ---- */

/* Opens the documents of a node that does not run, and has them written out or read in. */
static int transfer(const struct options *options, FILE *file,
                    int32_t (*run)(struct store *, FILE *, uint64_t *, struct berth_error *),
                    const char *done) {
    struct berth_error error = BASE_ERROR_INIT;
    struct settings_layer *layer = NULL;
    struct host *host = NULL;
    struct log log;
    uint64_t count = 0;
    prepare_process();
    log_init(&log, STDERR_FILENO, BERTH_LOG_WARN);
    int32_t code = read_configuration(options, &layer, &error);
    code = code ? code : host_open_documents(layer, &log, &host, &error);
    code = code ? code : run(host_store(host), file, &count, &error);
    host_destroy(host);
    log_deinit(&log);
    if (code) {
        return report(options, &error);
    }
    (void)fprintf(stderr, "berth: %llu documents %s\n", (unsigned long long)count, done);
    return CLI_OK;
}

static int export_documents(const struct options *options) {
    return transfer(options, stdout, transfer_export, "exported");
}

static int import_documents(const struct options *options) {
    return transfer(options, stdin, transfer_import, "imported");
}

/* ---- the command line ---- */

static const struct {
    const char *name;
    const char *operand; /* NULL: it has none */
    uint32_t options;
    const char *help;
    int (*run)(const struct options *options);
} commands[] = {
    {"serve", NULL, OF_NODE, "run a node until SIGTERM or SIGINT", serve},
    {"check-config", NULL, OF_NODE, "read the configuration and try the plugins, without listening",
     check_config},
    {"export", NULL, OF_NODE, "write all documents of a node that is stopped to standard output",
     export_documents},
    {"import", NULL, OF_NODE, "write documents from standard input over those of a stopped node",
     import_documents},
    {"reload", "PLUGIN", OF_ORDER | OF_RELOAD,
     "have the running node replace a plugin by what its file holds now", reload_plugin},
    {"load", "FILE", OF_ORDER, "have it load one more plugin", load_plugin},
    {"unload", "PLUGIN", OF_ORDER, "have it unload a plugin", unload_plugin},
    {"hash-password", NULL, 0, "make a hash for internal_users.yml of a password on standard input",
     hash_password},
};

static int help(void) {
    char form[40];
    (void)puts("Berth " BERTH_VERSION ": a small host server that docks plugins.\n\n"
               "usage: berth COMMAND [OPTION …]\n\ncommands:");
    for (size_t i = 0; i < BASE_COUNT(commands); i++) {
        (void)snprintf(form, sizeof form, "%s %s", commands[i].name,
                       commands[i].operand ? commands[i].operand : "");
        (void)printf("  %-16s %s\n", form, commands[i].help);
    }
    (void)puts("\noptions:");
    for (size_t i = 0; i < BASE_COUNT(option_table); i++) {
        char letter[] = {'-', (char)option_table[i].letter, ',', ' ', '\0'};
        (void)snprintf(form, sizeof form, "%s--%s %s", option_table[i].letter < 128 ? letter : "",
                       option_table[i].name, option_table[i].value ? option_table[i].value : "");
        (void)printf("  %-26s %s\n", form, option_table[i].help);
    }
    (void)puts("\nexamples:\n"
               "  berth serve --data data --plugin ml_remote.so -E http.port=9200\n"
               "  berth reload ml_remote --data data --file ml_remote-2.so\n\n"
               "exit status: 0 done, 1 failed, 2 the command line is wrong");
    return CLI_OK;
}

static int usage(const char *format, ...) __attribute__((format(printf, 1, 2)));

static int usage(const char *format, ...) {
    va_list args;
    va_start(args, format);
    (void)fputs("berth: ", stderr);
    (void)vfprintf(stderr, format, args);
    (void)fputs("; see berth --help\n", stderr);
    va_end(args);
    return CLI_USAGE;
}

/* CLI_OK, or what to exit with. */
static int take_option(int letter, struct options *options) {
    switch (letter) {
    case 'c':
        options->config = optarg;
        return CLI_OK;
    case 'd':
        options->data = optarg;
        return CLI_OK;
    case 'f':
        options->file = optarg;
        return CLI_OK;
    case 't':
        options->deadline = optarg;
        return CLI_OK;
    case 'n':
        options->dry_run = true;
        return CLI_OK;
    case 256:
        options->without_state = true;
        return CLI_OK;
    case 'p':
    case 'E': {
        const char **list = letter == 'p' ? options->plugins : options->overrides;
        size_t *count = letter == 'p' ? &options->plugin_count : &options->override_count;
        if (*count == REPEATS_MAX) {
            return usage("-%c is given more than %d times", letter, REPEATS_MAX);
        }
        list[(*count)++] = optarg;
        return CLI_OK;
    }
    default:
        return CLI_USAGE;
    }
}

#define OPTIONS BASE_COUNT(option_table)

/* What getopt_long is given, of the table. */
static void make_getopt(struct option out_long[OPTIONS + 1], char out_short[2 + 2 * OPTIONS]) {
    *out_short++ = ':';
    for (size_t i = 0; i < OPTIONS; i++) {
        bool has_value = option_table[i].value != NULL;
        out_long[i] =
            (struct option){option_table[i].name, has_value ? required_argument : no_argument, NULL,
                            option_table[i].letter};
        if (option_table[i].letter < 128) {
            *out_short++ = (char)option_table[i].letter;
            if (has_value) {
                *out_short++ = ':';
            }
        }
    }
    out_long[OPTIONS] = (struct option){NULL, 0, NULL, 0};
    *out_short = '\0';
}

/*
 * CLI_OK, or what to exit with; *out_done: there is nothing left to do; *out_used: bits of
 * option_table.
 */
static int read_options(int argc, char **argv, struct options *options, uint32_t *out_used,
                        bool *out_done) {
    struct option long_options[OPTIONS + 1];
    char short_options[2 + 2 * OPTIONS];
    int letter = 0;
    opterr = 0;
    make_getopt(long_options, short_options);
    while ((letter = getopt_long(argc, argv, short_options, long_options, NULL)) != -1) {
        if (letter == ':') {
            return usage("%s needs a value", argv[optind - 1]);
        }
        if (letter == '?') {
            return usage("the option %s is unknown", argv[optind - 1]);
        }
        for (size_t i = 0; i < OPTIONS; i++) {
            *out_used |= option_table[i].letter == letter ? 1u << i : 0;
        }
        if (letter == 'h' || letter == 'V') {
            *out_done = true;
            return letter == 'h' ? help() : puts("berth " BERTH_VERSION) < 0;
        }
        int status = take_option(letter, options);
        if (status != CLI_OK) {
            return status;
        }
    }
    return CLI_OK;
}

/* Runs a command, if it has the operand that it needs and no options of others. */
static int run_command(size_t command, int operands, struct options *options, uint32_t used) {
    if (commands[command].operand && operands == 0) {
        return usage("%s needs %s", commands[command].name, commands[command].operand);
    }
    for (size_t i = 0; i < OPTIONS; i++) {
        if ((used & 1u << i) && !(option_table[i].commands & commands[command].options)) {
            return usage("%s has no option --%s", commands[command].name, option_table[i].name);
        }
    }
    return commands[command].run(options);
}

int cli_main(int argc, char **argv) {
    struct options options = {0};
    uint32_t used = 0;
    bool done = false;
    int status = read_options(argc, argv, &options, &used, &done);
    if (done || status != CLI_OK) {
        return status;
    }
    if (optind == argc) {
        return usage("a command is missing");
    }
    for (size_t i = 0; i < BASE_COUNT(commands); i++) {
        if (strcmp(argv[optind], commands[i].name) == 0) {
            int operands = argc - optind - 1;
            int allowed = commands[i].operand ? 1 : 0;
            if (operands > allowed) {
                return usage("[%s] is one argument too many", argv[optind + 1 + allowed]);
            }
            options.operand = operands ? argv[optind + 1] : NULL;
            return run_command(i, operands, &options, used);
        }
    }
    return usage("there is no command [%s]", argv[optind]);
}
