/*
 * Starts a program as spawn(8) does, with one socket as its standard input and output, sends it what this reads from its own
 * standard input, and prints after how many milliseconds the first answer came; of a program that says nothing, its end.
 *
 *     firstanswer PROGRAM ARGUMENT…
 */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

static double milliseconds_now(void) {
  struct timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return t.tv_sec * 1e3 + t.tv_nsec * 1e-6;
}

int main(int argc, char **argv) {
  char input[8192], answer[4096];
  int length = 0, got, ends[2], status;
  if (argc < 2) return 2;
  while ((got = read(0, input + length, sizeof input - length)) > 0) length += got;
  if (socketpair(AF_UNIX, SOCK_STREAM, 0, ends) != 0) return 1;
  double began = milliseconds_now();
  pid_t child = fork();
  if (child == 0) {
    dup2(ends[1], 0);
    dup2(ends[1], 1);
    dup2(open("/dev/null", O_WRONLY), 2);
    close(ends[0]);
    close(ends[1]);
    execv(argv[1], argv + 1);
    _exit(127);
  }
  close(ends[1]);
  if (length > 0 && write(ends[0], input, length) != length) return 1;
  got = read(ends[0], answer, sizeof answer);
  double took = milliseconds_now() - began;
  shutdown(ends[0], SHUT_WR);
  while (read(ends[0], answer, sizeof answer) > 0) {
  }
  waitpid(child, &status, 0);
  if (status != 0 || (length > 0 && got <= 0)) {
    fprintf(stderr, "firstanswer: %s: no answer, or status %d\n", argv[1], status);
    return 1;
  }
  printf("%.2f\n", took);
  return 0;
}
