/* The story of one call: VERSION is answered here, everything else is the agent's. See shim.h. */
#define _GNU_SOURCE
#include "shim.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#ifndef SHIM_SOCKET
#define SHIM_SOCKET "/run/multinet/agent.sock"
#endif

#define MOST_SOCKET_BYTES (sizeof((struct sockaddr_un *)0)->sun_path - 1)

#define FIRST_PAUSE_MS 10
#define LONGEST_PAUSE_MS 250

#define EXIT_ERROR 1
#define EXIT_SIGNAL 128 /* and the signal's number, as a shell says it */

extern char **environ;

static const struct text nothing;

/* What a call is made of, and how long it may take. */
struct call {
    const char *name, *command, *socket;
    struct settings settings;
    int64_t begun, until;
    struct bytes frame;
    int fds[2]; /* our own network namespace, and the container's */
    size_t fd_count;
};

static int failed(enum code code, const struct text *message, const struct text *details)
{
    say_error(code, message, details);
    return EXIT_ERROR;
}

/* "could not <what>: <errno>" */
static int failed_to(enum code code, const char *what, int error)
{
    struct text message = {.length = 0};
    text_add(&message, "could not ");
    text_add(&message, what);
    text_add(&message, ": ");
    text_add(&message, strerror(error));
    return failed(code, &message, &nothing);
}

static int ended(void)
{
    struct text message = {.length = 0};
    int signal_ = ended_by();
    text_add(&message, "ended by signal ");
    text_number(&message, (uint64_t)signal_);
    text_add(&message, " before the multinet agent answered");
    failed(CODE_TRY_AGAIN, &message, &nothing);
    return EXIT_SIGNAL + signal_;
}

/* --- the call --- */

/* All of stdin, in time. */
static int read_stdin(const struct call *call, struct bytes *to)
{
    struct text message = {.length = 0};
    unsigned char some[16384];
    for (;;) {
        struct pollfd one = {.fd = STDIN_FILENO, .events = POLLIN};
        enum waited waited = wait_for(&one, 1, call->until);
        if (waited == WAITED_ENDED)
            return ended();
        if (waited == WAITED_LATE) {
            text_add(&message, "stdin did not end within ");
            text_duration(&message, call->settings.answer_ms);
            return failed(CODE_IO, &message, &nothing);
        }
        if (!one.revents)
            continue;
        ssize_t got = read(STDIN_FILENO, some, sizeof some);
        if (got == 0)
            return 0;
        if (got < 0 && errno != EINTR && errno != EAGAIN)
            return failed_to(CODE_IO, "read stdin", errno);
        if (got > 0)
            bytes_add(to, some, (size_t)got);
        if (to->length > MOST_CALL_BYTES)
            return 0; /* the frame will be too long, and that is said there */
    }
}

static int pack_call(struct call *call, const struct bytes *input, int netns_error)
{
    struct text message = {.length = 0};
    frame_begin(&call->frame, KIND_CALL);
    frame_number(&call->frame, (uint32_t)netns_error);
    frame_text(&call->frame, call->name, strlen(call->name));
    frame_text(&call->frame, input->data, input->length);
    for (char **variable = environ; *variable != NULL; variable++)
        frame_text(&call->frame, *variable, strlen(*variable));
    frame_end(&call->frame);
    if (call->frame.failed || input->failed)
        return failed_to(CODE_INTERNAL, "pack the call", ENOMEM);
    if (call->frame.length - WIRE_HEADER_BYTES > MOST_CALL_BYTES) {
        text_add(&message, "stdin and the environment have more than the ");
        text_number(&message, MOST_CALL_BYTES);
        text_add(&message, " bytes that one call may send");
        return failed(CODE_CONFIG, &message, &nothing);
    }
    return 0;
}

/* Open what travels as file descriptors, read stdin, make the frame. Not 0: it failed, and that was said. */
static int prepare(struct call *call)
{
    const int flags = O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY;
    const char *netns = getenv("CNI_NETNS");
    int netns_error = 0;
    if ((call->fds[0] = open("/proc/self/ns/net", flags)) < 0)
        return failed_to(CODE_IO, "open /proc/self/ns/net", errno);
    call->fd_count = 1;
    if (netns != NULL && *netns != '\0') {
        if ((call->fds[1] = open(netns, flags)) < 0)
            netns_error = errno;
        else
            call->fd_count = 2;
    }
    struct bytes input = {0};
    int status = read_stdin(call, &input);
    if (status == 0)
        status = pack_call(call, &input, netns_error);
    bytes_free(&input);
    return status;
}

/* --- the agent --- */

/* Connected, or -1 and errno. A full queue of the agent's is EAGAIN. */
static int reach(const char *path)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    memcpy(address.sun_path, path, strlen(path));
    int agent = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (agent >= 0 && connect(agent, (struct sockaddr *)&address, sizeof address) != 0) {
        int error = errno;
        close(agent);
        errno = error;
        return -1;
    }
    return agent;
}

/* The agent is not to be had: an error, and where to look. `what` ends the sentence. */
static int unavailable(const struct call *call, const struct text *what)
{
    struct text message = {.length = 0}, details = {.length = 0};
    text_add(&message, "the multinet agent at ");
    text_add(&message, call->socket);
    text_put(&message, what->data, what->length);
    text_add(&details, "look at the multinet agent on this node: is it running, does it listen on ");
    text_add(&details, call->socket);
    text_add(&details, "?");
    bool status = strcmp(call->command, "STATUS") == 0;
    return failed(status ? CODE_NOT_AVAILABLE : CODE_TRY_AGAIN, &message, &details);
}

static int too_late(const struct call *call)
{
    struct text what = {.length = 0};
    text_add(&what, " did not answer within ");
    text_duration(&what, call->settings.answer_ms);
    return unavailable(call, &what);
}

/* `error` is why it could not be reached; 0: it was reached, and hung up. */
static int was_away(const struct call *call, int error)
{
    struct text what = {.length = 0};
    text_add(&what, error ? " could not be reached within " : " hung up without an answer, and was asked again for ");
    text_duration(&what, call->settings.wait_ms);
    if (error) {
        text_add(&what, ": ");
        text_add(&what, strerror(error));
    }
    return unavailable(call, &what);
}

static int not_understood(const struct call *call, const struct text *why)
{
    struct text message = {.length = 0}, details = {.length = 0};
    text_add(&message, "the multinet agent at ");
    text_add(&message, call->socket);
    text_add(&message, " sent what can't be read: ");
    text_put(&message, why->data, why->length);
    text_add(&details, "install the shim and the agent of one release");
    return failed(CODE_INTERNAL, &message, &details);
}

/* Its words, and its exit status. Whoever does not hear a success will ask again. */
static int pass_on(const struct answer *answer)
{
    say(STDERR_FILENO, answer->err.data, answer->err.length);
    bool heard = say(STDOUT_FILENO, answer->out.data, answer->out.length);
    return heard || answer->status != 0 ? (int)answer->status : EXIT_ERROR;
}

/* One try. GOING_ON: the agent was not there, `*error` says why. */
static enum outcome try_once(const struct call *call, struct answer *answer, int *error, struct text *why)
{
    int agent = reach(call->socket);
    if (agent < 0) {
        *error = errno;
        return GOING_ON;
    }
    *error = 0;
    enum outcome outcome =
        talk(agent, &call->frame, call->fds, call->fd_count, &call->settings, call->until, answer, why);
    close(agent);
    return outcome == AWAY ? GOING_ON : outcome;
}

/* Try until there is an answer, or the agent has been away for too long: time it spends on a call is no absence. */
static int ask(const struct call *call)
{
    struct answer answer = {.status = EXIT_ERROR};
    struct text why = {.length = 0};
    enum outcome outcome;
    int error, status;
    int64_t pause = FIRST_PAUSE_MS, away_until = call->begun + call->settings.wait_ms;
    for (;;) {
        int64_t tried = now_ms();
        outcome = try_once(call, &answer, &error, &why);
        int64_t now = now_ms();
        if (error == 0)
            away_until += now - tried;
        if (outcome != GOING_ON || now >= away_until)
            break;
        int64_t again = now + pause < away_until ? now + pause : away_until;
        if (wait_for(NULL, 0, again < call->until ? again : call->until) == WAITED_ENDED)
            outcome = ENDED;
        else if (now_ms() >= call->until)
            outcome = LATE;
        if (outcome != GOING_ON)
            break;
        pause = pause * 2 < LONGEST_PAUSE_MS ? pause * 2 : LONGEST_PAUSE_MS;
    }
    switch (outcome) {
    case ANSWERED:
        status = pass_on(&answer);
        break;
    case LATE:
        status = too_late(call);
        break;
    case ENDED:
        status = ended();
        break;
    case BAD:
        status = not_understood(call, &why);
        break;
    case NO_MEMORY:
        status = failed_to(CODE_INTERNAL, "talk to the multinet agent", ENOMEM);
        break;
    default:
        status = was_away(call, error);
        break;
    }
    bytes_free(&answer.frame.body);
    return status;
}

static int too_long(size_t length)
{
    struct text message = {.length = 0};
    text_add(&message, "MULTINET_SOCKET is a path of ");
    text_number(&message, length);
    text_add(&message, " bytes, a socket's has at most ");
    text_number(&message, MOST_SOCKET_BYTES);
    return failed(CODE_ENVIRONMENT, &message, &nothing);
}

static int forward(const char *name, const char *command)
{
    const char *socket = getenv("MULTINET_SOCKET");
    struct call call = {.name = name, .command = command, .begun = now_ms(), .fds = {-1, -1}};
    call.socket = socket != NULL && *socket != '\0' ? socket : SHIM_SOCKET;
    if (strlen(call.socket) > MOST_SOCKET_BYTES)
        return too_long(strlen(call.socket));
    if (!signals_take_over())
        return failed_to(CODE_INTERNAL, "wait for signals", errno);
    settings_read(&call.settings, call.socket);
    settings_add_path(&call.settings, getenv("CNI_PATH"));
    call.until = call.begun + call.settings.answer_ms;
    int status = prepare(&call);
    if (status == 0)
        status = ask(&call);
    bytes_free(&call.frame);
    bytes_free(&call.settings.folders);
    return status;
}

/* --- the program --- */

/* /dev/null where a stream is closed: the next file opened would get its number, and be written to. */
static void claim_streams(void)
{
    for (int stream = 0; stream < 3; stream++)
        if (fcntl(stream, F_GETFD) < 0)
            open("/dev/null", O_RDWR);
}

static const char *name_of(const char *path)
{
    const char *slash = path == NULL ? NULL : strrchr(path, '/');
    const char *name = slash == NULL ? path : slash + 1;
    return name == NULL || *name == '\0' ? "multinet" : name;
}

int main(int argc, char **argv)
{
    claim_streams();
    signal(SIGPIPE, SIG_IGN);
    const char *name = name_of(argc > 0 ? argv[0] : NULL), *command = getenv("CNI_COMMAND");
    if (command == NULL || *command == '\0') {
        say_about(name);
        return 0;
    }
    if (strcmp(command, "VERSION") == 0)
        return say_version() ? 0 : EXIT_ERROR;
    return forward(name, command);
}
