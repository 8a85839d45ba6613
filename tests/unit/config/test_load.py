"""prs.conf as administrators write it: what is accepted, and what they read when something is wrong."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from prs.config.load import Settings, load_settings
from prs.config.options import BY_NAME, DOMAIN, OPTIONS, POOL_OPTIONS, SECTIONS, STORAGE
from prs.endpoint import Endpoint
from prs.errors import ConfigError
from prs.model import Policy, Pool

ALL = (*OPTIONS, *POOL_OPTIONS, DOMAIN, STORAGE)
SHIPPED = Path(__file__).parents[3] / "backend" / "prs.conf"
LOGIN = "[proxmox]\napi_host: pve1\napi_user: root@pam\napi_pass: FooBar\n"


def load(directory: Path, text: str | bytes, mode: int = 0o600) -> Settings:
    path = directory / "prs.conf"
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    path.chmod(mode)
    return load_settings(path)


def mistakes(directory: Path, text: str | bytes) -> list[str]:
    """Load what must not load; give the mistakes without the name of the file."""
    with pytest.raises(ConfigError) as caught:
        load(directory, text)
    return [mistake.replace(f"{directory}/prs.conf", "FILE") for mistake in caught.value.mistakes]


def test_the_example_of_the_issue(tmp_path: Path) -> None:
    text = """
[proxmox]
api_host: hypervisor01.example.org
api_user: root@pam
api_pass: FooBar
verify_ssl: 1
[balancing]
method: memory
ignore_nodes: node01,node02
ignore_vms: testvm01,testvm02
[service]
daemon: 1
schedule: 24
"""
    settings = load(tmp_path, text)
    assert settings.require_endpoint() == Endpoint(("hypervisor01.example.org",), "root@pam", "FooBar", timeout=40.0)
    wanted = Policy(ignore_nodes=("node01", "node02"), ignore_guests=("testvm01", "testvm02"), memory_reserve=2**30)
    assert settings.policy == wanted
    assert (settings.daemon, settings.schedule, settings.dry_run) == (True, 86400.0, False)
    assert settings.warnings == ()
    assert settings.source == tmp_path / "prs.conf"


def test_every_option_reaches_its_setting(tmp_path: Path) -> None:
    text = f"""
[proxmox]
api_host = a.example, [fd00::1]:8007 ,10.0.0.1:99, fd00::2
api_token = prs@pve!service=0123-4567
verify_ssl = 0
ca_file = {SHIPPED}
timeout = 12.5
[BALANCING]
Method = CPU
ignore_nodes =
ignore_vms = web*, 10?, web*
spread = 2.5%
max_moves = 7
max_gib = 1.5TiB
containers = yes
memory_reserve = 512 MiB
unlike_cpus = warn
parallel = 6
parallel_node = 3
[service]
daemon = off
schedule = 90m
dry_run = 1
log_level = Debug
state_dir = /srv/prs
"""
    settings = load(tmp_path, text)
    assert settings.endpoint == Endpoint(
        ("a.example", "[fd00::1]:8007", "10.0.0.1:99", "[fd00::2]"), "prs@pve", "", "service", "0123-4567",
        verify=False, ca_file=str(SHIPPED), timeout=12.5,
    )  # fmt: skip
    assert settings.policy == Policy("cpu", (), ("web*", "10?"), 0.025, 7, 3 * 2**39, True, 2**29, 6, 3, unlike_cpus="warn")
    assert not settings.daemon
    assert settings.schedule == 5400.0
    assert settings.dry_run
    assert settings.log_level == "debug"
    assert settings.state_dir == Path("/srv/prs")
    assert [warning.partition(": ")[2][:20] for warning in settings.warnings] == ["with verify_ssl: 0 a", "ca_file has no effec"]


def test_an_empty_file_gives_the_defaults_and_no_endpoint(tmp_path: Path) -> None:
    settings = load(tmp_path, "")
    assert settings.policy == replace(Policy(), memory_reserve=2**30)
    assert settings == Settings(settings.source, settings.policy, web=settings.web, missing=settings.missing)
    with pytest.raises(ConfigError) as caught:
        settings.require_endpoint()
    assert [mistake.partition(": ")[2] for mistake in caught.value.mistakes] == [
        "[proxmox] api_host is not set.",
        "[proxmox] api_user and api_pass, or api_token, are not set.",
    ]


def test_a_host_alone_is_not_a_mistake_yet(tmp_path: Path) -> None:
    settings = load(tmp_path, "[proxmox]\napi_host: pve1\napi_pass:\n")
    assert settings.endpoint is None
    assert [text.partition(": ")[2] for text in settings.missing] == ["[proxmox] api_user and api_pass, or api_token, are not set."]


def test_all_mistakes_at_once_in_the_order_of_the_file(tmp_path: Path) -> None:
    text = """stray: 1
[proxmox
api_user: root
[proxmox]
api_hots: x
api_user: root
api_pass: a
verify_ssl: maybe
api_pass: b
[balencing]
spread: 1000
[balancing]
method: ram
daemon: 1
method: cpu # why
ignore_nodes: a b, c
only words
spread:
[service]
schedule: 1w
[proxmox]
"""
    assert mistakes(tmp_path, text) == [
        "FILE line 1: option 'stray' stands before the first [section].",
        "FILE line 2: a section is written [name], on a line of its own.",
        "FILE line 5: [proxmox] has no option 'api_hots' (did you mean 'api_host'?); allowed are api_host, api_user, api_pass, api_token, "
        "verify_ssl, ca_file, timeout.",
        "FILE line 6: [proxmox] api_user = 'root' (the realm is missing: root@pam is a user of the system, name@pve one of Proxmox VE): "
        "allowed: user@realm.",
        "FILE line 8: [proxmox] verify_ssl = 'maybe': allowed: 1 (yes) or 0 (no).",
        "FILE line 9: [proxmox] api_pass is given a second time (first on line 7).",
        "FILE line 10: unknown section [balencing] (did you mean 'balancing'?); allowed are [proxmox], [balancing], [service], [web], "
        "[pool NAME], [domains], [storages].",
        "FILE line 13: [balancing] method = 'ram': allowed: memory, disk, cpu or all.",
        "FILE line 14: [balancing] has no option 'daemon'; it belongs under [service].",
        "FILE line 15: [balancing] method is given a second time (first on line 13).",
        "FILE line 16: [balancing] ignore_nodes = 'a b, c' ('a b' is no node name): "
        "allowed: a comma list of node names, * and ? allowed, ! before an exception.",
        "FILE line 17: is not written as 'option: value' (a value, also a list, has one line; a comment begins with # or ;).",
        "FILE line 18: [balancing] spread = '': allowed: percentage points from 0 to 100.",
        "FILE line 20: [service] schedule = '1w': allowed: hours (24), or a time such as 30m, 12h, 1d; from 1m to 366d.",
        "FILE line 21: section [proxmox] begins a second time (first on line 4).",
    ]


def test_pools_and_domains(tmp_path: Path) -> None:
    text = """
[pool web/Front]
keep: apart
nodes: pve1, pve2
strict: 0
[POOL db]
ignore: 1
[balancing]
tags: 0
[Domains]
Rack1: pve1,pve2
rack2: pve3
"""
    policy = load(tmp_path, text).policy
    assert policy.pools == (Pool("web/Front", keep="apart", nodes=("pve1", "pve2"), strict=False), Pool("db", ignore=True))
    assert policy.domains == (("rack1", ("pve1", "pve2")), ("rack2", ("pve3",)))
    assert not policy.tags
    assert load(tmp_path, "").policy.tags


def test_mistakes_in_pools_and_domains(tmp_path: Path) -> None:
    text = """[pool web]
kep: apart
keep: near
keep: apart
strict: 0
[pool]
ignore: 1
[pool a b]
[pool web]
[domains]
r1: pve1,pve2
r2: PVE2
r1: pve3
r3:
r4: a b
r5: pve4 # the new one
"""
    assert mistakes(tmp_path, text) == [
        "FILE line 2: [pool web] has no option 'kep' (did you mean 'keep'?); allowed are ignore, keep, apart_from, nodes, strict.",
        "FILE line 3: [pool web] keep = 'near': allowed: together or apart.",
        "FILE line 4: [pool web] keep is given a second time (first on line 3).",
        "FILE line 5: [pool web] strict says how nodes are meant, and there are no nodes.",
        "FILE line 6: [pool] names no pool: write [pool NAME], with letters, digits and . _ - in the name.",
        "FILE line 8: [pool a b] names no pool: write [pool NAME], with letters, digits and . _ - in the name.",
        "FILE line 8: [pool a b] says nothing: give it ignore, keep, apart_from, nodes.",
        "FILE line 9: section [pool web] begins a second time (first on line 1).",
        "FILE line 12: [domains] r2: PVE2 is in domain r1 already (line 11).",
        "FILE line 13: [domains] r1 is given a second time (first on line 11).",
        "FILE line 14: [domains] r3 = '': allowed: a comma list of node names.",
        "FILE line 15: [domains] r4 = 'a b' ('a b' is no node name): allowed: a comma list of node names.",
        "FILE line 16: [domains] r5 = 'pve4 # the new one' ('pve4 # the new one' is no node name) (a comment needs a line of its own): "
        "allowed: a comma list of node names.",
    ]


def test_a_comment_behind_a_value_is_named_as_the_cause(tmp_path: Path) -> None:
    found = mistakes(tmp_path, "[balancing]\nmethod: cpu ; the busiest\n")
    assert found == [
        "FILE line 2: [balancing] method = 'cpu ; the busiest' (a comment needs a line of its own): allowed: memory, disk, cpu or all."
    ]


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
        ("api_host: https://root:hunter2@pve1:8006", "is a URL: write the host without https:// and path"),
    ],
)
def test_what_somebody_may_have_meant_is_told_without_the_secret(tmp_path: Path, line: str, hint: str) -> None:
    text = "\n".join(mistakes(tmp_path, f"[proxmox]\n{line}\n[balancing]\n"))
    assert hint in text
    assert "()" not in text
    assert "hunter2" not in text


@pytest.mark.parametrize(
    ("line", "hint"),
    [
        ("[balancing]\nmethod: memroy", "(did you mean 'memory'?): allowed: memory, disk, cpu or all"),
        ("[balancing]\nunlike_cpus: exlude", "(did you mean 'exclude'?)"),
        ("[balancing]\nspare: requier", "(did you mean 'require'?)"),
        ("[service]\nlog_level: warn", "(did you mean 'warning'?)"),
        ("[pool web]\nkeep: appart", "(did you mean 'apart'?)"),
    ],
)
def test_a_misspelt_word_is_asked_about(tmp_path: Path, line: str, hint: str) -> None:
    assert hint in mistakes(tmp_path, f"{line}\n")[0]


def test_an_empty_host_is_told_beside_other_mistakes(tmp_path: Path) -> None:
    found = mistakes(tmp_path, "[proxmox]\napi_host:\n[balancing]\nspread: x\n[pool web]\n")
    assert [sentence.split(": ", 1)[0] for sentence in found] == ["FILE line 2", "FILE line 4", "FILE line 5"]
    assert "api_host is empty: name at least one host" in found[0]


@pytest.mark.parametrize("end", ["\r\n", "\r", "\n"])
def test_a_byte_order_mark_and_any_line_end(tmp_path: Path, end: str) -> None:
    settings = load(tmp_path, b"\xef\xbb\xbf" + LOGIN.replace("\n", end).encode())
    assert settings.require_endpoint().password == "FooBar"


@pytest.mark.parametrize(
    ("data", "sentence"),
    [
        (LOGIN.encode() + b"# caf\xe9\n", "FILE line 5: byte 0xe9 is not UTF-8; save the file as UTF-8."),
        (LOGIN.encode("utf-16"), "FILE line 1: byte 0xff is not UTF-8; save the file as UTF-8."),
        (b"#" * (2**20 + 1), "FILE: is longer than 1 MiB, so it is not a configuration."),
        (b"[proxmox]\napi_pass: a\x1b[2Jb\n", "FILE line 2: holds the control character 0x1b."),
        (b"[proxmox]\napi_pass: a\x00b\n", "FILE line 2: holds the control character 0x00."),
    ],
)
def test_what_is_not_a_text_file(tmp_path: Path, data: bytes, sentence: str) -> None:
    assert mistakes(tmp_path, data) == [sentence]


def test_files_that_cannot_be_read(tmp_path: Path) -> None:
    no_file = "there is no such file (-c FILE names another one)."
    for path, words in ((tmp_path / "none", no_file), (tmp_path, "cannot be read: Is a directory.")):
        with pytest.raises(ConfigError) as caught:
            load_settings(path)
        assert caught.value.mistakes == [f"{path}: {words}"]


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


def test_the_ca_file_must_be_there(tmp_path: Path) -> None:
    found = mistakes(tmp_path, f"{LOGIN}ca_file: /nowhere/ca.pem\n")
    allowed = BY_NAME["proxmox", "ca_file"].allowed
    assert found == [f"FILE line 5: [proxmox] ca_file = '/nowhere/ca.pem' (there is no such file): allowed: {allowed}."]


def test_a_value_from_outside_is_shown_short_and_harmless(tmp_path: Path) -> None:
    found = mistakes(tmp_path, f"[balancing]\nmethod: \u202e{'x' * 500}\n")
    assert found == [f"FILE line 2: [balancing] method = '\\u202e{'x' * 51}...': allowed: memory, disk, cpu or all."]


# The file that the package ships.


def shipped_examples() -> dict[tuple[str, str], tuple[str, bool]]:
    """Give (section, option) -> (value shown, is it an example instead of the default) from the commented lines of the shipped file."""
    found: dict[tuple[str, str], tuple[str, bool]] = {}
    section, example = "", False
    for line in SHIPPED.read_text(encoding="utf-8").splitlines():
        if heading := re.fullmatch(r"#?\[([\w ]+)\]", line):
            section = heading[1]
        elif shown := re.fullmatch(r"#(\w+): (.*)", line):
            assert (section, shown[1]) not in found
            found[section, shown[1]], example = (shown[2], example), False
        elif line.startswith("# Not set by default"):
            example = True
    return found


def test_the_shipped_file_changes_nothing(tmp_path: Path) -> None:
    shipped = load(tmp_path, SHIPPED.read_bytes())
    assert shipped == replace(load(tmp_path, ""), missing=shipped.missing)


def test_the_shipped_file_shows_every_option_and_no_other() -> None:
    assert list(shipped_examples()) == [(option.section, option.name) for option in ALL]
    assert SECTIONS == ("proxmox", "balancing", "service", "web")


def test_the_shipped_file_shows_the_defaults_of_the_code() -> None:
    options = {(option.section, option.name): option for option in ALL}
    for key, (value, example) in shipped_examples().items():
        option = options[key]
        assert example == (option.default == "")
        assert value == (option.example if example else option.default)


def test_the_shipped_file_documents_every_option_as_the_table_does() -> None:
    words = " ".join(line.lstrip("# ") for line in SHIPPED.read_text(encoding="utf-8").splitlines())
    for option in ALL:
        assert option.doc in words
        assert f"Allowed: {option.allowed}." in words


def test_each_example_in_the_shipped_file_is_allowed(tmp_path: Path) -> None:
    # The certificate of the example exists on cluster nodes only, and a password and a token exclude each other.
    for left_out in ("api_pass", "api_token"):
        lines = [line for line in SHIPPED.read_text().splitlines() if not line.startswith(("#ca_file", f"#{left_out}"))]
        settings = load(tmp_path, "\n".join(re.sub(r"^#(\w+: |\[)", r"\1", line) for line in lines).replace("root@pam", "prs@pve"))
        assert settings.endpoint is not None
        assert settings.warnings == ()


# Whatever is written comes back.

words = st.text(st.characters(codec="utf-8", exclude_categories=("Cc", "Cs")), max_size=40)


@given(words.filter(bool))
def test_any_password_in_quotes_comes_back(tmp_path_factory: pytest.TempPathFactory, password: str) -> None:
    directory = tmp_path_factory.getbasetemp()
    settings = load(directory, f'[proxmox]\napi_host: a\napi_user: u@pve\napi_pass: "{password}"\n')
    assert settings.require_endpoint().password == password


@given(st.binary(max_size=300) | words.map(str.encode))
def test_any_file_is_read_or_refused_in_words(tmp_path_factory: pytest.TempPathFactory, data: bytes) -> None:
    directory = tmp_path_factory.getbasetemp()
    found: list[str] = []
    try:
        load(directory, b"[proxmox]\n" + data)
    except ConfigError as error:
        found = error.mistakes
    assert all(mistake.startswith(str(directory)) and mistake.endswith(".") for mistake in found)
