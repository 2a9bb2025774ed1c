"""State is private, survives odd places, and says what is wrong with a bad one."""

import os
from pathlib import Path

import pytest

from lium_site.stack import paths
from lium_site.stack.console import StackError
from lium_site.stack.credentials import credentials_of
from lium_site.stack.paths import (
    LONGEST_RUN_FOLDER,
    State,
    open_state,
    private_folder,
    write_private,
)


def test_state_is_ours_alone(state: State) -> None:
    assert state.folder.stat().st_mode & 0o777 == 0o700


def test_full_disk_is_refused_up_front(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MARKET_STATE", str(tmp_path))
    monkeypatch.setattr(paths, "NEEDED_BYTES", 1 << 60)

    with pytest.raises(StackError, match=r"is full: \d+ MiB are free"):
        open_state()


def test_long_checkout_still_has_short_sockets(tmp_path: Path) -> None:
    state = State(tmp_path / ("x" * 90))
    state.folder.mkdir()

    assert len(os.fsencode(state.run)) <= LONGEST_RUN_FOLDER
    assert state.run != State(tmp_path / ("y" * 90)).run


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give a folder away")
def test_folder_of_someone_else_is_refused(tmp_path: Path) -> None:
    os.chown(tmp_path, 12345, 12345)

    with pytest.raises(StackError, match="belongs to user id 12345 and you are 0"):
        private_folder(tmp_path)


def test_file_in_the_way_is_refused(tmp_path: Path) -> None:
    (tmp_path / "state").touch()

    with pytest.raises(StackError, match="Set MARKET_STATE"):
        private_folder(tmp_path / "state")


def test_instance_is_made_once(state: State) -> None:
    assert state.instance == State(state.folder).instance


def test_private_file_is_whole_and_ours(tmp_path: Path) -> None:
    write_private(tmp_path / "secret", "one")
    write_private(tmp_path / "secret", "two")

    assert (tmp_path / "secret").read_text() == "two"
    assert (tmp_path / "secret").stat().st_mode & 0o777 == 0o600
    assert [file.name for file in tmp_path.iterdir()] == ["secret"]


class TestCredentials:
    def test_made_once(self, state: State) -> None:
        assert credentials_of(state) == credentials_of(state)

    def test_readable_by_us_alone(self, state: State) -> None:
        credentials_of(state)

        assert (state.folder / "secrets.json").stat().st_mode & 0o777 == 0o600

    def test_api_key_has_the_shape_of_every_other(self, state: State) -> None:
        key = credentials_of(state).renter_api_key

        assert key.startswith("sk_")
        assert len(key) == 46

    def test_damaged_file_is_not_replaced(self, state: State) -> None:
        (state.folder / "secrets.json").write_text("{")

        with pytest.raises(StackError, match="is damaged"):
            credentials_of(state)
