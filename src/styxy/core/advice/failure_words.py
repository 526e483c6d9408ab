"""How programs word a failed bind, and what only looks like it, as tables of lower-case text.

`tests/core/advice/failures/` has what real tools wrote; most wordings come from there, the others
from the tool that is named beside them. They are compared with a line in lower case.
"""

from __future__ import annotations

import re

CONFLICTS = (
    "eaddrinuse",
    "addrinuse",  # Rust's ErrorKind, Deno
    "address already in use",
    "address in use",
    "errno 98]",
    "errno 48]",  # macOS
    "errno 10048]",
    "winerror 10048]",
    "os error 98)",
    "os error 48)",
    "os error 10048)",
    "only one usage of each socket address",  # WSAEADDRINUSE
    "port is already allocated",  # Docker
    "ports are not available",  # Docker Desktop
    "port is already in use",  # Django
    "port already in use",
    "port is in use",
    "port in use",  # Node-RED
    "already running on port",  # create-react-app
    "already running at port",  # Gatsby
    "already running on http",  # Symfony
    "server running on port:",  # MySQL
    "already a epmd running",
    "port taken",  # Firebase
    "connection in use:",  # gunicorn
)
"""A failure to take an address because it is taken."""

TAKEN = (
    "already in use",
    "in use by",
    "is in use",
    "was in use",
    "in use?",  # Bun
    "being used by",  # Expo
    "already being used",
    "already used",
    "already allocated",
    "not free",  # CherryPy
    "is not open",  # Firebase
    "is taken",
    "is occupied",
    "is busy",
    "another process is running",  # Metro
)
"""What says of a port with its number, on the same line, that it is taken."""

UNAVAILABLE = (
    "is not available",  # Jupyter, Streamlit, Storybook
    "could not be used",  # Parcel
)
"""What says so of a port that is taken, and of one that may not be bound."""

PERMISSIONS = (
    "eacces",
    "eperm",
    "permission denied",
    "operation not permitted",
    "permissionerror",
    "forbidden by its access permissions",  # WSAEACCES
    "permission to access that port",  # Django
    "permission to listen",  # Jupyter
)
"""A lack of permission, for bind(2) or for something else."""

TRIGGER = re.compile(
    "addrinuse|in use|already|not available|errno |error |only one usage|port taken"
    "|not free|not open|be used|being used|is taken|is occupied|is busy|another process"
    "|eacces|eperm|permission|not permitted"
)
"""Every wording of these tables has one of these."""

OF_BIND = re.compile(
    r"\b(?:listen\w*|bind\w*|bound|ports?|sockets?|address)\b|make_sock|:\d{2,5}\b|', \d{2,5}\)"
)
"""What a line about bind(2) or listen(2) has, beside the wording."""

OF_FILE = re.compile(
    r"\b(?:open|mkdir|unlink|rename|scandir|copyfile|spawn|chmod|chown|rmdir|symlink|l?stat"
    r"|readlink|exec\w*|connect(?:ing|ed)?|mount\w*|publickey|cache|directory|file)\b"
    r"|\.sock\b|unix:|\baccess '"
)
"""Other calls and things that lack a permission."""

MOVED = re.compile(
    r"\battempting to use\b|^styxy: "
    r"|\btrying (?:another|the next|next|port|\d|a different)|\bpicked because\b"
    r"|\busing (?:available|alternative|another|random|next|port \d|\d)|\busing \S+ instead"
    r"|\bfalling back to\b|\bswitching to\b|\bnext available\b"
)
"""A tool that takes another port by itself says so where it names the first."""

ANNOUNCED = re.compile(
    r"\b(?:listening|running|serving|started|ready|available) (?:on|at|http)|\bserving http"
    r"|\bstarted server\b|\blocal:|\baccepting connections\b"
)
"""What a server writes that runs: after a failure on the same port, it took it at last."""

REFUSED = re.compile(
    r"\b(?:fail\w*|\w*errors?|cannot|can't|could ?n[o']t|unable|already|in use|denied|permitted"
    r"|process|another|stop)\b"
)
"""What an announcement does not have: `Failed listening on port 6379`."""

ERROR = re.compile(
    r"\b(?:\w*error|err|fatal|emerg|alert|crit\w*|panic\w*|\w*exception|fail\w*|unable|errno|bind\w*"
    r"|listen\w*|already running|already allocated|can(?:no|')t|could(?: not|n't)|port \d+|os \{"
    r"|socket\(|permission)|\(exit\)"
    r"|\baddress (?:already )?in use|\balready (?:in use|used)\b"
)
"""What an error line has."""

CODE = re.compile(
    r"===?|!==?|=>|&&|\|\||=~|#define|#include|\{\{|\b(?:if|switch|while) ?\(|::addrinuse"
    r"|\b(?:it|test|describe|expect|assert\w*|catch|e?print\w*!?|strerror|includes|equals?|match)\("
    r"|\b(?:case|const|let|var|def|func|function|throw|except|raise|import|return|elif|grep|rg|sed"
    r"|echo|man|git) |\b(?:errno|syscall)\.e|\bconsole\.|\berrors\.is\b|\.code\b"
    r"|ErrorKind|^\s*(?:throw|return|raise)\b"
)
"""Source code, and commands; what programs print of a failure has none of it."""

PROSE = re.compile(
    r"`[^`]*(?:addrinuse|in use|permission denied|eacces)[^`]*`|\bstack overflow\b"
    r"|\b(?:this error|means|errors? (?:like|such)|such as|e\.g\.|an address already)\b"
)
"""Documents."""

PROSE_BEFORE = re.compile(
    r"\b(?:if|when|whenever) (?:you|the|a)\b|\b(?:how to|to fix|fix(?:es|ed)?|handl(?:e|es|ed|ing)"
    r"|avoids?|prevents?|retr(?:y|ies) (?:on|if|when)|should|rejects?|throws?|raises?|returns?"
    r"|instead of|may|might|usually|typically)\b"
)
"""What is before the wording in titles of tests and commits; a program's hint comes after it."""

MARKS = (
    "✓", "✔", "√", "✕", "✗", "✘", "\u00d7", "●", "ok ", "not ok ", "pass ", "fail ", "passed",
    "failed test", "--- pass", "--- fail", "=== run", "# ", "## ", "### ", "> ", "|", "//", "/*",
    "* ", "*/", "- ", "+", "@@", "diff ", "commit ", "```", "<", "--", "$ ", "describe", "test ",
)  # fmt: skip
"""What titles of tests, comments, documents, commits and commands begin with."""

QUOTED_FILE = re.compile(
    r"^[\w./@+-]*\.(?:log|txt|md|rst|html?|json|ya?ml|toml|tsv|csv|snap|lock|out)(?:[:-]\d+)?[:-]"
    r"|^[\w./@+-]*\.[a-z]{1,5}(?::\s|-\d+-)"
    r"|^[\w./@+-]+:\d+:\s{2,}|^\d+[:-](?:\t|\s\s)|^[0-9a-f]{7,40} "
)
"""What grep puts in front of a line, and `git log --oneline`."""

LISTED = re.compile(r"^\s*\[?(?:eaddrinuse|eacces|eperm)\]?(?:\s*$|\s+\w)")
"""An entry of a list of error codes: errno(1), errno(3), bind(2)."""
