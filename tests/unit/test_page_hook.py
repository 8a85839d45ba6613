"""page-hook on index pages of all shapes seen in releases 6.4 to 9.2, and on every state that must leave the page alone."""

from __future__ import annotations

import errno
import os
import resource
import stat
import subprocess
import sys
from collections.abc import Callable
from importlib.machinery import SourceFileLoader
from importlib.util import module_from_spec, spec_from_loader
from pathlib import Path

import pytest

HOOK = Path(__file__).resolve().parents[2] / "pve-ui" / "page-hook"
MARK = "<!-- proxmox-rebalancing-service -->"


def shape(ext: str = "?ver=7.0.0", lib: str = "?ver=[% version %]", head: str = "", indent: str = "    ", quote: str = '"') -> str:
    """Write an index page as pve-manager ships it; the arguments are what differs between its releases."""
    return f"""<!DOCTYPE html>
<html>
  <head>
    <title>[% nodename %] - Proxmox Virtual Environment</title>
{head}    [% IF langfile %]
    <script type='text/javascript' src='/pve2/locale/pve-lang-[% lang %].js'></script>
    [%- ELSE %]
    <script type='text/javascript'>function gettext(buf) {{ return buf; }}</script>
    [% END %]
    <script type="text/javascript" src="/pve2/ext6/ext-all.js{ext}"></script>
    <script type="text/javascript" src="/proxmoxlib.js?ver=[% wtversion %]"></script>
{indent}<script type="text/javascript" src={quote}/pve2/js/pvemanagerlib.js{lib}{quote}></script>
    <script type="text/javascript" src="/pve2/ext6/locale/locale-[% lang %].js{ext}"></script>
    <script type="text/javascript">
    Ext.onReady(function() {{ Ext.create('PVE.StdWorkspace');}});
    </script>
  </head>
  <body></body>
</html>
"""


SHAPES = {
    "5.0, no version in the address": shape(ext="", lib=""),
    "6.4": shape(ext=""),
    "7.0-12, ExtJS with version": shape(),
    "7.3-7, themes": shape(head="    [%- IF theme != 'crisp' %]\n    <link href='/pwt/themes/theme-[% theme %].css'>\n    [%- END -%]\n"),
    "8.0.7, font-logos": shape(head='    <link rel="stylesheet" href="/pve2/font-logos/css/font-logos.css" />\n'),
    "8.3.6, consent text": shape(head="    <script>Proxmox = { ConsentText: '[% consenttext %]' };</script>\n"),
    "9.0.0~12, ngettext": shape(head="    <script>function ngettext(s, p, n) { return n === 1 ? s : p; }</script>\n"),
    "9.2.7, architecture": shape(head="    <script>Proxmox = { NodeArch: '[% arch %]' };</script>\n"),
    "tab and single quotes": shape(indent="\t", quote="'"),
    "CRLF": shape().replace("\n", "\r\n"),
    "bytes that are no UTF-8": shape().replace("Environment", "\udcff\udcfe"),
}
UNKNOWN = {
    "no anchor": shape().replace("pvemanagerlib", "otherlib"),
    "twice": shape() + shape(),
    "anchor behind a comment": shape().replace('    <script type="text/javascript" src="/pve2/', '    <!-- x --><script src="/pve2/'),
    "anchor without end of line": shape().split("/pvemanagerlib")[0] + "/pvemanagerlib.js\"></script>",
    "empty": "",
}


@pytest.fixture
def page(tmp_path: Path) -> Path:
    """Give the place of the page in a folder that looks like /usr/share/pve-manager."""
    (tmp_path / "js").mkdir()
    (tmp_path / "js" / "prs-rebalancing.js").write_text("// proxmox-rebalancing-service 1.2.3\n'panel';\n")
    return tmp_path / "index.html.tpl"


def write(page: Path, text: str) -> bytes:
    """Write the page (surrogates stand for bytes that are no text) and give its bytes."""
    page.write_bytes(text.encode("utf-8", "surrogateescape"))
    return page.read_bytes()


def places(page: Path) -> list[str]:
    """Keep the tool away from the files of this machine."""
    return ["--off-file", str(page.parent / "ui.off"), "--config", str(page.parent / "prs.conf")]


def hook(page: Path, *arguments: str, before: Callable[[], None] | None = None) -> subprocess.CompletedProcess[str]:
    """Run the tool as maintainer scripts do."""
    command = [sys.executable, str(HOOK), "--page", str(page), *places(page)]
    return subprocess.run([*command, *arguments], capture_output=True, text=True, check=False, preexec_fn=before)


@pytest.mark.parametrize("name", SHAPES)
def test_applies_one_line_behind_the_anchor_and_reverts_to_the_same_bytes(page: Path, name: str) -> None:
    original = write(page, SHAPES[name])
    done = hook(page, "apply")
    assert (done.returncode, done.stderr, done.stdout.count("\n")) == (0, "", 1)
    old, new = original.splitlines(keepends=True), page.read_bytes().splitlines(keepends=True)
    added = [index for index, line in enumerate(new) if MARK.encode() in line]
    assert len(added) == 1
    assert b"pvemanagerlib.js" in new[added[0] - 1]
    assert new[: added[0]] + new[added[0] + 1 :] == old
    assert new[added[0]].endswith(b"\r\n") == (name == "CRLF")
    assert hook(page, "revert").returncode == 0
    assert page.read_bytes() == original


@pytest.mark.parametrize("name", UNKNOWN)
def test_leaves_a_page_alone_whose_shape_it_does_not_know(page: Path, name: str) -> None:
    original = write(page, UNKNOWN[name])
    done = hook(page, "apply")
    assert done.returncode == 1
    assert "lines that load pvemanagerlib.js" in done.stderr
    assert done.stderr.count("\n") == 1
    assert page.read_bytes() == original
    assert sorted(os.listdir(page.parent)) == ["index.html.tpl", "js"]


def test_the_line_carries_version_content_and_backend(page: Path) -> None:
    write(page, SHAPES["6.4"])
    hook(page, "apply", "--backend", "https://pve.example.org:9443/prs")
    line = next(line for line in page.read_text().splitlines() if MARK in line)
    assert 'src="/pve2/js/prs-rebalancing.js?ver=1.2.3-' in line
    assert 'data-prs-backend="https://pve.example.org:9443/prs"' in line
    assert "[%" not in line


@pytest.mark.parametrize(
    ("config", "backend"),
    [
        ("[web]\nport: 9017\n", ":9017"),
        ("[web]\nport = 9017\nurl = https://pve.example.org/prs\n", "https://pve.example.org/prs"),
        ("[proxmox]\nport: 1\n[web]\n# port: 2\n", ":8017"),
        ("[web]\nport: 0\n", "none"),
        ("[web]\nport: '00'\nurl: https://pve.example.org/prs\n", "none"),
        ("[web]\nport: many\n", ":8017"),
        ("[web]\nurl: \"https://x\\\" onload=\n", ":8017"),
        (None, ":8017"),
    ],
)
def test_the_backend_is_the_configured_one(page: Path, config: str | None, backend: str) -> None:
    write(page, SHAPES["6.4"])
    if config is not None:
        (page.parent / "prs.conf").write_text(config)
    hook(page, "apply")
    assert hook(page, "status").stdout.endswith(f", backend {backend}\n")


def test_a_file_of_prs_conf_d_goes_before_prs_conf(page: Path) -> None:
    write(page, SHAPES["6.4"])
    (page.parent / "prs.conf").write_text("[web]\nport: 9017\n")
    more = page.parent / "prs.conf.d"
    more.mkdir()
    for name, port in (("10-one.conf", 9018), ("20-two.conf", 0), ("30-three.txt", 9019)):
        (more / name).write_text(f"[web]\nport: {port}\n")
    hook(page, "apply")
    assert hook(page, "status").stdout.endswith(", backend none\n")


def test_applying_again_changes_nothing_and_a_new_script_changes_the_address(page: Path) -> None:
    write(page, SHAPES["7.0-12, ExtJS with version"])
    hook(page, "apply")
    first, inode = page.read_bytes(), page.stat().st_ino
    assert "already" in hook(page, "apply").stdout
    assert (page.read_bytes(), page.stat().st_ino) == (first, inode)
    script = page.parent / "js" / "prs-rebalancing.js"
    script.write_text(script.read_text() + "// more\n")
    hook(page, "apply")
    assert page.read_bytes() != first
    assert page.read_text().count(MARK) == 1


def test_a_line_that_is_there_twice_becomes_one_and_goes_with_revert(page: Path) -> None:
    original = write(page, SHAPES["6.4"])
    hook(page, "apply")
    lines = page.read_text().splitlines(keepends=True)
    line = next(line for line in lines if MARK in line)
    page.write_text("".join([line, *lines]))
    hook(page, "apply", "--version", "9")
    assert page.read_text().count(MARK) == 1
    page.write_text("".join([line, *lines]))
    hook(page, "revert")
    assert page.read_bytes() == original


def test_a_line_changed_by_hand_is_left_to_hands(page: Path) -> None:
    write(page, SHAPES["6.4"])
    hook(page, "apply")
    changed = write(page, page.read_text().replace(MARK, "<!-- mine -->"))
    for action in ("apply", "revert"):
        done = hook(page, action)
        assert done.returncode == 1
        assert "by hand" in done.stderr
        assert page.read_bytes() == changed


def test_mode_owner_and_times_stay(page: Path) -> None:
    write(page, SHAPES["6.4"])
    page.chmod(0o640)
    os.utime(page, (1_000_000_000, 1_000_000_000))
    before = page.stat()
    hook(page, "apply")
    after = page.stat()
    assert stat.S_IMODE(after.st_mode) == 0o640
    assert (after.st_uid, after.st_gid, after.st_mtime) == (before.st_uid, before.st_gid, before.st_mtime)


def test_a_symbolic_link_stays_one_and_its_target_is_changed(page: Path, tmp_path: Path) -> None:
    real = tmp_path / "elsewhere" / "real.tpl"
    real.parent.mkdir()
    original = write(real, SHAPES["9.2.7, architecture"])
    page.symlink_to(real)
    assert hook(page, "apply").returncode == 0
    assert page.is_symlink()
    assert MARK in real.read_text()
    assert hook(page, "revert").returncode == 0
    assert (page.is_symlink(), real.read_bytes()) == (True, original)


def test_a_full_disk_leaves_the_page_and_no_rubbish(page: Path) -> None:
    original = write(page, SHAPES["6.4"])
    done = hook(page, "apply", before=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (100, 100)))
    assert done.returncode == 1
    assert "cannot be changed" in done.stderr
    assert page.read_bytes() == original
    assert sorted(os.listdir(page.parent)) == ["index.html.tpl", "js"]


def test_a_read_only_file_system_leaves_the_page(page: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    original = write(page, SHAPES["6.4"])
    loader = SourceFileLoader("page_hook", str(HOOK))
    module = module_from_spec(spec_from_loader("page_hook", loader) or pytest.fail("no such tool"))
    loader.exec_module(module)

    def refuse(**_: object) -> None:
        raise OSError(errno.EROFS, os.strerror(errno.EROFS))  # what mkstemp gives on a read-only mount; root ignores mode bits

    monkeypatch.setattr(module.tempfile, "mkstemp", refuse)
    assert module.main(["--page", str(page), "--off-file", str(page.parent / "ui.off"), "apply"]) == 1
    assert "cannot be changed: Read-only file system" in capsys.readouterr().err
    assert page.read_bytes() == original


def test_rubbish_of_a_killed_run_is_cleared(page: Path) -> None:
    write(page, SHAPES["6.4"])
    (page.parent / ".index.html.tpl.prs-dead").write_text("half")
    hook(page, "apply")
    assert sorted(os.listdir(page.parent)) == ["index.html.tpl", "js"]


def test_no_page_is_nothing_to_do(page: Path) -> None:
    for action in ("apply", "revert", "status"):
        done = hook(page, action)
        assert done.returncode == 1
        assert "nothing to do" in done.stderr


def test_without_the_installed_panel_no_line_points_to_it(page: Path) -> None:
    original = write(page, SHAPES["6.4"])
    (page.parent / "js" / "prs-rebalancing.js").unlink()
    assert hook(page, "apply").returncode == 1
    assert page.read_bytes() == original


def test_the_switch_off_file_takes_the_line_out(page: Path) -> None:
    original = write(page, SHAPES["6.4"])
    hook(page, "apply")
    off = page.parent / "ui.off"
    off.touch()
    done = hook(page, "apply")
    assert done.returncode == 0
    assert "switched off" in done.stdout
    assert page.read_bytes() == original
    assert "switched off" in hook(page, "status").stdout
    off.unlink()
    hook(page, "apply")
    assert MARK in page.read_text()


def test_status_says_what_is_there(page: Path) -> None:
    write(page, SHAPES["6.4"])
    off = hook(page, "status")
    assert (off.returncode, off.stdout) == (3, "page-hook: off\n")
    hook(page, "apply", "--version", "2.0")
    on = hook(page, "status")
    assert on.returncode == 0
    assert on.stdout.startswith("page-hook: on, version 2.0-")
    assert on.stdout.endswith(", backend :8017\n")
    write(page, UNKNOWN["no anchor"])
    assert "cannot be put in" in hook(page, "status").stdout


@pytest.mark.parametrize(
    ("option", "value"),
    [
        ("--backend", "http://host:1"),
        ("--backend", 'https://host"><script>'),
        ("--backend", "[% INCLUDE x %]"),
        ("--backend", ""),
        ("--backend", "none "),
        ("--backend", "nonesuch"),
        ("--version", '1" onload="x'),
        ("--version", "[% x %]"),
        ("--version", "1\n2"),
    ],
)
def test_words_that_could_break_the_page_are_refused(page: Path, option: str, value: str) -> None:
    original = write(page, SHAPES["6.4"])
    assert hook(page, "apply", option, value).returncode == 1
    assert page.read_bytes() == original


def test_many_runs_at_once_leave_one_line(page: Path) -> None:
    original = write(page, SHAPES["6.4"])
    command = [sys.executable, str(HOOK), "--page", str(page), "--off-file", str(page.parent / "ui.off")]
    runs = [subprocess.Popen([*command, "--version", str(number), "apply"], stdout=subprocess.DEVNULL) for number in range(6)]
    assert [run.wait() for run in runs] == [0] * 6
    assert page.read_text().count(MARK) == 1
    hook(page, "revert")
    assert page.read_bytes() == original
