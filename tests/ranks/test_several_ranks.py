"""What two and three processes do together is what one does; three do so in ``make proof``."""

import json

import pytest
import torch
from processes_of_ranks import on_ranks
from rank_programs import DATA, everything

# What one process adds up in one order, several add up in another; beside the largest number.
ROUNDING = 2e-5
SIZES = [2, pytest.param(3, marks=pytest.mark.proof)]


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    """Gives what a function gives on each of so many ranks, which are started once."""
    folder, known = tmp_path_factory.mktemp("ranks"), {}

    def found(size, function):
        # Two leave a checkpoint for the others to go on from.
        for number in (2, size):
            if number not in known:
                known.update(started(number))
        return [rank[function] for rank in known[size]]

    def started(size):
        if size == 1:  # this process
            return {1: [json.loads(json.dumps(everything(folder)))]}
        out = tmp_path_factory.mktemp("found")
        return on_ranks([size], "rank_programs", "everything", out, folder)

    return found


def check_close(one, other):
    one, other = torch.tensor(one), torch.tensor(other)
    assert (one - other).abs().max() <= ROUNDING * one.abs().max()


def check_alike(one, other):
    """Compares the lists of numbers under each name."""
    assert one.keys() == other.keys()
    for name in one:
        for a, b in zip(one[name], other[name], strict=True):
            check_close(a, b)


@pytest.mark.parametrize("size", SIZES)
def test_weights_are_those_of_one_process(run, size):
    (one,) = run(1, "trained")
    several = run(size, "trained")
    for rank in several:
        check_alike(one["trained"], rank["trained"])
    # Bit for bit the same on all ranks.
    assert all(rank["trained"] == several[0]["trained"] for rank in several)


@pytest.mark.parametrize("size", SIZES)
def test_each_rank_reads_data_of_its_own(run, size):
    counts = [rank["read in the second epoch"] for rank in run(size, "trained")]
    assert torch.tensor(counts).sum(0).tolist() == [1] * DATA


@pytest.mark.parametrize("size", SIZES)
def test_objectives_see_the_batch_of_all_ranks(run, size):
    (one,) = run(1, "across")
    for rank in run(size, "across"):
        check_alike(one, rank)


@pytest.mark.parametrize("size", SIZES)
def test_averages_of_codes_are_those_of_all_ranks(run, size):
    (one,) = run(1, "averages")
    several = run(size, "averages")
    for a, b in zip(one["averages"], several[0]["averages"], strict=True):
        check_close(a, b)
    # Codes that begin anew do so at vectors of any rank's data, drawn by each: the same on all.
    assert several == [several[0]] * size
    assert several[0]["restarted"] != several[0]["averages"]


@pytest.mark.parametrize("size", SIZES)
def test_a_discrepancy_has_the_gradient_of_all_draws(run, size):
    (one,) = run(1, "discrepancy")
    for rank in run(size, "discrepancy"):
        check_close(one, rank)


@pytest.mark.parametrize("size", SIZES)
def test_evaluation_gives_the_numbers_of_one_process(run, size):
    """Batches are the same, and so are their draws: to the last bit."""
    (one,) = run(1, "evaluated")
    assert run(size, "evaluated") == [one] * size


def test_a_loader_is_evaluated_as_its_data_are(run):
    (one,) = run(1, "evaluated")
    assert one["loader"] == [one["many"][0]]


@pytest.mark.parametrize("size", SIZES)
def test_parts_of_a_stream_need_not_be_equally_long(run, size):
    several = run(size, "divided")
    for found in several:
        assert len(set(found["data"])) == 1
        assert found["steps"] == [10, 2]
        check_close(*found["elbo"])
        assert found["weights"] == several[0]["weights"]
    passes = [found["passes"] for found in several]
    assert all(told == [*range(len(told))] for told in passes)
    assert len(passes[0]) > len(passes[-1])  # the first one has fewest data and begins again first


@pytest.mark.parametrize("size", SIZES)
def test_decisions_are_common(run, size):
    found = run(size, "decisions")
    assert found == [found[0]] * size
    (first, *_) = found
    # One asks after the second step, and all know before the third is over.
    assert first["stopped"] == ["enough", 1] or first["stopped"] == ["enough", 0]
    assert first["patience"] == ["no better validation loss in 2 epochs, back to epoch 1", 3, 1]
    assert first["interrupted"] == ["interrupted after step 3 of epoch 1", 15]
    assert first["resumed to the same bits"]
    assert first["diverged"].startswith("training diverged in epoch 1")
    assert first["batch norm"].startswith("extra: BatchNorm1d would normalise over one process")
    assert "TotalCorrelationELBO depends on the whole batch" in first["total correlation"]
    assert f"expected at least {size}, got 1" in first["few"]
    assert "batch_size: expected the same value on all processes, got 4" in first["other options"]
    for name in ("loaders", "streams"):
        assert "process 1 read another first batch than process 0" in first[name]
    assert first["statistics"].startswith("'seen' is no longer the same on all processes")


@pytest.mark.parametrize("size", SIZES)
def test_all_ranks_compile_or_none(run, size):
    several = run(size, "compiled")
    for found in several:
        outcome, said, weights = found["all"]
        assert outcome.startswith("compiled in")
        assert said == []
        assert weights == several[0]["all"][-1]
        outcome, said, eager = found["but one"]
        reason = f"rank {size - 1}: it could not be compiled: "
        assert outcome.startswith(f"not compiled: {reason}")
        assert "no compiler here" in outcome
        assert len(said) == 1
        assert eager == several[0]["but one"][-1]
        check_close(weights, eager)


@pytest.mark.parametrize("size", [1, *SIZES])
def test_a_run_of_two_goes_on_with_any_number(run, size):
    for rank, found in enumerate(run(size, "going_on")):
        whole, resumed = found["weights"]
        check_close(whole, resumed)
        assert found["epochs"] == 2
        told = [] if size == 2 or rank else [f"written by 2 process(es) and is resumed by {size}"]
        assert len(found["warnings"]) == len(told)
        assert all(words in said for words, said in zip(told, found["warnings"], strict=True))


@pytest.mark.parametrize("size", SIZES)
def test_one_that_fails_leaves_no_other_waiting(run, size):
    *others, last = run(size, "broken")
    reason = f"rank {size - 1}: OSError: the disk is full"
    assert last == ["OSError", "the disk is full", f"the ranks have parted: {reason}"]
    assert others == [["RankFailed", reason, f"the ranks have parted: {reason}"]] * (size - 1)
