"""Every public component saved, loaded, copied and shown."""

import copy
import inspect

import torch
from parts import COMPONENTS, PARTS, over, score, shake
from registry import OBJECTIVES, WITH_LABELS
from torch import nn

from pyrovae import load, save

# What these are given is not in a checkpoint: see tests/priors/test_exemplar_prior.py and
# tests/likelihoods/test_perceptual.py.
KEPT_OUT = {"ExemplarPrior", "PerceptualLikelihood"}


@over(PARTS)
def test_state_dict_round_trip(part):
    module, fresh = part.make().eval(), part.make().eval()
    shake(module)
    given, value = part.given((5,)), part.value((5,))
    expected = score(part, module, given, value)
    if any(True for _ in module.parameters()):
        assert not torch.equal(score(part, fresh, given, value), expected)
    fresh.load_state_dict(module.state_dict())
    assert torch.equal(score(part, fresh, given, value), expected)


@over({name: part for name, part in PARTS.items() if name not in KEPT_OUT})
def test_checkpoint_round_trip(part, tmp_path):
    module = part.make().eval()
    shake(module)
    given, value = part.given((5,)), part.value((5,))
    save(module, tmp_path / "part.pt")
    loaded = load(tmp_path / "part.pt")
    assert loaded.init_args.keys() == module.init_args.keys()
    expected = score(part, module, given, value)
    assert torch.equal(score(part, loaded, given, value), expected)


@over(PARTS)
def test_deep_copy_is_independent(part):
    module = part.make().eval()
    given, value = part.given((5,)), part.value((5,))
    expected = score(part, module, given, value)
    clone = copy.deepcopy(module)
    assert torch.equal(score(part, clone, given, value), expected)
    shake(clone)
    assert torch.equal(score(part, module, given, value), expected)
    assert not {id(p) for p in module.parameters()} & {id(p) for p in clone.parameters()}


@over(COMPONENTS)
def test_repr_names_class_and_scalar_arguments(part):
    module = part()
    text = repr(module)
    assert text.startswith(type(module).__name__)
    signature = inspect.signature(type(module)).parameters
    for name, value in module.init_args.items():
        assert name in signature
        if isinstance(value, int | float | str):
            assert f"{name}={value!r}" in text
        if isinstance(value, nn.Module):
            assert f"({name}): {type(value).__name__}(" in text


@over(OBJECTIVES | WITH_LABELS)
def test_repr_of_an_objective(part):
    objective = part()
    assert repr(objective).startswith(f"{type(objective).__name__}(")
    assert f"num_particles={objective.num_particles}" in repr(objective)
