/* The one-line protocol: see wire.h. */
#include "guest/daemon/wire.h"

#include "guest/kernel/text.h"

#include <string.h>

struct field {
    const char *start;
    size_t length;
};

/* ---- the question ---- */

static void add_field(struct text *line, const char *value)
{
    text_add(line, " ");
    if (value[0] == '\0')
        text_add(line, "-");
    for (const char *at = value; *at != '\0'; at++) {
        unsigned char byte = (unsigned char)*at;
        /* A lone "-" would read as empty. */
        bool plain = byte > 0x20 && byte < 0x7f && byte != '%' &&
                     !(byte == '-' && value[1] == '\0');
        if (plain) {
            text_bytes(line, at, 1);
            continue;
        }
        text_add(line, "%");
        text_bytes(line, &"0123456789ABCDEF"[byte >> 4], 1);
        text_bytes(line, &"0123456789ABCDEF"[byte & 15], 1);
    }
}

static void add_v4(struct text *line, const uint8_t *address)
{
    for (int i = 0; i < 4; i++) {
        text_add(line, i > 0 ? "." : "");
        text_number(line, address[i]);
    }
}

static void add_group(struct text *line, unsigned group)
{
    static const char digits[] = "0123456789abcdef";
    for (unsigned shift = 12; shift > 0; shift -= 4)
        if (group >> shift != 0)
            text_bytes(line, &digits[(group >> shift) & 15], 1);
    text_bytes(line, &digits[group & 15], 1);
}

/* The longest run of at least two zero groups becomes "::" (RFC 5952 section 4.2). */
static int longest_run(const unsigned *groups, int *length)
{
    int best = -1;
    *length = 1;
    for (int start = 0; start < 8; start++) {
        int end = start;
        while (end < 8 && groups[end] == 0)
            end++;
        if (end - start > *length) {
            best = start;
            *length = end - start;
        }
    }
    return best;
}

static void add_v6(struct text *line, const uint8_t *address)
{
    unsigned groups[8];
    int run_length;
    for (int i = 0; i < 8; i++)
        groups[i] = (unsigned)(address[2 * i] << 8 | address[2 * i + 1]);
    int run = longest_run(groups, &run_length);
    for (int i = 0; i < 8; i++) {
        if (i == run) {
            text_add(line, "::");
            i += run_length - 1;
            continue;
        }
        if (i > 0 && i != run + run_length)
            text_add(line, ":");
        add_group(line, groups[i]);
    }
}

static void add_address(struct text *line, const struct target *target)
{
    text_add(line, " ");
    if (target->is_v4) {
        text_add(line, target->family == AF_INET6 ? "::ffff:" : "");
        add_v4(line, target->address + 12);
    } else {
        add_v6(line, target->address);
    }
}

static void add_socket(struct text *line, const struct target *target, bool is_udp)
{
    text_add(line, is_udp ? "udp " : "tcp ");
    text_number(line, target->family == AF_INET ? 4 : 6);
    text_add(line, " ");
    text_number(line, target->port);
    add_address(line, target);
}

/* A supervisor asks on behalf of another process, which is named then. */
static void add_pid(struct text *line, const struct image *image)
{
    if (image->pid == 0)
        return;
    text_add(line, " ");
    text_number(line, (uint64_t)image->pid);
}

size_t wire_question(const struct question *question, const struct image *image, char *line,
                     size_t room)
{
    static const char *const reasons[] = {" promised ", " inuse ", " shadowed ", " placed ",
                                          " returned ", " chosen "};
    struct text text = text_in(line, room);
    text_add(&text, "styxy/1 bind ");
    add_socket(&text, question->target, question->is_udp);
    text_add(&text, reasons[question->reason]);
    text_number(&text, question->lost);
    text_add(&text, " ");
    text_hex(&text, question->image_id, 16);
    add_field(&text, image->instance);
    add_field(&text, image->service_type);
    add_field(&text, question->project);
    add_pid(&text, image);
    text_add(&text, "\n");
    return text.cut ? 0 : text.used;
}

size_t wire_listen_message(const struct listen_message *message, const struct image *image,
                           char *line, size_t room)
{
    struct text text = text_in(line, room);
    text_add(&text, "styxy/1 listen ");
    add_socket(&text, message->target, message->is_udp);
    text_add(&text, " ");
    text_hex(&text, message->cookie, 16);
    text_add(&text, " ");
    text_hex(&text, image->image_id, 16);
    add_field(&text, image->instance);
    add_field(&text, image->service_type);
    add_field(&text, message->project);
    text_add(&text, " ");
    text_hex(&text, message->repo, message->repo != 0 ? 16 : 1);
    text_add(&text, " ");
    text_number(&text, message->asked);
    add_pid(&text, image);
    return text.cut ? 0 : text.used;
}

size_t wire_name_message(uint16_t port, const struct image *image, char *line, size_t room)
{
    struct text text = text_in(line, room);
    text_add(&text, "styxy/1 name ");
    text_number(&text, port);
    text_add(&text, " ");
    text_hex(&text, image->image_id, 16);
    add_pid(&text, image);
    return text.cut ? 0 : text.used;
}

/* ---- the answer ---- */

/* Split at single spaces; the number of fields, 0 where there are more than `room`. */
static size_t split(const char *line, size_t length, struct field *fields, size_t room)
{
    const char *end = line + length;
    size_t count = 0;
    for (;;) {
        const char *space = memchr(line, ' ', (size_t)(end - line));
        if (count == room)
            return 0;
        fields[count++] = (struct field){line, (size_t)((space != NULL ? space : end) - line)};
        if (space == NULL)
            return count;
        line = space + 1;
    }
}

static bool is(const struct field *field, const char *word)
{
    return field->length == strlen(word) && memcmp(field->start, word, field->length) == 0;
}

static bool read_number(const struct field *field, uint32_t least, uint32_t most, uint32_t *number)
{
    uint64_t value = 0;
    if (field->length == 0 || field->length > 10)
        return false;
    for (size_t i = 0; i < field->length; i++) {
        if (field->start[i] < '0' || field->start[i] > '9')
            return false;
        value = value * 10 + (uint64_t)(field->start[i] - '0');
    }
    *number = (uint32_t)value;
    return value >= least && value <= most;
}

static int hex_digit(char digit)
{
    if (digit >= '0' && digit <= '9')
        return digit - '0';
    char lower = (char)(digit | 0x20);
    return lower >= 'a' && lower <= 'f' ? lower - 'a' + 10 : -1;
}

/* Decode a text that will be printed; false where it has a control character or is too long. */
static bool read_text(const struct field *field, char *name, size_t room)
{
    size_t used = 0;
    for (size_t i = 0; i < field->length; i++) {
        int byte = (unsigned char)field->start[i];
        if (byte == '%') {
            if (field->length - i < 3)
                return false;
            int high = hex_digit(field->start[i + 1]), low = hex_digit(field->start[i + 2]);
            if (high < 0 || low < 0)
                return false;
            byte = high << 4 | low;
            i += 2;
        }
        if (byte < 0x20 || byte == 0x7f || used + 1 >= room)
            return false;
        name[used++] = (char)byte;
    }
    name[used] = '\0';
    return used > 0;
}

/* Read "2026-11-21T19:25:22" the way the log prints it, with a blank in place of the T. */
static bool read_time(const struct field *field, char *at)
{
    static const char shape[] = "dddd-dd-ddTdd:dd:dd";
    if (field->length != sizeof shape - 1)
        return false;
    for (size_t i = 0; i < field->length; i++) {
        char byte = field->start[i];
        if (shape[i] == 'd' ? (byte < '0' || byte > '9') : byte != shape[i])
            return false;
        at[i] = byte == 'T' ? ' ' : byte;
    }
    at[field->length] = '\0';
    return true;
}

static bool read_move(const struct field *fields, struct answer *answer)
{
    uint32_t port;
    answer->verdict = VERDICT_MOVE;
    if (!read_number(&fields[2], ADDRESS_FIRST_PORT, 65535, &port))
        return false;
    answer->port = (uint16_t)port;
    answer->is_new = is(&fields[4], "new");
    return read_text(&fields[3], answer->service_type, WIRE_NAME) &&
           (answer->is_new || is(&fields[4], "same")) && read_time(&fields[5], answer->at);
}

static bool read_single(const struct field *fields, struct answer *answer)
{
    uint32_t port;
    answer->verdict = VERDICT_SINGLE;
    if (!read_number(&fields[2], 1, 65535, &port))
        return false;
    answer->port = (uint16_t)port;
    return read_text(&fields[3], answer->service_type, WIRE_NAME) &&
           read_number(&fields[4], 0, INT32_MAX, &answer->pid);
}

/* What may be said of a port that stays taken; without it, the program says all that there is. */
static bool read_taken(const struct field *fields, size_t count, struct answer *answer)
{
    answer->verdict = VERDICT_TAKEN;
    return count == 2 || read_text(&fields[2], answer->error, WIRE_ERROR);
}

bool wire_answer(const char *line, size_t length, struct answer *answer)
{
    struct field fields[6];
    size_t count = split(line, length, fields, 6);
    *answer = (struct answer){.verdict = VERDICT_ERROR};
    if (count < 2 || !is(&fields[0], "styxy/1"))
        return false;
    if (count == 2 && is(&fields[1], "keep")) {
        answer->verdict = VERDICT_KEEP;
        return true;
    }
    if (count == 6 && is(&fields[1], "move"))
        return read_move(fields, answer);
    if (count == 5 && is(&fields[1], "single"))
        return read_single(fields, answer);
    if (count <= 3 && is(&fields[1], "taken"))
        return read_taken(fields, count, answer);
    if (count != 3 || !is(&fields[1], "error"))
        return false;
    if (!read_text(&fields[2], answer->error, WIRE_ERROR))
        answer->error[0] = '\0';
    return true;
}

/* Read "14:03". */
static bool read_clock(const struct field *field, char *until)
{
    if (field->length != WIRE_UNTIL - 1)
        return false;
    for (size_t i = 0; i < field->length; i++) {
        char byte = field->start[i];
        if (i == 2 ? byte != ':' : (byte < '0' || byte > '9'))
            return false;
        until[i] = byte;
    }
    until[field->length] = '\0';
    return true;
}

/* Read "took TOOL ASKED", and whom the asked port is promised to, or who has it ("used"). */
static void read_took(const struct field *fields, size_t count, struct answer *answer)
{
    uint32_t asked;
    answer->name[0] = '\0';
    if (count < 5 || !read_number(&fields[4], 1, 65535, &asked) ||
        !read_text(&fields[3], answer->tool, WIRE_NAME) ||
        (count >= 6 && !read_text(&fields[5], answer->name, WIRE_NAME)) ||
        (count == 7 && !is(&fields[6], "used"))) {
        answer->tool[0] = '\0';
        return;
    }
    answer->is_used = count == 7;
    answer->asked = (uint16_t)asked;
    answer->cause = CAUSE_TOOK;
}

void wire_more(const char *line, size_t length, struct answer *answer)
{
    struct field fields[7];
    size_t count = split(line, length, fields, 7);
    if (answer->verdict != VERDICT_MOVE || answer->cause == CAUSE_TOOK)
        return;
    if (count == 3 && is(&fields[0], "styxy/1") && is(&fields[1], "also")) {
        if (!read_text(&fields[2], answer->also, WIRE_ALSO))
            answer->also[0] = '\0';
        return;
    }
    if (count >= 2 && is(&fields[0], "styxy/1") && is(&fields[1], "why") && count > 2 &&
        is(&fields[2], "took")) {
        read_took(fields, count, answer);
        return;
    }
    if (count < 4 || !is(&fields[0], "styxy/1") || !is(&fields[1], "why") ||
        !read_text(&fields[3], answer->name, WIRE_NAME))
        return;
    if (count == 4 && is(&fields[2], "promised"))
        answer->cause = CAUSE_PROMISED;
    else if (count == 4 && is(&fields[2], "used"))
        answer->cause = CAUSE_USED;
    else if (count == 4 && is(&fields[2], "probes"))
        answer->cause = CAUSE_PROBES;
    else if (count == 5 && is(&fields[2], "left") && read_clock(&fields[4], answer->until))
        answer->cause = CAUSE_LEFT;
}
