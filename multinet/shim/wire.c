/* Frames: multinet/daemon/frame.py describes them. */
#define _GNU_SOURCE
#include "shim.h"

#include <errno.h>
#include <string.h>
#include <sys/socket.h>

#define NUMBER_BYTES 4U
#define MOST_FDS 2U

static void put_number(unsigned char *to, uint32_t number)
{
    for (unsigned i = 0; i < NUMBER_BYTES; i++)
        to[i] = (unsigned char)(number >> (24 - 8 * i));
}

static uint32_t number_at(const unsigned char *from)
{
    return (uint32_t)from[0] << 24 | (uint32_t)from[1] << 16 | (uint32_t)from[2] << 8 | from[3];
}

/* --- making one --- */

void frame_begin(struct bytes *frame, enum kind kind)
{
    const unsigned char header[WIRE_HEADER_BYTES] = {'m', 'n', WIRE_VERSION, (unsigned char)kind};
    frame->length = 0;
    bytes_add(frame, header, sizeof header);
}

void frame_number(struct bytes *frame, uint32_t number)
{
    unsigned char packed[NUMBER_BYTES];
    put_number(packed, number);
    bytes_add(frame, packed, sizeof packed);
}

void frame_text(struct bytes *frame, const void *data, size_t length)
{
    if (length > UINT32_MAX)
        frame->failed = true;
    frame_number(frame, (uint32_t)length);
    bytes_add(frame, data, length);
}

void frame_end(struct bytes *frame)
{
    if (frame->failed || frame->length - WIRE_HEADER_BYTES > UINT32_MAX)
        frame->failed = true;
    else
        put_number(frame->data + NUMBER_BYTES, (uint32_t)(frame->length - WIRE_HEADER_BYTES));
}

/* --- sending and receiving --- */

static enum outcome wait_to(int agent, short events, int64_t until)
{
    struct pollfd one = {.fd = agent, .events = events};
    enum waited waited = wait_for(&one, 1, until);
    return waited == WAITED_READY ? GOING_ON : waited == WAITED_LATE ? LATE : ENDED;
}

enum outcome wire_send(int agent, const struct bytes *frame, const int *fds, size_t fd_count, int64_t until)
{
    if (frame->failed)
        return NO_MEMORY;
    union {
        struct cmsghdr header;
        char bytes[CMSG_SPACE(MOST_FDS * sizeof(int))];
    } control;
    memset(&control, 0, sizeof control);
    for (size_t sent = 0; sent < frame->length;) {
        enum outcome outcome = wait_to(agent, POLLOUT, until);
        if (outcome != GOING_ON)
            return outcome;
        struct iovec rest = {.iov_base = frame->data + sent, .iov_len = frame->length - sent};
        struct msghdr message = {.msg_iov = &rest, .msg_iovlen = 1};
        if (sent == 0 && fd_count > 0) {
            message.msg_control = control.bytes;
            message.msg_controllen = (unsigned)CMSG_SPACE(fd_count * sizeof(int));
            struct cmsghdr *rights = &control.header;
            rights->cmsg_level = SOL_SOCKET;
            rights->cmsg_type = SCM_RIGHTS;
            rights->cmsg_len = (unsigned)CMSG_LEN(fd_count * sizeof(int));
            memcpy(CMSG_DATA(rights), fds, fd_count * sizeof(int));
        }
        ssize_t step = sendmsg(agent, &message, MSG_DONTWAIT | MSG_NOSIGNAL);
        if (step >= 0)
            sent += (size_t)step;
        else if (errno != EAGAIN && errno != EINTR)
            return AWAY;
    }
    return GOING_ON;
}

static enum outcome receive(int agent, unsigned char *to, size_t length, int64_t until)
{
    while (length > 0) {
        enum outcome outcome = wait_to(agent, POLLIN, until);
        if (outcome != GOING_ON)
            return outcome;
        ssize_t got = recv(agent, to, length, MSG_DONTWAIT);
        if (got < 0 && (errno == EAGAIN || errno == EINTR))
            continue;
        if (got <= 0)
            return AWAY;
        to += got;
        length -= (size_t)got;
    }
    return GOING_ON;
}

static enum outcome check(const unsigned char *header, struct text *why)
{
    if (header[0] != 'm' || header[1] != 'n') {
        text_add(why, "a frame that does not begin with \"mn\"");
        return BAD;
    }
    if (header[2] != WIRE_VERSION) {
        text_add(why, "a frame of version ");
        text_number(why, header[2]);
        text_add(why, ", this shim reads version ");
        text_number(why, WIRE_VERSION);
        return BAD;
    }
    if (number_at(header + NUMBER_BYTES) > MOST_ASKED_BYTES) {
        text_add(why, "a frame of ");
        text_number(why, number_at(header + NUMBER_BYTES));
        text_add(why, " bytes, at most ");
        text_number(why, MOST_ASKED_BYTES);
        text_add(why, " are taken");
        return BAD;
    }
    return GOING_ON;
}

enum outcome wire_receive(int agent, struct frame *frame, int64_t until, struct text *why)
{
    unsigned char header[WIRE_HEADER_BYTES];
    enum outcome outcome = receive(agent, header, sizeof header, until);
    if (outcome == GOING_ON)
        outcome = check(header, why);
    if (outcome != GOING_ON)
        return outcome;
    frame->kind = header[3];
    frame->at = 0;
    frame->body.length = 0;
    /* What is announced is not believed before it comes: a piece at a time. */
    for (size_t left = number_at(header + NUMBER_BYTES); left > 0;) {
        unsigned char piece[16384];
        size_t next = left < sizeof piece ? left : sizeof piece;
        outcome = receive(agent, piece, next, until);
        if (outcome != GOING_ON)
            return outcome;
        bytes_add(&frame->body, piece, next);
        left -= next;
    }
    return frame->body.failed ? NO_MEMORY : GOING_ON;
}

/* --- reading one --- */

bool take_number(struct frame *frame, uint32_t *number)
{
    if (frame->body.length - frame->at < NUMBER_BYTES)
        return false;
    *number = number_at(frame->body.data + frame->at);
    frame->at += NUMBER_BYTES;
    return true;
}

bool take_text(struct frame *frame, struct slice *text)
{
    uint32_t length;
    if (!take_number(frame, &length) || length > frame->body.length - frame->at)
        return false;
    *text = (struct slice){.data = frame->body.data + frame->at, .length = length};
    frame->at += length;
    return true;
}

bool taken_all(const struct frame *frame)
{
    return frame->at == frame->body.length;
}
