/* Where the daemon's HTTP socket is: see daemon_socket.h. */
#include "hook/daemon_socket.h"

#include "guest/daemon/daemonfile.h"
#include "guest/image.h"
#include "guest/kernel/sys.h"

#include <stdlib.h>

enum { OPEN_FLAGS = O_RDONLY | O_NONBLOCK | O_NOCTTY }; /* a FIFO must not block us */

static const char *variable(void *from, const char *name)
{
    (void)from;
    const char *value = getenv(name);
    return value != NULL ? value : "";
}

/* Read daemon.json; 0 where it is missing, or longer than any that a daemon writes. */
static size_t read_daemonfile(const char *home, char *into, size_t room)
{
    char path[IMAGE_PATH + sizeof "/daemon.json"];
    struct text text = text_in(path, sizeof path);
    text_add(&text, home);
    text_add(&text, "/daemon.json");
    int fd = home[0] != '\0' && text_end(&text) ? sys_open(path, OPEN_FLAGS, 0) : -1;
    if (fd < 0)
        return 0;
    ptrdiff_t got = sys_read(fd, into, room);
    sys_close(fd);
    return got > 0 && (size_t)got < room ? (size_t)got : 0;
}

bool daemon_socket(char *path, size_t room)
{
    static char texts[2 * IMAGE_PATH], directory[IMAGE_PATH], json[8192];
    struct text text = text_in(texts, sizeof texts);
    const struct variables variables = {.get = variable};
    struct image image = {.directory = ""};
    if (sys_call(SYS_getcwd, directory, sizeof directory) > 0)
        image.directory = directory;
    image_read_settings(&image, &variables, &text);
    if (image.socket[0] != '\0') {
        text = text_in(path, room);
        text_add(&text, image.socket);
        return text_end(&text);
    }
    size_t length = read_daemonfile(image.home, json, sizeof json);
    return length > 0 && daemonfile_socket(json, length, path, room);
}
