"""The renderer's own view of the machine: it knows the product's faces and none of those that happen to be installed."""

from __future__ import annotations

import ctypes
import tempfile
from collections.abc import Iterable
from pathlib import Path
from typing import Any
from xml.sax.saxutils import escape

from weasyprint.text.ffi import ffi, gobject, pangoft2
from weasyprint.text.fonts import FontConfiguration

from . import fonts
from .errors import RendererUnavailable

# Names that papers made for the first version use; they mean the product's faces now.
ALIASES = {
    "Noto Serif CJK SC": fonts.SONG,
    "Noto Sans CJK SC": fonts.HEI,
    "HanaMinA": fonts.RARE[1],
    "HanaMinB": fonts.RARE[2],
    "serif": fonts.SONG,
    "sans-serif": fonts.HEI,
    "monospace": fonts.HEI,
}


class OwnFonts(FontConfiguration):
    """WeasyPrint's font list, filled from the product's folder alone, so that no machine prints with another face."""

    def __init__(self, faces: Iterable[fonts.Face] | None = None) -> None:
        self._folder = None
        files = [face.file for face in (fonts.faces() if faces is None else faces)]
        config = _configuration(files)
        self._config = ffi.cast("FcConfig *", config)
        self.font_map = ffi.gc(pangoft2.pango_ft2_font_map_new(), gobject.g_object_unref)
        pangoft2.pango_fc_font_map_set_config(ffi.cast("PangoFcFontMap *", self.font_map), self._config)
        # The map holds a reference of its own.
        _library().FcConfigDestroy(config)
        self.strut_layouts: dict[Any, Any] = {}
        self.font_features: dict[Any, Any] = {}


def _configuration(files: list[Path]) -> int:
    lib = _library()
    config = lib.FcConfigCreate()
    if not config or not lib.FcConfigParseAndLoadFromMemory(config, _rules(), True):
        raise RendererUnavailable("字体库 fontconfig 不接受设置，不能排印文书；请安装 libfontconfig1 2.13 以上的版本")
    if not lib.FcConfigBuildFonts(config):
        raise RendererUnavailable("字体库 fontconfig 不能建立字体表，不能排印文书")
    for file in files:
        if not lib.FcConfigAppFontAddFile(config, str(file).encode()):
            raise RendererUnavailable(f"字体文件 {file.name} 不能读取，不能排印文书；请删除 fonts/unpacked 后重新启动")
    return int(config)


def _rules() -> bytes:
    aliases = "".join(
        f'<match target="pattern"><test name="family" qual="any"><string>{escape(old)}</string></test>'
        f'<edit name="family" mode="assign" binding="same"><string>{escape(new)}</string></edit></match>'
        for old, new in {**ALIASES, **_standing_in()}.items()
    )
    return (
        '<?xml version="1.0"?><!DOCTYPE fontconfig SYSTEM "urn:fontconfig:fonts.dtd">'
        f"<fontconfig><cachedir>{escape(_cache_folder())}</cachedir>{aliases}</fontconfig>"
    ).encode()


def _standing_in() -> dict[str, str]:
    """Without a 仿宋 of the office its place is taken by the Song, never by chance."""
    return {} if any(face.family == fonts.FANG for face in fonts.faces()) else {fonts.FANG: fonts.SONG}


def _cache_folder() -> str:
    return str(Path(tempfile.gettempdir()) / "daiban-fontconfig")


def _library() -> ctypes.CDLL:
    try:
        lib = ctypes.CDLL("libfontconfig.so.1")
    except OSError as error:
        raise RendererUnavailable("缺少系统库 fontconfig,不能排印文书；请安装 libfontconfig1") from error
    lib.FcConfigCreate.restype = ctypes.c_void_p
    lib.FcConfigDestroy.argtypes = [ctypes.c_void_p]
    lib.FcConfigBuildFonts.argtypes = [ctypes.c_void_p]
    lib.FcConfigAppFontAddFile.argtypes = [ctypes.c_void_p, ctypes.c_char_p]
    lib.FcConfigParseAndLoadFromMemory.argtypes = [ctypes.c_void_p, ctypes.c_char_p, ctypes.c_int]
    return lib
