/* What no agent sends, for libFuzzer: the first byte chooses the reader, the rest is what it reads.
 *
 *     t   a conversation, over a real socket; the folder that programs are looked for in does not exist
 *     c   the settings' file
 *     p   CNI_PATH
 *     e   texts of anybody's (paths, names, what the system says) that go into the JSON of an error
 *
 * Everything but main() is the shim as it is.
 */
#define _GNU_SOURCE
#include "shim.h"

#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

#define LIMIT_MS 1000

int LLVMFuzzerInitialize(int *argc, char ***argv);
int LLVMFuzzerTestOneInput(const unsigned char *data, size_t length);

static void converse(const unsigned char *data, size_t length)
{
    static const unsigned char conf[] = "bin_dir /nonexistent/bin\n";
    int ends[2], room = 1 << 20;
    if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, ends) != 0)
        abort();
    for (int i = 0; i < 2; i++)
        setsockopt(ends[i], SOL_SOCKET, SO_SNDBUF, &room, sizeof room);
    if (length > 0 && send(ends[1], data, length, MSG_NOSIGNAL) < 0)
        abort();
    shutdown(ends[1], SHUT_WR);

    struct settings settings;
    struct answer answer = {.status = 1};
    struct text why = {.length = 0};
    struct bytes call = {0};
    settings_parse(&settings, conf, sizeof conf - 1);
    frame_begin(&call, KIND_CALL);
    frame_number(&call, 0);
    frame_end(&call);
    enum outcome outcome = talk(ends[0], &call, NULL, 0, &settings, now_ms() + LIMIT_MS, &answer, &why);
    if (outcome != ANSWERED && outcome != AWAY && outcome != BAD)
        abort();
    if (outcome == ANSWERED && answer.status > 255)
        abort();
    if ((outcome == BAD) != (why.length > 0))
        abort();
    close(ends[0]);
    close(ends[1]);
    bytes_free(&answer.frame.body);
    bytes_free(&settings.folders);
    bytes_free(&call);
}

static void configure(const unsigned char *data, size_t length)
{
    struct settings settings;
    settings_parse(&settings, data, length);
    size_t folders = 0;
    for (const char *folder = NULL; (folder = settings_folder(&settings, folder)) != NULL;) {
        if (folder[0] != '/')
            abort();
        folders++;
    }
    if (folders == 0 || settings.wait_ms < 0 || settings.answer_ms <= 0)
        abort();
    bytes_free(&settings.folders);
}

static void add_path(const unsigned char *data, size_t length)
{
    static const unsigned char conf[] = "bin_dir /first\n";
    struct settings settings;
    settings_parse(&settings, conf, sizeof conf - 1);
    char *path = malloc(length + 1);
    if (path == NULL)
        abort();
    memcpy(path, data, length);
    path[length] = '\0';
    settings_add_path(&settings, path);
    size_t folders = 0;
    for (const char *folder = NULL; (folder = settings_folder(&settings, folder)) != NULL; folders++)
        if (strchr(folder, ':') != NULL)
            abort();
    if (folders == 0)
        abort();
    free(path);
    bytes_free(&settings.folders);
}

/* Where stdout leads while an error is printed. */
static int printed = -1;

/* One object of lines, without a sign that JSON has to escape, and with as many quotes as begin and end texts. */
static void check_printed(void)
{
    static char said[1 << 16];
    ssize_t length = pread(printed, said, sizeof said, 0);
    if (length < 4 || said[0] != '{' || said[length - 1] != '}')
        abort();
    bool quoted = false;
    for (ssize_t i = 0; i < length; i++) {
        unsigned char one = (unsigned char)said[i];
        if (one == '"')
            quoted = !quoted;
        else if (one == '\\' && quoted)
            i++;
        else if (one < 0x20 && (one != '\n' || quoted))
            abort();
        else if (quoted && (one == '<' || one == '>' || one == '&'))
            abort();
    }
    if (quoted)
        abort();
}

static void complain(const unsigned char *data, size_t length)
{
    size_t middle = length / 2;
    struct text message = {.length = 0}, details = {.length = 0};
    text_put(&message, (const char *)data, middle);
    text_put(&details, (const char *)data + middle, length - middle);
    if (ftruncate(printed, 0) != 0 || lseek(printed, 0, SEEK_SET) != 0)
        abort();
    say_error(CODE_IO, &message, &details);
    check_printed();
}

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
    (void)argc, (void)argv;
    printed = memfd_create("stdout", MFD_CLOEXEC);
    if (printed < 0 || dup2(printed, STDOUT_FILENO) < 0)
        abort();
    return 0;
}

int LLVMFuzzerTestOneInput(const unsigned char *data, size_t length)
{
    if (length == 0)
        return 0;
    switch (data[0]) {
    case 'c':
        configure(data + 1, length - 1);
        break;
    case 'p':
        add_path(data + 1, length - 1);
        break;
    case 'e':
        complain(data + 1, length - 1);
        break;
    default:
        converse(data + 1, length - 1);
    }
    return 0;
}
