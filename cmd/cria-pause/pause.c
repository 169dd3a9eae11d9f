/*
 * The first process of a pod that shares its pid namespace: holds the namespace, reaps what the containers orphan,
 * ends on SIGTERM or SIGINT. Statically linked; it is the only file of its root file system.
 */
#include <errno.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

int main(void)
{
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, SIGTERM);
	sigaddset(&set, SIGINT);
	sigaddset(&set, SIGCHLD);
	if (sigprocmask(SIG_BLOCK, &set, NULL) != 0)
		return 1;
	for (;;) {
		int sig = sigwaitinfo(&set, NULL);

		if (sig == SIGCHLD) {
			while (waitpid(-1, NULL, WNOHANG) > 0)
				;
		} else if (sig > 0) {
			return 0;
		} else if (errno != EINTR) {
			return 1;
		}
	}
}
