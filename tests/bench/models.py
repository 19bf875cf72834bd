"""ESM-2 models of true size with random weights, as Hugging Face folders: config.json and safetensors in float32, the
largest in bfloat16.

Weights are normal, of standard deviation 1 / sqrt(inputs), so that activations keep their size from layer to layer and
attention is neither uniform nor a choice of one token. They are cut from one pool of a million normal values, each piece
from a random place on: files of any size are written at the speed of the disk, with nothing but the standard library.
"""

import json
import math
import random
import shutil
import struct
import sys
from array import array
from dataclasses import dataclass

VOCABULARY = 33
POOL = 1_000_003
# One file up to 3B, which esm-cpp needs; shards beyond.
SHARD_BYTES = 16 << 30
ELEMENT_BYTES = {"F32": 4, "BF16": 2}
SEED = 20260101
# Raised when the same name and seed give other weights.
FORMAT = 3


@dataclass(frozen=True)
class ModelSize:
    name: str
    layers: int
    hidden: int
    heads: int
    # The weights' number format; 61 GB in float32 would be much to write for a model that no peer runs here.
    stored: str = "F32"

    @property
    def intermediate(self):
        return 4 * self.hidden

    @property
    def head_dim(self):
        return self.hidden // self.heads


SIZES = {
    size.name: size
    for size in (
        ModelSize("8M", 6, 320, 20),
        ModelSize("35M", 12, 480, 20),
        ModelSize("150M", 30, 640, 20),
        ModelSize("650M", 33, 1280, 20),
        ModelSize("3B", 36, 2560, 40),
        ModelSize("15B", 48, 5120, 40, "BF16"),
    )
}


@dataclass(frozen=True)
class Tensor:
    """A tensor to write: normal values of that mean and deviation, or the given values, little-endian."""

    name: str
    shape: tuple
    deviation: float
    mean: float = 0.0
    values: bytes = None

    @property
    def elements(self):
        return math.prod(self.shape)

    def dtype(self, stored):
        """Given values are float32 whatever the others are."""
        return stored if self.values is None else "F32"

    def bytes(self, stored):
        return self.elements * ELEMENT_BYTES[self.dtype(stored)]


def tensors(size):
    """All tensors of EsmForMaskedLM in the order of the file; the decoder is tied to the word embeddings."""
    hidden, intermediate = size.hidden, size.intermediate

    def linear(name, inputs, outputs):
        yield Tensor(name + ".weight", (outputs, inputs), 1 / math.sqrt(inputs))
        yield Tensor(name + ".bias", (outputs,), 0.02)

    def norm(name):
        yield Tensor(name + ".weight", (hidden,), 0.1, 1.0)
        yield Tensor(name + ".bias", (hidden,), 0.02)

    yield Tensor("esm.embeddings.word_embeddings.weight", (VOCABULARY, hidden), 1.0)
    for layer in range(size.layers):
        prefix = f"esm.encoder.layer.{layer}."
        yield from norm(prefix + "attention.LayerNorm")
        yield Tensor(
            prefix + "attention.self.rotary_embeddings.inv_freq",
            (size.head_dim // 2,),
            0.0,
            values=rotary_frequencies(size.head_dim),
        )
        for projection in ("query", "key", "value"):
            yield from linear(prefix + "attention.self." + projection, hidden, hidden)
        yield from linear(prefix + "attention.output.dense", hidden, hidden)
        yield from norm(prefix + "LayerNorm")
        yield from linear(prefix + "intermediate.dense", hidden, intermediate)
        yield from linear(prefix + "output.dense", intermediate, hidden)
    yield from norm("esm.encoder.emb_layer_norm_after")
    yield from linear("lm_head.dense", hidden, hidden)
    yield from norm("lm_head.layer_norm")
    yield Tensor("lm_head.bias", (VOCABULARY,), 0.02)


def rotary_frequencies(head_dim):
    """What the published checkpoints store: float32 at every step, and esm-cpp reads no model without them."""

    def float32(value):
        return struct.unpack("<f", struct.pack("<f", value))[0]

    powers = (float32(10000.0 ** float32(2 * i / head_dim)) for i in range(head_dim // 2))
    return b"".join(struct.pack("<f", 1 / power) for power in powers)


def config(size):
    """config.json of that size."""
    return {
        "architectures": ["EsmForMaskedLM"],
        "attention_probs_dropout_prob": 0.0,
        "classifier_dropout": None,
        "dtype": "float32",
        "emb_layer_norm_before": False,
        "hidden_act": "gelu",
        "hidden_dropout_prob": 0.0,
        "hidden_size": size.hidden,
        "initializer_range": 0.02,
        "intermediate_size": size.intermediate,
        "is_folding_model": False,
        "layer_norm_eps": 1e-05,
        "mask_token_id": 32,
        "max_position_embeddings": 1026,
        "model_type": "esm",
        "num_attention_heads": size.heads,
        "num_hidden_layers": size.layers,
        "pad_token_id": 1,
        "position_embedding_type": "rotary",
        "tie_word_embeddings": True,
        "token_dropout": True,
        "vocab_size": VOCABULARY,
    }


class NormalPool:
    """Pieces of one pool of normal values, scaled."""

    def __init__(self, seed, stored):
        self._element_bytes = ELEMENT_BYTES[stored]
        self._random = random.Random(seed)
        gauss = self._random.gauss
        self._values = [gauss(0, 1) for _ in range(POOL)]
        self._scaled = {}

    def write(self, tensor, file):
        if tensor.values is not None:
            file.write(tensor.values)
            return
        pool = self._pool(tensor.deviation, tensor.mean)
        remaining = tensor.elements
        while remaining > 0:
            start = self._random.randrange(POOL)
            count = min(remaining, POOL - start)
            file.write(pool[start * self._element_bytes : (start + count) * self._element_bytes])
            remaining -= count

    def _pool(self, deviation, mean):
        key = (deviation, mean)
        if key not in self._scaled:
            values = array("f", (mean + deviation * value for value in self._values))
            if sys.byteorder != "little":
                values.byteswap()
            self._scaled[key] = memoryview(self._stored(values.tobytes()))
        return self._scaled[key]


    def _stored(self, floats):
        """bfloat16 is a float's upper half, the last two of four little-endian bytes."""
        if self._element_bytes == 4:
            return floats
        halves = bytearray(len(floats) // 2)
        halves[0::2] = floats[2::4]
        halves[1::2] = floats[3::4]
        return bytes(halves)


def ensure(size, folder, progress=lambda text: None):
    """Writes the model into `folder` unless it is there already, whole. Returns the folder."""
    done = folder / "written.json"
    stamp = {"format": FORMAT, "seed": SEED, "model": size.name}
    if done.is_file() and json.loads(done.read_text()) == stamp:
        return folder
    all_tensors = list(tensors(size))
    total = sum(tensor.bytes(size.stored) for tensor in all_tensors)
    folder.mkdir(parents=True, exist_ok=True)
    for old in folder.glob("*.safetensors*"):
        old.unlink()
    free = shutil.disk_usage(folder).free
    if free < total * 1.02:
        raise SystemExit(
            f"bench: model {size.name} takes {total / 1e9:.1f} GB, and {free / 1e9:.1f} GB are free in {folder}."
            " Make room, or choose smaller --models."
        )
    progress(f"writing model {size.name}, {total / 1e9:.2f} GB")
    (folder / "config.json").write_text(json.dumps(config(size), indent=2) + "\n")
    pool = NormalPool(SEED, size.stored)
    shards = _shards(all_tensors, size.stored)
    weight_map = {}
    for index, shard in enumerate(shards):
        name = "model.safetensors" if len(shards) == 1 else f"model-{index + 1:05}-of-{len(shards):05}.safetensors"
        _write_file(folder / name, shard, pool, size.stored)
        weight_map.update((tensor.name, name) for tensor in shard)
    if len(shards) > 1:
        index = {"metadata": {"total_size": total}, "weight_map": weight_map}
        (folder / "model.safetensors.index.json").write_text(json.dumps(index, indent=2) + "\n")
    done.write_text(json.dumps(stamp) + "\n")
    return folder


def _shards(all_tensors, stored):
    shards, size = [[]], 0
    for tensor in all_tensors:
        if size + tensor.bytes(stored) > SHARD_BYTES:
            shards.append([])
            size = 0
        shards[-1].append(tensor)
        size += tensor.bytes(stored)
    return shards


def _write_file(path, shard, pool, stored):
    header, offset = {"__metadata__": {"format": "pt"}}, 0
    for tensor in shard:
        end = offset + tensor.bytes(stored)
        header[tensor.name] = {"dtype": tensor.dtype(stored), "shape": list(tensor.shape), "data_offsets": [offset, end]}
        offset = end
    text = json.dumps(header).encode()
    text += b" " * (-len(text) % 8)
    with open(path, "wb") as file:
        file.write(struct.pack("<Q", len(text)))
        file.write(text)
        for tensor in shard:
            pool.write(tensor, file)


def main():
    """Writes one model: python3 models.py SIZE FOLDER."""
    import pathlib

    if len(sys.argv) != 3 or sys.argv[1] not in SIZES:
        raise SystemExit(f"usage: python3 models.py {'|'.join(SIZES)} FOLDER")
    ensure(SIZES[sys.argv[1]], pathlib.Path(sys.argv[2]), lambda text: print(text, file=sys.stderr))


if __name__ == "__main__":
    main()
