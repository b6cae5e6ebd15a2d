"""The FID, by the network of torch-fidelity with weights of our own: none are downloaded."""

import sys

import numpy as np
import pytest
import torch

from pyrovae.sample_quality import frechet_distance, inception
from pyrovae.sample_quality.inception import _OfImages


@pytest.fixture(scope="module")
def weights(tmp_path_factory):
    """A file of random weights in the right shapes."""
    module = pytest.importorskip("torch_fidelity.feature_extractor_inceptionv3")
    path = tmp_path_factory.mktemp("weights") / "random.pth"
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(module, "load_state_dict_from_url", lambda *a, **k: {})
        patch.setattr(module.FeatureExtractorInceptionV3, "load_state_dict", lambda *a, **k: None)
        network = module.FeatureExtractorInceptionV3("inception-v3-compat", ["2048"])
    torch.save(network.state_dict(), path)
    return path


@pytest.mark.proof
def test_the_distance_is_torch_fidelitys_own(weights):
    from torch_fidelity.metric_fid import fid_statistics_to_metric

    net = inception(weights, batch_size=4)
    x, y = torch.rand(6, 3, 16, 16), torch.rand(5, 1, 16, 16)
    real, generated = net(x), net(y)
    assert real.values.shape == (6, 2048)
    assert real.network.startswith("inception-v3-compat torch-fidelity ")
    assert real.network.endswith(", random.pth")
    # Eight bits of three channels, as the network is fed by its own library.
    (own,) = net.network.extractor((x * 255).round().byte())
    assert torch.allclose(real.values, own.double(), atol=1e-5)
    # The formula, of three features: of all 2048 few images have no covariance.
    few = [type(f)(f.values[:, :3] * 100, f.network) for f in (real, generated)]
    theirs = [
        {"mu": f.values.mean(0).numpy(), "sigma": np.cov(f.values.numpy(), rowvar=False)}
        for f in few
    ]
    metric = fid_statistics_to_metric(*theirs, verbose=False)
    ours = frechet_distance(*few).distance.value
    assert ours == pytest.approx(metric["frechet_inception_distance"], rel=1e-6)


@pytest.mark.proof
def test_what_is_no_image_is_refused(weights):
    net = inception(weights)
    with pytest.raises(ValueError, match="expected images of 1 or 3 channels"):
        net(torch.rand(2, 4))
    with pytest.raises(ValueError, match="expected values in"):
        net(torch.rand(2, 1, 8, 8) + 1)


@pytest.mark.parametrize("odd", [float("nan"), -0.1, 1.1])
def test_values_outside_of_0_to_1_are_refused_before_the_network(odd):
    x = torch.full((1, 1, 2, 2), 0.5)
    x[0, 0, 1, 1] = odd
    network = _OfImages(lambda images: (images.flatten(1),))
    assert len(network(x.clamp(0, 1).nan_to_num())) == 1
    with pytest.raises(ValueError, match=r"expected values in \[0, 1\], got"):
        network(x)


def test_a_file_that_would_run_code_is_refused(tmp_path):
    pytest.importorskip("torch_fidelity")

    class Harm:
        def __reduce__(self):
            return print, ("harm",)

    torch.save(Harm(), tmp_path / "harm.pth")
    with pytest.raises(ValueError, match=r"harm.pth: expected weights, got a different file"):
        inception(tmp_path / "harm.pth")
    with pytest.raises(FileNotFoundError):
        inception(tmp_path / "none.pth")


def test_without_torch_fidelity_it_is_said_what_to_install(monkeypatch):
    monkeypatch.setitem(sys.modules, "torch_fidelity", None)
    with pytest.raises(ValueError, match=r"pip install 'pyrovae\[fid\]'"):
        inception()
