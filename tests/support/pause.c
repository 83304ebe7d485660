/* What a pod's sandbox runs: nothing, for as long as it is let. As the first process it also buries the dead. */

#include <signal.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

static void end(int number)
{
	(void)number;
	_exit(0);
}

static void bury(int number)
{
	(void)number;
	while (waitpid(-1, NULL, WNOHANG) > 0)
		;
}

int main(void)
{
	/* The first process of a namespace is killed only by what it handles. */
	signal(SIGTERM, end);
	signal(SIGINT, end);
	signal(SIGCHLD, bury);
	for (;;)
		pause();
}
