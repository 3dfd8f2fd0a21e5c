/*
 * The least that three processes can do: a relay that passes lines on to a worker, and the worker's answers back.
 * Blocking sockets, no parsing, no bounds checks worth the name: what plugind's call path is compared with.
 *
 * Usage: relay FD. FD is a connected stream socket; the relay ends when its other end is closed.
 */
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/types.h>
#include <unistd.h>

#define LARGEST (1 << 20)

static char buffer[LARGEST];

/* Reads what has arrived, and more until it ends with a line. Returns its size, or 0 at the end. */
static size_t read_lines(int from)
{
    size_t have = 0;
    do {
        ssize_t part = read(from, buffer + have, sizeof buffer - have);
        if (part <= 0)
            return 0;
        have += (size_t)part;
    } while (buffer[have - 1] != '\n' && have < sizeof buffer);
    return have;
}

static int write_all(int to, size_t size)
{
    for (size_t done = 0; done < size;) {
        ssize_t part = write(to, buffer + done, size - done);
        if (part <= 0)
            return 0;
        done += (size_t)part;
    }
    return 1;
}

static void echo(int with)
{
    size_t size;
    while ((size = read_lines(with)) && write_all(with, size)) {
    }
}

/* One request at a time, as in the latency test; several pipelined lines travel together. */
static void relay(int client, int worker)
{
    size_t size;
    while ((size = read_lines(client)) && write_all(worker, size)) {
        for (size_t back = 0; back < size;) {
            size_t part = read_lines(worker);
            if (!part || !write_all(client, part))
                return;
            back += part;
        }
    }
}

int main(int count, char **arguments)
{
    int pair[2];
    if (count != 2 || socketpair(AF_UNIX, SOCK_STREAM, 0, pair)) {
        fprintf(stderr, "usage: relay FD\n");
        return 2;
    }
    int client = atoi(arguments[1]);
    pid_t child = fork();
    if (child < 0)
        return 1;
    if (child == 0) {
        close(client);
        close(pair[0]);
        echo(pair[1]);
        return 0;
    }
    close(pair[1]);
    relay(client, pair[0]);
    return 0;
}
