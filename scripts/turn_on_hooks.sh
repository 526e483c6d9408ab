#!/bin/sh
# Make git run scripts/hooks in this checkout, unless it has hooks already. Never fails.
cd "$(dirname "$0")/.." || exit 0

# An unpacked source distribution has no .git, and may lie in a repository of something else.
[ -e .git ] && command -v git >/dev/null || exit 0
git config --get core.hooksPath >/dev/null 2>&1 && exit 0

# core.hooksPath would disable the developer's own hooks, or those of pre-commit.
hooks=$(git rev-parse --git-path hooks 2>/dev/null) || exit 0
for hook in "$hooks"/*; do
    case $hook in *.sample | */\*) ;; *) exit 0 ;; esac
done
git config core.hooksPath scripts/hooks 2>/dev/null
exit 0
