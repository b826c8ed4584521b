// SPDX-License-Identifier: Apache-2.0
/* Types a character into the terminal that is its standard input, as a workload that wants its
 * caller's shell to execute something would; 0 when the kernel let it. */
#include <sys/ioctl.h>

int main(void)
{
    char c = 'x';
    return ioctl(0, TIOCSTI, &c) == 0 ? 0 : 1;
}
