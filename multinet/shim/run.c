/* Programs of the host: found by plain name in the folders of the settings and of CNI_PATH, and run to their end.
 *
 * A program is a session of its own and ends when it has ended: what it left behind may hold its pipes for
 * LINGER_MS, no longer. multinet/delegate/process.py does the same for programs that are run without a shim.
 * Here it dies with the shim besides.
 */
#define _GNU_SOURCE
#include "shim.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#define LINGER_MS 1000 /* how long what a program started may go on printing after its end */
#define KILL_MS 5000   /* how long one that was killed may take to go */
#define BUSY_TRIES 5   /* "text file busy": it is being replaced */
#define BUSY_MS 1000
#define CHUNK_BYTES 65536U

enum how { EXITED, SIGNALLED, NOT_STARTED, TOO_LATE, TOO_MUCH };

/* A program that is to be run, and what came of it. */
struct program {
    char path[PATH_BYTES];
    uint32_t most;
    struct slice input;
    char **env;
    pid_t pid;
    int in, out, err; /* our ends of its pipes; -1: closed */
    struct bytes printed, complained;
    enum how how;
    uint32_t number;
};

/* --- finding --- */

static bool is_plain(struct slice name)
{
    if (name.length == 0 || memchr(name.data, '/', name.length) || memchr(name.data, '\0', name.length))
        return false;
    return !(name.data[0] == '.' && (name.length == 1 || (name.length == 2 && name.data[1] == '.')));
}

/* The first regular file of that name that is not the shim itself, which would lead back to the agent. */
static bool find(const struct settings *settings, struct slice name, char path[static PATH_BYTES])
{
    struct stat own = {0}, file;
    if (!is_plain(name) || stat("/proc/self/exe", &own) != 0)
        return false;
    for (const char *folder = NULL; (folder = settings_folder(settings, folder)) != NULL;) {
        size_t length = strlen(folder);
        if (length >= PATH_BYTES || name.length >= PATH_BYTES - length - 1)
            continue;
        memcpy(path, folder, length);
        path[length] = '/';
        memcpy(path + length + 1, name.data, name.length);
        path[length + 1 + name.length] = '\0';
        if (stat(path, &file) == 0 && S_ISREG(file.st_mode) &&
            !(file.st_ino == own.st_ino && file.st_dev == own.st_dev))
            return true;
    }
    return false;
}

enum outcome answer_find(const struct settings *settings, struct frame *asked, struct bytes *reply)
{
    struct slice name;
    char path[PATH_BYTES];
    if (!take_text(asked, &name) || !taken_all(asked))
        return BAD;
    bool found = find(settings, name, path);
    frame_begin(reply, KIND_FOUND);
    frame_text(reply, path, found ? strlen(path) : 0);
    for (const char *folder = NULL; (folder = settings_folder(settings, folder)) != NULL;)
        frame_text(reply, folder, strlen(folder));
    frame_end(reply);
    return reply->failed ? NO_MEMORY : GOING_ON;
}

/* --- starting --- */

static void close_end(int *end)
{
    if (*end >= 0)
        close(*end);
    *end = -1;
}

/* In the child of vfork: be the program, with what it gets as 0, 1 and 2. Returns an errno, if at all. */
static int become(struct program *program, const int streams[3], pid_t shim)
{
    static const int defaults[] = {SIGCHLD, SIGHUP, SIGINT, SIGPIPE, SIGTERM};
    const struct sigaction plain = {.sa_handler = SIG_DFL};
    char *argv[] = {program->path, NULL};
    sigset_t none;
    sigemptyset(&none);
    for (size_t i = 0; i < sizeof defaults / sizeof *defaults; i++)
        sigaction(defaults[i], &plain, NULL);
    /* A runtime that gives up kills the shim. What that began must not go on behind the DEL that follows. */
    if (setsid() < 0 || prctl(PR_SET_PDEATHSIG, SIGKILL) != 0)
        return errno;
    if (getppid() != shim)
        return ESRCH;
    for (int i = 0; i < 3; i++)
        if (streams[i] == i ? fcntl(i, F_SETFD, 0) != 0 : dup2(streams[i], i) < 0)
            return errno;
    sigprocmask(SIG_SETMASK, &none, NULL);
    execve(program->path, argv, program->env);
    return errno;
}

/* The child borrows our memory until it is the program, so it can leave its errno there. Returns that. */
static int spawn(struct program *program, const int streams[3])
{
    const pid_t shim = getpid();
    volatile int error = 0;
    pid_t pid = vfork();
    if (pid < 0)
        return errno;
    if (pid == 0) {
        error = become(program, streams, shim);
        _exit(127);
    }
    if (error != 0)
        waitpid(pid, NULL, 0);
    else
        program->pid = pid;
    return error;
}

/* Our end of a pipe does not block; the other is the program's. Returns an errno. */
static int make_pipe(int *ours, int *theirs, bool we_write)
{
    int ends[2];
    if (pipe2(ends, O_CLOEXEC) != 0)
        return errno;
    *ours = ends[we_write];
    *theirs = ends[!we_write];
    return fcntl(*ours, F_SETFL, O_NONBLOCK) != 0 ? errno : 0;
}

/* Returns an errno. A signal or the deadline while it was busy leaves ETXTBSY. */
static int start(struct program *program, int64_t until)
{
    int streams[3] = {-1, -1, -1};
#ifdef SYS_close_range
    /* What the runtime left open is not for programs. Before Linux 5.11 it stays as it is. */
    syscall(SYS_close_range, 3U, ~0U, 4U /* CLOSE_RANGE_CLOEXEC */);
#endif
    int error = make_pipe(&program->in, &streams[0], true);
    if (error == 0)
        error = make_pipe(&program->out, &streams[1], false);
    if (error == 0)
        error = make_pipe(&program->err, &streams[2], false);
    for (int tries = 1; error == 0 && (error = spawn(program, streams)) == ETXTBSY && tries < BUSY_TRIES; tries++) {
        int64_t again = now_ms() + BUSY_MS;
        while (again < until && wait_for(NULL, 0, again) == WAITED_READY)
            ;
        if (again >= until || ended_by())
            break;
        error = 0;
    }
    for (int i = 0; i < 3; i++)
        close_end(&streams[i]);
    return error;
}

/* --- exchanging --- */

static void feed(struct program *program)
{
    ssize_t wrote = write(program->in, program->input.data, program->input.length);
    if (wrote >= 0) {
        program->input.data += wrote;
        program->input.length -= (size_t)wrote;
    } else if (errno != EAGAIN && errno != EINTR) {
        program->input.length = 0; /* nobody reads it */
    }
    if (program->input.length == 0)
        close_end(&program->in);
}

static void take(int *end, struct bytes *to)
{
    unsigned char some[CHUNK_BYTES];
    ssize_t got = read(*end, some, sizeof some);
    if (got > 0)
        bytes_add(to, some, (size_t)got);
    else if (got == 0 || (errno != EAGAIN && errno != EINTR))
        close_end(end);
}

/* Of what it complained of, the end is worth most. */
static void keep_end(struct bytes *bytes, size_t most)
{
    if (bytes->length <= most)
        return;
    memmove(bytes->data, bytes->data + bytes->length - most, most);
    bytes->length = most;
}

static bool has_ended(const struct program *program, siginfo_t *end)
{
    *end = (siginfo_t){0};
    return waitid(P_PID, (id_t)program->pid, end, WEXITED | WNOHANG | WNOWAIT) == 0 && end->si_pid == program->pid;
}

/* Feed it and take what it prints until it has ended. False: it must be killed, program->how says why. */
static bool exchange(struct program *program, int64_t until)
{
    siginfo_t end;
    if (program->input.length == 0)
        close_end(&program->in);
    bool ended = false;
    for (;;) {
        if (!ended && has_ended(program, &end)) {
            ended = true;
            close_end(&program->in);
            program->how = end.si_code == CLD_EXITED ? EXITED : SIGNALLED;
            program->number = (uint32_t)end.si_status;
            if (program->how == SIGNALLED)
                /* The plugins that it called must not go on making things behind the DEL that follows. */
                kill(-program->pid, SIGKILL);
            until = now_ms() + LINGER_MS;
        }
        if (ended && program->out < 0 && program->err < 0)
            return true;
        struct pollfd pipes[] = {
            {.fd = program->in, .events = POLLOUT},
            {.fd = program->out, .events = POLLIN},
            {.fd = program->err, .events = POLLIN},
        };
        enum waited waited = wait_for(pipes, 3, until);
        if (waited != WAITED_READY) {
            if (!ended)
                program->how = TOO_LATE;
            return ended;
        }
        if (pipes[0].revents)
            feed(program);
        if (pipes[1].revents)
            take(&program->out, &program->printed);
        if (pipes[2].revents)
            take(&program->err, &program->complained);
        keep_end(&program->complained, MOST_STDERR_BYTES);
        if (program->printed.length > program->most || program->printed.failed) {
            program->how = TOO_MUCH;
            return false;
        }
    }
}

/* What hangs in the kernel is not waited for longer than KILL_MS. */
static void kill_group(struct program *program)
{
    siginfo_t end;
    int64_t until = now_ms() + KILL_MS;
    program->number = 0;
    kill(-program->pid, SIGKILL);
    while (!has_ended(program, &end) && wait_for(NULL, 0, until) == WAITED_READY)
        ;
}

static void run(struct program *program, int64_t until)
{
    int error = start(program, until);
    if (error != 0) {
        program->how = NOT_STARTED;
        program->number = (uint32_t)error;
    } else {
        if (!exchange(program, until))
            kill_group(program);
        waitpid(program->pid, NULL, WNOHANG);
    }
    close_end(&program->in);
    close_end(&program->out);
    close_end(&program->err);
}

/* --- the request --- */

/* The environment: each text a string of its own, all in one piece of memory. NULL: no memory. */
static char **take_env(struct frame *asked, bool *bad)
{
    size_t count = 0, bytes = 0, begin = asked->at;
    struct slice one;
    *bad = false;
    while (!taken_all(asked)) {
        if (!take_text(asked, &one) || memchr(one.length ? one.data : (const void *)"", '\0', one.length)) {
            *bad = true;
            return NULL;
        }
        count++;
        bytes += one.length + 1;
    }
    char **env = malloc((count + 1) * sizeof *env + bytes);
    if (env == NULL)
        return NULL;
    char *to = (char *)(env + count + 1);
    asked->at = begin;
    for (size_t i = 0; i < count && take_text(asked, &one); i++) {
        env[i] = to;
        memcpy(to, one.data, one.length);
        to[one.length] = '\0';
        to += one.length + 1;
    }
    env[count] = NULL;
    return env;
}

enum outcome answer_run(const struct settings *settings, struct frame *asked, struct bytes *reply, int64_t until)
{
    uint32_t milliseconds;
    struct slice name;
    struct program program = {.in = -1, .out = -1, .err = -1, .how = NOT_STARTED};
    if (!take_number(asked, &milliseconds) || !take_number(asked, &program.most) || !take_text(asked, &name) ||
        !take_text(asked, &program.input))
        return BAD;
    bool bad;
    program.env = take_env(asked, &bad);
    if (program.env == NULL)
        return bad ? BAD : NO_MEMORY;
    if (program.most > MOST_STDOUT_BYTES)
        program.most = MOST_STDOUT_BYTES;
    if (!find(settings, name, program.path)) {
        program.number = is_plain(name) ? ENOENT : EINVAL;
        program.path[0] = '\0';
    } else {
        int64_t deadline = now_ms() + milliseconds;
        run(&program, deadline < until ? deadline : until);
    }
    if (program.how == TOO_MUCH && program.printed.length > program.most)
        program.printed.length = program.most;
    frame_begin(reply, KIND_DONE);
    frame_number(reply, (uint32_t)program.how);
    frame_number(reply, program.number);
    frame_text(reply, program.printed.data, program.printed.length);
    frame_text(reply, program.complained.data, program.complained.length);
    frame_text(reply, program.path, strlen(program.path));
    frame_end(reply);
    free(program.env);
    bytes_free(&program.printed);
    bytes_free(&program.complained);
    return ended_by() ? ENDED : reply->failed ? NO_MEMORY : GOING_ON;
}
