// SPDX-License-Identifier: MIT
/*
 * Prints dom0's two clocks for every line it reads: "CLOCK <seconds since
 * 1970> <seconds since boot>", with nanoseconds. Ends with its input.
 */
#include <stdio.h>
#include <time.h>

int main(void)
{
	struct timespec wall, boot;
	char line[80];

	while (fgets(line, sizeof(line), stdin)) {
		clock_gettime(CLOCK_REALTIME, &wall);
		clock_gettime(CLOCK_MONOTONIC, &boot);
		printf("CLOCK %lld.%09ld %lld.%09ld\n", (long long)wall.tv_sec,
		       wall.tv_nsec, (long long)boot.tv_sec, boot.tv_nsec);
		fflush(stdout);
	}
	return 0;
}
