"""Lock between the threads of a process."""

from __future__ import annotations

import os
import threading


class Lock:
    """A re-entrant lock that is free in a forked child if another thread of the parent holds it.

    If the forking thread itself holds the lock, its copy in the child continues to hold it.
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
