"""A file system whose server stops answering, as a dead sshfs or NFS server does (fuse(4)).

It speaks the kernel's protocol itself, so that nothing has to be installed; mounting takes root.
Whatever it has left unanswered ends with an error when it is unmounted, so that no test hangs.
"""

from __future__ import annotations

import contextlib
import ctypes
import errno
import os
import stat
import struct
import threading
from pathlib import Path

import pytest

_FORGET, _INTERRUPT, _BATCH_FORGET = 2, 36, 42
_UNANSWERED = (_FORGET, _INTERRUPT, _BATCH_FORGET)

_REQUEST = struct.Struct("<IIQQIIII")
_ANSWER = struct.Struct("<IiQ")
_LARGEST = 1 << 17
_MS_NOSUID, _MS_NODEV, _MNT_FORCE, _MNT_DETACH = 2, 4, 1, 2

TREE = {(1, "shop"): 2, (2, "web"): 3, (2, "package.json"): 4, (1, "blog"): 5}
"""The number of each file below the root, by its parent's number and its name."""
FILES = {4}

libc = ctypes.CDLL(None, use_errno=True)


class HangingMount:
    """A mount at `path` with the project `shop`, a directory `shop/web` in it, and `blog`.

    Skips the test where this user may not mount.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._hangs = False
        self._held: list[bytes] = []
        self._lock = threading.Lock()
        self._held_one = threading.Event()

    def __enter__(self) -> HangingMount:
        self.path.mkdir()
        try:
            self._device = os.open("/dev/fuse", os.O_RDWR | os.O_CLOEXEC)
        except OSError as error:
            pytest.skip(f"no FUSE for this user: {error.strerror}")
        options = f"fd={self._device},rootmode=40000,user_id={os.getuid()},group_id={os.getgid()}"
        place = os.fsencode(self.path)
        if libc.mount(b"styxy-test", place, b"fuse", _MS_NOSUID | _MS_NODEV, options.encode()):
            os.close(self._device)
            pytest.skip(f"this user may not mount: {os.strerror(ctypes.get_errno())}")
        self._thread = threading.Thread(target=self._serve, daemon=True)
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        # Forced: what waits for an answer gets ENOTCONN, and the server's read ENODEV.
        libc.umount2(os.fsencode(self.path), _MNT_FORCE)
        libc.umount2(os.fsencode(self.path), _MNT_DETACH)
        self._thread.join()
        os.close(self._device)

    def hang(self) -> None:
        """Answer nothing from now on."""
        with self._lock:
            self._hangs = True

    def wait_for_look(self) -> None:
        """Wait until something hangs."""
        assert self._held_one.wait(60)

    @property
    def held(self) -> int:
        """How many looks hang."""
        with self._lock:
            return len(self._held)

    def recover(self) -> None:
        """Answer what was left unanswered, and everything from now on."""
        with self._lock:
            self._hangs = False
            held, self._held = self._held, []
        for request in held:
            self._answer(request)

    def _serve(self) -> None:
        while True:
            try:
                request = os.read(self._device, _LARGEST)
            except OSError as error:
                if error.errno in (errno.EINTR, errno.ENOENT):
                    continue  # ENOENT: whoever asked was killed
                return  # ENODEV: unmounted
            if not self._hold(request):
                self._answer(request)

    def _hold(self, request: bytes) -> bool:
        with self._lock:
            if not self._hangs:
                return False
            if _REQUEST.unpack_from(request)[1] not in _UNANSWERED:
                self._held.append(request)
                self._held_one.set()
            return True

    def _answer(self, request: bytes) -> None:
        _, operation, unique, node, *_ = _REQUEST.unpack_from(request)
        if operation in _UNANSWERED:
            return
        found = self._result(operation, node, request[_REQUEST.size :])
        data = found if isinstance(found, bytes) else b""
        code = -found if isinstance(found, int) else 0
        with contextlib.suppress(OSError):  # ENOENT, ENODEV: whoever asked was killed
            os.write(self._device, _ANSWER.pack(_ANSWER.size + len(data), code, unique) + data)

    def _result(self, operation: int, node: int, rest: bytes) -> bytes | int:
        """Return the data of an answer, or an errno."""
        match operation:
            case 26:  # INIT: version 7.31, nothing optional
                return struct.pack("<IIIIHHII", 7, 31, 0, 0, 12, 12, 1 << 16, 1) + bytes(32)
            case 3:  # GETATTR, valid for no time
                return struct.pack("<QII", 0, 0, 0) + _attributes(node)
            case 1:  # LOOKUP
                child = TREE.get((node, rest.rstrip(b"\0").decode()))
                if child is None:
                    return errno.ENOENT
                return struct.pack("<QQQQII", child, 0, 0, 0, 0, 0) + _attributes(child)
            case 27 | 14:  # OPENDIR, OPEN
                return struct.pack("<QII", 0, 0, 0)
            case 28 | 34:  # READDIR: empty; ACCESS: granted
                return b""
            case _:
                return errno.ENOSYS


def _attributes(node: int) -> bytes:
    mode = stat.S_IFREG | 0o644 if node in FILES else stat.S_IFDIR | 0o755
    owner = (os.getuid(), os.getgid())
    return struct.pack("<6Q10I", node, *[0] * 5, *[0] * 3, mode, 1, *owner, 0, 4096, 0)
