"""Compile the native parts as the build does, with every warning an error, and throw them away.

The flags are those of `native/build.py`, so what is checked is what is shipped. Machines without
a C compiler are told, not failed: they cannot build the library either.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).parent.parent
sys.path.insert(0, str(ROOT))

from native.build import compile_command, hook_command, supervisor_command  # noqa: E402  # the repo is no installed package

STRICT = ("-Wall", "-Wextra", "-Werror")


def main() -> int:
    """Compile each part once; the compiler's own words are the report."""
    compiler = os.environ.get("CC") or "cc"
    if shutil.which(compiler) is None:
        print(f"there is no C compiler called {compiler}: the warnings of native/ were not checked")
        return 0
    failed = False
    with tempfile.TemporaryDirectory() as scratch:
        for command in (compile_command, supervisor_command, hook_command):
            words = command(str(Path(scratch, "part")), cc=compiler, extra=STRICT)
            failed |= subprocess.run(words, cwd=ROOT).returncode != 0
    print("C: warnings are errors here; see above" if failed else "C: no warnings")
    return int(failed)


if __name__ == "__main__":
    sys.exit(main())
