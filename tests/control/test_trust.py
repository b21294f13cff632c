from __future__ import annotations

import subprocess
from typing import TYPE_CHECKING

import pytest
from cryptography.hazmat.primitives import hashes

from edgeproxy.control.certs import DevelopmentCA
from edgeproxy.control.trust import Machine, Step, run_command, trust, untrust

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path


class Commands:
    """A runner that only writes down; what `refuses` begins a command with fails, `says` is what commands print."""

    def __init__(self, *, refuses: str = "nothing", says: str = "") -> None:
        self.ran: list[list[str]] = []
        self.refuses = refuses
        self.says = says

    def __call__(self, argv: Sequence[str]) -> subprocess.CompletedProcess[str]:
        self.ran.append(list(argv))
        fails = " ".join(argv).startswith(self.refuses)
        return subprocess.CompletedProcess(argv, 1 if fails else 0, stdout="it is broken\n" if fails else self.says)


@pytest.fixture
def ca(tmp_path: Path) -> DevelopmentCA:
    return DevelopmentCA.open(tmp_path / "certs")


def machine(
    tmp_path: Path, commands: Commands, installed: str, *, is_root: bool = True, platform: str = "linux"
) -> Machine:
    return Machine(
        root=tmp_path / "root",
        home=tmp_path / "home",
        is_root=is_root,
        platform=platform,
        run=commands,
        which=lambda name: f"/usr/bin/{name}" if name in installed.split() else None,
    )


def system(steps: list[Step]) -> Step:
    (step,) = steps
    return step


def anchor(tmp_path: Path, ca: DevelopmentCA, folder: str, suffix: str) -> Path:
    return tmp_path / "root" / folder / f"{ca.name.replace(' ', '-')}.{suffix}"


Linux = tuple[str, str, str, list[str]]

DEBIAN: Linux = ("update-ca-certificates", "usr/local/share/ca-certificates", "crt", ["update-ca-certificates"])
FEDORA: Linux = ("update-ca-trust", "etc/pki/ca-trust/source/anchors", "pem", ["update-ca-trust", "extract"])


# --- the system's store -------------------------------------------------------------------------------------------


@pytest.mark.parametrize("linux", [DEBIAN, FEDORA])
def test_linux_gets_an_anchor_and_an_update(tmp_path: Path, ca: DevelopmentCA, linux: Linux) -> None:
    command, folder, suffix, update = linux
    commands, file = Commands(), anchor(tmp_path, ca, folder, suffix)
    step = system(trust(ca, machine(tmp_path, commands, command), browsers=False))
    assert [["install", "-D", "-m", "0644", str(ca.path), str(file)], update] == commands.ran
    assert (True, f"Installed as {file}.") == (step.is_done, step.detail)


@pytest.mark.parametrize("linux", [DEBIAN, FEDORA])
def test_linux_loses_the_anchor_and_is_updated(tmp_path: Path, ca: DevelopmentCA, linux: Linux) -> None:
    command, folder, suffix, update = linux
    commands, file = Commands(), anchor(tmp_path, ca, folder, suffix)
    file.parent.mkdir(parents=True)
    file.touch()
    step = system(untrust(ca, machine(tmp_path, commands, command), browsers=False))
    assert [["rm", "-f", str(file)], update] == commands.ran
    assert (True, f"Removed {file}.") == (step.is_done, step.detail)


def test_an_anchor_that_is_not_there_needs_no_removal(tmp_path: Path, ca: DevelopmentCA) -> None:
    commands = Commands()
    step = system(untrust(ca, machine(tmp_path, commands, "update-ca-certificates"), browsers=False))
    assert ([], True) == (commands.ran, step.is_done)
    assert step.detail.startswith("Nothing to remove: ")


def test_who_is_not_root_uses_sudo(tmp_path: Path, ca: DevelopmentCA) -> None:
    commands = Commands()
    trust(ca, machine(tmp_path, commands, "update-ca-certificates sudo", is_root=False), browsers=False)
    assert [["sudo", "install"], ["sudo", "update-ca-certificates"]] == [argv[:2] for argv in commands.ran]


def test_without_sudo_the_commands_for_root_are_told(tmp_path: Path, ca: DevelopmentCA) -> None:
    commands = Commands()
    step = system(trust(ca, machine(tmp_path, commands, "update-ca-certificates", is_root=False), browsers=False))
    assert ([], False) == (commands.ran, step.is_done)
    file = anchor(tmp_path, ca, DEBIAN[1], "crt")
    by_hand = f"As root: install -D -m 0644 {ca.path} {file} && update-ca-certificates"
    assert f"Not possible: only root may, and there is no sudo. {by_hand}" == step.detail


def test_a_command_that_fails_is_told_and_ends_the_store(tmp_path: Path, ca: DevelopmentCA) -> None:
    commands = Commands(refuses="install")
    step = system(trust(ca, machine(tmp_path, commands, "update-ca-certificates"), browsers=False))
    assert (1, False) == (len(commands.ran), step.is_done)
    assert step.detail.endswith("` said: it is broken")


def test_an_unknown_system_says_what_was_looked_for(tmp_path: Path, ca: DevelopmentCA) -> None:
    for act in (trust, untrust):
        step = system(act(ca, machine(tmp_path, Commands(), "sudo"), browsers=False))
        assert not step.is_done
        assert "neither update-ca-certificates" in step.detail


def test_macos_gets_it_into_the_login_keychain(tmp_path: Path, ca: DevelopmentCA) -> None:
    commands = Commands()
    step = system(trust(ca, machine(tmp_path, commands, "security", platform="darwin"), browsers=False))
    keychain = str(tmp_path / "home/Library/Keychains/login.keychain-db")
    assert [["security", "add-trusted-cert", "-r", "trustRoot", "-k", keychain, str(ca.path)]] == commands.ran
    assert step.is_done


def test_macos_loses_it_by_its_fingerprint(tmp_path: Path, ca: DevelopmentCA) -> None:
    sha1 = ca.certificate.fingerprint(hashes.SHA1()).hex().upper()
    commands = Commands(says=f"SHA-1 hash: {sha1}")
    untrust(ca, machine(tmp_path, commands, "security", platform="darwin"), browsers=False)
    keychain = str(tmp_path / "home/Library/Keychains/login.keychain-db")
    assert [
        ["security", "find-certificate", "-a", "-Z", "-c", ca.name, keychain],
        ["security", "remove-trusted-cert", str(ca.path)],
        ["security", "delete-certificate", "-Z", sha1, keychain],
    ] == commands.ran


def test_macos_without_it_is_left_alone(tmp_path: Path, ca: DevelopmentCA) -> None:
    commands = Commands()
    step = system(untrust(ca, machine(tmp_path, commands, "security", platform="darwin"), browsers=False))
    assert (1, True) == (len(commands.ran), step.is_done)


# --- the browsers' stores -----------------------------------------------------------------------------------------


def database(tmp_path: Path, place: str) -> Path:
    path = tmp_path / "home" / place
    path.mkdir(parents=True)
    (path / "cert9.db").touch()
    return path


def test_chromiums_database_is_made_where_there_is_none(tmp_path: Path, ca: DevelopmentCA) -> None:
    commands = Commands()
    step = system(trust(ca, machine(tmp_path, commands, "certutil"), system=False))
    directory = tmp_path / "home/.pki/nssdb"
    assert [
        ["mkdir", "-p", "-m", "0700", str(directory)],
        ["certutil", "-d", f"sql:{directory}", "-N", "--empty-password"],
        ["certutil", "-d", f"sql:{directory}", "-A", "-t", "C,,", "-n", ca.name, "-i", str(ca.path)],
    ] == commands.ran
    assert (f"the browser store {directory}", True) == (step.store, step.is_done)


def test_every_profile_of_firefox_gets_it(tmp_path: Path, ca: DevelopmentCA) -> None:
    profiles = [
        database(tmp_path, ".pki/nssdb"),
        database(tmp_path, ".mozilla/firefox/a.default"),
        database(tmp_path, ".mozilla/firefox/b.dev"),
        database(tmp_path, "snap/firefox/common/.mozilla/firefox/c.default"),
        database(tmp_path, ".var/app/org.mozilla.firefox/.mozilla/firefox/d.default"),
    ]
    commands = Commands()
    steps = trust(ca, machine(tmp_path, commands, "certutil"), system=False)
    assert [f"the browser store {profile}" for profile in profiles] == [step.store for step in steps]
    assert ["-A"] * 5 == [argv[3] for argv in commands.ran]


def test_macos_has_profiles_only(tmp_path: Path, ca: DevelopmentCA) -> None:
    """Chromium uses the keychain there."""
    profile = database(tmp_path, "Library/Application Support/Firefox/Profiles/a.default")
    steps = trust(ca, machine(tmp_path, Commands(), "certutil", platform="darwin"), system=False)
    assert [f"the browser store {profile}"] == [step.store for step in steps]
    bare = tmp_path / "bare"
    assert [] == trust(ca, machine(bare, Commands(), "", platform="darwin"), system=False)


def test_the_browsers_lose_it(tmp_path: Path, ca: DevelopmentCA) -> None:
    directory, commands = database(tmp_path, ".pki/nssdb"), Commands()
    step = system(untrust(ca, machine(tmp_path, commands, "certutil"), system=False))
    assert [
        ["certutil", "-d", f"sql:{directory}", "-L", "-n", ca.name],
        ["certutil", "-d", f"sql:{directory}", "-D", "-n", ca.name],
    ] == commands.ran
    assert step.is_done


def test_a_browser_that_does_not_have_it_is_left_alone(tmp_path: Path, ca: DevelopmentCA) -> None:
    directory = database(tmp_path, ".pki/nssdb")
    commands = Commands(refuses=f"certutil -d sql:{directory} -L")
    step = system(untrust(ca, machine(tmp_path, commands, "certutil"), system=False))
    assert (["-L"], True) == ([argv[3] for argv in commands.ran], step.is_done)


def test_without_certutil_its_package_is_named(tmp_path: Path, ca: DevelopmentCA) -> None:
    step = system(trust(ca, machine(tmp_path, Commands(), ""), system=False))
    assert not step.is_done
    assert "certutil is not installed (Debian, Ubuntu: libnss3-tools;" in step.detail


def test_one_store_that_fails_does_not_keep_the_others_from_it(tmp_path: Path, ca: DevelopmentCA) -> None:
    database(tmp_path, ".pki/nssdb")
    steps = trust(ca, machine(tmp_path, Commands(refuses="install"), "update-ca-certificates certutil"))
    assert [False, True] == [step.is_done for step in steps]


# --- the real runner ----------------------------------------------------------------------------------------------


def test_a_command_is_run_and_its_output_kept(tmp_path: Path) -> None:
    result = run_command(["sh", "-c", "echo out; echo err >&2; exit 3"])
    assert (3, "out\nerr\n") == (result.returncode, result.stdout)


def test_a_command_that_does_not_exist_is_a_failure(tmp_path: Path) -> None:
    result = run_command([str(tmp_path / "none")])
    assert 127 == result.returncode
    assert "No such file or directory" in result.stdout


def test_an_anchor_really_is_copied_and_removed(tmp_path: Path, ca: DevelopmentCA) -> None:
    """With the real `install` and `rm`, below a root of its own, and a command that only looks like the update."""
    ran: list[str] = []

    def run(argv: Sequence[str]) -> subprocess.CompletedProcess[str]:
        ran.append(argv[0])
        is_real = argv[0] in ("install", "rm")
        return run_command(argv) if is_real else subprocess.CompletedProcess(argv, 0, stdout="")

    here = Machine(
        root=tmp_path / "root", home=tmp_path, is_root=True, platform="linux", run=run, which=lambda name: name
    )
    file = anchor(tmp_path, ca, DEBIAN[1], "crt")
    assert system(trust(ca, here, browsers=False)).is_done
    assert ca.path.read_bytes() == file.read_bytes()
    assert system(untrust(ca, here, browsers=False)).is_done
    assert not file.exists()
    assert ["install", "update-ca-certificates", "rm", "update-ca-certificates"] == ran
