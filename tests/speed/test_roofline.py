"""The floor counts what a step has to do."""

from benchmarks.speed.cases import Case
from benchmarks.speed.roofline import Pace, work_of


def test_work_of_a_small_network():
    case = Case("a", hidden=(3,), latents=2, side=2, batch=5)
    # Layers 4-3-4 and 2-3-4: three products each, but none back to the data and one to the latents.
    sizes = [(4, 3), (3, 4), (2, 3), (3, 4)]
    products = [3] * len(sizes)
    products[0] = 2
    operations = sum(2 * 5 * a * b * n for (a, b), n in zip(sizes, products, strict=True))
    parameters = sum((a + 1) * b for a, b in sizes)
    outputs = 5 * sum(b for _, b in sizes)
    work = work_of(case)
    assert work.operations == operations
    assert work.bytes == 4 * (10 * parameters + 2 * outputs + 5 * 4)


def test_particles_and_convolutions_count():
    one, five = (work_of(Case("b", hidden=(8,), latents=2, batch=4, particles=k)) for k in (1, 5))
    assert one.operations < five.operations < 5 * one.operations
    case = Case("f", hidden=(8, 8), blocks=1, side=8, latents=2, activation="silu", batch=2)
    work = work_of(case)
    # The two convolutions of one block on 8 x 8 pixels, forwards alone.
    assert work.operations > 2 * 2 * (2 * 64 * 9 * 8 * 8)


def test_the_longer_time_counts():
    work = work_of(Case("a", hidden=(3,), latents=2, batch=5))
    slow_memory, slow_products = Pace(1e30, 1.0), Pace(1.0, 1e30)
    assert slow_memory.milliseconds(work) == 1000 * work.bytes
    assert slow_products.milliseconds(work) == 1000 * work.operations
