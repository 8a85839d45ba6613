"""Credentials in prs.conf: which go together, how a password is written, and that no message and no other user gets to see them."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given

from unit.config.prs_conf import LOGIN, WORDS, load, mistakes


@pytest.mark.parametrize(
    ("lines", "sentence"),
    [
        (
            "api_host: a\napi_user: u@pve\napi_pass: secret1\napi_token: u@pve!t1=secret2",
            "api_pass and api_token are both given: keep one of them",
        ),
        ("api_host: a\napi_token: t1=secret2", "api_token names no user: write user@realm!name=secret, or give api_user"),
        ("api_host: a\napi_user: v@pve\napi_token: u@pve!t1=secret2", "api_token belongs to 'u@pve', but api_user is 'v@pve'"),
        ("api_host: a\napi_pass: secret1", "api_pass is given without api_user"),
        ("api_host: a\napi_user: u@pve", "api_user is given without api_pass or api_token"),
        ("api_user: u@pve\napi_pass: secret1", "a user is given without api_host"),
        ("api_host:\napi_user: u@pve\napi_pass: secret1", "api_host is empty: name at least one host"),
        ("api_host: a\napi_user: u@pve\napi_token:", "api_user is given without api_pass or api_token"),
        ("api_host: a\napi_user: u@pve\napi_pass:\napi_token:", "api_user is given without api_pass or api_token"),
    ],
)
def test_credentials_that_do_not_go_together(tmp_path: Path, lines: str, sentence: str) -> None:
    found = mistakes(tmp_path, f"[proxmox]\n{lines}\n")
    assert len(found) == 1
    assert found[0].endswith(f"[proxmox] {sentence}.")
    assert "secret" not in found[0].replace("name=secret", "")


@pytest.mark.parametrize(
    ("written", "password"),
    [
        ("Foo#Bar;%(x)s=:", "Foo#Bar;%(x)s=:"),
        ("#hash", "#hash"),
        ("  two words ", "two words"),
        ('" blank at both ends "', " blank at both ends "),
        ("'single'", "single"),
        ('""twice""', '"twice"'),
        ("\"only the first", "\"only the first"),
        ("pässwörd €", "pässwörd €"),
        ("# with a blank # inside", "# with a blank # inside"),
    ],
)
def test_a_password_is_taken_literally(tmp_path: Path, written: str, password: str) -> None:
    settings = load(tmp_path, f"[proxmox]\napi_host: a\napi_user: u@pve\napi_pass: {written}\n")
    assert settings.require_endpoint().password == password


def test_a_token_takes_its_user_from_itself_or_from_api_user(tmp_path: Path) -> None:
    for lines in ("api_token: u@pve!t1=s=1", "api_user: u@pve\napi_token: t1=s=1", "api_user: u@pve\napi_token: u@pve!t1=s=1"):
        endpoint = load(tmp_path, f"[proxmox]\napi_host: a\n{lines}\n").require_endpoint()
        assert (endpoint.user, endpoint.token_name, endpoint.token_value) == ("u@pve", "t1", "s=1")


@pytest.mark.parametrize(
    ("line", "hint"),
    [
        ("api_user: prs@pve!tok", "(this is a token: write api_token: prs@pve!tok=SECRET instead of api_user and api_pass)"),
        ("api_user: prs@pve!tok=hunter2", "(this is a token: write api_token: prs@pve!tok=SECRET instead of api_user and api_pass)"),
        ("api_token: PVEAPIToken=prs@pve!tok=hunter2", "(write only what follows PVEAPIToken=)"),
        ("api_token: Authorization: PVEAPIToken prs@pve!tok=hunter2", "(write only what follows PVEAPIToken=)"),
        ("api_token: prs@pve!tok:hunter2", "(between the token's name and its secret stands a =, not a :)"),
        ("api_token: prs@pve!tok", "(the secret is missing after '=')"),
        ("api_token: prs!tok=hunter2", "(before the ! stands the token's user with its realm, such as prs@pve)"),
        ("api_token: prs@pve!1=hunter2", "(the token's name begins with a letter and holds letters, digits and . _ - only)"),
        ("token_id: prs@pve!tok", "has no option 'token_id': a token is written api_token: user@realm!name=secret"),
        ("token_secret: hunter2", "has no option 'token_secret': a token is written api_token: user@realm!name=secret"),
        ("password: hunter2", "has no option 'password': the password is written api_pass: PASSWORD"),
        ("api_user: John Doe@ldap", "(it holds a blank, which no name of a user in Proxmox VE has)"),
        ("api_user: a/b@pve", "(a name before the @ and a realm behind it are expected, without : and /)"),
        ("api_host: https://root:hunter2@pve1:8006", "'https://root:(not shown)@pve1:8006' (it is a URL: write the host without"),
        ("api_host: https://root@pam:hunter2@" + "x" * 70, "(it is a URL: write the host without https:// and path"),
        ("api_host: https://root:a/hunter2@pve1", "is a URL: write the host without https:// and path"),
        ("api_host: https://pve1:8006/api2", "'https://pve1:8006/api2' (it is a URL: write the host without https:// and path"),
    ],
)
def test_what_somebody_may_have_meant_is_told_without_the_secret(tmp_path: Path, line: str, hint: str) -> None:
    text = "\n".join(mistakes(tmp_path, f"[proxmox]\n{line}\n[balancing]\n"))
    assert hint in text
    assert "()" not in text
    assert "hunter2" not in text


def test_a_secret_is_in_no_message(tmp_path: Path) -> None:
    text = "[proxmox]\napi_pass hunter2\nhunter2\napi_token: hunter2\napi_pass: hunter2 \x07\n"
    assert "hunter2" not in " ".join(mistakes(tmp_path, text))


def test_a_secret_is_in_no_repr(tmp_path: Path) -> None:
    for login in ("api_user: u@pve\napi_pass: hunter2", "api_token: u@pve!t1=hunter2"):
        settings = load(tmp_path, f"[proxmox]\napi_host: a\n{login}\n")
        assert "hunter2" not in repr(settings)
        assert "hunter2" in (settings.require_endpoint().password, settings.require_endpoint().token_value)


@pytest.mark.parametrize(
    ("mode", "text", "warned"),
    [(0o644, LOGIN, True), (0o604, LOGIN, True), (0o640, LOGIN, False), (0o600, LOGIN, False), (0o644, "[service]\ndaemon: 0\n", False)],
)
def test_others_may_not_read_a_secret(tmp_path: Path, mode: int, text: str, warned: bool) -> None:
    path = tmp_path / "prs.conf"
    wanted = (f"{path} holds a secret and every user of this machine can read it: chmod 640 {path}",) if warned else ()
    assert load(tmp_path, text, mode).warnings == wanted


@given(WORDS.filter(bool))
def test_any_password_in_quotes_comes_back(tmp_path_factory: pytest.TempPathFactory, password: str) -> None:
    directory = tmp_path_factory.getbasetemp()
    settings = load(directory, f'[proxmox]\napi_host: a\napi_user: u@pve\napi_pass: "{password}"\n')
    assert settings.require_endpoint().password == password
