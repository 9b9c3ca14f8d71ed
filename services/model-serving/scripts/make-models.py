#!/usr/bin/env python3
"""Makes the sample models in models/ and the test's models in test/models/, always with the same bytes.

    python3 -m venv /tmp/models && /tmp/models/bin/pip install -r scripts/requirements.txt
    /tmp/models/bin/python scripts/make-models.py

Data, from scikit-learn's package: iris (R. A. Fisher, 1936; in the public domain) and digits (E. Alpaydin and
C. Kaynak, Optical Recognition of Handwritten Digits, 1998, UCI repository, CC BY 4.0).

Nothing here is trained step by step: a least-squares fit has one solution, and its weights are rounded to 1/4096, so
that the last bits of a processor's arithmetic do not show in the files.
"""
import hashlib
import json
from pathlib import Path

import numpy as np
from onnx import TensorProto, checker, helper, numpy_helper
from sklearn.datasets import load_digits, load_iris

ROOT = Path(__file__).resolve().parent.parent


def rounded(weights):
    return (np.round(np.asarray(weights) * 4096) / 4096).astype(np.float32)


def least_squares(features, labels, classes, ridge):
    """Weights (features + 1, classes) with the bias in the last row."""
    design = np.hstack([features, np.ones((len(features), 1))])
    targets = np.eye(classes)[labels] * 2 - 1
    gram = design.T @ design + ridge * np.eye(design.shape[1])
    return rounded(np.linalg.solve(gram, design.T @ targets))


def random_weights(rows, columns, seed):
    """Uniform in [-1, 1), from a generator that is the same everywhere."""
    state, values = seed, []
    for _ in range(rows * columns):
        state = state * 48271 % 2147483647
        values.append(state / 2147483647 * 2 - 1)
    return rounded(np.array(values).reshape(rows, columns))


def constant(name, value):
    return numpy_helper.from_array(np.asarray(value), name)


def tensor(name, kind, shape):
    return helper.make_tensor_value_info(name, kind, shape)


def save(path, name, nodes, inputs, outputs, constants=(), doc=""):
    graph = helper.make_graph(nodes, name, inputs, outputs, list(constants), doc_string=doc)
    opsets = [helper.make_opsetid("", 17), helper.make_opsetid("ai.onnx.ml", 3)]
    model = helper.make_model(graph, producer_name="mlp", opset_imports=opsets, ir_version=8)
    checker.check_model(model, full_check=True)
    path.parent.mkdir(parents=True, exist_ok=True)
    data = model.SerializeToString(deterministic=True)
    path.write_bytes(data)
    return hashlib.sha256(data).hexdigest()


def iris():
    """Four measurements in centimetres -> species by name, and a probability for each: linear discriminant analysis."""
    data = load_iris()
    means = np.array([data.data[data.target == label].mean(0) for label in range(3)])
    centred = data.data - means[data.target]
    weights = np.linalg.solve(centred.T @ centred / (150 - 3), means.T)
    bias = rounded(-0.5 * np.sum(means.T * weights, axis=0))
    weights = rounded(weights)
    right = np.mean((data.data @ weights + bias).argmax(1) == data.target)
    print(f"iris: {right:.3f} of the training data right")
    nodes = [
        helper.make_node("Gemm", ["measurements", "weights", "bias"], ["scores"]),
        helper.make_node("Softmax", ["scores"], ["probabilities"], axis=1),
        helper.make_node("ArgMax", ["scores"], ["class"], axis=1, keepdims=0),
        helper.make_node(
            "LabelEncoder", ["class"], ["species"], domain="ai.onnx.ml",
            keys_int64s=[0, 1, 2], values_strings=[str(name) for name in data.target_names],
        ),
    ]
    return save(
        ROOT / "models/iris/1/model.onnx", "iris", nodes,
        [tensor("measurements", TensorProto.FLOAT, ["rows", 4])],
        [tensor("species", TensorProto.STRING, ["rows"]), tensor("probabilities", TensorProto.FLOAT, ["rows", 3])],
        [constant("weights", weights), constant("bias", bias)],
        "Fisher's iris: sepal length and width, petal length and width, in cm",
    )


def digits(version, hidden):
    """An 8x8 picture, 64 pixels from 0 to 16 -> a probability for each digit. One random hidden layer."""
    data = load_digits()
    pixels = data.data / 16
    first = random_weights(64, hidden, 20 + version) / np.float32(8)
    bias = random_weights(1, hidden, 40 + version)[0] / np.float32(4)
    features = np.maximum(pixels @ first.astype(np.float64) + bias, 0)
    second = least_squares(features, data.target, 10, 0.01)
    scores = np.hstack([features, np.ones((len(features), 1))]) @ second
    print(f"digits {version}: {np.mean(scores.argmax(1) == data.target):.3f} of the training data right")
    nodes = [
        helper.make_node("Mul", ["pixels", "scale"], ["scaled"]),
        helper.make_node("Gemm", ["scaled", "first", "firstBias"], ["hidden"]),
        helper.make_node("Relu", ["hidden"], ["active"]),
        helper.make_node("Gemm", ["active", "second", "secondBias"], ["scores"]),
        helper.make_node("Mul", ["scores", "sharpness"], ["logits"]),
        helper.make_node("Softmax", ["logits"], ["probabilities"], axis=1),
    ]
    constants = [
        constant("scale", np.float32(1 / 16)),
        constant("first", first),
        constant("firstBias", bias),
        constant("second", second[:-1]),
        constant("secondBias", second[-1]),
        constant("sharpness", np.float32(4)),
    ]
    return save(
        ROOT / f"models/digits/{version}/model.onnx", "digits", nodes,
        [tensor("pixels", TensorProto.FLOAT, ["rows", 64])],
        [tensor("probabilities", TensorProto.FLOAT, ["rows", 10])],
        constants, "Handwritten digits, 8x8 pixels from 0 to 16, row by row",
    )


KINDS = {
    "BOOL": TensorProto.BOOL,
    "UINT8": TensorProto.UINT8,
    "UINT16": TensorProto.UINT16,
    "UINT32": TensorProto.UINT32,
    "UINT64": TensorProto.UINT64,
    "INT8": TensorProto.INT8,
    "INT16": TensorProto.INT16,
    "INT32": TensorProto.INT32,
    "INT64": TensorProto.INT64,
    "FP16": TensorProto.FLOAT16,
    "FP32": TensorProto.FLOAT,
    "FP64": TensorProto.DOUBLE,
    "BYTES": TensorProto.STRING,
}


def test_models():
    """Models that show one thing each."""
    folder = ROOT / "test/models"

    def model(name, *arguments, **options):
        save(folder / f"{name}.onnx", name, *arguments, **options)

    # What goes in comes out: one model for each datatype, and one with all of them.
    for kind, number in KINDS.items():
        model(
            f"same-{kind.lower()}", [helper.make_node("Identity", ["x"], ["y"])],
            [tensor("x", number, ["rows", "columns"])], [tensor("y", number, ["rows", "columns"])],
        )
    model(
        "same-all", [helper.make_node("Identity", [f"x_{kind}"], [f"y_{kind}"]) for kind in KINDS],
        [tensor(f"x_{kind}", number, ["rows", "columns"]) for kind, number in KINDS.items()],
        [tensor(f"y_{kind}", number, ["rows", "columns"]) for kind, number in KINDS.items()],
    )
    # A row's result depends on the other rows: must not be batched, though its shapes look as if it could.
    model(
        "share-of-batch",
        [
            helper.make_node("ReduceSum", ["x"], ["sum"], keepdims=1),
            helper.make_node("Div", ["x", "sum"], ["y"]),
        ],
        [tensor("x", TensorProto.FLOAT, ["rows", 1])], [tensor("y", TensorProto.FLOAT, ["rows", 1])],
    )
    # A table of three numbers: an index beyond it makes the runtime fail.
    model(
        "look-up", [helper.make_node("Gather", ["table", "index"], ["y"])],
        [tensor("index", TensorProto.INT64, ["rows"])], [tensor("y", TensorProto.FLOAT, ["rows"])],
        [constant("table", np.array([10, 20, 30], np.float32))],
    )
    # The logarithm of zero is an infinity, of a negative number NaN: JSON has no word for either.
    model(
        "logarithm", [helper.make_node("Log", ["x"], ["y"])],
        [tensor("x", TensorProto.FLOAT, ["rows"])], [tensor("y", TensorProto.FLOAT, ["rows"])],
    )
    # As many steps as asked for, each a product of two 128x128 matrices: slow on purpose.
    body = helper.make_graph(
        [
            helper.make_node("MatMul", ["matrix_in", "matrix"], ["matrix_product"]),
            helper.make_node("Identity", ["go_in"], ["go_out"]),
        ],
        "step",
        [
            tensor("step", TensorProto.INT64, []),
            tensor("go_in", TensorProto.BOOL, []),
            tensor("matrix_in", TensorProto.FLOAT, [128, 128]),
        ],
        [tensor("go_out", TensorProto.BOOL, []), tensor("matrix_product", TensorProto.FLOAT, [128, 128])],
    )
    model(
        "slow",
        [
            helper.make_node("ConstantOfShape", ["size"], ["zeros"]),
            helper.make_node("EyeLike", ["zeros"], ["matrix"]),
            helper.make_node("Squeeze", ["steps"], ["count"]),
            helper.make_node("Loop", ["count", "go", "matrix"], ["result"], body=body),
            helper.make_node("ReduceSum", ["result"], ["total"], keepdims=0),
            helper.make_node("Unsqueeze", ["total", "axis"], ["y"]),
        ],
        [tensor("steps", TensorProto.INT64, [1])], [tensor("y", TensorProto.FLOAT, [1])],
        [
            constant("go", np.array(True)),
            constant("size", np.array([128, 128], np.int64)),
            constant("axis", np.array([0], np.int64)),
        ],
    )


def main():
    batching = {"maxRows": 64}
    models = [
        {
            "name": "iris",
            "versions": [{"version": "1", "source": "iris/1/model.onnx", "sha256": iris()}],
            "batching": batching,
        },
        {
            "name": "digits",
            "versions": [
                {"version": "1", "source": "digits/1/model.onnx", "sha256": digits(1, 64)},
                {"version": "2", "source": "digits/2/model.onnx", "sha256": digits(2, 128)},
            ],
            "aliases": {"default": "1", "candidate": "2"},
            "batching": batching,
        },
    ]
    (ROOT / "models/models.json").write_text(json.dumps({"models": models}, indent=2) + "\n")
    test_models()


main()
