"""Opening pictures that came from outside: only whole ones, only of the named formats."""

from __future__ import annotations

import io
import warnings
from collections.abc import Sequence

from PIL import Image, ImageFile


def opened(content: bytes, formats: Sequence[str]) -> Image.Image:
    """A picture to be loaded within the caller's own limit of pixels; raises what Pillow raises."""
    # WeasyPrint switches this on for the whole process when it is imported; half a document or signature is none.
    ImageFile.LOAD_TRUNCATED_IMAGES = False
    with warnings.catch_warnings():
        # The callers' limits are stricter and speak Chinese.
        warnings.simplefilter("ignore", Image.DecompressionBombWarning)
        return Image.open(io.BytesIO(content), formats=tuple(formats))
