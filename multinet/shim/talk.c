/* One conversation with the agent: the call goes out, what is asked is done, until there is an answer. */
#define _GNU_SOURCE
#include "shim.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/vfs.h>
#include <unistd.h>

#define MOST_EXIT_STATUS 255U

/* From linux/nsfs.h, linux/magic.h and linux/sched.h, which not every C library's headers come with. */
#define NS_TYPE _IO(0xb7, 0x3)
#define NSFS 0x6e736673
#define NET_NAMESPACE 0x40000000

/* The namespace at `path`. The agent gets network namespaces of the host from us, and nothing else that has a path:
 * anything else is EINVAL, as setns() says it, and is not really opened. Returns an errno.
 */
static int open_namespace(struct slice path, int *opened)
{
    char name[PATH_BYTES], number[64] = "/proc/self/fd/";
    struct statfs where;
    *opened = -1;
    if (path.length == 0)
        return ENOENT;
    if (path.length >= sizeof name)
        return ENAMETOOLONG;
    if (memchr(path.data, '\0', path.length) != NULL)
        return EINVAL;
    memcpy(name, path.data, path.length);
    name[path.length] = '\0';
    int place = open(name, O_PATH | O_CLOEXEC);
    if (place < 0)
        return errno;
    int error = fstatfs(place, &where) != 0 ? errno : where.f_type != NSFS ? EINVAL : 0;
    if (error == 0) {
        struct text digits = {.length = 0};
        text_number(&digits, (uint64_t)place);
        memcpy(number + strlen(number), digits.data, digits.length);
        *opened = open(number, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
        error = *opened < 0 ? errno : ioctl(*opened, NS_TYPE) != NET_NAMESPACE ? EINVAL : 0;
    }
    close(place);
    if (error != 0 && *opened >= 0) {
        close(*opened);
        *opened = -1;
    }
    return error;
}

static enum outcome answer_open(int agent, struct frame *asked, struct bytes *reply, int64_t until)
{
    struct slice path;
    int opened;
    if (!take_text(asked, &path) || !taken_all(asked))
        return BAD;
    frame_begin(reply, KIND_OPENED);
    frame_number(reply, (uint32_t)open_namespace(path, &opened));
    frame_end(reply);
    enum outcome outcome = wire_send(agent, reply, &opened, opened >= 0, until);
    if (opened >= 0)
        close(opened);
    return outcome;
}

static enum outcome read_answer(struct answer *answer)
{
    struct frame *frame = &answer->frame;
    if (!take_number(frame, &answer->status) || !take_text(frame, &answer->out) || !take_text(frame, &answer->err) ||
        !taken_all(frame) || answer->status > MOST_EXIT_STATUS)
        return BAD;
    return ANSWERED;
}

/* Serve one frame. `reply` is room to make an answer in. */
static enum outcome serve(int agent, const struct settings *settings, int64_t until, struct answer *answer,
                          struct bytes *reply)
{
    struct frame *asked = &answer->frame;
    enum outcome outcome;
    switch (asked->kind) {
    case KIND_ANSWER:
        return read_answer(answer);
    case KIND_OPEN:
        return answer_open(agent, asked, reply, until);
    case KIND_FIND:
        outcome = answer_find(settings, asked, reply);
        break;
    case KIND_RUN:
        outcome = answer_run(settings, asked, reply, until);
        break;
    default:
        return BAD;
    }
    return outcome == GOING_ON ? wire_send(agent, reply, NULL, 0, until) : outcome;
}

static void say_which(struct text *why, unsigned char kind)
{
    char letter[] = {(char)kind, '\0'};
    bool known = kind != '\0' && strchr("RFOA", kind) != NULL;
    text_add(why, known ? "a frame of kind " : "a frame of the unknown kind ");
    if (known)
        text_add(why, letter);
    else
        text_number(why, kind);
    if (known)
        text_add(why, " whose parts are wrong");
}

enum outcome talk(int agent, const struct bytes *call, const int *fds, size_t fd_count,
                  const struct settings *settings, int64_t until, struct answer *answer, struct text *why)
{
    struct bytes reply = {0};
    enum outcome outcome = wire_send(agent, call, fds, fd_count, until);
    /* Who hangs up may have answered before, so AWAY is only believed when there is nothing left to receive. */
    while (outcome == GOING_ON || outcome == AWAY) {
        outcome = wire_receive(agent, &answer->frame, until, why);
        if (outcome != GOING_ON)
            break;
        outcome = serve(agent, settings, until, answer, &reply);
        if (outcome == BAD)
            say_which(why, answer->frame.kind);
    }
    bytes_free(&reply);
    return outcome;
}
