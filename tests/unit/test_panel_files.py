"""The panel's files: what PVE's page loads is small, the rest is fetched later, and no source file grows into two things."""

from __future__ import annotations

import re
import subprocess
import sys
from importlib.machinery import SourceFileLoader
from importlib.util import module_from_spec, spec_from_loader
from pathlib import Path
from typing import Any

import pytest

from prs.web.api.sentences import SENTENCES

UI = Path(__file__).resolve().parents[2] / "pve-ui"
SOURCES = sorted((UI / "src").rglob("*.js"))
CATALOGUES = sorted((UI / "po").glob("*.po"))
BOOT, PANEL = "prs-rebalancing.js", "prs-panel.js"


def load_bundle() -> Any:
    """The build program as a module."""
    loader = SourceFileLoader("bundle", str(UI / "bundle"))
    spec = spec_from_loader(loader.name, loader)
    assert spec
    module = module_from_spec(spec)
    loader.exec_module(module)
    return module


BUNDLE = load_bundle()


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Give the folder of the built panel."""
    folder = tmp_path_factory.mktemp("panel")
    subprocess.run([sys.executable, UI / "bundle", "1.2.3", folder], check=True)
    return folder


def test_page_load_costs_at_most_12_kib(built: Path) -> None:
    assert (built / BOOT).stat().st_size <= 12 * 1024


def test_boot_script_names_the_panel_by_its_content(built: Path, tmp_path: Path) -> None:
    subprocess.run([sys.executable, UI / "bundle", "1.2.4", tmp_path], check=True)
    address = re.compile(r"prs-panel\.js\?ver=[0-9a-f]{12}")
    first, second = (address.findall((folder / BOOT).read_text()) for folder in (built, tmp_path))
    assert len(first) == len(second) == 1
    assert first != second


def test_each_class_is_in_the_panel_once(built: Path) -> None:
    defined = re.findall(r"Ext\.define\('(PRS\.\w+)'", (built / PANEL).read_text())
    assert len(defined) == len(set(defined)) == len(SOURCES) - 3  # without boot, hooks and panel
    assert not re.findall(r"@[A-Z]+@", (built / BOOT).read_text() + (built / PANEL).read_text())


@pytest.mark.parametrize("source", SOURCES, ids=lambda path: path.name)
def test_source_files_stay_under_250_lines(source: Path) -> None:
    assert len(source.read_text(encoding="utf-8").splitlines()) < 250


def sentences() -> set[str]:
    """Every sentence that the sources show, and those that the service sends."""
    files = [*SOURCES, UI / "standalone" / "standalone.js"]
    return {sentence for path in files if path.name != "panel.js" for sentence in BUNDLE.messages(without_own(path))} | set(SENTENCES)


def without_own(path: Path) -> str:
    """The text of a source without the definition of gettext itself."""
    return re.sub(r"let gettext = .*", "", path.read_text(encoding="utf-8"))


def places(sentence: str) -> list[str]:
    return sorted(re.findall(r"\{\w+\}", sentence))


@pytest.mark.parametrize("catalogue", CATALOGUES, ids=lambda path: path.stem)
def test_each_language_has_every_sentence_and_no_other(catalogue: Path) -> None:
    translated = BUNDLE.read_po(catalogue)
    assert sentences() - set(translated) == set(), "untranslated"
    assert set(translated) - sentences() == set(), "unused"
    assert {key: value for key, value in translated.items() if places(key) != places(value)} == {}


def test_six_languages_are_there() -> None:
    assert [path.stem for path in CATALOGUES] == ["de", "es", "fr", "it", "ja", "zh_CN"]


@pytest.mark.parametrize("line", ['msgid "a', "msgstr[0] \"a\"", "text"])
def test_a_damaged_catalogue_is_refused_with_its_line(line: str, tmp_path: Path) -> None:
    (tmp_path / "xx.po").write_text(f'# comment\nmsgid "a"\nmsgstr "b"\n{line}\n')
    with pytest.raises(SystemExit, match=r"xx\.po, line 4"):
        BUNDLE.read_po(tmp_path / "xx.po")


def test_a_sentence_that_is_no_literal_is_refused() -> None:
    with pytest.raises(SystemExit, match="literal"):
        BUNDLE.messages("gettext(step.state)")


def test_continued_lines_and_escapes_of_a_catalogue(tmp_path: Path) -> None:
    lines = ['msgid ""', r'msgstr "Language: xx\n"', "", 'msgid ""', '"one "', r'"\"two\""', 'msgstr "eins"', 'msgid "open"', 'msgstr ""']
    (tmp_path / "xx.po").write_text("\n".join(lines))
    assert BUNDLE.read_po(tmp_path / "xx.po") == {'one "two"': "eins"}


# Words that stood beside another one for the same thing, or beside Proxmox VE's own (proxmox-i18n), and slips that were found once.
STRAY = {
    "de": r"(?<!Backup-)\bJobs? \{",
    "es": r"fichero|instantánea|copias? de seguridad|fuera de línea|ayudante|sugerid|gradual",
    "fr": r"’|\bGio\b|\bKio\b|\bréplicas?\b|accroche|évacuation|assistant|tournante",
    "it": r"’|\blo divario|\bospiti\b|\b[Ll]avoro \{|\bArchivio\b|aiutante|\b(?:riprovi|cerchi|guardi|scelga|selezionate)\b",
    "ja": r"移行|ユーザー|クラスター|マネージャー|プラン|再配置|ドレイン|バランス調整|[：；（）？]|\d\} 個のゲスト",
    "zh_CN": r"排空|来宾|方案建议|再平衡|[\u4e00-\u9fff][,:;?!]|[,:;?!][\u4e00-\u9fff]",
}


@pytest.mark.parametrize("catalogue", CATALOGUES, ids=lambda path: path.stem)
def test_one_word_for_one_thing_in_the_languages_own_punctuation(catalogue: Path) -> None:
    stray = re.compile(STRAY[catalogue.stem])
    assert {key: words for key, words in BUNDLE.read_po(catalogue).items() if stray.search(words)} == {}


def test_french_has_a_blank_before_high_punctuation() -> None:
    glued = re.compile(r"(?<![\s\d])[;:?!](?=\s|$)")
    quoted = re.compile(r"\(ha_guests: move\)|spare: require|Authorization: \S+")
    assert {words for words in BUNDLE.read_po(UI / "po" / "fr.po").values() if glued.search(quoted.sub("", words))} == set()
