"""Trust stores: telling the machine and its browsers to believe the development CA, and to stop believing it.

There is no one store. What is there decides what is done:

    Debian, Ubuntu    /usr/local/share/ca-certificates/*.crt, then update-ca-certificates
    Fedora, RHEL      /etc/pki/ca-trust/source/anchors/*.pem, then update-ca-trust extract
    macOS             the login keychain, by `security`
    browsers          NSS databases, by `certutil`: ~/.pki/nssdb for Chromium, one in each Firefox profile

Rules of this file: nothing happens but through `Machine.run`, so a test can see every command; what cannot be done is
reported with the reason and does not keep the rest from being done; doing it twice, or undoing what was never done, is
fine. The system's store is root's, hence `sudo` where we are not.
"""

from __future__ import annotations

import shutil
import subprocess
import sys
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Final, Protocol

from cryptography.hazmat.primitives import hashes

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from edgeproxy.control.certs import DevelopmentCA

_FIREFOX_HOMES: Final = (
    ".mozilla/firefox",
    "snap/firefox/common/.mozilla/firefox",
    ".var/app/org.mozilla.firefox/.mozilla/firefox",
    "Library/Application Support/Firefox/Profiles",
)
_CHROMIUM_DATABASES: Final = (".pki/nssdb", "snap/chromium/current/.pki/nssdb")


class Runner(Protocol):
    """Runs a command to its end."""

    def __call__(self, argv: Sequence[str]) -> subprocess.CompletedProcess[str]:
        """Never raises for a command that fails; output is captured as text."""


def run_command(argv: Sequence[str]) -> subprocess.CompletedProcess[str]:
    """The real `Runner`. The terminal stays connected, so that `sudo` can ask for a password."""
    try:
        return subprocess.run(argv, check=False, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)  # noqa: S603
    except OSError as error:
        return subprocess.CompletedProcess(argv, 127, stdout=str(error))


@dataclass(frozen=True, slots=True, kw_only=True)
class Machine:
    """What trust stores need to know about the machine; tests hand in another one.

    Attributes:
        root: The file system; system stores are looked for below it.
        home: The user's home; browsers' stores are looked for below it.
        is_root: Whether system stores can be written without `sudo`.
        platform: As `sys.platform`.
        run: Runs a command.
        which: The path of a command, or None, as `shutil.which`.
    """

    root: Path = Path("/")
    home: Path = field(default_factory=Path.home)
    is_root: bool
    platform: str = sys.platform
    run: Runner = run_command
    which: Callable[[str], str | None] = shutil.which


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """What came of one store.

    Attributes:
        store: Which, in words.
        is_done: Whether the store now is as it was meant to be.
        detail: What was done, or why it was not possible and what would make it possible.
    """

    store: str
    is_done: bool
    detail: str


class _Store(Protocol):
    name: str

    def trust(self, ca: DevelopmentCA) -> Step: ...

    def untrust(self, ca: DevelopmentCA) -> Step: ...


def trust(ca: DevelopmentCA, machine: Machine, *, system: bool = True, browsers: bool = True) -> list[Step]:
    """Makes every store that the machine has trust the CA."""
    return [store.trust(ca) for store in _stores(machine, system=system, browsers=browsers)]


def untrust(ca: DevelopmentCA, machine: Machine, *, system: bool = True, browsers: bool = True) -> list[Step]:
    """Makes every store that the machine has forget the CA."""
    return [store.untrust(ca) for store in _stores(machine, system=system, browsers=browsers)]


def _stores(machine: Machine, *, system: bool, browsers: bool) -> Iterator[_Store]:
    if system:
        yield _system_store(machine)
    if browsers:
        yield from _browser_stores(machine)


def _system_store(machine: Machine) -> _Store:
    if machine.platform == "darwin":
        return _Keychain(machine)
    for folder, suffix, update in (
        ("usr/local/share/ca-certificates", "crt", ["update-ca-certificates"]),
        ("etc/pki/ca-trust/source/anchors", "pem", ["update-ca-trust", "extract"]),
    ):
        if machine.which(update[0]) is not None:
            return _Anchors(machine, machine.root / folder, suffix, update)
    return _Missing(
        "the system's trust store",
        "neither update-ca-certificates (Debian, Ubuntu, Alpine: package ca-certificates) "
        "nor update-ca-trust (Fedora, RHEL) is installed",
    )


def _browser_stores(machine: Machine) -> Iterator[_Store]:
    databases = _nss_databases(machine)
    if machine.which("certutil") is None:
        if databases or machine.platform != "darwin":
            yield _Missing(
                "the browsers' trust stores",
                "certutil is not installed "
                "(Debian, Ubuntu: libnss3-tools; Fedora, RHEL: nss-tools; macOS: brew install nss)",
            )
        return
    for database in databases:
        yield _NssDatabase(machine, database)


def _nss_databases(machine: Machine) -> list[Path]:
    """Firefox's profiles, and Chromium's database even before it exists: on Linux it always looks there."""
    found = [machine.home / place for place in _CHROMIUM_DATABASES if (machine.home / place / "cert9.db").is_file()]
    default = machine.home / _CHROMIUM_DATABASES[0]
    if machine.platform != "darwin" and default not in found:
        found.insert(0, default)
    for place in _FIREFOX_HOMES:
        found += sorted(path.parent for path in (machine.home / place).glob("*/cert9.db"))
    return found


class _Missing:
    """A store that cannot be reached on this machine."""

    def __init__(self, name: str, why: str) -> None:
        self.name = name
        self._why = why

    def trust(self, _: DevelopmentCA) -> Step:
        return Step(store=self.name, is_done=False, detail=f"Not possible: {self._why}.")

    untrust = trust


class _Anchors:
    """A folder of CA certificates and the command that makes the system's bundle of them."""

    name = "the system's trust store"

    def __init__(self, machine: Machine, folder: Path, suffix: str, update: list[str]) -> None:
        self._machine = machine
        self._folder = folder
        self._suffix = suffix
        self._update = update

    def trust(self, ca: DevelopmentCA) -> Step:
        copy = ["install", "-D", "-m", "0644", str(ca.path.absolute()), str(self._file(ca))]
        return self._as_root([copy, self._update], f"Installed as {self._file(ca)}.")

    def untrust(self, ca: DevelopmentCA) -> Step:
        if not self._file(ca).exists():
            return Step(store=self.name, is_done=True, detail=f"Nothing to remove: {self._file(ca)} does not exist.")
        return self._as_root([["rm", "-f", str(self._file(ca))], self._update], f"Removed {self._file(ca)}.")

    def _file(self, ca: DevelopmentCA) -> Path:
        return self._folder / f"{ca.name.replace(' ', '-')}.{self._suffix}"

    def _as_root(self, commands: list[list[str]], done: str) -> Step:
        machine = self._machine
        sudo = [] if machine.is_root else ["sudo"]
        if sudo and machine.which("sudo") is None:
            by_hand = " && ".join(" ".join(argv) for argv in commands)
            return Step(
                store=self.name,
                is_done=False,
                detail=f"Not possible: only root may, and there is no sudo. As root: {by_hand}",
            )
        return _run_all(machine, self.name, [sudo + argv for argv in commands], done)


class _Keychain:
    """The user's login keychain on macOS, which asks for the user's password itself."""

    name = "the login keychain"

    def __init__(self, machine: Machine) -> None:
        self._machine = machine
        self._keychain = str(machine.home / "Library/Keychains/login.keychain-db")

    def trust(self, ca: DevelopmentCA) -> Step:
        add = ["security", "add-trusted-cert", "-r", "trustRoot", "-k", self._keychain, str(ca.path)]
        return _run_all(self._machine, self.name, [add], f"Added to {self._keychain}.")

    def untrust(self, ca: DevelopmentCA) -> Step:
        sha1 = ca.certificate.fingerprint(hashes.SHA1()).hex().upper()  # noqa: S303 - how `security` names certificates
        find = ["security", "find-certificate", "-a", "-Z", "-c", ca.name, self._keychain]
        if sha1 not in self._machine.run(find).stdout:
            return Step(store=self.name, is_done=True, detail="Nothing to remove: the CA is not in it.")
        commands = [
            ["security", "remove-trusted-cert", str(ca.path)],
            ["security", "delete-certificate", "-Z", sha1, self._keychain],
        ]
        return _run_all(self._machine, self.name, commands, f"Removed from {self._keychain}.")


class _NssDatabase:
    """The certificate database of a browser."""

    def __init__(self, machine: Machine, directory: Path) -> None:
        self.name = f"the browser store {directory}"
        self._machine = machine
        self._directory = directory
        self._database = f"sql:{directory}"

    def trust(self, ca: DevelopmentCA) -> Step:
        commands = [["certutil", "-d", self._database, "-A", "-t", "C,,", "-n", ca.name, "-i", str(ca.path)]]
        if not (self._directory / "cert9.db").is_file():
            commands = [
                ["mkdir", "-p", "-m", "0700", str(self._directory)],
                ["certutil", "-d", self._database, "-N", "--empty-password"],
                *commands,
            ]
        return _run_all(self._machine, self.name, commands, "Added; a running browser has to be restarted.")

    def untrust(self, ca: DevelopmentCA) -> Step:
        has_it = (self._directory / "cert9.db").is_file() and (
            self._machine.run(["certutil", "-d", self._database, "-L", "-n", ca.name]).returncode == 0
        )
        if not has_it:
            return Step(store=self.name, is_done=True, detail="Nothing to remove: the CA is not in it.")
        remove = ["certutil", "-d", self._database, "-D", "-n", ca.name]
        return _run_all(self._machine, self.name, [remove], "Removed; a running browser has to be restarted.")


def _run_all(machine: Machine, store: str, commands: list[list[str]], done: str) -> Step:
    """Runs the commands in order, up to the first that fails."""
    for argv in commands:
        result = machine.run(argv)
        if result.returncode != 0:
            said = (result.stdout or "").strip() or f"exit code {result.returncode}"
            return Step(store=store, is_done=False, detail=f"Failed: `{' '.join(argv)}` said: {said}")
    return Step(store=store, is_done=True, detail=done)
