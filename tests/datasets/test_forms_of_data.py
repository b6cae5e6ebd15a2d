"""Values are read by one rule, whatever they come in."""

import hypothesis.extra.numpy as arrays
import numpy as np
import pytest
import torch
from forms import FORMS, Items, read
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image
from torch.utils.data import DataLoader, TensorDataset
from torchvision.datasets import ImageFolder
from torchvision.transforms import ToTensor

from pyrovae.datasets import Data, LoaderSplit, TensorSplit, as_split

in_every_form = pytest.mark.parametrize("form", FORMS.values(), ids=list(FORMS))


@in_every_form
@settings(max_examples=25, deadline=None)
@given(data=st.data())
def test_eight_bits_are_read_alike_or_refused_alike(form, data):
    # Draws of few values make all-black data, zeros and ones, and grey levels.
    most = data.draw(st.sampled_from([0, 1, 2, 255]))
    shape = data.draw(st.tuples(st.integers(1, 8), st.integers(1, 3)))
    x = torch.from_numpy(data.draw(arrays.arrays(np.uint8, shape, elements=st.integers(0, most))))
    if x.max() == 1:
        with pytest.raises(ValueError, match="got only zeros and ones: pass binary data as bool"):
            read(form(x))
    else:
        assert torch.equal(read(form(x)), x.float() / 255)


@in_every_form
@pytest.mark.parametrize(
    "dtype", [torch.bool, torch.int8, torch.int16, torch.int32, torch.int64, torch.float32]
)
def test_other_numbers_keep_their_values(form, dtype):
    x = torch.tensor([[0, 1], [1, 1], [0, 0], [1, 0], [0, 1], [1, 1], [0, 0]]).to(dtype)
    found = read(form(x))
    assert found.dtype == torch.float32
    assert torch.equal(found, x.float())
    if dtype not in (torch.bool, torch.int8):
        assert torch.equal(read(form(300 * x)), 300 * x.float())


@pytest.mark.parametrize("form", [FORMS["array"], FORMS["rows of arrays"]])
@pytest.mark.parametrize("dtype", ["f2", "f8", ">f8", "g", "u2", ">i4", "u8"])
def test_numbers_of_any_precision_in_arrays(form, dtype):
    x = torch.tensor([[0.0, 2.0], [3.0, 1.0]])
    array = x.numpy().astype(dtype)
    source = array if form is FORMS["array"] else Items(lambda i: array[i], 2)
    found = read(source)
    assert found.dtype == torch.float32
    assert torch.equal(found, x)


def test_float8_is_no_type_to_calculate_in():
    x = torch.tensor([[0.5, 2.0]]).to(torch.float8_e5m2)
    assert torch.equal(TensorSplit(x).tensors[0], torch.tensor([[0.5, 2.0]]))


def test_zeros_and_ones_are_found_beyond_the_first_batch():
    x = torch.zeros(1500, 2, dtype=torch.uint8)
    x[1200] = 1
    for source in (FORMS["rows"](x), DataLoader(FORMS["rows"](x), batch_size=100)):
        split = as_split(source)
        with pytest.raises(ValueError, match="zeros and ones"):
            list(split.batches(100))


def test_dark_images_come_before_bright_ones():
    # The first of them alone would look like zeros and ones.
    x = torch.tensor([[0, 1], [1, 1], [0, 200]], dtype=torch.uint8)
    for form in FORMS.values():
        assert torch.equal(read(form(x)), x.float() / 255)


def test_eight_bits_and_other_numbers_do_not_mix():
    x = torch.rand(6, 2)
    mixed = Items(lambda i: x[i] if i < 3 else (255 * x[i]).to(torch.uint8), 6)
    with pytest.raises(ValueError, match="of one type, got torch.float32 and torch.uint8"):
        list(as_split(mixed).batches(6))
    with pytest.raises(ValueError, match=r"torch.uint8 and other numbers \(torch.uint8"):
        list(as_split(DataLoader(mixed, batch_size=3)).batches(6))


def test_a_folder_of_images_in_data_is_that_of_fit(tmp_path):
    for i, name in enumerate(("a", "b", "b")):
        (tmp_path / name).mkdir(exist_ok=True)
        Image.new("L", (2, 2), 50 * i).save(tmp_path / name / f"{i}.png")
    images = ImageFolder(str(tmp_path), transform=ToTensor())
    data = Data(train=images, validation=images)
    (alone,) = as_split(images, fields=1).take(3)
    assert torch.equal(read(data), alone)
    # A program that takes labels has them.
    x, y = next(Data.of(data, fields=2).validation.batches(3))
    assert torch.equal(x, alone)
    assert y.tolist() == [0, 1, 1]
    assert len(next(Data.of(data).train.batches(3))) == 2
    with pytest.raises(ValueError, match="got Image: use torchvision.transforms.ToTensor"):
        Data(train=ImageFolder(str(tmp_path)))


def test_a_split_that_was_made_keeps_its_tensors():
    x, y = torch.rand(4, 2), torch.arange(4)
    for split in (TensorSplit(x, y), LoaderSplit(Items(lambda i: (x[i], y[i]), 4))):
        for source in (split, Data(train=split)):
            assert len(next(Data.of(source, fields=1).train.batches(4))) == 2


def test_labels_go_with_open_data_too():
    x, y = torch.rand(4, 2), torch.arange(4)
    for source in (x, Items(lambda i: x[i], 4)):
        split = Data(train=source).train
        split.labels = y
        found = next(as_split(split.with_labels(), fields=2).batches(4))
        assert torch.equal(found[0], x)
        assert torch.equal(found[1], y)


@in_every_form
@pytest.mark.parametrize("wanted", [torch.float32, torch.float64, torch.bfloat16])
@pytest.mark.parametrize("given", [torch.float16, torch.float32, torch.float64])
def test_a_program_gets_the_type_it_calculates_in(form, given, wanted):
    x = (torch.arange(14.0).reshape(7, 2) / 8).to(given)
    data = Data.of(form(x), fields=1, dtype=wanted)
    found = torch.cat([batch for (batch,) in data.train.batches(3)])
    assert found.dtype == wanted
    assert torch.equal(found, x.to(wanted))  # eighths below two: exact in each of the types


def test_labels_masks_and_protocols_stay_when_the_type_changes():
    x, y, mask = torch.rand(6, 2).double(), torch.arange(6), torch.rand(6, 2) < 0.5
    splits = (
        TensorSplit(x, mask, y, labels=y, binarization="dynamic"),
        LoaderSplit(TensorDataset(x, mask, y), labels=y, binarization="dynamic"),
    )
    for split in splits:
        cast = Data.of(Data(train=split), fields=3, dtype=torch.float32).train
        assert [t.dtype for t in cast.take(6)] == [torch.float32, torch.bool, torch.int64]
        assert torch.equal(cast.labels, y)
        assert cast.binarization == "dynamic"
        assert (len(cast), cast.shape) == (6, (2,))
        assert split.take(6)[0].dtype == torch.float64
