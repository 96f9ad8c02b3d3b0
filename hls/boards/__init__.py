"""Support development boards: tops, the protocol of their serial line, the host's side of it."""

from typing import TYPE_CHECKING

from rfssm.lazy import lazy

if TYPE_CHECKING:
    from rfssm.hls.boards.boards import BOARDS, Board, board_files, find_board, write_board
    from rfssm.hls.boards.host import Device
    from rfssm.hls.boards.protocol import Identity, Status

__all__ = [
    "BOARDS",
    "Board",
    "Device",
    "Identity",
    "Status",
    "board_files",
    "find_board",
    "write_board",
]
__getattr__ = lazy(__name__)
