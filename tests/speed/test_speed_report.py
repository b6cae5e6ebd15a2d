"""The page says what was measured, what was aimed at and who was left out."""

from benchmarks.speed import report
from benchmarks.speed.cases import Case
from benchmarks.speed.measurement import Measurement, Options
from benchmarks.speed.report import write_figure, write_page

CASE = Case("a")


def page(tmp_path, found):
    path, figure = tmp_path / "speed.md", tmp_path / "figures" / "speed.png"
    write_page(path, found, figure=figure, options=Options(rounds=3), data="MNIST", load=0.25)
    write_figure(figure, found)
    return path.read_text(), figure


def test_page(tmp_path):
    found = [
        Measurement("pyro-example", CASE, [20.0, 24.0, 22.0], check=-150.0),
        Measurement("pyro-svi", CASE, [7.0, 6.0, 5.0], check=-151.0, peak=700.4),
        Measurement("pythae", CASE, left="not installed: no pythae"),
        Measurement("torch-compiled", CASE, [5.0], check=-180.0),
        Measurement("pyrovae-compiled", CASE, [4.0, 4.5, 3.5], check=-149.0),
        Measurement("floor", CASE, [2.0]),
    ]
    text, figure = page(tmp_path, [found])
    assert "load before the start 0.2" in text
    # Round by round: 24 / 4.5 is short of the six times that were aimed at, 5 / 3.5 of two, and
    # 5 / 4 is enough.
    assert "| 6 times as fast | 5.33 (missed) |" in text
    assert "| 2 times as fast | 1.43 (missed) |" in text
    assert "| 1 times as fast | 1.25 |" in text
    assert "| at most 1.4 times as slow | 2.00 (missed) |" in text
    assert "| Pyro SVI, data in memory | 6 | 5 to 7 | 1.43 | -151.0 | 700 |" in text
    assert "| pythae | not installed: no pythae |" in text
    # A fifth below the others: that contender did something else.
    assert "-180.0 (differs)" in text
    assert text.count("(differs)") == 1
    assert figure.stat().st_size > 1000


def test_throughput_is_better_when_larger(tmp_path):
    case = Case("e", images=64, samples=1000)
    found = [
        Measurement("pythae", case, [1000.0], check=-100.0),
        Measurement("pyrovae-compiled", case, [4000.0], check=-100.5),
    ]
    text, _ = page(tmp_path, [found])
    assert "| pythae | 1,000 | 1,000 to 1,000 | 4.00 | -100.0 |" in text
    assert "(differs)" not in text


def test_time_to_a_target(tmp_path):
    case = Case("d", target=-105.0)
    found = [
        Measurement("pyro-svi", case, [50.0, 60.0, 40.0]),
        Measurement("pyrovae-compiled", case, [40.0, 36.0, 24.0]),
        Measurement("pyrovae-warm", case, [20.0, 24.0, 18.0]),
    ]
    text, _ = page(tmp_path, [found])
    # Run by run: 36 / 60 and 24 / 40, then 20 / 50 and 24 / 60.
    assert "| (d) pyrovae, compiled | at most 0.7 of its time | 0.60 |" in text
    assert "an earlier process | at most 0.45 of its time | 0.40 |" in text
    assert "in (d) of 3 runs" in text


def test_page_of_a_gpu(tmp_path, monkeypatch):
    monkeypatch.setattr(report, "gpu", lambda: "a GPU, driver 1.2")
    found = [
        [
            Measurement("torch-captured", case, [4.0]),
            Measurement("numpyro-loop", case, [5.0]),
            Measurement("pyrovae-bf16", case, [1.0]),
            Measurement("pyrovae-compiled", case, [4.2]),
            Measurement("roofline", case, [2.0]),
        ]
        for case in (CASE, Case("a", batch=512))
    ]
    path, figure = tmp_path / "speed_cuda.md", tmp_path / "figures" / "speed_cuda.png"
    write_page(path, found, figure=figure, options=Options(device="cuda"), data="MNIST")
    text = path.read_text()
    assert text.startswith("# Speed on a GPU\n")
    assert "; a GPU, driver 1.2, Python" in text
    # The best peer in each case, and the floor at the large batch alone.
    assert text.count("one CUDA graph a step | (a) batch") == 2
    assert text.count("| at most 1.1 times as slow | 1.05 |") == 2
    assert text.count("| at most 2 times as slow | 2.10 (missed) |") == 1


def test_page_without_our_measurement(tmp_path):
    found = [Measurement("pyro-svi", CASE, [6.0])]
    text, figure = page(tmp_path, [found])
    assert "| Pyro SVI, data in memory | 6 | 6 to 6 |  |" in text
    assert not figure.exists()
