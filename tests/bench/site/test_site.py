"""The site as files: whole, escaped, the same twice, and saying what the records say."""

from __future__ import annotations

import csv
import io
import json
import random
import re
from collections import Counter
from html.parser import HTMLParser
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import unquote

import pytest
from click.testing import CliRunner
from genuine import put

from bench.cli.report import report
from bench.errors import UserError
from bench.report.findings import Findings
from bench.site import build
from bench.site.build import write_site
from tests.bench.site.conftest import HOSTILE

if TYPE_CHECKING:
    from bench.records import Record
    from bench.store import Failure
    from tests.bench.conftest import MakeRecord

_EMPTY = {"meta", "link", "img", "br", "input"}


class Page(HTMLParser):
    """What a page holds; fails on elements that are not closed in order."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.links: list[str] = []
        self.ids: Counter[str] = Counter()
        self.attributes: list[tuple[str, str]] = []
        self.scripts: list[str | None] = []
        self.words = ""
        self.feed(text)
        assert not self.open

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        found = dict(attrs)
        if tag not in _EMPTY:
            self.open.append(tag)
        if tag == "script":
            self.scripts.append(found.get("src"))
        self.links += [value for key in ("href", "src") if (value := found.get(key))]
        self.ids.update(value for value in [found.get("id")] if value)
        self.attributes += [(key, value or "") for key, value in attrs]

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        del tag, attrs  # of pictures

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.words += data


def pages(site: Path) -> dict[str, Page]:
    return {path.name: Page(path.read_text(encoding="utf-8")) for path in site.glob("*.html")}


def contents(site: Path) -> dict[str, bytes]:
    return {str(p.relative_to(site)): p.read_bytes() for p in site.rglob("*") if p.is_file()}


def rows_of(site: Path, name: str) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO((site / "data" / name).read_text(encoding="utf-8"))))


def test_every_board_has_its_pages(site: Path) -> None:
    names = {"index.html"}
    names |= {
        f"{stem}{end}"
        for stem in ("lite-emopia", "smoke-synthetic")
        for end in (".html", ".clips.html")
    }
    assert names <= set(pages(site))


def test_links_lead_to_files_and_places_that_are_there(site: Path) -> None:
    found = pages(site)
    for name, page in found.items():
        assert max(page.ids.values()) == 1, name
        for link in page.links:
            if link == "data:,":
                continue
            assert "//" not in link, "nothing from elsewhere"
            file, _, place = unquote(link).partition("#")
            assert (site / (file or name)).is_file(), link
            assert not place or place in found[file or name].ids, link


def test_what_stands_in_records_is_shown_and_never_run(site: Path) -> None:
    found = pages(site)
    for name, page in found.items():
        assert {script for script in page.scripts if script} >= {"assets/site.js"}, name
        assert all(
            script and re.match(r"(assets|data)/[\w.-]+\.js$", script) for script in page.scripts
        )
        assert not [key for key, _ in page.attributes if key.startswith("on") or key == "style"]
    assert HOSTILE in found["index.html"].words
    assert "Failed cells" in found["index.html"].words
    for name, content in contents(site).items():
        if name.endswith((".js", ".svg")) and not name.startswith("assets/"):
            assert b"<script" not in content
            assert b"</script" not in content


def test_a_policy_forbids_scripts_in_the_page_and_anything_from_elsewhere(site: Path) -> None:
    for page in pages(site).values():
        policy = next(v for k, v in page.attributes if k == "content" and "default-src" in v)
        assert policy.startswith("default-src 'none';")
        assert "unsafe" not in policy
        assert "http" not in policy


@pytest.fixture
def no_figures(monkeypatch: pytest.MonkeyPatch) -> None:
    """As if matplotlib were not installed."""
    monkeypatch.setattr(build, "find_spec", lambda _: None)


@pytest.mark.usefixtures("no_figures")
def test_equal_records_give_equal_bytes(
    records: list[Record], failures: list[Failure], tmp_path: Path
) -> None:
    shuffled = random.Random(0).sample(records, len(records))  # noqa: S311  # no secret
    for name, given in (("one", records), ("two", shuffled)):
        write_site(tmp_path / name, Findings.of(given, failures, expected=[records[0].cell]))
    assert contents(tmp_path / "one") == contents(tmp_path / "two")


def test_the_board_as_csv_and_json_holds_the_numbers(site: Path) -> None:
    rows = rows_of(site, "smoke-synthetic.csv")
    assert [row["method"] for row in rows] == ["alpha", "beta"]
    assert [float(row["accuracy"]) for row in rows] == [0.875, 0.75]
    assert [row["deterministic"] for row in rows] == ["False", "True"]
    assert [row["seeds"] for row in rows] == ["4", "1"]
    assert [(row["n"], row["cpu_seconds"]) for row in rows] == [("64", "25.0")] * 2
    told = json.loads((site / "data/smoke-synthetic.json").read_text())
    assert (told["suite"], told["dataset"], told["protocol"]) == ("smoke", "synthetic", 1)
    assert [row["accuracy"] for row in told["rows"]] == [0.875, 0.75]
    assert all(
        row["accuracy_low"] <= row["accuracy"] <= row["accuracy_high"] for row in told["rows"]
    )


def test_the_board_stands_beside_the_paper(site: Path) -> None:
    first, second = rows_of(site, "lite-emopia.csv")
    assert (first["method"], second["method"]) == ("mt-midibert", "midibert")
    assert float(first["paper_accuracy"]) == 0.6758
    measured = (15 + 16 + 17 + 18) / 4 / 20
    assert float(first["difference"]) == pytest.approx(measured - 0.6758)
    over = rows_of(site, "lite-emopia.paper-accuracy.csv")
    assert [(row["method"], row["over"], row["n"]) for row in over[:2]] == [
        ("mt-midibert", "clips", "20"),
        ("mt-midibert", "segments", "40"),
    ]
    assert over[1]["inside"] == "False"  # all segments are right


def test_tables_are_latex(site: Path) -> None:
    text = (site / "data/lite-emopia.tex").read_text(encoding="utf-8")
    assert "\\begin{tabular}{lrrlrrrrrrrr}" in text
    assert "67.58 $\\pm$ 2.39\\textsuperscript{a} &" in text
    assert "\\textsuperscript{a} over 91 segments of the 88 clips, to judge by its digits\n" in text
    assert "mt-midibert & " in text
    assert "$\\pm$" in text
    lines = [line for line in text.splitlines() if line.endswith("\\\\")]
    assert {line.count("&") for line in lines} == {11}


@pytest.mark.usefixtures("no_figures")
def test_what_may_have_seen_test_clips_is_marked_on_the_page_and_in_its_files(
    make_record: MakeRecord, tmp_path: Path
) -> None:
    start = {"sha256": "ab" * 32, "exposure": "transductive"}
    records = [make_record("alpha", details={"start": start}), make_record("beta")]
    write_site(tmp_path / "s", Findings.of(records))
    note = "transductive: the weights it began with may have seen valid or test clips"
    assert any(note in page.read_text() for page in (tmp_path / "s").glob("*.html"))
    assert note in (tmp_path / "s/data/lite-emopia.tex").read_text()
    rows = {row["method"]: row["exposure"] for row in rows_of(tmp_path / "s", "lite-emopia.csv")}
    assert rows == {"alpha": "transductive", "beta": ""}


@pytest.mark.usefixtures("no_figures")
def test_names_from_records_are_plain_text_to_latex_and_spreadsheets(
    make_record: MakeRecord, tmp_path: Path
) -> None:
    write_site(tmp_path / "s", Findings.of([make_record("=cmd_1&2{}")]))
    assert "=cmd\\_1\\&2\\{\\} &" in (tmp_path / "s/data/lite-emopia.tex").read_text()
    assert rows_of(tmp_path / "s", "lite-emopia.csv")[0]["method"] == "'=cmd_1&2{}"


def test_a_clip_tells_how_many_methods_are_right(site: Path) -> None:
    rows = rows_of(site, "smoke-synthetic.clips.csv")
    # Clips 0..7 are wrong by alpha, 4..19 by beta.
    assert Counter(row["methods_right"] for row in rows) == {"0": 4, "1": 16, "2": 44}
    assert [row["methods_right"] for row in rows[:5]] == ["0"] * 4 + ["1"]
    assert all(row["song"] and row["key"] and int(row["notes"]) for row in rows)
    words = pages(site)["smoke-synthetic.clips.html"].words
    assert "4 of 64 test clips are answered wrongly by every one of the 2 methods" in words


def test_rolls_are_there_or_the_page_says_why_not(site: Path) -> None:
    assert (site / "data/synthetic.rolls.js").stat().st_size > 1000
    assert "another version of this dataset" in pages(site)["lite-emopia.clips.html"].words
    rows = rows_of(site, "lite-emopia.clips.csv")
    assert len(rows) == 20
    assert {row["song"] for row in rows} == {""}


@pytest.mark.usefixtures("no_figures")
def test_a_dataset_that_is_not_fetched_has_songs_and_no_rolls(
    records: list[Record], make_record: MakeRecord, tmp_path: Path
) -> None:
    from bench.datasets import dataset_info, manifest_rows

    del records
    clip = next(row for row in manifest_rows("emopia") if row.split == "test")
    record = make_record(labels=[0], predicted=[0], digest=dataset_info("emopia").digest)
    record.predictions[0] = type(record.predictions[0])(clip.clip, 0, record.predictions[0].p)
    write_site(tmp_path / "site", Findings.of([record]))
    assert "bench data fetch emopia" in pages(tmp_path / "site")["lite-emopia.clips.html"].words
    (row,) = rows_of(tmp_path / "site", "lite-emopia.clips.csv")
    assert (row["song"], row["notes"], row["key"]) == (clip.song, str(clip.notes), "")


@pytest.mark.usefixtures("no_figures")
def test_without_matplotlib_the_page_says_what_to_install(
    make_record: MakeRecord, tmp_path: Path
) -> None:
    write_site(tmp_path / "site", Findings.of([make_record()]))
    assert "smer-bench[figures]" in pages(tmp_path / "site")["lite-emopia.html"].words
    assert not (tmp_path / "site/figures").exists()


@pytest.mark.usefixtures("no_figures")
def test_boards_whose_names_become_alike_keep_files_of_their_own(
    make_record: MakeRecord, tmp_path: Path
) -> None:
    records = [make_record(dataset=name) for name in ("a b", "a-b", "A-b")]
    write_site(tmp_path / "site", Findings.of(records))
    words = [page.words for name, page in pages(tmp_path / "site").items() if "clips" not in name]
    assert len(words) == 4
    for name in ("a b", "a-b", "A-b"):
        assert any(f"{name} 1.0, suite lite · smer-bench" in text for text in words)


@pytest.mark.usefixtures("no_figures")
def test_seeds_may_have_answered_other_clips(make_record: MakeRecord, tmp_path: Path) -> None:
    records = [make_record(seed=0, labels=(0, 1), predicted=(0, 1)), make_record(seed=1)]
    write_site(tmp_path / "site", Findings.of(records))
    assert len(rows_of(tmp_path / "site", "lite-emopia.clips.csv")) == 4


@pytest.mark.usefixtures("no_figures")
def test_a_board_of_changed_methods_alone_has_no_clips(
    make_record: MakeRecord, tmp_path: Path
) -> None:
    write_site(tmp_path / "site", Findings.of([make_record(changes={"lr": 0.5})]))
    assert set(pages(tmp_path / "site")) == {"index.html", "lite-emopia.html"}
    (row,) = rows_of(tmp_path / "site", "lite-emopia.variants.csv")
    assert (row["method"], row["changed"], row["accuracy"]) == ("alpha", "lr = 0.5", "1.0")


@pytest.mark.usefixtures("no_figures")
def test_pairs_of_methods_are_tables_of_their_own(make_record: MakeRecord, tmp_path: Path) -> None:
    labels = [0, 1, 2, 3] * 10
    started, scratch = {"lr": 1e-4, "start": "lite"}, {"lr": 1e-3, "start": "none"}
    records = [
        make_record(
            method,
            labels=labels,
            predicted=[*labels[:right], *((q + 1) % 4 for q in labels[right:])],
            seed=seed,
            settings=settings,
            changes=changes,
        )
        for seed in range(2)
        for method, right, settings, changes in (
            ("mt-alpha", 36, {**started, "tasks": ["key"]}, {}),
            ("alpha", 32, started, {}),
            ("alpha", 20, {"lr": 1e-3}, scratch),
        )
    ]
    write_site(tmp_path / "site", Findings.of(records))
    words = pages(tmp_path / "site")["index.html"].words
    for name, title, difference in (
        ("tasks", "Do auxiliary tasks help?", 0.1),
        ("starts", "Does pre-training help?", 0.3),
    ):
        assert title in words
        (row,) = rows_of(tmp_path / "site", f"lite.{name}.csv")
        assert float(row["difference"]) == pytest.approx(difference)


@pytest.mark.usefixtures("no_figures")
def test_without_records_there_is_a_page_that_says_so(tmp_path: Path) -> None:
    write_site(tmp_path / "site", Findings.of([]))
    assert "No records yet" in pages(tmp_path / "site")["index.html"].words


def test_the_command_writes_a_site(make_record: MakeRecord, tmp_path: Path) -> None:
    put(tmp_path / "results", make_record())
    arguments = ["--results", str(tmp_path / "results"), "-o", str(tmp_path / "site")]
    done = CliRunner().invoke(report, arguments)
    assert (done.exit_code, done.output) == (0, f"{tmp_path / 'site' / 'index.html'}: 1 records\n")
    assert "mt-midigpt" in pages(tmp_path / "site")["index.html"].words  # not run yet


@pytest.mark.usefixtures("no_figures")
def test_a_site_takes_the_place_of_an_older_one(make_record: MakeRecord, tmp_path: Path) -> None:
    folder = tmp_path / "site"
    folder.mkdir()
    write_site(folder, Findings.of([make_record(dataset="old")]))
    write_site(folder, Findings.of([make_record(dataset="new")]))
    assert (folder / "lite-new.html").exists()
    assert not (folder / "lite-old.html").exists()
    assert [path.name for path in tmp_path.iterdir()] == ["site"]


@pytest.mark.usefixtures("no_figures")
@pytest.mark.parametrize(
    "foreign", ["thesis.tex", "index.html", ".git", "notes.html", "data/mine.csv"]
)
def test_a_folder_of_something_else_is_left_alone(
    make_record: MakeRecord, tmp_path: Path, foreign: str
) -> None:
    folder = tmp_path / "site"
    if foreign not in ("thesis.tex", "index.html"):  # put into a site of ours
        write_site(folder, Findings.of([make_record()]))
    folder.mkdir(exist_ok=True)
    (folder / foreign).write_text("mine")
    before = contents(folder)
    with pytest.raises(UserError, match=re.escape(f"holds {foreign!r}")):
        write_site(folder, Findings.of([make_record()]))
    assert contents(folder) == before
    (tmp_path / "file").write_text("mine")
    with pytest.raises(UserError, match="is a file"):
        write_site(tmp_path / "file", Findings.of([make_record()]))


@pytest.mark.usefixtures("no_figures")
def test_a_site_that_fails_half_way_leaves_the_older_one(
    make_record: MakeRecord, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "site"
    write_site(folder, Findings.of([make_record()]))
    before = contents(folder)

    def fail(*_: object) -> None:
        raise UserError("a corrupt file")

    monkeypatch.setattr(build, "music_of", fail)
    with pytest.raises(UserError, match="a corrupt file"):
        write_site(folder, Findings.of([make_record()]))
    assert contents(folder) == before
    assert [path.name for path in tmp_path.iterdir()] == ["site"]


@pytest.mark.usefixtures("no_figures")
def test_an_interrupt_while_a_site_is_replaced_leaves_the_older_one(
    make_record: MakeRecord, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "site"
    write_site(folder, Findings.of([make_record()]))
    before = contents(folder)
    rename = Path.rename

    def interrupt(path: Path, target: Path) -> Path:
        if path.name == "new":
            monkeypatch.undo()
            raise KeyboardInterrupt
        return rename(path, target)

    monkeypatch.setattr(Path, "rename", interrupt)
    with pytest.raises(KeyboardInterrupt):
        write_site(folder, Findings.of([make_record(dataset="new")]))
    assert contents(folder) == before
    assert [path.name for path in tmp_path.iterdir()] == ["site"]
