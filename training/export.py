"""Write a trained network as the model folder that inference reads: ``model.onnx`` and ``labels.json``.

Weights are stored in half precision and used in single: the file is half as big and the answers are the same.
"""

from __future__ import annotations

import hashlib
import json
import warnings
from pathlib import Path

import numpy as np
import onnx
import torch
from onnx import TensorProto, helper, numpy_helper

from classes import CLASSES, FACE, INTRACRANIAL, VALUE, mirrored
from efface.network import preparing
from network import AnatomyNet, Labeller

OPSET = 17
UNCALIBRATED = [-1.0, 1.0, 1.0, -1.0, -1.0, 1.0]
"""Rough weights of the evidence, until ``calibrate.py`` has fitted better ones."""
SMALL = 1000
"""Weights with fewer numbers than this stay in single precision."""


def export(net: AnatomyNet, folder: Path, training: dict[str, object]) -> None:
    """Write the model folder."""
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / "model.onnx"
    labeller = Labeller(net.cpu().eval(), [VALUE[name] for name in INTRACRANIAL])
    axes = {2: "x", 3: "y", 4: "z"}
    out = {1: "x", 2: "y", 3: "z"}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # the tracer warns of shapes that stay symbolic
        torch.onnx.export(
            labeller, (torch.zeros(1, 1, 64, 80, 80),), path, dynamo=False, opset_version=OPSET, input_names=["image"],
            output_names=["labels", "inside"], dynamic_axes={"image": axes, "labels": out, "inside": out},
        )  # fmt: skip
    model = halved(onnx.load(path))
    onnx.checker.check_model(model)
    path.write_bytes(model.SerializeToString())
    (folder / "labels.json").write_text(json.dumps(description(path, training), indent=1) + "\n", "utf-8")


def halved(model: onnx.ModelProto) -> onnx.ModelProto:
    """Store large weights in half precision, with a cast back that onnxruntime does once, on loading."""
    casts = []
    for weight in model.graph.initializer:
        if weight.data_type != TensorProto.FLOAT or np.prod(weight.dims) < SMALL:
            continue
        name = weight.name
        half = numpy_helper.from_array(numpy_helper.to_array(weight).astype(np.float16), f"{name}_half")
        weight.CopyFrom(half)
        casts.append(helper.make_node("Cast", [f"{name}_half"], [name], to=TensorProto.FLOAT, name=f"{name}_cast"))
    nodes = [*casts, *model.graph.node]
    del model.graph.node[:]
    model.graph.node.extend(nodes)
    return model


def weights_of(folder: Path) -> dict[str, torch.Tensor]:
    """Read the weights of a model folder back, by their names in the network."""
    weights = {}
    for weight in onnx.load(folder / "model.onnx").graph.initializer:
        name = weight.name.removesuffix("_half")
        if name.startswith("net."):
            weights[name.removeprefix("net.")] = torch.tensor(numpy_helper.to_array(weight).astype(np.float32))
    return weights


def description(path: Path, training: dict[str, object]) -> dict[str, object]:
    """Return what inference must know beside the weights."""
    return {
        "classes": [
            {
                "value": value, "name": name, "mirror": VALUE[mirrored(name)], "inside_skull": name in INTRACRANIAL,
                "face": name in FACE,
            }
            for value, name in enumerate(CLASSES)
        ],
        "input": {
            "name": "image", "axes": "RAS", "spacing_mm": preparing.SPACING_MM,
            "coarse_spacing_mm": preparing.COARSE_SPACING_MM, "multiple": preparing.MULTIPLE,
        },
        "preprocessing": {
            "by": "efface.network.preparing", "floor_percentile": preparing.FLOOR_PERCENTILE,
            "brightest_percentile": preparing.BRIGHTEST_PERCENTILE, "head_share": preparing.HEAD_SHARE,
            "top_percentile": preparing.TOP_PERCENTILE, "ceiling": preparing.CEILING,
        },
        "outputs": {"labels": "uint8 class of every voxel", "inside": "float32 probability of being inside the skull"},
        "confidence": {"weights": UNCALIBRATED, "by": "nobody yet: run training/calibrate.py"},
        "training": training,
        "sha256": {path.name: hashlib.sha256(path.read_bytes()).hexdigest()},
    }  # fmt: skip
