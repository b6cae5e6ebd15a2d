"""The benchmark of several processes: its prediction, its page, and a small run."""

import pytest

from benchmarks.scale.__main__ import predicted_efficiency, scale


def test_the_prediction_by_hand():
    # 10 ms, or 10 / 4 ms; 2 * 3 / 4 of 1 GB at 100 GB/s take 15 ms, and four hops of 1 ms 4 ms.
    numbers = (0.010, 1e9, 100e9, 1e-3)
    assert predicted_efficiency(4, *numbers, 1) == pytest.approx(10 / 29)
    assert predicted_efficiency(4, *numbers, 4) == pytest.approx(2.5 / 21.5)
    assert predicted_efficiency(1, 0.010, 1e9, 100e9, 0.0, 1) == 1


@pytest.mark.proof
def test_a_small_run(tmp_path):
    scale(processes=[1, 2], batch_size=8, steps=3, hidden=4, out=str(tmp_path))
    page = (tmp_path / "scale.md").read_text()
    rows = [line for line in page.splitlines() if line.startswith(("| of all", "| for each"))]
    assert [row.split(" | ")[1:3] for row in rows] == [
        ["1", "8"],
        ["2", "8"],
        ["1", "8"],
        ["2", "16"],
    ]
    assert rows[0].endswith("1.00 |")
    assert (tmp_path / "figures" / "scale.png").stat().st_size > 1000
