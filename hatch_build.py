"""Compile the native parts into the wheel; without a compiler, build a wheel without them.

The preload library, the seccomp supervisor and the program that coding agents call are what is
compiled. Interception needs the first two, and Python can stand in for the third, so a failed
compile is a warning and never a failed installation, nor does it take the other parts away. The
completion scripts and the man page are written from the sources, too.

A release builds for machines that it does not run on: `scripts/release` compiles the parts, names
their folder in NATIVE_PARTS, and the platform in _PYTHON_HOST_PLATFORM, which `sysconfig` reads.
"""

from __future__ import annotations

import os
import runpy
import shutil
import subprocess
import sys
import sysconfig
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface
from hatchling.metadata.plugin.interface import MetadataHookInterface


class AddressHook(MetadataHookInterface):
    """Tell package indexes where bugs are reported, once there is such a place."""

    PLUGIN_NAME = "custom"

    def update(self, metadata: dict[str, Any]) -> None:
        """Set `project.urls`."""
        words = runpy.run_path(str(Path(self.root, "src", "styxy", "core", "messages.py")))
        metadata["urls"] = {"Issues": words["ISSUES"]} if words["ISSUES"] else {}


class NativeHook(BuildHookInterface[Any]):
    """Run `native/build.py` and mark the wheel as belonging to this platform."""

    PLUGIN_NAME = "custom"

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        """Build what is native beside the package, for wheels and editable installations alike."""
        build_data["shared_data"].update(self._shell_files())
        folder = Path(self.root, "src", "styxy", "native")
        folder.mkdir(exist_ok=True)
        if ready := os.environ.get("NATIVE_PARTS"):
            for old in folder.iterdir():  # of another machine's wheel, built from this tree before
                old.unlink()
            bills = [str(path) for path in sorted(Path(ready).glob("*.cdx.json"))]
            build_data.setdefault("sbom_files", []).extend(
                bills
            )  # of what is compiled in (PEP 770)
            shutil.copytree(
                ready, folder, dirs_exist_ok=True, ignore=shutil.ignore_patterns("*.cdx.json")
            )
            built = True
        else:
            built = self._compile_all(folder)
        if built:
            self._mark(build_data, folder / "styxy-hook")

    def _mark(self, build_data: dict[str, Any], hook: Path) -> None:
        """Say which platform the wheel is for, and put the hook program beside the command."""
        if hook.exists():  # an executable: a console script would be Python again
            build_data["shared_scripts"][str(hook)] = hook.name
        platform = sysconfig.get_platform().replace("-", "_").replace(".", "_")
        build_data["pure_python"] = False
        build_data["tag"] = f"py3-none-{platform}"

    def _compile_all(self, folder: Path) -> bool:
        """Build each part that can be built; tell whether there is one."""
        build = runpy.run_path(str(Path(self.root, "native", "build.py")))
        if sys.platform == "darwin":
            return any([*self._compile_for_macos(build, folder)])
        built = [
            self._build(
                folder / "libstyxy.so",
                [build["compile_command"], partial(build["compile_command"], one_mapping=False)],
                "preload library",
            ),
            self._build(
                folder / "styxy-seccomp",
                [partial(build["supervisor_command"], static=True), build["supervisor_command"]],
                "supervisor",
            ),
            self._build(
                folder / "styxy-hook",
                [build["hook_command"]],
                "hook program",
                effect="coding agents call Python instead, which takes longer",
            ),
        ]
        return any(built)

    def _compile_for_macos(self, build: dict[str, Any], folder: Path) -> Iterator[bool]:
        """Build what there is for macOS, by Apple's clang, for both kinds of Mac at once."""
        for name, command, part, effect in (
            ("libstyxy.dylib", "darwin_command", "library", "all but interception works"),
            ("styxy-hook", "darwin_hook_command", "hook program", "agents call Python instead"),
        ):
            way = partial(build[command], target=build["BOTH_MACS"])
            yield self._build(folder / name, [way], part, effect=effect)

    def _shell_files(self) -> dict[str, str]:
        """Write what shells and man(1) read; tell where each file is, and where it belongs."""
        sys.path.insert(0, str(Path(self.root, "src")))
        written = runpy.run_path(str(Path(self.root, "scripts", "shell_files.py")))["write"]
        files: dict[str, str] = written(Path(self.root, "src", "styxy", "share"))
        return files

    def _build(
        self,
        target: Path,
        ways: Sequence[Callable[..., list[str]]],
        name: str,
        *,
        effect: str = "all but interception works",
    ) -> bool:
        """Build one part in the first way that works.

        That of an earlier build must not be shipped where none does.
        """
        # Running programs have it mapped: it is replaced by a rename, never written over.
        fresh = target.with_name(f"{target.name}.new")
        failure: Exception | None = None
        for way in ways:
            failure = self._compile(way, fresh, quietly=way is not ways[-1])
            if failure is None:
                fresh.replace(target)
                return True
        target.unlink(missing_ok=True)
        fresh.unlink(missing_ok=True)
        self.app.display_warning(
            f"styxy: no {name} was built ({failure}); {effect}."
            " Install a C compiler (gcc or clang) and install styxy again."
        )
        return False

    def _compile(
        self, way: Callable[..., list[str]], out: Path, *, quietly: bool
    ) -> Exception | None:
        """Compile in one way; return what failed."""
        try:
            # A newer compiler may warn of more than ours did: only `make check` is strict.
            words = way(str(out), cc=os.environ.get("CC") or "cc", extra=("-Wno-error",))
            subprocess.run(words, cwd=self.root, check=True, capture_output=quietly)
        except (OSError, subprocess.CalledProcessError) as failure:
            return failure
        finally:
            out.with_name(f"{out.name}.map").unlink(missing_ok=True)
        return None
