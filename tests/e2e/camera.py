"""Pictures of what the browser tests see, still and moving.

They go to `test-results/`; with `UPDATE_IMAGES` set (`make screenshots`) those that the documents
show go to `docs/images/`, too. Above it stand the tests; it knows nothing of what it pictures.
"""

import io
import os
import shutil
from dataclasses import dataclass, field
from pathlib import Path

from PIL import Image
from playwright.sync_api import Locator, Page

from tests.jupyter_process import REPOSITORY

RESULTS = REPOSITORY / "test-results"
IMAGES = REPOSITORY / "docs" / "images"

DOCUMENTED = {
    f"{name}-{theme}.png"
    for name in ("card", "edit", "form", "approval", "panel", "inbox", "phone", "run")
    for theme in ("light", "dark")
} | {"capture.webp"}
"""What the documents show; each is in docs/images, drawn by the tests."""


def picture(subject: Locator | Page, name: str) -> None:
    """Keep a picture of a part of the page, or of what the window shows."""
    RESULTS.mkdir(exist_ok=True)
    subject.screenshot(path=RESULTS / name, animations="disabled")
    if _is_wanted(name):
        with Image.open(RESULTS / name) as image:
            image.convert("RGB").save(IMAGES / name, optimize=True)


@dataclass
class Film:
    """Pictures of one part of the page, one after the other, through a window of one size.

    Attributes:
        subject: What is pictured; it may grow.
        height: Of the window; of what is taller, the top or the bottom is seen.
    """

    subject: Locator
    height: int
    _frames: list[Image.Image] = field(default_factory=list)
    _durations: list[int] = field(default_factory=list)

    def take(self, seconds: float, *, bottom: bool = False) -> None:
        """Take what is there now, to be shown for that long."""
        data = self.subject.screenshot(animations="disabled", caret="initial")
        frame = Image.open(io.BytesIO(data)).convert("RGB")
        window = Image.new("RGB", (frame.width, self.height), "white")
        window.paste(frame, (0, min(0, self.height - frame.height) if bottom else 0))
        self._frames.append(window)
        self._durations.append(round(seconds * 1000))

    def save(self, name: str, *, width: int) -> Path:
        """Join the pictures to one that moves; return its path."""
        RESULTS.mkdir(exist_ok=True)
        size = (width, round(self.height * width / self._frames[0].width))
        first, *others = (frame.resize(size, Image.Resampling.LANCZOS) for frame in self._frames)
        first.save(
            RESULTS / name,
            save_all=True,
            append_images=others,
            duration=self._durations,
            loop=0,
            quality=75,
            method=6,
        )
        if _is_wanted(name):
            shutil.copy(RESULTS / name, IMAGES / name)
        return RESULTS / name


def _is_wanted(name: str) -> bool:
    wanted = bool(os.environ.get("UPDATE_IMAGES")) and name in DOCUMENTED
    if wanted:
        IMAGES.mkdir(exist_ok=True)
    return wanted
