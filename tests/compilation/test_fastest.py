"""That the fastest way is taken, found once, and kept for other processes."""

import json

import pytest
import torch

from pyrovae.compilation import fastest as room
from pyrovae.compilation.fastest import fastest


@pytest.fixture
def clock(monkeypatch, tmp_path):
    """Time passes only in the ways, which take so long as they say; and nothing is known yet."""
    now = [0.0]
    monkeypatch.setattr(room.time, "perf_counter", lambda: now[0])
    monkeypatch.setattr(room, "_found", {})
    monkeypatch.setenv("TORCHINDUCTOR_CACHE_DIR", str(tmp_path))

    def ways(**seconds):
        def way(name):
            def call():
                calls[name] += 1
                now[0] += seconds[name]

            return call

        calls.update(dict.fromkeys(seconds, 0))
        return {name: way(name) for name in seconds}

    calls = {}
    ways.calls = calls
    return ways


@pytest.mark.parametrize(
    ("seconds", "expected"),
    [
        ({"a": 1.0, "b": 0.5}, "b"),
        ({"a": 1.0, "b": 0.95}, "a"),  # not clearly faster
        ({"a": 1.0, "b": 2.0}, "a"),
        ({"a": 1.0, "b": 0.8, "c": 0.7}, "c"),
    ],
)
def test_what_is_clearly_faster_is_taken(seconds, expected, clock):
    assert fastest("case", clock(**seconds), otherwise="a") == expected


def test_short_calls_are_measured_together(clock):
    fastest("case", clock(a=1e-6, b=1e-3), otherwise="a")
    assert clock.calls["a"] > room.ROUNDS * 100 > 100 > clock.calls["b"]


def test_it_is_found_once_for_all_processes(clock, monkeypatch, tmp_path):
    assert fastest("one", clock(a=1.0, b=0.5), otherwise="a") == "b"
    assert fastest("other", clock(a=1.0, b=2.0), otherwise="a") == "a"
    ways = clock(a=0.1, b=2.0)
    assert fastest("one", ways, otherwise="a") == "b"
    monkeypatch.setattr(room, "_found", {})  # as in another process
    assert fastest("one", ways, otherwise="a") == "b"
    assert sum(clock.calls.values()) == 0
    threads = torch.get_num_threads()
    torch.set_num_threads(threads + 1)  # as on another machine
    try:
        assert fastest("one", ways, otherwise="a") == "a"
    finally:
        torch.set_num_threads(threads)
    (file,) = tmp_path.iterdir()
    machines = json.loads(file.read_text())
    assert sorted(map(len, machines.values())) == [1, 2]


def test_of_two_that_measure_at_once_the_second_takes_what_the_first_has_found(clock):
    ways = clock(a=1.0, b=0.5)

    def late():
        room._found.clear()
        assert fastest("one", clock(a=0.1, b=0.5), otherwise="a") == "a"
        room._found.clear()

    assert fastest("one", {**ways, "b": late}, otherwise="a") == "a"


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"{",
        b"\xff\xfe",
        b"[1]",
        b'{"%s": 3}',
        b'{"%s": {"one": "c"}}',
        b'{"%s": {"one": []}}',
        10**5 * b"[",
    ],
)
def test_a_file_that_is_none_is_written_anew(content, clock, tmp_path):
    content = content.replace(b"%s", room._machine().encode())
    (tmp_path / "pyrovae-fastest.json").write_bytes(content)
    assert fastest("one", clock(a=1.0, b=0.5), otherwise="a") == "b"
    assert json.loads((tmp_path / "pyrovae-fastest.json").read_text()) == {
        room._machine(): {"one": "b"}
    }


def test_without_torchs_caches_nothing_is_kept_on_disk(clock, monkeypatch, tmp_path):
    monkeypatch.setenv("TORCHINDUCTOR_FORCE_DISABLE_CACHES", "1")
    assert fastest("one", clock(a=1.0, b=0.5), otherwise="a") == "b"
    assert fastest("one", clock(a=0.1, b=0.5), otherwise="a") == "b"
    assert list(tmp_path.iterdir()) == []


def test_a_folder_that_cannot_be_written_keeps_nothing(clock, monkeypatch, tmp_path):
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("TORCHINDUCTOR_CACHE_DIR", str(tmp_path / "file"))
    assert fastest("one", clock(a=1.0, b=0.5), otherwise="a") == "b"
