/* Says which effective user it has. In an image it is set-user-ID root, which no_new_privs makes of no effect. */
#include <stdio.h>
#include <unistd.h>

int main(void)
{
	printf("Effective uid: %u\n", (unsigned int)geteuid());
	return 0;
}
