"""The page and the Markdown: nothing of a program is markup, and the page needs nothing else."""

from __future__ import annotations

import re
import shutil
import subprocess
from html.parser import HTMLParser
from pathlib import Path

import pytest

from coderl_env.experiment.reports import writing
from coderl_env.experiment.reports.charts import can_draw
from coderl_env.experiment.reports.contents import make_report
from coderl_env.experiment.reports.writing import write_report_files
from coderl_env.experiment.sources import open_source

VOID = {"meta", "br", "hr", "img", "link", "input"}


class _Page(HTMLParser):
    """Collects elements and text, and checks that every element is closed."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.texts: list[str] = []
        self._open: list[str] = []
        self.feed(text)
        assert self._open == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))
        if tag not in VOID:
            self._open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))

    def handle_endtag(self, tag: str) -> None:
        assert self._open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.texts.append(data)


@pytest.fixture(scope="module")
def written(sweep_folder: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    with open_source(sweep_folder) as source:
        return write_report_files(make_report(source), tmp_path_factory.mktemp("report"))


def test_the_page_needs_nothing_else(written: tuple[Path, Path]) -> None:
    page = _Page(written[1].read_text())
    tags = {tag for tag, _ in page.elements}
    assert tags.isdisjoint({"script", "link", "iframe", "object", "img", "base", "form"})
    for _, attributes in page.elements:
        for name, value in attributes.items():
            assert not name.startswith("on")
            if name in ("href", "src", "xlink:href", "action"):
                assert (value or "").startswith("#")
    style = written[1].read_text()
    assert "url(http" not in style
    assert "@import" not in style


def test_links_and_names_lead_somewhere_and_are_unique(written: tuple[Path, Path]) -> None:
    page = _Page(written[1].read_text())
    names = [attributes["id"] for _, attributes in page.elements if "id" in attributes]
    assert len(set(names)) == len(names)
    links = [str(value)[1:] for _, attributes in page.elements for key, value in attributes.items() if "href" in key]
    assert links
    assert set(links) <= set(names)


def test_a_hostile_program_is_only_text(written: tuple[Path, Path]) -> None:
    page = _Page(written[1].read_text())
    text = "".join(page.texts)
    assert "<script>document.title = 1</script>" in text
    assert "a <b>laptop</b>" in text
    assert "\\u202e \\x1b[31m \\x00" in text
    assert not re.search("[\x00\x1b\u202e]", written[1].read_text())


def test_charts_take_their_colours_from_the_page(written: tuple[Path, Path]) -> None:
    if not can_draw():
        pytest.skip("matplotlib is not installed")
    text = written[1].read_text()
    assert text.count("<svg") == 2
    assert "var(--series-1)" in text
    assert "#00a1" not in text
    assert "#00b1" not in text
    assert "prefers-color-scheme:dark" in text


def test_markdown_keeps_programs_inside_their_fences(written: tuple[Path, Path]) -> None:
    lines = written[0].read_text().splitlines()
    fence = None
    outside = []
    for line in lines:
        marks = re.match(r"`{3,}", line)
        if fence is None and marks:
            fence = marks[0]
        elif fence is not None and line == fence:
            fence = None
        elif fence is None:
            outside.append(line)
    assert fence is None
    assert not any("<script>" in line for line in outside)
    assert "````python" in lines
    for table in re.findall(r"(?:^\|.*\n)+", "\n".join(outside) + "\n", re.MULTILINE):
        assert len({row.replace("\\|", "").count("|") for row in table.splitlines()}) == 1


def test_markdown_has_the_pictures_that_lie_beside_it(written: tuple[Path, Path]) -> None:
    if not can_draw():
        pytest.skip("matplotlib is not installed")
    pictures = re.findall(r"!\[Learning curves\]\((.+)\)", written[0].read_text())
    assert pictures == ["learning_curve.png", "learning_curve_2.png"]
    for name in pictures:
        assert (written[0].parent / name).read_bytes().startswith(b"\x89PNG")


def test_without_matplotlib_both_say_what_to_install(
    sweep_folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for module in ("writing", "markdown", "page"):
        monkeypatch.setattr(f"coderl_env.experiment.reports.{module}.can_draw", lambda: False)
    with open_source(sweep_folder) as source:
        files = write_report_files(make_report(source), tmp_path / "report")
    for file in files:
        assert "matplotlib is not installed" in file.read_text()
    assert sorted(item.name for item in (tmp_path / "report").iterdir()) == [writing.PAGE_NAME, writing.MARKDOWN_NAME]


BROWSERS = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
QUIET = [
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--hide-scrollbars",
]


@pytest.mark.slow
def test_a_browser_shows_the_page(written: tuple[Path, Path], tmp_path: Path) -> None:
    """Read without running anything: the hostile title is not set, and light and dark pages are drawn."""
    browser = next(filter(None, map(shutil.which, BROWSERS)), None)
    if browser is None:
        pytest.skip(f"no browser: none of {', '.join(BROWSERS)} is installed")
    address = written[1].as_uri()

    def run(*options: str) -> subprocess.CompletedProcess[str]:
        profile = tmp_path / f"profile{len(list(tmp_path.iterdir()))}"
        profile.mkdir()
        arguments = [browser, *QUIET, f"--user-data-dir={profile}", *options, address]
        return subprocess.run(arguments, capture_output=True, text=True, check=False, timeout=60)

    shown = run("--dump-dom")
    assert shown.returncode == 0, shown.stderr[-500:]
    page = _Page(shown.stdout)
    assert "two agents" in "".join(page.texts)
    assert "<title>two agents</title>" in shown.stdout
    assert sum(tag == "table" for tag, _ in page.elements) == written[1].read_text().count("<table")
    # The same page in light and in dark: what is drawn differs, and neither is blank.
    pictures = []
    for name, scheme in (("light", "1"), ("dark", "0")):
        picture = tmp_path / f"{name}.png"
        run(f"--screenshot={picture}", "--window-size=1200,1600", f"--blink-settings=preferredColorScheme={scheme}")
        pictures.append(picture.read_bytes())
    assert all(len(picture) > 30_000 for picture in pictures)
    assert pictures[0] != pictures[1]
