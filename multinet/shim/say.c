/* What is printed: an error's JSON as multinet/cni/answer.py prints it, VERSION, and who the shim is. */
#define _GNU_SOURCE
#include "shim.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

#ifndef SHIM_VERSION
#error "build.py says the version: -DSHIM_VERSION=\"...\""
#endif

#define SAY_MS 5000      /* how long the reader of a stream may be busy */
#define PIECE_BYTES 4096 /* a pipe that can be written to takes as much without blocking: PIPE_BUF */

bool say(int stream, const void *data, size_t length)
{
    const unsigned char *at = data;
    while (length > 0) {
        struct pollfd one = {.fd = stream, .events = POLLOUT};
        int ready = poll(&one, 1, SAY_MS);
        if (ready < 0 && errno == EINTR)
            continue;
        if (ready <= 0)
            return false;
        ssize_t wrote = write(stream, at, length < PIECE_BYTES ? length : PIECE_BYTES);
        if (wrote < 0 && errno != EINTR && errno != EAGAIN)
            return false;
        if (wrote > 0) {
            at += wrote;
            length -= (size_t)wrote;
        }
    }
    return true;
}

void say_about(const char *name)
{
    static const char rest[] = " plugin " SHIM_VERSION "\n"
                               "CNI protocol versions supported: 0.1.0, 0.2.0, 0.3.0, 0.3.1, 0.4.0, 1.0.0, 1.1.0\n";
    say(STDERR_FILENO, "CNI ", 4);
    say(STDERR_FILENO, name, strlen(name));
    say(STDERR_FILENO, rest, sizeof rest - 1);
}

bool say_version(void)
{
    static const char answer[] =
        "{\"cniVersion\":\"1.1.0\",\"supportedVersions\":"
        "[\"0.1.0\",\"0.2.0\",\"0.3.0\",\"0.3.1\",\"0.4.0\",\"1.0.0\",\"1.1.0\"]}\n";
    return say(STDOUT_FILENO, answer, sizeof answer - 1);
}

/* --- JSON --- */

static void add(struct bytes *to, const char *words)
{
    bytes_add(to, words, strlen(words));
}

/* How long the UTF-8 of one character is at `at`, and which it is; 0 where there is none (RFC 3629). */
static size_t character(const unsigned char *at, size_t left, uint32_t *found)
{
    static const uint32_t least[] = {0, 0, 0x80, 0x800, 0x10000};
    size_t length = at[0] < 0x80 ? 1 : at[0] >= 0xf0 ? 4 : at[0] >= 0xe0 ? 3 : at[0] >= 0xc0 ? 2 : 0;
    if (length == 0 || length > left || at[0] > 0xf4)
        return 0;
    *found = length == 1 ? at[0] : at[0] & (0x7fU >> length);
    for (size_t i = 1; i < length; i++) {
        if ((at[i] & 0xc0) != 0x80)
            return 0;
        *found = *found << 6 | (at[i] & 0x3fU);
    }
    bool surrogate = *found >= 0xd800 && *found <= 0xdfff;
    return *found < least[length] || *found > 0x10ffff || surrogate ? 0 : length;
}

static void add_unicode(struct bytes *to, uint32_t one)
{
    static const char hex[] = "0123456789abcdef";
    const char escaped[] = {'\\', 'u', hex[one >> 12 & 15], hex[one >> 8 & 15], hex[one >> 4 & 15], hex[one & 15]};
    bytes_add(to, escaped, sizeof escaped);
}

/* Quoted and escaped as Go does it, which runtimes are used to. */
static void add_quoted(struct bytes *to, const struct text *text)
{
    static const char escapes[] = "\"\\\n\r\t\b\f", letters[] = "\"\\nrtbf";
    const unsigned char *at = (const unsigned char *)text->data;
    size_t left = text->length;
    add(to, "\"");
    while (left > 0) {
        uint32_t one = 0;
        size_t length = character(at, left, &one);
        const char *escape = length == 1 && one != 0 ? strchr(escapes, (int)one) : NULL;
        if (length == 0) {
            add_unicode(to, 0xfffd);
            length = 1;
        } else if (escape != NULL) {
            const char pair[] = {'\\', letters[escape - escapes]};
            bytes_add(to, pair, sizeof pair);
        } else if (one < 0x20 || one == '<' || one == '>' || one == '&' || one == 0x2028 || one == 0x2029) {
            add_unicode(to, one);
        } else {
            bytes_add(to, at, length);
        }
        at += length;
        left -= length;
    }
    add(to, "\"");
}

void say_error(enum code code, const struct text *message, const struct text *details)
{
    static const char last[] = "{\n    \"code\": 999,\n    \"msg\": \"multinet: out of memory\"\n}";
    struct bytes json = {0};
    struct text number = {.length = 0};
    text_number(&number, code);
    add(&json, "{\n    \"code\": ");
    bytes_add(&json, number.data, number.length);
    add(&json, ",\n    \"msg\": ");
    add_quoted(&json, message);
    if (details->length > 0) {
        add(&json, ",\n    \"details\": ");
        add_quoted(&json, details);
    }
    add(&json, "\n}");
    if (json.failed)
        say(STDOUT_FILENO, last, sizeof last - 1);
    else
        say(STDOUT_FILENO, json.data, json.length);
    bytes_free(&json);
}
