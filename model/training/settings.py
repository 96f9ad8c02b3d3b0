"""Settings of the whole process while a network is trained; afterwards all is as before."""

from __future__ import annotations

import logging
import os
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch

from rfssm.lock import Lock

_WORKSPACE = "CUBLAS_WORKSPACE_CONFIG"
_settings = Lock()


@contextmanager
def reproducible() -> Iterator[None]:
    """One thread, deterministic algorithms, single precision; afterwards all is as before.

    These are settings of the whole process: another thread that enters waits.
    """
    memory: Any = torch.utils.deterministic
    with _settings:
        threads, random = torch.get_num_threads(), torch.get_rng_state()
        deterministic = torch.are_deterministic_algorithms_enabled()
        warn_only = torch.is_deterministic_algorithms_warn_only_enabled()
        filling, dtype = memory.fill_uninitialized_memory, torch.get_default_dtype()
        products, workspace = torch.get_float32_matmul_precision(), os.environ.get(_WORKSPACE)
        os.environ.setdefault(_WORKSPACE, ":4096:8")  # or cuBLAS is not deterministic
        torch.set_num_threads(1)
        torch.set_default_dtype(torch.float32)
        torch.set_float32_matmul_precision("highest")
        torch.use_deterministic_algorithms(True)
        memory.fill_uninitialized_memory = False  # it is written before it is read; this is slow
        try:
            yield
        finally:
            memory.fill_uninitialized_memory = filling
            torch.use_deterministic_algorithms(deterministic, warn_only=warn_only)
            torch.set_float32_matmul_precision(products)
            torch.set_default_dtype(dtype)
            torch.set_rng_state(random)
            torch.set_num_threads(threads)
            if workspace is None:
                del os.environ[_WORKSPACE]


@contextmanager
def quiet() -> Iterator[None]:
    """Keep Lightning's notes on hardware, its tips and its own use of old torch to itself.

    And Python's warning of threads that a fork does not copy: the processes need none of them.
    """
    loggers = [logging.getLogger(name) for name in ("lightning.pytorch", "lightning.fabric")]
    levels = [logger.level for logger in loggers]
    for logger in loggers:
        logger.setLevel(logging.WARNING)
    try:
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", module="lightning")
            warnings.filterwarnings("ignore", r".*fork\(\)", DeprecationWarning)
            yield
    finally:
        for logger, level in zip(loggers, levels, strict=True):
            logger.setLevel(level)
