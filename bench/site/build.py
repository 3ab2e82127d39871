"""The site as a whole: which pages and files there are, and what stands on each."""

from __future__ import annotations

import re
from importlib import resources
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any

import msgspec
from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup, escape

from bench.records import PROTOCOL
from bench.report.comparisons import comparisons
from bench.report.figures import KINDS, figure_name, write_figures
from bench.report.inference import NO_SONGS
from bench.report.lists import other_sections, runs_table
from bench.report.reading import reading
from bench.report.sections import board_sections
from bench.report.tables import ABOUT_CONFUSIONS, confusion_table, main_table
from bench.report.titles import board_title, dataset_name
from bench.site.clips import answers_data, clip_board, clip_table
from bench.site.folder import replacing_site
from bench.site.formats import to_csv, to_json, to_latex
from bench.site.music import music_of
from bench.site.views import Block, Part, Picture, View

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from pathlib import Path

    from bench.report.findings import Findings
    from bench.report.rows import Board
    from bench.report.table import Plain, Section, Table
    from bench.site.clips import ClipBoard
    from bench.site.music import Music

_ABOUT_RUNS = "One line a record. A revision with + had uncommitted changes."
_LONGEST_STEM = 60  # of a file's name, in characters
_NO_FIGURES = (
    "No figures: matplotlib was not installed when this page was written "
    "(pip install 'smer-bench[figures]')."
)


def write_site(folder: Path, findings: Findings) -> None:
    """Write the whole site; equal findings give equal bytes.

    Args:
        folder: where it goes; a site that is there is replaced as a whole.
        findings: what the records come to.

    Raises:
        UserError: the folder holds something else, or cannot be written; a MIDI file is corrupt.
    """
    with replacing_site(folder) as fresh:
        _Writer(fresh, findings).write()


class _Writer:
    """The files of one site, below a folder that is empty at first."""

    def __init__(self, folder: Path, findings: Findings) -> None:
        self.folder = folder
        self.findings = findings
        self._stems: set[str] = set()
        self._music: dict[tuple[str, str], tuple[Music, str]] = {}
        self.environment = Environment(
            loader=PackageLoader("bench.site"),
            autoescape=True,
            undefined=StrictUndefined,
            trim_blocks=True,
            lstrip_blocks=True,
        )
        self.environment.filters["stressed"] = _stressed

    def write(self) -> None:
        for name in ("site.css", "site.js"):
            source = resources.files("bench.site").joinpath("assets", name)
            self._put(f"assets/{name}", source.read_bytes())
        pictures = find_spec("matplotlib") is not None
        if pictures:
            write_figures(self.findings, self.folder / "figures")
        views = {board: self._view(board) for board in self.findings.boards}
        self.environment.globals.update(
            boards=list(views.values()),
            n_shown=self.findings.n_shown,
            latest=max((r.provenance.finished[:10] for r in self.findings.records), default=""),
            protocol=PROTOCOL,
        )
        for view in views.values():
            self._write_board(view, pictures=pictures)
            if view.clips:
                self._write_clips(view, view.clips)
        self._write_index(views)

    def _view(self, board: Board) -> View:
        stem = self._stem(f"{board.suite}-{board.dataset}")
        table = main_table(board, self.findings.expected, self.findings.inference)
        caution = "" if self.findings.inference.knows_songs(board) else NO_SONGS
        return View(board, stem, self._block(stem, table, board), clip_board(board), caution)

    def _write_index(self, views: Mapping[Board, View]) -> None:
        suites = [
            self._suite(name, boards, [views[board] for board in boards])
            for name, boards in self.findings.by_suite().items()
        ]
        self._page(
            "index",
            "index.html",
            title="Leaderboard",
            reading=reading(),
            suites=suites,
            others=[
                self._part(section, f"all.{section.name}")
                for section in other_sections(self.findings)
            ],
        )

    def _suite(self, name: str, boards: Sequence[Board], views: Sequence[View]) -> dict[str, Any]:
        missing = self.findings.expected.missing_datasets(name, boards)
        return {
            "name": name,
            "about": self.findings.about.get(name, ""),
            "boards": views,
            "missing": [dataset_name(dataset) for dataset in missing],
            "comparisons": self._comparisons(name, boards),
        }

    def _comparisons(self, suite: str, boards: Sequence[Board]) -> list[Part]:
        stem = self._stem(suite)
        return [
            self._part(section, f"{stem}.{section.name}")
            for section in comparisons(self.findings.inference, boards)
        ]

    def _part(self, section: Section, stem: str, board: Board | None = None) -> Part:
        return Part(section, self._block(stem, section.table, board), stem)

    def _write_board(self, view: View, *, pictures: bool) -> None:
        board, stem = view.board, view.stem
        self._page(
            "board",
            view.page,
            title=board_title(board),
            board=view,
            figures=self._pictures(board),
            no_figures="" if pictures else _NO_FIGURES,
            parts=[
                self._part(section, f"{stem}.{section.name}", board)
                for section in board_sections(
                    board, self.findings.expected, self.findings.inference
                )
            ],
            runs=self._block(f"{stem}.runs", runs_table(board), board),
            about_runs=_ABOUT_RUNS,
            matrices=[confusion_table(row) for row in (*board.rows, *board.variants)],
            about_matrices=ABOUT_CONFUSIONS,
        )

    def _pictures(self, board: Board) -> list[Picture]:
        found = []
        for kind, caption in KINDS.items():
            name = figure_name(board.suite, board.dataset, kind)
            path = self.folder / "figures" / name
            if path.exists():
                width, height = re.findall(
                    r'\b(?:width|height)="([\d.]+)pt"', path.read_text(encoding="utf-8")
                )[:2]
                # A point is 4/3 of a pixel.
                size = (round(float(side) * 4 / 3) for side in (width, height))
                found.append(Picture(f"figures/{name}", caption, kind != "learning", *size))
        return found

    def _write_clips(self, view: View, clips: ClipBoard) -> None:
        board, stem = view.board, view.stem
        music, rolls_file = self._rolls(board)
        table = clip_table(clips, music, board_title(board))
        answers = f"data/{stem}.answers.js"
        self._put(answers, _script("answers", answers_data(clips)))
        n_right = clips.n_right
        self._page(
            "clips",
            view.clips_page,
            title=f"{board_title(board)}: clips",
            board=view,
            answers_file=answers,
            rolls_file=rolls_file,
            no_rolls=music.why_not,
            n_wrong=int((n_right == 0).sum()),
            n_right=int((n_right == len(clips.methods)).sum()),
            n_clips=len(clips.clips),
            n_methods=len(clips.methods),
            clips=self._block(f"{stem}.clips", table, board, kinds=("CSV", "JSON")),
        )

    def _rolls(self, board: Board) -> tuple[Music, str]:
        """The music of a board's dataset, and the script that holds its rolls, if there are any."""
        place = board.dataset, board.first.dataset.digest
        if place not in self._music:
            music = music_of(*place)
            file = ""
            if music.rolls is not None:
                file = f"data/{self._stem(board.dataset)}.rolls.js"
                self._put(file, _script("rolls", music.rolls))
            self._music[place] = music, file
        return self._music[place]

    def _block(
        self,
        stem: str,
        table: Table,
        board: Board | None = None,
        *,
        kinds: Sequence[str] = ("CSV", "JSON", "LaTeX"),
    ) -> Block:
        """Write a table's files."""
        facts: dict[str, Plain] = {"protocol": PROTOCOL}
        if board is not None:
            used = board.first.dataset
            facts |= {"suite": board.suite, "dataset": used.name}
            facts |= {"version": used.version, "digest": used.digest}
        contents: dict[str, tuple[str, Callable[[], bytes]]] = {
            "CSV": (f"data/{stem}.csv", lambda: to_csv(table)),
            "JSON": (f"data/{stem}.json", lambda: to_json(table, facts)),
            "LaTeX": (f"data/{stem}.tex", lambda: to_latex(table)),
        }
        files = {}
        for kind in kinds:
            files[kind], content = contents[kind]
            self._put(files[kind], content())
        return Block(table, files)

    def _page(self, template: str, name: str, **context: Any) -> None:
        text = self.environment.get_template(f"{template}.html.j2").render(page=name, **context)
        self._put(name, text.encode())

    def _put(self, name: str, content: bytes) -> None:
        path = self.folder / name
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(content)

    def _stem(self, text: str) -> str:
        """A name for files that is safe, without dots, and that no other text has."""
        plain = re.sub(r"[^\w-]+", "-", text)[:_LONGEST_STEM].strip("-") or "x"
        stem, n = plain, 1
        while stem.lower() in self._stems:
            n += 1
            stem = f"{plain}-{n}"
        self._stems.add(stem.lower())
        return stem


def _stressed(text: str) -> Markup:
    """Words between two "*" as HTML."""
    return Markup(re.sub(r"\*(.+?)\*", r"<em>\1</em>", str(escape(text))))  # noqa: S704 - escaped


def _script(name: str, value: object) -> bytes:
    """A script that hands a value to the page; as safe inside HTML as in a file of its own."""
    text = msgspec.json.encode(value).decode()
    for sign in "<>&\u2028\u2029":
        text = text.replace(sign, f"\\u{ord(sign):04x}")
    return f'"use strict";\nsmerBench.{name} = {text};\n'.encode()
