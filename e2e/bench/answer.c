/*
 * An agent that does nothing: each caller gets the answer "{}" and status 0 at once, so that what is left is
 * the shim's own time. The wire is that of multinet/daemon/frame.py.
 *
 * usage: answer SOCKET    It says "listening" on stdout, and ends with whoever started it.
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <err.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#define HEADER 8
#define BACKLOG 16

/* Header, exit status 0, two bytes for stdout, none for stderr. */
static const char ANSWER[] = "mn\1A\0\0\0\16" "\0\0\0\0" "\0\0\0\2" "{}" "\0\0\0";

/* The files that come along are not asked for, so the kernel closes them. */
static int take(int caller, char *into, size_t length)
{
	return recv(caller, into, length, MSG_WAITALL) == (ssize_t)length;
}

int main(int argc, char **argv)
{
	struct sockaddr_un place = {.sun_family = AF_UNIX};
	static char call[1 << 20];
	int listener = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0), caller;
	uint32_t length;

	if (argc != 2 || strlen(argv[1]) >= sizeof place.sun_path)
		errx(2, "usage: answer SOCKET");
	strcpy(place.sun_path, argv[1]);
	if (prctl(PR_SET_PDEATHSIG, SIGKILL) || listener < 0 ||
	    bind(listener, (void *)&place, sizeof place) || listen(listener, BACKLOG))
		err(1, "%s", argv[1]);
	puts("listening");
	fflush(stdout);
	while ((caller = accept(listener, NULL, NULL)) >= 0) {
		if (!take(caller, call, HEADER))
			errx(1, "a call without a header");
		memcpy(&length, call + 4, sizeof length);
		length = ntohl(length);
		if (length > sizeof call || !take(caller, call, length))
			errx(1, "a call that did not come in whole");
		if (send(caller, ANSWER, sizeof ANSWER, MSG_NOSIGNAL) < 0)
			err(1, "send");
		close(caller);
	}
	err(1, "accept");
}
