// SPDX-License-Identifier: Apache-2.0
/* What tests/bench/vm.py measures a machine's devices with.
 *
 *     As a machine's first program: loads the modules, measures the disk vda and the network eth0
 *     where they are there, prints a line "NAME NANOSECONDS BYTES OPERATIONS" for each to the
 *     console, and powers off.
 *     vm_guest peer ADDRESS: the other end of the network's connections, until it is killed. */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/sockios.h>
#include <net/if.h>
#include <netinet/tcp.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/reboot.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <termios.h>
#include <time.h>
#include <unistd.h>

#define MIB ((size_t)1 << 20)
#define HOST "10.77.0.1"
#define GUEST "10.77.0.2"
enum {
    PORT = 7000,
    PIECE = 1 << 20,
    SMALL = 4096,
    DISK_MIB = 64,
    NET_MIB = 64,
    ALONE = 1000,
    THREADS = 8,
    EACH = 250,
    TRIPS = 1000
};

static uint64_t now_ns(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (uint64_t)t.tv_sec * 1000000000 + (uint64_t)t.tv_nsec;
}

static void check(bool good, const char *what)
{
    if (!good) {
        printf("failed %s: %s\n", what, strerror(errno));
        fflush(stdout);
        if (getpid() == 1) {
            (void)reboot(RB_POWER_OFF);
        }
        exit(1);
    }
}

static void report(const char *name, uint64_t began, size_t bytes, size_t operations)
{
    printf("%s %llu %zu %zu\n", name, (unsigned long long)(now_ns() - began), bytes, operations);
}

/* --- the machine's first program -----------------------------------------------------------------
 */

static void load_modules(void)
{
    char name[128], path[192];
    FILE *f = fopen("/modules/order", "r");
    check(f, "/modules/order");
    while (fscanf(f, "%127s", name) == 1) {
        snprintf(path, sizeof(path), "/modules/%s.ko", name);
        int fd = open(path, O_RDONLY | O_CLOEXEC);
        check(fd >= 0 && (syscall(SYS_finit_module, fd, "", 0) == 0 || errno == EEXIST), path);
        close(fd);
    }
    fclose(f);
}

static void begin(void)
{
    mkdir("/dev", 0755);
    mkdir("/proc", 0755);
    (void)mount("dev", "/dev", "devtmpfs", 0, NULL); /* the kernel may have done it */
    check(mount("proc", "/proc", "proc", 0, NULL) == 0, "/proc");
    load_modules();
    int console = -1;
    for (int tries = 0; console < 0 && tries < 1000; tries++) {
        console = open("/dev/hvc0", O_RDWR);
        struct timespec pause = {.tv_nsec = 5000000}; /* the port is announced by a message */
        if (console < 0) {
            nanosleep(&pause, NULL);
        }
    }
    check(console >= 0, "/dev/hvc0");
    dup2(console, STDOUT_FILENO);
}

/* --- the disk ----------------------------------------------------------------------------------
 */

static int disk;

static void *aligned(size_t bytes)
{
    void *buffer = NULL;
    check(posix_memalign(&buffer, SMALL, bytes) == 0, "memory");
    memset(buffer, 7, bytes);
    return buffer;
}

static void sequential(const char *name, bool is_write)
{
    uint8_t *buffer = aligned(PIECE);
    uint64_t began = now_ns();
    for (size_t i = 0; i < DISK_MIB; i++) {
        ssize_t n = is_write ? pwrite(disk, buffer, PIECE, (off_t)(i * MIB))
                             : pread(disk, buffer, PIECE, (off_t)(i * MIB));
        check(n == PIECE, name);
    }
    check(!is_write || fsync(disk) == 0, "fsync");
    report(name, began, DISK_MIB * MIB, DISK_MIB);
    free(buffer);
}

static void scattered(uint32_t seed, bool is_write, size_t count)
{
    void *buffer = aligned(SMALL);
    for (size_t i = 0; i < count; i++) {
        seed = seed * 1664525 + 1013904223;
        off_t at = (off_t)(seed >> 8) % (DISK_MIB * (off_t)(MIB / SMALL)) * SMALL;
        ssize_t n = is_write ? pwrite(disk, buffer, SMALL, at) : pread(disk, buffer, SMALL, at);
        check(n == SMALL, "a small request");
    }
    free(buffer);
}

static void *scatter_thread(void *seed)
{
    scattered(*(uint32_t *)seed, false, EACH);
    return NULL;
}

static void measure_disk(void)
{
    disk = open("/dev/vda", O_RDWR | O_DIRECT | O_CLOEXEC);
    if (disk < 0) {
        return;
    }
    sequential("disk-write", true);
    sequential("disk-read", false);
    uint64_t began = now_ns();
    scattered(1, false, ALONE);
    report("disk-read-latency", began, (size_t)ALONE * SMALL, ALONE);
    began = now_ns();
    scattered(2, true, ALONE);
    report("disk-write-latency", began, (size_t)ALONE * SMALL, ALONE);
    pthread_t threads[THREADS];
    uint32_t seeds[THREADS];
    began = now_ns();
    for (uint32_t i = 0; i < THREADS; i++) {
        seeds[i] = i + 10;
        check(pthread_create(&threads[i], NULL, scatter_thread, &seeds[i]) == 0, "a thread");
    }
    for (int i = 0; i < THREADS; i++) {
        pthread_join(threads[i], NULL);
    }
    report("disk-read-8-at-once", began, (size_t)THREADS * EACH * SMALL, (size_t)THREADS * EACH);
    close(disk);
}

/* --- the network ---------------------------------------------------------------------------------
 */

static bool set_up_network(void)
{
    struct ifreq r = {.ifr_name = "eth0"};
    struct sockaddr_in *in = (struct sockaddr_in *)(void *)&r.ifr_addr;
    int sock = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    *in = (struct sockaddr_in){.sin_family = AF_INET};
    inet_pton(AF_INET, GUEST, &in->sin_addr);
    if (ioctl(sock, SIOCSIFADDR, &r) < 0) {
        close(sock);
        return false;
    }
    inet_pton(AF_INET, "255.255.255.0", &in->sin_addr);
    check(ioctl(sock, SIOCSIFNETMASK, &r) == 0, "the netmask");
    r.ifr_flags = IFF_UP | IFF_RUNNING;
    check(ioctl(sock, SIOCSIFFLAGS, &r) == 0, "eth0 up");
    close(sock);
    return true;
}

/* A connection to the peer that does what the letter says: sink, source, echo. */
static int dial(char what)
{
    int sock = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0), on = 1;
    struct sockaddr_in to = {.sin_family = AF_INET, .sin_port = htons(PORT)};
    inet_pton(AF_INET, HOST, &to.sin_addr);
    setsockopt(sock, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
    check(connect(sock, (struct sockaddr *)&to, sizeof(to)) == 0, "connecting");
    check(write(sock, &what, 1) == 1, "the first byte");
    return sock;
}

static void move(int sock, bool is_write, size_t bytes)
{
    static uint8_t buffer[256 * 1024];
    while (bytes > 0) {
        size_t piece = bytes < sizeof(buffer) ? bytes : sizeof(buffer);
        ssize_t n = is_write ? write(sock, buffer, piece) : read(sock, buffer, piece);
        check(n > 0, "a connection");
        bytes -= (size_t)n;
    }
}

static void measure_network(void)
{
    char byte = 0;
    if (!set_up_network()) {
        return;
    }
    close(dial('e')); /* the neighbour is known from here */
    int sock = dial('s');
    uint64_t began = now_ns();
    move(sock, true, NET_MIB * MIB);
    check(read(sock, &byte, 1) == 1, "the sink's answer");
    report("net-send", began, NET_MIB * MIB, 1);
    close(sock);
    began = now_ns();
    sock = dial('r');
    move(sock, false, NET_MIB * MIB);
    report("net-receive", began, NET_MIB * MIB, 1);
    close(sock);
    sock = dial('e');
    began = now_ns();
    for (int i = 0; i < TRIPS; i++) {
        check(write(sock, &byte, 1) == 1 && read(sock, &byte, 1) == 1, "a round trip");
    }
    report("net-round-trip", began, 2 * TRIPS, TRIPS);
    close(sock);
}

/* --- the peer ----------------------------------------------------------------------------------
 */

static void serve(int sock)
{
    char what = 0, byte;
    int on = 1;
    setsockopt(sock, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
    check(read(sock, &what, 1) == 1, "a request");
    if (what == 's') {
        move(sock, false, NET_MIB * MIB);
        check(write(sock, &what, 1) == 1, "an answer");
    } else if (what == 'r') {
        move(sock, true, NET_MIB * MIB);
    }
    while (read(sock, &byte, 1) == 1 && write(sock, &byte, 1) == 1) {
    }
    close(sock);
}

static int peer(const char *address)
{
    int listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0), on = 1;
    struct sockaddr_in at = {.sin_family = AF_INET, .sin_port = htons(PORT)};
    inet_pton(AF_INET, address, &at.sin_addr);
    setsockopt(listener, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
    if (bind(listener, (struct sockaddr *)&at, sizeof(at)) < 0 || listen(listener, 8) < 0) {
        perror(address);
        return 1;
    }
    for (;;) {
        serve(accept4(listener, NULL, NULL, SOCK_CLOEXEC));
    }
}

int main(int argc, char **argv)
{
    if (argc == 3 && strcmp(argv[1], "peer") == 0) {
        return peer(argv[2]);
    }
    if (getpid() != 1) {
        fprintf(stderr, "usage: %s peer ADDRESS (or as a machine's first program)\n", argv[0]);
        return 2;
    }
    begin();
    measure_disk();
    measure_network();
    printf("done\n");
    fflush(stdout);
    (void)tcdrain(STDOUT_FILENO);
    return reboot(RB_POWER_OFF);
}
