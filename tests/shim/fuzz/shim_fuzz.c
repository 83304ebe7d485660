/* What no agent sends, for libFuzzer: the first byte chooses the reader, the rest is what it reads.
 *
 * Everything but main() is the shim as it is, and a conversation goes over a real socket; the folder that programs
 * are looked for in does not exist.
 */
#define _GNU_SOURCE
#include "shim.h"

#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#define LIMIT_MS 1000

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

int LLVMFuzzerTestOneInput(const unsigned char *data, size_t length)
{
    if (length == 0)
        return 0;
    if (data[0] == 'c')
        configure(data + 1, length - 1);
    else
        converse(data + 1, length - 1);
    return 0;
}
