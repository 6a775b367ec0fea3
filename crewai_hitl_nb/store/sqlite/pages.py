"""Reads the rows of a damaged SQLite file page by page, without SQLite.

SQLite finds a row through the pages above it and gives up if one of those is damaged. Here
every page is read by itself, so a row is found as long as its own page is intact (and, for a long
row, its overflow pages). Nothing is written and no lock is taken. Committed pages in the
write-ahead log replace the file's own, as they do for SQLite.

The numbers are those of the "Database File Format" and "WAL-mode File Format" documents of
SQLite; docstrings name the section. This module knows nothing of events: its caller must decide
which rows make sense, because a damaged page may hold anything.
"""

import struct
from collections.abc import Iterator, Mapping
from typing import Final, TypeAlias

Value: TypeAlias = int | float | str | bytes | None
Row: TypeAlias = tuple[int | None, tuple[Value, ...]]
"""A row's number (None in a table without numbers) and its columns; the column that holds the
number is None."""

_MAGIC: Final = b"SQLite format 3\0"
_HEADER: Final = 100
_USUAL_PAGE: Final = 4096
"""SQLite's default page size, which our files have."""
_TREE_INDEX, _TREE_TABLE, _LEAF_INDEX, _LEAF_TABLE = 2, 5, 10, 13
_WAL_HEADER, _FRAME_HEADER = 32, 24
_WAL_MAGIC: Final = 0x377F0682
_MOST_COLUMNS: Final = 64
_WIDTHS: Final = {1: 1, 2: 2, 3: 3, 4: 4, 5: 6, 6: 8}


class Damaged(Exception):
    """A page or a row is not valid."""


class Pages:
    """The pages of one file.

    Args:
        file: The database, such as an ``mmap``.
        wal: Its write-ahead log; may be empty.
    """

    def __init__(self, file: bytes, wal: bytes = b"") -> None:
        self._file = file
        self.size = _page_size(file)
        self._spare = file[20] if file[:16] == _MAGIC and file[20] < 64 else 0
        self._newer: Mapping[int, bytes] = _committed(wal, self.size)
        self.count = max([len(file) // self.size, *self._newer])

    def rows(self) -> Iterator[Row]:
        """Yield every row that can be read, in the order of the pages."""
        free = self._free()
        for number in range(1, self.count + 1):
            if number not in free:
                yield from self._rows_of(number)

    def _page(self, number: int) -> bytes:
        newer = self._newer.get(number)
        if newer is not None:
            return newer
        start = (number - 1) * self.size
        page = bytes(self._file[start : start + self.size])
        if number < 1 or len(page) < self.size:
            raise Damaged(f"there is no page {number}")
        return page

    def _rows_of(self, number: int) -> Iterator[Row]:
        """Yield the rows of a page; "B-tree Pages"."""
        try:
            page = self._page(number)
        except Damaged:
            return
        base = _HEADER if number == 1 else 0
        kind = page[base]
        if kind not in (_TREE_INDEX, _LEAF_INDEX, _LEAF_TABLE):
            return
        cells = base + (12 if kind == _TREE_INDEX else 8)
        (count,) = struct.unpack_from(">H", page, base + 3)
        for place in range(cells, min(cells + 2 * count, self.size - 1), 2):
            (start,) = struct.unpack_from(">H", page, place)
            try:
                yield self._row(page, start, kind)
            except (Damaged, IndexError, struct.error, UnicodeDecodeError):
                continue  # this row is lost; others on the page may be intact

    def _row(self, page: bytes, start: int, kind: int) -> Row:
        at, number = start + (4 if kind == _TREE_INDEX else 0), None
        length, at = _varint(page, at)
        if kind == _LEAF_TABLE:
            number, at = _varint(page, at)
        return number, _columns(self._payload(page, at, length, kind))

    def _payload(self, page: bytes, at: int, length: int, kind: int) -> bytes:
        """Return a row's bytes, including those on overflow pages; "Cell Payload Overflow"."""
        usable = self.size - self._spare
        most = usable - 35 if kind == _LEAF_TABLE else (usable - 12) * 64 // 255 - 23
        if length > self.count * self.size:
            raise Damaged("a row longer than the file")
        if length <= most:
            return _exactly(page, at, length)
        least = (usable - 12) * 32 // 255 - 23
        here = least + (length - least) % (usable - 4)
        if here > most:
            here = least
        parts, left = [_exactly(page, at, here)], length - here
        (following,) = struct.unpack_from(">I", page, at + here)
        while left > 0:
            over = self._page(following)
            take = min(left, usable - 4)
            parts.append(over[4 : 4 + take])
            left -= take
            (following,) = struct.unpack_from(">I", over, 0)
        return b"".join(parts)

    def _free(self) -> set[int]:
        """Return the free pages, which hold only deleted rows; "The Freelist"."""
        free: set[int] = set()
        try:
            first = self._page(1)
            if first[:16] != _MAGIC:
                return free
            (trunk,) = struct.unpack_from(">I", first, 32)
            while trunk and trunk not in free:
                page = self._page(trunk)
                free.add(trunk)
                trunk, count = struct.unpack_from(">II", page, 0)
                leaves = min(count, self.size // 4 - 2)
                free.update(struct.unpack_from(f">{leaves}I", page, 8))
        except Damaged:
            pass  # the pages listed up to here are free
        return free


def _page_size(file: bytes) -> int:
    if file[:16] != _MAGIC or len(file) < _HEADER:
        return _USUAL_PAGE
    (size,) = struct.unpack_from(">H", file, 16)
    size = 65536 if size == 1 else size
    return size if size >= 512 and size & (size - 1) == 0 else _USUAL_PAGE


def _exactly(page: bytes, at: int, length: int) -> bytes:
    found = page[at : at + length]
    if len(found) < length:
        raise Damaged("a row beyond its page")
    return found


def _varint(page: bytes, at: int) -> tuple[int, int]:
    """Return a number of one to nine bytes and the position after it; "Varint"."""
    number = 0
    for place in range(at, at + 8):
        number = number << 7 | page[place] & 0x7F
        if page[place] < 0x80:
            return number, place + 1
    number = number << 8 | page[at + 8]
    return number - (1 << 64) if number >> 63 else number, at + 9


def _columns(row: bytes) -> tuple[Value, ...]:
    """Return the values of a row; "Record Format"."""
    length, at = _varint(row, 0)
    if not 0 < length <= len(row):
        raise Damaged("a row whose header is longer than itself")
    body, values = length, list[Value]()
    while at < length:
        kind, at = _varint(row, at)
        value, body = _value(row, body, kind)
        values.append(value)
        if len(values) > _MOST_COLUMNS:
            raise Damaged("a row of very many columns")
    return tuple(values)


def _value(row: bytes, at: int, kind: int) -> tuple[Value, int]:
    if kind == 0:
        return None, at
    if kind in (8, 9):
        return kind - 8, at
    if kind in _WIDTHS:
        end = at + _WIDTHS[kind]
        return int.from_bytes(_exactly(row, at, _WIDTHS[kind]), "big", signed=True), end
    if kind == 7:
        (number,) = struct.unpack_from(">d", row, at)
        return float(number), at + 8
    if kind < 12:
        raise Damaged("a value of no type")
    length = (kind - 12) // 2
    found = _exactly(row, at, length)
    return found.decode() if kind % 2 else found, at + length


def _committed(wal: bytes, size: int) -> dict[int, bytes]:
    """Return the pages that the write-ahead log holds committed; "WAL File Format"."""
    if len(wal) < _WAL_HEADER:
        return {}
    magic, _, page_size, _, *salt = struct.unpack_from(">6I", wal, 0)
    if magic & ~1 != _WAL_MAGIC or page_size != size:
        return {}
    words = ">" if magic & 1 else "<"
    checksum = _checksum((0, 0), wal[:24], words)
    committed, waiting = dict[int, bytes](), dict[int, bytes]()
    step = _FRAME_HEADER + size
    for start in range(_WAL_HEADER, len(wal) - step + 1, step):
        number, length, *rest = struct.unpack_from(">6I", wal, start)
        page = bytes(wal[start + _FRAME_HEADER : start + step])
        checksum = _checksum(checksum, wal[start : start + 8], words)
        checksum = _checksum(checksum, page, words)
        if rest != [*salt, *checksum]:
            break  # left from before a checkpoint, or damaged: SQLite stops here as well
        waiting[number] = page
        if length:
            committed.update(waiting)
            waiting.clear()
    return committed


def _checksum(before: tuple[int, int], data: bytes, words: str) -> tuple[int, int]:
    """Continue the checksum over pairs of words; "Checksum Algorithm"."""
    first, second = before
    for one, two in struct.iter_unpack(f"{words}2I", data):
        first = (first + one + second) & 0xFFFFFFFF
        second = (second + two + first) & 0xFFFFFFFF
    return first, second
