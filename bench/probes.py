"""The small C programs whose calls are timed: they are compiled here."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path


def compiled(name: str, place: Path, *flags: str) -> Path | None:
    """Compile one into `place`. None where there is no compiler, which is said."""
    compiler = os.environ.get("CC") or "cc"
    if shutil.which(compiler) is None:
        print(f"there is no C compiler, so {name} measures nothing", file=sys.stderr)
        return None
    program = place / f"{name}{''.join(flags)}"
    source = Path(__file__).parent / f"{name}.c"
    subprocess.run([compiler, "-O2", *flags, "-o", str(program), str(source)], check=True)
    return program
