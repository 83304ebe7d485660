/* The first program of the guest, in its initial memory: load the modules that the machine's root folder comes
 * by, mount that, go on there with the program and the arguments that the kernel's command line names. Linked
 * statically: there is nothing else yet.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

/* Read once and kept by the guest: it is read-only here, and what the machine changes meanwhile is not asked for. */
#define HOW "trans=virtio,version=9p2000.L,msize=512000,cache=loose"

static int stopped_at(const char *what)
{
	fprintf(stderr, "root: %s: %s\n", what, strerror(errno));
	return 1; /* the kernel panics for want of its first program, and the machine ends */
}

int main(int argc, char **argv)
{
	char path[256];
	FILE *list = fopen("/modules", "r");

	if (!list || argc < 2)
		return stopped_at("/modules");
	while (fgets(path, sizeof path, list)) {
		path[strcspn(path, "\n")] = 0;
		int file = open(path, O_RDONLY | O_CLOEXEC);
		if (file < 0 || (syscall(SYS_finit_module, file, "", 0) && errno != EEXIST))
			return stopped_at(path);
		close(file);
	}
	fclose(list);
	if (mkdir("/machine", 0755) || mount("root", "/machine", "9p", MS_RDONLY, HOW))
		return stopped_at("mount the machine's root folder");
	if (chdir("/machine") || mount(".", "/", NULL, MS_MOVE, NULL) || chroot(".") || chdir("/"))
		return stopped_at("go to the machine's root folder");
	execv(argv[1], argv + 1);
	return stopped_at(argv[1]);
}
