"""What is left of an allowance, whatever the clock did meanwhile."""

from pathlib import Path
from types import SimpleNamespace

import pytest

from negbuild import ledger
from negbuild.ledger import Ledger
from negbuild.source import Allowance

GRANTED = (Allowance(2, 60),)
NOW = 1_800_000_000.0


def test_a_clock_that_was_ahead_blocks_no_service_for_longer_than_its_allowance(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    clock = SimpleNamespace(at=NOW + 365 * 86_400)
    monkeypatch.setenv("NEGBUILD_LEDGER", str(tmp_path / "calls.sqlite"))
    monkeypatch.setattr(ledger, "time", SimpleNamespace(time=lambda: clock.at))
    book = Ledger()
    assert [book.spend("a.example", GRANTED) for _ in range(2)] == [0, 0]
    clock.at = NOW
    assert book.spend("a.example", GRANTED) == 60  # nobody knows when they were made: now, at the latest
    clock.at += 40
    assert book.spend("a.example", GRANTED) == 20
    clock.at += 20
    assert [book.spend("a.example", GRANTED) for _ in range(2)] == [0, 0]
    assert book.spend("a.example", GRANTED) == 60
    book.close()
