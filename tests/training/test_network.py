import numpy as np
import pytest

torch = pytest.importorskip("torch")


@pytest.fixture(scope="module")
def net():
    from network import AnatomyNet

    torch.manual_seed(0)
    return AnatomyNet(classes=33, channels=(16, 16, 16, 16)).eval()


def test_labels_are_the_best_scores(net):
    from network import Labeller

    image = torch.rand(1, 1, 32, 48, 32)
    with torch.inference_mode():
        labels, inside = Labeller(net, range(1, 24))(image)
        best = net(image).argmax(dim=1)
    assert torch.equal(labels, best)
    assert torch.equal(inside > 0.5, (best > 0) & (best < 24))
    assert labels.shape == inside.shape == (1, 32, 48, 32)


def test_training_scores_stand_for_the_voxels_they_are_compared_with(net):
    from network import picked

    image = torch.rand(1, 1, 32, 48, 32)
    voxels = torch.arange(image.numel()).reshape(image.shape)
    seen = torch.zeros(image.numel(), dtype=torch.long)
    with torch.inference_mode():
        whole = net(image)
        for pick in range(8):
            assert torch.allclose(net.scores_at(image, pick), picked(whole, pick), atol=1e-4)
            seen[picked(voxels, pick).flatten()] += 1
    assert seen.min() == seen.max() == 1  # eight picks see every voxel once


def test_doubling_is_nearest_neighbour(net):
    from network import doubled

    x = torch.rand(2, 3, 4, 5, 6)
    assert torch.equal(doubled(x), torch.nn.functional.interpolate(x, scale_factor=2, mode="nearest"))


def test_exported_model_answers_as_the_network_does(net, tmp_path):
    onnxruntime = pytest.importorskip("onnxruntime")
    pytest.importorskip("onnx")
    from export import export
    from network import Labeller

    export(net, tmp_path, {})
    image = torch.rand(1, 1, 48, 32, 64)
    session = onnxruntime.InferenceSession(tmp_path / "model.onnx")
    labels, inside = session.run(None, {"image": image.numpy()})
    with torch.inference_mode():
        expected, likely = Labeller(net, range(1, 24))(image)
    assert (labels == expected.numpy()).mean() > 0.99
    assert np.abs(inside - likely.numpy()).max() < 0.02


def test_dice_counts_both_ways():
    from scoring import dice_table

    true = np.zeros((10, 10, 10), np.uint8)
    true[:5] = 1
    found = np.zeros_like(true)
    found[:4] = 2
    table = dice_table(found, true)
    assert table["left_cerebral_white_matter"] == 0
    assert table["brain"] == pytest.approx(2 * 400 / 900)


def test_a_model_folder_gives_its_weights_back(tmp_path):
    pytest.importorskip("onnx")
    from classes import CLASSES
    from export import export, weights_of
    from network import AnatomyNet

    net = AnatomyNet(len(CLASSES))
    for parameter in net.parameters():
        torch.nn.init.normal_(parameter, std=0.1)  # the exporter merges weights that are equal
    export(net, tmp_path, {})
    again = weights_of(tmp_path)
    state = net.state_dict()
    assert set(again) == set(state)
    for name, value in state.items():
        assert torch.allclose(again[name], value, atol=1e-3), name


def test_what_is_unknown_teaches_nothing_and_inside_means_any_structure():
    from real_scans import INSIDE, UNKNOWN
    from training_run import INTRACRANIAL_VALUES, partial_loss

    scores = torch.randn(1, 33, 2, 2, 2)
    scores[0, :, 0] = -20.0
    scores[0, INTRACRANIAL_VALUES[3], 0] = 20.0  # sure that this half lies inside the skull
    target = torch.full((1, 2, 2, 2), UNKNOWN)
    target[:, 0] = INSIDE
    assert partial_loss(scores, target) < 1e-3
    target[:, 0] = 0
    assert partial_loss(scores, target) > 10
    target[:] = UNKNOWN
    assert partial_loss(scores, target) == 0
