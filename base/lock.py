"""Locks between the threads of a process."""

from __future__ import annotations

import os
import threading


class Lock:
    """Re-entrant, and free in a forked child: the threads that hold it are not there.

    What the thread that forks holds itself, its copy in the child goes on to hold.
    """

    def __init__(self) -> None:
        self._lock = threading.RLock()
        os.register_at_fork(after_in_child=self._renew)

    def _renew(self) -> None:
        if self._lock.acquire(blocking=False):
            self._lock.release()
        else:
            self._lock = threading.RLock()

    def __enter__(self) -> None:
        self._lock.acquire()

    def __exit__(self, *_: object) -> None:
        self._lock.release()
