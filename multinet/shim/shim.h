/* The shim: what the container runtime executes on the host, and all that its files share.
 *
 * It knows nothing of CNI but VERSION and an error's JSON. A call goes to the agent as it came; what the agent asks
 * for on the way (run this program, where is it, open that namespace) is done here, on the host; the answer is
 * printed. multinet/daemon/frame.py describes the wire; the numbers below are the same there.
 *
 * shim.c   the story           talk.c   one conversation with the agent      conf.c   settings
 * wire.c   frames              run.c    programs of the host                 say.c    what is printed
 * base.c   bytes, time, waiting
 */
#ifndef MULTINET_SHIM_H
#define MULTINET_SHIM_H

#include <poll.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* --- base.c ------------------------------------------------------------------------------------------------ */

/* Bytes that grow. Once memory was short, `failed` stays set and the rest is dropped; who uses them looks once. */
struct bytes {
    unsigned char *data;
    size_t length, room;
    bool failed;
};

void bytes_add(struct bytes *to, const void *data, size_t length);
void bytes_free(struct bytes *bytes);

/* Bytes that belong to somebody else. */
struct slice {
    const unsigned char *data;
    size_t length;
};

/* A sentence, cut off where it would not fit. */
struct text {
    char data[1024];
    size_t length;
};

void text_put(struct text *to, const char *words, size_t length);
void text_add(struct text *to, const char *words);
void text_number(struct text *to, uint64_t number);
void text_duration(struct text *to, int64_t milliseconds);

int64_t now_ms(void);

/* How waiting ended. */
enum waited {
    WAITED_READY, /* something can be done; also after a child's end: look at `revents` */
    WAITED_LATE,  /* the time is over */
    WAITED_ENDED  /* somebody wants the shim to end: see ended_by() */
};

#define WAIT_MOST 3 /* descriptors waited for at once */

/* Take SIGTERM, SIGINT, SIGHUP and SIGCHLD over; they are noticed by wait_for() from now on. False: errno. */
bool signals_take_over(void);
int ended_by(void);
enum waited wait_for(struct pollfd *fds, size_t count, int64_t until);

/* --- conf.c ------------------------------------------------------------------------------------------------ */

struct settings {
    int64_t wait_ms;      /* how long the agent may be away */
    int64_t answer_ms;    /* how long all of it may take */
    struct bytes folders; /* of programs: each ends with a 0; absolute, or as CNI_PATH has it */
};

void settings_read(struct settings *settings, const char *socket);
void settings_parse(struct settings *settings, const unsigned char *data, size_t length);
void settings_add_path(struct settings *settings, const char *cni_path);
/* The folder after `folder`, the first one after NULL; NULL after the last one. */
const char *settings_folder(const struct settings *settings, const char *folder);

/* --- wire.c ------------------------------------------------------------------------------------------------ */

#define WIRE_VERSION 1
#define WIRE_HEADER_BYTES 8
#define MOST_CALL_BYTES (4U << 20)   /* body of a CALL */
#define MOST_ASKED_BYTES (8U << 20)  /* body of what the agent sends */
#define MOST_STDOUT_BYTES (4U << 20) /* of a program, whatever the agent allows it */
#define MOST_STDERR_BYTES (64U << 10)

enum kind {
    KIND_CALL = 'C',
    KIND_RUN = 'R',
    KIND_DONE = 'D',
    KIND_FIND = 'F',
    KIND_FOUND = 'f',
    KIND_OPEN = 'O',
    KIND_OPENED = 'o',
    KIND_ANSWER = 'A'
};

void frame_begin(struct bytes *frame, enum kind kind);
void frame_number(struct bytes *frame, uint32_t number);
void frame_text(struct bytes *frame, const void *data, size_t length);
void frame_end(struct bytes *frame);

/* What came of one conversation, or of one step of it. */
enum outcome {
    GOING_ON,
    ANSWERED,
    AWAY,     /* the agent hung up */
    LATE,     /* the time is over */
    ENDED,    /* a signal */
    BAD,      /* the agent sent something that can't be read; `why` says what */
    NO_MEMORY
};

/* A frame that was received, and how much of it was read. */
struct frame {
    unsigned char kind;
    struct bytes body;
    size_t at;
};

enum outcome wire_send(int agent, const struct bytes *frame, const int *fds, size_t fd_count, int64_t until);
enum outcome wire_receive(int agent, struct frame *frame, int64_t until, struct text *why);
bool take_number(struct frame *frame, uint32_t *number);
bool take_text(struct frame *frame, struct slice *text);
bool taken_all(const struct frame *frame);

/* --- run.c ------------------------------------------------------------------------------------------------- */

#define PATH_BYTES 4096

/* Both read the rest of a request and make its reply. */
enum outcome answer_find(const struct settings *settings, struct frame *asked, struct bytes *reply);
enum outcome answer_run(const struct settings *settings, struct frame *asked, struct bytes *reply, int64_t until);

/* --- talk.c ------------------------------------------------------------------------------------------------ */

struct answer {
    struct frame frame;
    uint32_t status;
    struct slice out, err;
};

/* Send the call, serve what is asked, until there is an answer. */
enum outcome talk(int agent, const struct bytes *call, const int *fds, size_t fd_count,
                  const struct settings *settings, int64_t until, struct answer *answer, struct text *why);

/* --- say.c ------------------------------------------------------------------------------------------------- */

/* CNI 1.1, "Error codes". */
enum code {
    CODE_ENVIRONMENT = 4,
    CODE_IO = 5,
    CODE_CONFIG = 7,
    CODE_TRY_AGAIN = 11,
    CODE_NOT_AVAILABLE = 50,
    CODE_INTERNAL = 999
};

bool say(int stream, const void *data, size_t length);
void say_about(const char *name);
bool say_version(void);
/* The error's JSON on stdout. `details` may be empty. */
void say_error(enum code code, const struct text *message, const struct text *details);

#endif
