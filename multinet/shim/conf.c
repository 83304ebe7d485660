/* Settings: a text file that the agent writes beside its socket, a key and a value a line.
 *
 *     wait_ms 30000
 *     answer_ms 118000
 *     bin_dir /opt/cni/bin
 *
 * What is not understood is passed over: shim and agent may be of two releases while a node is upgraded.
 */
#define _GNU_SOURCE
#include "shim.h"

#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#define FILE_NAME "shim.conf"
#define MOST_FILE_BYTES 65536U
#define MOST_DIGITS 9U

#define DEFAULT_WAIT_MS 30000    /* an agent restarts in a few seconds, its image may have to be pulled */
#define DEFAULT_ANSWER_MS 118000 /* the kubelet gives a sandbox about two minutes */
#define DEFAULT_FOLDER "/opt/cni/bin"

static void add_folder(struct settings *settings, const void *folder, size_t length)
{
    if (length == 0 || memchr(folder, '\0', length) != NULL)
        return;
    for (const char *known = NULL; (known = settings_folder(settings, known)) != NULL;)
        if (strlen(known) == length && memcmp(known, folder, length) == 0)
            return;
    bytes_add(&settings->folders, folder, length);
    bytes_add(&settings->folders, "", 1);
}

const char *settings_folder(const struct settings *settings, const char *folder)
{
    const char *all = (const char *)settings->folders.data;
    if (all == NULL || settings->folders.failed)
        return NULL;
    const char *next = folder == NULL ? all : folder + strlen(folder) + 1;
    return next < all + settings->folders.length ? next : NULL;
}

static bool is_key(const unsigned char *line, size_t length, const char *key)
{
    size_t wanted = strlen(key);
    return length > wanted && memcmp(line, key, wanted) == 0 && line[wanted] == ' ';
}

/* A whole number, at least 0; -1 for anything else. */
static int64_t whole(const unsigned char *digits, size_t length)
{
    if (length == 0 || length > MOST_DIGITS)
        return -1;
    int64_t number = 0;
    for (size_t i = 0; i < length; i++) {
        if (digits[i] < '0' || digits[i] > '9')
            return -1;
        number = number * 10 + (digits[i] - '0');
    }
    return number;
}

static void parse_line(struct settings *settings, const unsigned char *line, size_t length)
{
    static const char wait[] = "wait_ms", answer[] = "answer_ms", folder[] = "bin_dir";
    if (is_key(line, length, wait)) {
        int64_t number = whole(line + sizeof wait, length - sizeof wait);
        if (number >= 0)
            settings->wait_ms = number;
    } else if (is_key(line, length, answer)) {
        int64_t number = whole(line + sizeof answer, length - sizeof answer);
        if (number > 0)
            settings->answer_ms = number;
    } else if (is_key(line, length, folder) && length > sizeof folder && line[sizeof folder] == '/') {
        add_folder(settings, line + sizeof folder, length - sizeof folder);
    }
}

void settings_parse(struct settings *settings, const unsigned char *data, size_t length)
{
    *settings = (struct settings){.wait_ms = DEFAULT_WAIT_MS, .answer_ms = DEFAULT_ANSWER_MS};
    while (length > 0) {
        const unsigned char *end = memchr(data, '\n', length);
        size_t line = end == NULL ? length : (size_t)(end - data);
        parse_line(settings, data, line);
        size_t step = end == NULL ? line : line + 1;
        data += step;
        length -= step;
    }
    if (settings->folders.length == 0)
        add_folder(settings, DEFAULT_FOLDER, strlen(DEFAULT_FOLDER));
}

void settings_read(struct settings *settings, const char *socket)
{
    struct bytes data = {0}, path = {0};
    const char *slash = strrchr(socket, '/');
    if (slash != NULL)
        bytes_add(&path, socket, (size_t)(slash - socket) + 1);
    bytes_add(&path, FILE_NAME, sizeof FILE_NAME);
    int file = path.failed ? -1 : open((const char *)path.data, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
    if (file >= 0) {
        unsigned char some[4096];
        ssize_t got;
        while (data.length < MOST_FILE_BYTES && (got = read(file, some, sizeof some)) > 0)
            bytes_add(&data, some, (size_t)got);
        close(file);
    }
    settings_parse(settings, data.data, data.length);
    bytes_free(&data);
    bytes_free(&path);
}

void settings_add_path(struct settings *settings, const char *cni_path)
{
    while (cni_path != NULL && *cni_path != '\0') {
        size_t length = strcspn(cni_path, ":");
        add_folder(settings, cni_path, length);
        cni_path += length + (cni_path[length] == ':');
    }
}
