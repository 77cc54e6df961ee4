/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/support/etcd_server.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "tests/support/temp.h"

/* Looks whether it answers, a hundredth of a second apart. */
#define LOOKS_MAX 6000

static struct {
    pid_t pid;
    int ports[2];
    char folder[TEMP_MAX];
    char address[64];
} server;

static int free_port(void) {
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t size = sizeof address;
    int fd = socket(AF_INET, SOCK_STREAM, 0);
    assert_int_equal(bind(fd, (struct sockaddr *)&address, sizeof address), 0);
    assert_int_equal(getsockname(fd, (struct sockaddr *)&address, &size), 0);
    (void)close(fd);
    return ntohs(address.sin_port);
}

static int answers(void) {
    struct sockaddr_in address = {.sin_family = AF_INET,
                                  .sin_addr.s_addr = htonl(INADDR_LOOPBACK),
                                  .sin_port = htons((uint16_t)server.ports[0])};
    static const char request[] = "GET /health HTTP/1.0\r\n\r\n";
    char answer[512] = "";
    int fd = socket(AF_INET, SOCK_STREAM, 0);
    size_t len = 0;
    ssize_t n = -1;
    if (connect(fd, (struct sockaddr *)&address, sizeof address) == 0 &&
        write(fd, request, sizeof request - 1) > 0) {
        while (len < sizeof answer - 1 &&
               (n = read(fd, answer + len, sizeof answer - 1 - len)) > 0) {
            len += (size_t)n;
        }
    }
    (void)close(fd);
    return strstr(answer, "\"true\"") != NULL;
}

void etcd_server_start_again(void) {
    char peer[64];
    char cluster[80];
    (void)snprintf(peer, sizeof peer, "http://127.0.0.1:%d", server.ports[1]);
    (void)snprintf(cluster, sizeof cluster, "test=%s", peer);
    pid_t parent = getpid();
    server.pid = fork();
    if (server.pid == 0) {
        int null = open("/dev/null", O_RDWR);
        (void)dup2(null, STDOUT_FILENO);
        (void)dup2(null, STDERR_FILENO);
        (void)prctl(PR_SET_PDEATHSIG, SIGKILL);
        if (getppid() == parent) {
            (void)execlp("etcd", "etcd", "--name", "test", "--data-dir", server.folder,
                         "--listen-client-urls", server.address, "--advertise-client-urls",
                         server.address, "--listen-peer-urls", peer,
                         "--initial-advertise-peer-urls", peer, "--initial-cluster", cluster,
                         (char *)NULL);
        }
        _exit(127);
    }
    assert_true(server.pid > 0);
    int looks = 0;
    while (!answers() && looks++ < LOOKS_MAX && waitpid(server.pid, NULL, WNOHANG) == 0) {
        (void)usleep(10000);
    }
    assert_true(answers());
}

void etcd_server_kill(void) {
    if (server.pid > 0) {
        (void)kill(server.pid, SIGKILL);
        (void)waitpid(server.pid, NULL, 0);
        server.pid = 0;
    }
}

static void end(void) {
    etcd_server_kill();
    temp_remove(server.folder);
}

const char *etcd_server(void) {
    if (!server.address[0]) {
        temp_create(server.folder);
        server.ports[0] = free_port();
        server.ports[1] = free_port();
        (void)snprintf(server.address, sizeof server.address, "http://127.0.0.1:%d",
                       server.ports[0]);
        (void)atexit(end);
        etcd_server_start_again();
    }
    return server.address;
}

void etcd_server_pause(void) {
    (void)kill(server.pid, SIGSTOP);
}

void etcd_server_resume(void) {
    (void)kill(server.pid, SIGCONT);
}
