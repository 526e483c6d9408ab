/*
 * styxy-hook: what a coding agent starts at each of its events (docs/agents.md).
 *
 *   styxy-hook AGENT EVENT
 *       Hand standard input to the daemon, and print what it answers.
 *
 * An agent waits for its hooks, shows what they print, and may take a failure for a refusal. So
 * this ends soon and with 0 whatever happens, and is silent unless the daemon has something to say.
 * The daemon does the thinking; this program knows neither agents nor JSON. It calls the kernel
 * directly (guest/kernel/sys.h), so that the preload library, which may be loaded into it, has
 * nothing to intercept.
 */
#include "guest/kernel/sys.h"
#include "hook/exchange.h"
#include "hook/python.h"
#include "hook/streams.h"

#include <signal.h>
#include <stdio.h>
#include <string.h>

enum { LONGEST_NAME = 64 };

static const uint64_t INPUT_NS = 1000000000u, /* an agent writes at once, and closes */
    START_NS = 1000000000u,                   /* at session start, which may start the daemon */
    USUAL_NS = 80000000u;

static const char HELP[] =
    "usage: styxy-hook AGENT EVENT\n\n"
    "Called by coding agents: hands standard input to the Styxy daemon, and prints its answer.\n"
    "To install it: styxy agent install AGENT\n";

/* Whether a word can stand in a path as it is; agents and events are words like PreToolUse. */
static bool is_name(const char *word)
{
    static const char allowed[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-";
    size_t length = strlen(word);
    return length > 0 && length <= LONGEST_NAME && strspn(word, allowed) == length &&
           word[0] != '.' && word[0] != '-';
}

/* Whether a session begins: how the agents spell it. */
static bool is_start(const char *event)
{
    static const char *const names[] = {"SessionStart", "sessionStart", "session_start",
                                        "session.created"};
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++)
        if (strcmp(event, names[i]) == 0)
            return true;
    return false;
}

/* Do what the words ask for, if they are no hook's. */
static void explain(int count, char **words)
{
    if (count == 2 && strcmp(words[1], "--help") == 0)
        fputs(HELP, stdout);
    if (count == 2 && strcmp(words[1], "--version") == 0)
        fputs("styxy-hook " HOOK_VERSION "\n", stdout);
}

static void run(const char *agent, const char *event)
{
    struct hook_call call = {.agent = agent, .event = event};
    struct reply_body answer;
    struct sigaction ignore = {.sa_handler = SIG_IGN}, before;
    sigaction(SIGPIPE, &ignore, &before); /* the agent may have closed standard output */
    if (!streams_read(&call.payload, sys_now() + INPUT_NS))
        return;
    uint64_t deadline = sys_now() + (is_start(event) ? START_NS : USUAL_NS);
    enum exchange outcome = exchange_ask(&call, deadline, &answer);
    if (outcome == EXCHANGE_ANSWERED)
        streams_print(answer.bytes, answer.length, deadline);
    if (outcome == EXCHANGE_NOBODY && is_start(event)) {
        sigaction(SIGPIPE, &before, NULL);
        python_become(&call);
    }
}

int main(int count, char **words)
{
    if (count == 3 && is_name(words[1]) && is_name(words[2]))
        run(words[1], words[2]);
    else
        explain(count, words);
    return 0;
}
