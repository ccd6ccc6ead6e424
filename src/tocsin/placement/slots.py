"""Slots: a small record that is overwritten in place, so that neither a torn write nor a full disk can lose it."""

import json
import os
import zlib
from pathlib import Path
from struct import Struct
from typing import Any

from tocsin.placement.disk import Disk

_HEAD = Struct(">QII")
_SLOT = 4096


class Slots:
    """Two slots written by turns, each with a counter and a CRC; the newer whole one counts."""

    def __init__(self, path: Path, disk: Disk) -> None:
        self._disk = disk
        if not path.exists() or path.stat().st_size != 2 * _SLOT:
            path.unlink(missing_ok=True)
            self._fd = disk.create(path, 2 * _SLOT)
        else:
            self._fd = os.open(path, os.O_RDWR)
        self._turn, self._value = self._load()

    def read(self) -> dict[str, Any] | None:
        """Return the last value written whole, or None where there is none."""
        return self._value

    def write(self, value: dict[str, Any], *, sync: bool) -> None:
        """Store ``value``: on disk on return with ``sync``, else a power cut may bring back the one before."""
        payload = json.dumps(value, separators=(",", ":")).encode()
        if len(payload) > _SLOT - _HEAD.size:
            raise ValueError("A slot holds less than 4 KiB.")
        turn = self._turn + 1
        data = _HEAD.pack(turn, len(payload), zlib.crc32(turn.to_bytes(8, "big") + payload)) + payload
        self._disk.write(self._fd, data, (turn % 2) * _SLOT)
        if sync:
            self._disk.sync(self._fd)
        self._turn, self._value = turn, value

    def close(self) -> None:
        """Close the file."""
        os.close(self._fd)

    def _load(self) -> tuple[int, dict[str, Any] | None]:
        best: tuple[int, dict[str, Any] | None] = (0, None)
        for place in (0, _SLOT):
            data = os.pread(self._fd, _SLOT, place)
            turn, length, crc = _HEAD.unpack_from(data)
            payload = data[_HEAD.size : _HEAD.size + length]
            if turn <= best[0] or len(payload) != length or zlib.crc32(turn.to_bytes(8, "big") + payload) != crc:
                continue
            try:
                value = json.loads(payload)
            except ValueError:
                continue
            if isinstance(value, dict):
                best = (turn, value)
        return best
