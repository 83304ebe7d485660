/* Bytes that grow, sentences that don't, time, and waiting. */
#define _GNU_SOURCE
#include "shim.h"

#include <errno.h>
#include <limits.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/signalfd.h>
#include <time.h>
#include <unistd.h>

#define FIRST_ROOM 4096U

void bytes_add(struct bytes *to, const void *data, size_t length)
{
    if (to->failed || length == 0)
        return;
    if (length > to->room - to->length) {
        size_t room = to->room > FIRST_ROOM ? to->room : FIRST_ROOM;
        while (room - to->length < length) {
            if (room > SIZE_MAX / 2) {
                to->failed = true;
                return;
            }
            room *= 2;
        }
        unsigned char *grown = realloc(to->data, room);
        if (grown == NULL) {
            to->failed = true;
            return;
        }
        to->data = grown;
        to->room = room;
    }
    memcpy(to->data + to->length, data, length);
    to->length += length;
}

void bytes_free(struct bytes *bytes)
{
    free(bytes->data);
    *bytes = (struct bytes){0};
}

void text_put(struct text *to, const char *words, size_t length)
{
    size_t room = sizeof to->data - to->length;
    if (length > room)
        length = room;
    memcpy(to->data + to->length, words, length);
    to->length += length;
}

void text_add(struct text *to, const char *words)
{
    text_put(to, words, strlen(words));
}

void text_number(struct text *to, uint64_t number)
{
    char digits[21], *at = digits + sizeof digits - 1;
    *at = '\0';
    do
        *--at = (char)('0' + number % 10);
    while (number /= 10);
    text_add(to, at);
}

void text_duration(struct text *to, int64_t milliseconds)
{
    bool whole = milliseconds % 1000 == 0;
    int64_t number = whole ? milliseconds / 1000 : milliseconds;
    text_number(to, (uint64_t)number);
    text_add(to, whole ? " second" : " millisecond");
    text_add(to, number == 1 ? "" : "s");
}

int64_t now_ms(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

static int signals_fd = -1;
static int ending_signal;

bool signals_take_over(void)
{
    /* Whoever started the shim may ignore SIGCHLD, and then no child could be waited for. */
    signal(SIGCHLD, SIG_DFL);
    sigset_t taken;
    sigemptyset(&taken);
    sigaddset(&taken, SIGCHLD);
    sigaddset(&taken, SIGHUP);
    sigaddset(&taken, SIGINT);
    sigaddset(&taken, SIGTERM);
    if (sigprocmask(SIG_BLOCK, &taken, NULL) != 0)
        return false;
    signals_fd = signalfd(-1, &taken, SFD_CLOEXEC | SFD_NONBLOCK);
    return signals_fd >= 0;
}

int ended_by(void)
{
    return ending_signal;
}

enum waited wait_for(struct pollfd *fds, size_t count, int64_t until)
{
    struct pollfd all[WAIT_MOST + 1];
    for (size_t i = 0; i < count; i++)
        all[i] = fds[i];
    all[count] = (struct pollfd){.fd = signals_fd, .events = POLLIN};
    for (;;) {
        if (ending_signal)
            return WAITED_ENDED;
        int64_t left = until - now_ms();
        if (left <= 0)
            return WAITED_LATE;
        int ready = poll(all, (nfds_t)count + 1, left < INT_MAX ? (int)left : INT_MAX);
        if (ready < 0 && errno != EINTR)
            return WAITED_LATE; /* the kernel has no memory to wait with */
        if (ready <= 0)
            continue;
        struct signalfd_siginfo came;
        while (all[count].revents && read(signals_fd, &came, sizeof came) == (ssize_t)sizeof came)
            if (came.ssi_signo != SIGCHLD)
                ending_signal = (int)came.ssi_signo;
        if (ending_signal)
            return WAITED_ENDED;
        for (size_t i = 0; i < count; i++)
            fds[i].revents = all[i].revents;
        return WAITED_READY;
    }
}
