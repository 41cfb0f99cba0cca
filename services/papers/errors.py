"""What can go wrong with a paper, each as a sentence a clerk can act on."""

from __future__ import annotations

from process.refusals import Refusal


class PaperError(Refusal):
    """Base of all refusals about papers; `str()` is the Chinese sentence to show."""

    slug = "paper"
    title = "文书不能打印"


class DefinitionError(PaperError):
    """A paper folder is wrong: says which file, which key and why."""

    def __init__(self, file: str, key: str, reason: str) -> None:
        self.file, self.key, self.reason = file, key, reason
        super().__init__(f"{file}: {key}: {reason}" if key else f"{file}: {reason}")


class InvalidPaperData(PaperError):
    """A value cannot stand on an official paper; `problems` holds (field, sentence)."""

    slug = "invalid-paper-data"

    def __init__(self, problems: list[tuple[str, str]]) -> None:
        self.problems = problems
        super().__init__(";".join(sentence for _, sentence in problems), dict(problems))


class DoesNotFit(InvalidPaperData):
    """The text is longer than the sheet; trying again changes nothing, shortening does."""

    slug = "paper-too-long"

    def __init__(self, sentence: str) -> None:
        super().__init__([("paper", sentence)])


class MissingGlyphs(PaperError):
    """Some character has no glyph in the product's fonts, so the paper must not be printed."""

    slug = "missing-glyph"

    def __init__(self, sentences: list[str]) -> None:
        self.sentences = sentences
        super().__init__(";".join(sentences))


class RenderFailed(PaperError):
    """The renderer gave up; says why and what the clerk can do now."""

    status = 503
    slug = "render-failed"
    title = "文书没有生成"

    def __init__(self, reason: str, advice: str, *, detail: str = "") -> None:
        self.reason, self.advice, self.detail = reason, advice, detail
        super().__init__(f"文书没有生成：{reason}。{advice}")


class RenderInterrupted(Refusal):
    """Somebody or the system killed the renderer. No fault of the paper, hence no PaperError: nobody gives it up for this."""

    status = 503
    slug = "render-interrupted"
    title = "文书没有生成"

    def __init__(self) -> None:
        super().__init__("排版程序被系统中断（多半是内存不足或进程被结束），文书本身没有问题。请稍后再试。")


class RendererUnavailable(PaperError):
    """This machine lacks something without which papers may not be printed at all."""

    status = 503
    slug = "renderer-unavailable"
