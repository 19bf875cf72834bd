#!/usr/bin/env python3
"""Makes the golden files: what Hugging Face's ESM-2 computes, for the Java ESM-2 to equal.

For some small random models, and for the demo model, this script writes token sequences
and the hidden states and logits that ``EsmForMaskedLM`` gives for them in float32. The
README beside this file says what the files contain and how to make them again.

All seeds are fixed. Weights and tokens come out the same on every run; expected values
come out the same up to float32 rounding, which depends on the processor and on torch.
"""

import argparse
import gzip
import json
import math
import struct
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
import transformers
from safetensors import safe_open
from safetensors.torch import load_file, save_file
from transformers import EsmForMaskedLM

GOLDEN_VERSION = 1
"""Raise it when the content or the naming of the files changes."""

SCRIPT = "tests/golden/make_golden.py"
REPOSITORY = Path(__file__).resolve().parents[2]
DEFAULT_OUTPUT = REPOSITORY / "tests/src/test/resources/golden"
DEFAULT_DEMO_MODEL = (
    REPOSITORY / "kernel-jcuda/src/main/resources/org/turboesm/esm2/demo"
)
DEFAULT_DEMO_FASTA = (
    REPOSITORY / "spark-job/src/main/resources/org/turboesm/job/demo/proteins.fasta.gz"
)

MAX_TOTAL_BYTES = 9_000_000
MAX_DEMO_BYTES = 1_500_000
PADDING_TOLERANCE = 1e-4
CHECK_TOLERANCE = 1e-4

VOCABULARY = (
    "<cls> <pad> <eos> <unk> L A G V S E R T I D P K Q N F Y M H W C "
    "X B U Z O . - <null_1> <mask>"
).split()
TOKEN_ID = {token: index for index, token in enumerate(VOCABULARY)}
CLS, PAD, EOS, MASK = (TOKEN_ID[t] for t in ("<cls>", "<pad>", "<eos>", "<mask>"))
STANDARD_RESIDUES = "LAGVSERTIDPKQNFYMHWC"
NON_STANDARD_RESIDUES = "XBZUO"

HEADS = 2
LAYERS = 2
MAX_POSITIONS = 1026
MASKED_FRACTION = 0.15

LENGTHS = (1, 2, 31, 32, 33, 127, 1022, 3000)
MASKED_LENGTHS = (31, 127, 200)
SOME_SEQUENCES = ("1 residues", "127 residues", "1022 residues", "31 residues, masked")
DEMO_LENGTHS = (8, 31, 67, 115, 128, 360, 1009, 2124)
DEMO_MASKED_LENGTH = 180


@dataclass(frozen=True)
class RowRule:
    """Which token rows of a sequence are kept."""

    all_up_to: int
    edge: int
    spread: int

    def rows(self, tokens: int) -> list[int]:
        """All rows of a short sequence; else the first, the last and some evenly spread."""
        if tokens <= self.all_up_to:
            return list(range(tokens))
        first = range(self.edge)
        last = range(tokens - self.edge, tokens)
        middle = np.linspace(self.edge, tokens - self.edge - 1, self.spread)
        return sorted({*first, *last, *(int(round(r)) for r in middle)})


ALL_ROWS_UP_TO_140 = RowRule(all_up_to=140, edge=8, spread=32)
ALL_ROWS_UP_TO_42 = RowRule(all_up_to=42, edge=8, spread=32)
FEWER_ROWS = RowRule(all_up_to=42, edge=4, spread=16)
DEMO_ROWS = RowRule(all_up_to=16, edge=4, spread=7)


@dataclass(frozen=True)
class RandomModel:
    """A random model and the form in which its files are written.

    ``inv_freq``: how the rotary frequencies are stored: ``absent``, ``per_layer`` (as
    transformers 4 writes them, F32), ``per_layer_rounded`` (the same in the file's own
    type: the rounded values then are the model's), or ``wildcard`` (under the literal
    name with a ``*`` that some transformers 5 releases write).
    """

    folder: str
    seed: int
    head_dim: int
    dtype: torch.dtype
    inv_freq: str
    gamma_beta: bool = False
    shards: int = 1
    unused_tensors: bool = False
    newer_config: bool = False
    rows: RowRule = ALL_ROWS_UP_TO_42
    some_sequences: bool = False

    @property
    def hidden(self) -> int:
        return HEADS * self.head_dim

    @property
    def path_name(self) -> str:
        return f"golden/{self.folder}"


RANDOM_MODELS = (
    RandomModel(
        "esm_hd16",
        16,
        16,
        torch.float16,
        inv_freq="per_layer",
        unused_tensors=True,
        rows=ALL_ROWS_UP_TO_140,
    ),
    RandomModel(
        "esm_hd24",
        24,
        24,
        torch.float32,
        inv_freq="per_layer",
        shards=2,
        rows=ALL_ROWS_UP_TO_140,
    ),
    RandomModel(
        "esm_hd32",
        32,
        32,
        torch.bfloat16,
        inv_freq="absent",
        gamma_beta=True,
        newer_config=True,
    ),
    RandomModel(
        "esm_hd64",
        64,
        64,
        torch.bfloat16,
        inv_freq="per_layer",
        unused_tensors=True,
        rows=FEWER_ROWS,
    ),
    RandomModel(
        "esm_hd128",
        128,
        128,
        torch.bfloat16,
        inv_freq="wildcard",
        gamma_beta=True,
        newer_config=True,
        rows=FEWER_ROWS,
    ),
    RandomModel(
        "esm_inv_freq",
        17,
        16,
        torch.float16,
        inv_freq="per_layer_rounded",
        some_sequences=True,
    ),
)


@dataclass(frozen=True)
class Sequence:
    """A named token sequence, with ``<cls>`` and ``<eos>``."""

    name: str
    tokens: list[int]


# ---------------------------------------------------------------- weights


def parameter_shapes(hidden: int) -> dict[str, tuple[int, ...]]:
    """The parameters of EsmForMaskedLM that its output depends on, by their classic names."""
    shapes = {"esm.embeddings.word_embeddings.weight": (len(VOCABULARY), hidden)}

    def linear(name: str, rows: int, columns: int) -> None:
        shapes[f"{name}.weight"] = (rows, columns)
        shapes[f"{name}.bias"] = (rows,)

    def layer_norm(name: str) -> None:
        shapes[f"{name}.weight"] = (hidden,)
        shapes[f"{name}.bias"] = (hidden,)

    for layer in range(LAYERS):
        prefix = f"esm.encoder.layer.{layer}"
        for projection in ("query", "key", "value"):
            linear(f"{prefix}.attention.self.{projection}", hidden, hidden)
        linear(f"{prefix}.attention.output.dense", hidden, hidden)
        layer_norm(f"{prefix}.attention.LayerNorm")
        linear(f"{prefix}.intermediate.dense", 4 * hidden, hidden)
        linear(f"{prefix}.output.dense", hidden, 4 * hidden)
        layer_norm(f"{prefix}.LayerNorm")
    layer_norm("esm.encoder.emb_layer_norm_after")
    linear("lm_head.dense", hidden, hidden)
    layer_norm("lm_head.layer_norm")
    shapes["lm_head.bias"] = (len(VOCABULARY),)
    return shapes


def is_layer_norm(name: str) -> bool:
    return "LayerNorm" in name or "layer_norm" in name


def random_weights(model: RandomModel) -> dict[str, torch.Tensor]:
    """Random float32 weights, each already rounded to the type in which it is stored.

    Linear weights have a standard deviation of 1/sqrt(fan in), which keeps hidden states
    of order 1; those of the query have twice that, which makes attention uneven. Word
    embeddings have 0.5.
    """
    generator = np.random.default_rng(model.seed)
    weights = {}
    for name, shape in parameter_shapes(model.hidden).items():
        values = generator.standard_normal(shape)
        if is_layer_norm(name):
            values = 0.1 * values + (1.0 if name.endswith(".weight") else 0.0)
        elif name.endswith(".bias"):
            values = 0.1 * values
        elif "word_embeddings" in name:
            values = 0.5 * values
        else:
            values /= math.sqrt(shape[-1])
            if ".query." in name:
                values *= 2.0
        rounded = torch.from_numpy(values).to(model.dtype)
        weights[name] = rounded.to(torch.float32)
    return weights


def exact_inv_freq(head_dim: int) -> torch.Tensor:
    """The rotary frequencies, computed in float32 as Hugging Face computes them."""
    exponents = torch.arange(0, head_dim, 2, dtype=torch.float32) / head_dim
    return 1.0 / (10000.0**exponents)


def model_inv_freq(model: RandomModel) -> torch.Tensor:
    """The rotary frequencies that the model uses: those stored, where there are any."""
    exact = exact_inv_freq(model.head_dim)
    if model.inv_freq == "per_layer_rounded":
        return exact.to(model.dtype).to(torch.float32)
    return exact


def stored_tensors(
    model: RandomModel, weights: dict[str, torch.Tensor]
) -> dict[str, torch.Tensor]:
    """The tensors of the model's files, by the names they have there."""
    tensors = {}
    for name, values in weights.items():
        if model.gamma_beta and "LayerNorm." in name:
            name = name.replace("LayerNorm.weight", "LayerNorm.gamma")
            name = name.replace("LayerNorm.bias", "LayerNorm.beta")
        tensors[name] = values.to(model.dtype)

    inv_freq = model_inv_freq(model)
    if model.inv_freq == "per_layer_rounded":
        inv_freq = inv_freq.to(model.dtype)
    rotary = "esm.encoder.layer.{}.attention.self.rotary_embeddings.inv_freq"
    if model.inv_freq.startswith("per_layer"):
        for layer in range(LAYERS):
            tensors[rotary.format(layer)] = inv_freq.clone()
    elif model.inv_freq == "wildcard":
        tensors[rotary.format("*")] = inv_freq

    if model.unused_tensors:
        # What published ESM-2 files hold beside the weights. A loader passes it over.
        generator = np.random.default_rng(model.seed + 1000)
        tensors["esm.embeddings.position_ids"] = torch.arange(MAX_POSITIONS)[None]
        regression = torch.from_numpy(generator.standard_normal((1, LAYERS * HEADS)))
        tensors["esm.contact_head.regression.weight"] = regression.to(model.dtype)
        tensors["esm.contact_head.regression.bias"] = torch.zeros(1, dtype=model.dtype)
        # The decoder's weight is tied to the word embeddings; some files repeat it.
        embeddings = tensors["esm.embeddings.word_embeddings.weight"]
        tensors["lm_head.decoder.weight"] = embeddings.clone()
        if model.hidden <= 32:
            positions = generator.standard_normal((MAX_POSITIONS, model.hidden))
            tensors["esm.embeddings.position_embeddings.weight"] = torch.from_numpy(
                positions
            ).to(model.dtype)
    return tensors


def config_of(model: RandomModel) -> dict:
    """The model's config.json, as older or newer transformers write it."""
    config = {
        "architectures": ["EsmForMaskedLM"],
        "attention_probs_dropout_prob": 0.0,
        "emb_layer_norm_before": False,
        "esmfold_config": None,
        "hidden_dropout_prob": 0.0,
        "hidden_size": model.hidden,
        "initializer_range": 0.02,
        "intermediate_size": 4 * model.hidden,
        "is_folding_model": False,
        "layer_norm_eps": 1e-05,
        "mask_token_id": MASK,
        "max_position_embeddings": MAX_POSITIONS,
        "model_type": "esm",
        "num_attention_heads": HEADS,
        "num_hidden_layers": LAYERS,
        "pad_token_id": PAD,
        "position_embedding_type": "rotary",
        "token_dropout": True,
        "use_cache": True,
        "vocab_list": None,
        "vocab_size": len(VOCABULARY),
    }
    dtype = str(model.dtype).removeprefix("torch.")
    if model.newer_config:
        config["dtype"] = dtype
        config["rope_theta"] = 10000.0
        config["tie_word_embeddings"] = True
        config["transformers_version"] = transformers.__version__
    else:
        config["torch_dtype"] = dtype
        config["transformers_version"] = "4.25.0"
    return dict(sorted(config.items()))


# ---------------------------------------------------------------- files


def write_json(path: Path, value: dict) -> None:
    path.write_text(json.dumps(value, indent=2) + "\n", encoding="utf-8")


def write_safetensors(
    path: Path, tensors: dict[str, torch.Tensor], metadata: dict[str, str]
) -> None:
    """Writes a safetensors file whose metadata are in a fixed order."""
    contiguous = {name: tensor.contiguous() for name, tensor in tensors.items()}
    save_file(contiguous, path, metadata=metadata)
    data = path.read_bytes()
    (size,) = struct.unpack("<Q", data[:8])
    header = json.loads(data[8 : 8 + size])
    header["__metadata__"] = metadata
    encoded = json.dumps(header, separators=(",", ":")).encode()
    encoded += b" " * (-len(encoded) % 8)
    path.write_bytes(struct.pack("<Q", len(encoded)) + encoded + data[8 + size :])


def write_model(
    model: RandomModel, weights: dict[str, torch.Tensor], folder: Path
) -> None:
    """Writes config.json and the weights, in one file or in shards with an index."""
    folder.mkdir(parents=True, exist_ok=True)
    write_json(folder / "config.json", config_of(model))
    tensors = stored_tensors(model, weights)
    metadata = {"format": "pt"}
    if model.shards == 1:
        write_safetensors(folder / "model.safetensors", tensors, metadata)
        return
    names = list(tensors)
    weight_map = {}
    for shard, part in enumerate(np.array_split(names, model.shards)):
        file = f"model-{shard + 1:05d}-of-{model.shards:05d}.safetensors"
        write_safetensors(
            folder / file, {str(n): tensors[str(n)] for n in part}, metadata
        )
        weight_map.update({str(name): file for name in part})
    total = sum(t.numel() * t.element_size() for t in tensors.values())
    index = {
        "metadata": {"total_size": total},
        "weight_map": dict(sorted(weight_map.items())),
    }
    write_json(folder / "model.safetensors.index.json", index)


def load_hugging_face(folder: Path) -> EsmForMaskedLM:
    """The model as Hugging Face loads it, in float32, with eager attention."""
    model, report = EsmForMaskedLM.from_pretrained(
        folder,
        dtype=torch.float32,
        attn_implementation="eager",
        local_files_only=True,
        output_loading_info=True,
    )
    missing = {k for k in report["missing_keys"] if "contact_head" not in k}
    assert not missing - {"esm.rotary_embeddings.inv_freq"}, missing
    assert not report["mismatched_keys"], report["mismatched_keys"]
    assert model.config._attn_implementation == "eager"
    return model.eval()


def assert_holds(
    loaded: EsmForMaskedLM, weights: dict[str, torch.Tensor], inv_freq: torch.Tensor
) -> None:
    """Asserts that Hugging Face read exactly these weights from the files."""
    state = loaded.state_dict()
    for name, values in weights.items():
        assert torch.equal(state[name], values), name
    assert torch.equal(
        state["lm_head.decoder.weight"],
        weights["esm.embeddings.word_embeddings.weight"],
    )
    assert torch.equal(state["esm.rotary_embeddings.inv_freq"], inv_freq)
    rest = set(state) - set(weights)
    assert rest == {
        "lm_head.decoder.weight",
        "esm.rotary_embeddings.inv_freq",
        "esm.contact_head.regression.weight",
        "esm.contact_head.regression.bias",
    }, rest


# ---------------------------------------------------------------- inputs


def tokenize(residues: str) -> list[int]:
    return [CLS, *(TOKEN_ID[r] for r in residues), EOS]


def random_residues(generator: np.random.Generator, length: int) -> str:
    return "".join(generator.choice(list(STANDARD_RESIDUES), size=length))


def with_masks(generator: np.random.Generator, tokens: list[int]) -> list[int]:
    """Replaces about 15% of the residues by <mask>."""
    residues = len(tokens) - 2
    count = max(1, round(MASKED_FRACTION * residues))
    places = 1 + generator.choice(residues, size=count, replace=False)
    return [MASK if i in set(places) else token for i, token in enumerate(tokens)]


def random_sequences() -> list[Sequence]:
    """The inputs of the random models, the same for each of them."""
    generator = np.random.default_rng(GOLDEN_VERSION)
    sequences = [
        Sequence(f"{n} residues", tokenize(random_residues(generator, n)))
        for n in LENGTHS
    ]
    for n in MASKED_LENGTHS:
        tokens = with_masks(generator, tokenize(random_residues(generator, n)))
        sequences.append(Sequence(f"{n} residues, masked", tokens))

    sequences.append(Sequence("non-standard only", tokenize(NON_STANDARD_RESIDUES)))
    residues = list(random_residues(generator, 40))
    places = generator.choice(40, size=10, replace=False)
    for place, residue in zip(places, 2 * NON_STANDARD_RESIDUES):
        residues[place] = residue
    tokens = tokenize("".join(residues))
    sequences.append(Sequence("40 residues, non-standard among them", tokens))
    tokens = with_masks(generator, tokens)
    sequences.append(Sequence("40 residues, non-standard and masked", tokens))
    return sequences


def read_fasta(path: Path) -> list[tuple[str, str]]:
    """The records of a FASTA file as (identifier, residues)."""
    records: list[tuple[str, list[str]]] = []
    with gzip.open(path, "rt", encoding="ascii") as lines:
        for line in lines:
            line = line.strip()
            if line.startswith(">"):
                records.append((line[1:].split()[0], []))
            elif line:
                records[-1][1].append(line)
    return [(name, "".join(parts)) for name, parts in records]


def demo_sequences(fasta: Path) -> list[Sequence]:
    """Real proteins: the first record of each wanted length, and one with masks."""
    first = {}
    for name, residues in read_fasta(fasta):
        first.setdefault(len(residues), (name, residues))
    sequences = []
    for length in DEMO_LENGTHS:
        name, residues = first[length]
        sequences.append(Sequence(name, tokenize(residues)))
    name, residues = first[DEMO_MASKED_LENGTH]
    tokens = with_masks(np.random.default_rng(GOLDEN_VERSION), tokenize(residues))
    sequences.append(Sequence(f"{name}, masked", tokens))
    return sequences


def assert_tokenizer_agrees(sequences: list[Sequence]) -> None:
    """Asserts that Hugging Face's tokenizer gives the same tokens for the same text."""
    with tempfile.TemporaryDirectory() as folder:
        vocabulary = Path(folder, "vocab.txt")
        vocabulary.write_text("\n".join(VOCABULARY), encoding="utf-8")
        tokenizer = transformers.EsmTokenizer(str(vocabulary))
        for sequence in sequences:
            text = "".join(VOCABULARY[t] for t in sequence.tokens[1:-1])
            assert tokenizer(text)["input_ids"] == sequence.tokens, sequence.name


# ---------------------------------------------------------------- forward passes


@torch.no_grad()
def run_alone(model: EsmForMaskedLM, tokens: list[int]) -> list[torch.Tensor]:
    """Hidden states 0..layers, then the logits, of one sequence without padding."""
    output = model(input_ids=torch.tensor([tokens]), output_hidden_states=True)
    hidden = [state[0] for state in output.hidden_states]
    assert len(hidden) == model.config.num_hidden_layers + 1, len(hidden)

    # The first must be the embedding: word embeddings after token dropout.
    ids = torch.tensor(tokens)
    rows = model.esm.embeddings.word_embeddings.weight[ids]
    rows = rows * (ids != MASK)[:, None]
    masked = (ids == MASK).sum().item() / len(tokens)
    torch.testing.assert_close(hidden[0], rows * 0.88 / (1 - masked))

    # The last must be after the final LayerNorm, and be what the LM head reads.
    last = model.esm(input_ids=torch.tensor([tokens])).last_hidden_state[0]
    assert torch.equal(hidden[-1], last)
    assert torch.equal(model.lm_head(last), output.logits[0])
    norm = model.esm.encoder.emb_layer_norm_after
    normalized = (last - norm.bias) / norm.weight
    assert normalized.mean(-1).abs().max() < 1e-4
    return [*hidden, output.logits[0]]


@torch.no_grad()
def assert_padding_is_harmless(
    model: EsmForMaskedLM, sequences: list[Sequence], alone: list[list[torch.Tensor]]
) -> float:
    """Asserts that a padded batch gives what each sequence gives alone."""
    chosen = [i for i, s in enumerate(sequences) if len(s.tokens) <= 202]
    longest = max(len(sequences[i].tokens) for i in chosen)
    ids = torch.full((len(chosen), longest), PAD)
    for row, i in enumerate(chosen):
        ids[row, : len(sequences[i].tokens)] = torch.tensor(sequences[i].tokens)
    output = model(
        input_ids=ids, attention_mask=(ids != PAD).long(), output_hidden_states=True
    )
    difference = 0.0
    for row, i in enumerate(chosen):
        length = len(sequences[i].tokens)
        for batch, single in zip([*output.hidden_states, output.logits], alone[i]):
            gap = (batch[row, :length] - single).abs().max().item()
            difference = max(difference, gap)
    assert difference < PADDING_TOLERANCE, difference
    return difference


def layer_norm(x: torch.Tensor, weight: torch.Tensor, bias: torch.Tensor):
    return torch.nn.functional.layer_norm(x, x.shape[-1:], weight, bias, eps=1e-5)


def gelu(x: torch.Tensor) -> torch.Tensor:
    return 0.5 * x * (1.0 + torch.erf(x / math.sqrt(2.0)))


@torch.no_grad()
def run_float64(
    model: EsmForMaskedLM, tokens: list[int], angles: torch.Tensor
) -> tuple[list[torch.Tensor], list[float]]:
    """ESM-2 written out in float64, without Hugging Face's code.

    Hugging Face's own model computes the rotation in float32 even as ``model.double()``,
    so it can not measure its own rounding. ``angles``: for each position and rotary pair.

    Returns hidden states and logits as ``run_alone`` does, and for each layer the mean
    entropy of attention as a fraction of that of uniform attention.
    """
    w = {k: v.double() for k, v in model.state_dict().items()}

    def linear(name: str, x: torch.Tensor) -> torch.Tensor:
        return x @ w[f"{name}.weight"].T + w[f"{name}.bias"]

    def norm(name: str, x: torch.Tensor) -> torch.Tensor:
        return layer_norm(x, w[f"{name}.weight"], w[f"{name}.bias"])

    heads = model.config.num_attention_heads
    ids = torch.tensor(tokens)
    x = w["esm.embeddings.word_embeddings.weight"][ids] * (ids != MASK)[:, None]
    x = x * (1 - 0.15 * 0.8) / (1 - (ids == MASK).double().mean())
    length, hidden = x.shape
    angles = torch.cat((angles, angles), dim=-1).double()

    def split(y: torch.Tensor) -> torch.Tensor:
        return y.view(length, heads, hidden // heads).transpose(0, 1)

    def rotate(y: torch.Tensor) -> torch.Tensor:
        low, high = y.chunk(2, dim=-1)
        return y * angles.cos() + torch.cat((-high, low), dim=-1) * angles.sin()

    states, entropies = [x], []
    for layer in range(model.config.num_hidden_layers):
        prefix = f"esm.encoder.layer.{layer}"
        attention = f"{prefix}.attention"
        y = norm(f"{attention}.LayerNorm", x)
        q = rotate(split(linear(f"{attention}.self.query", y)))
        k = rotate(split(linear(f"{attention}.self.key", y)))
        v = split(linear(f"{attention}.self.value", y))
        p = (q @ k.transpose(1, 2) / math.sqrt(hidden // heads)).softmax(dim=-1)
        entropy = torch.special.entr(p).sum(-1).mean().item()
        entropies.append(entropy / math.log(length))
        y = (p @ v).transpose(0, 1).reshape(length, hidden)
        x = x + linear(f"{attention}.output.dense", y)
        y = gelu(linear(f"{prefix}.intermediate.dense", norm(f"{prefix}.LayerNorm", x)))
        x = x + linear(f"{prefix}.output.dense", y)
        states.append(x)
    states[-1] = norm("esm.encoder.emb_layer_norm_after", x)
    y = norm("lm_head.layer_norm", gelu(linear("lm_head.dense", states[-1])))
    logits = y @ w["esm.embeddings.word_embeddings.weight"].T + w["lm_head.bias"]
    return [*states, logits], entropies


def rotary_angles(length: int, stored: torch.Tensor) -> dict[str, torch.Tensor]:
    """Three ways to compute the angles of the rotation.

    ``f32``: a float32 product, as Hugging Face does. ``f64``: a float64 product with the
    float32 frequencies. ``exact``: the frequencies too in float64, unless those stored
    were rounded on purpose.
    """
    positions = torch.arange(length)[:, None]
    head_dim = 2 * stored.numel()
    exact = 10000.0 ** -(torch.arange(0, head_dim, 2).double() / head_dim)
    if (stored.double() - exact).abs().max() > 1e-6:
        exact = stored.double()
    return {
        "f32": positions.float() * stored,
        "f64": positions.double() * stored.double(),
        "exact": positions.double() * exact,
    }


class Differences:
    """The largest differences between float32 and float64, for one model."""

    def __init__(self) -> None:
        self.largest: dict[tuple[str, str, bool], float] = {}
        self.magnitude = {"hidden": 0.0, "logits": 0.0}

    def add(
        self, angles: str, values: list[torch.Tensor], float64: list[torch.Tensor]
    ) -> None:
        is_long = len(values[0]) > 1024
        for i, (a, b) in enumerate(zip(values, float64)):
            kind = "logits" if i == len(values) - 1 else "hidden"
            key = (angles, kind, is_long)
            gap = (a.double() - b).abs().max().item()
            self.largest[key] = max(self.largest.get(key, 0.0), gap)
            self.magnitude[kind] = max(self.magnitude[kind], a.abs().max().item())

    def row(self, name: str) -> str:
        """A row of the README's table."""
        cells = [name, *(f"{m:.1f}" for m in self.magnitude.values())]
        for angles in ("f32", "f64", "exact"):
            for kind in ("hidden", "logits"):
                short = self.largest[angles, kind, False]
                long = self.largest.get((angles, kind, True))
                cells.append(f"{short:.1e}" + (f", {long:.1e}" if long else ""))
        return "| " + " | ".join(cells) + " |"


def expected_values(
    name: str, model: EsmForMaskedLM, sequences: list[Sequence], rule: RowRule
) -> tuple[dict[str, torch.Tensor], dict[str, str]]:
    """Runs all sequences; returns the tensors and the metadata of expected.safetensors."""
    tensors = {}
    metadata = {
        "golden_version": str(GOLDEN_VERSION),
        "script": SCRIPT,
        "transformers": transformers.__version__,
        "torch": torch.__version__.split("+")[0],
        "model": name,
        "sequences": str(len(sequences)),
    }
    stored = model.state_dict()["esm.rotary_embeddings.inv_freq"]
    alone, entropies, differences = [], [], Differences()
    for n, sequence in enumerate(sequences):
        values = run_alone(model, sequence.tokens)
        alone.append(values)
        length = len(sequence.tokens)
        for way, angles in rotary_angles(length, stored).items():
            float64, entropy = run_float64(model, sequence.tokens, angles)
            differences.add(way, values, float64)
        if length > 100:
            entropies += entropy

        rows = rule.rows(length)
        metadata[f"seq{n}.name"] = sequence.name
        tensors[f"seq{n}.tokens"] = torch.tensor(sequence.tokens, dtype=torch.int32)
        tensors[f"seq{n}.rows"] = torch.tensor(rows, dtype=torch.int32)
        for layer, hidden in enumerate(values[:-1]):
            tensors[f"seq{n}.hidden{layer}"] = hidden[rows].clone()
        tensors[f"seq{n}.logits"] = values[-1][rows].clone()
    padding_gap = assert_padding_is_harmless(model, sequences, alone)
    assert max(entropies) < 0.97, f"attention is nearly uniform: {entropies}"
    print(differences.row(name))
    print(
        f"    alone vs padded {padding_gap:.1e}; entropy of attention "
        f"{min(entropies):.2f} to {max(entropies):.2f} of uniform"
    )
    return tensors, metadata


# ---------------------------------------------------------------- main


def make_all(output: Path, demo_model: Path, demo_fasta: Path) -> None:
    sequences = random_sequences()
    assert_tokenizer_agrees(sequences)
    for model in RANDOM_MODELS:
        folder = output / model.folder
        weights = random_weights(model)
        write_model(model, weights, folder)
        loaded = load_hugging_face(folder)
        assert_holds(loaded, weights, model_inv_freq(model))
        chosen = sequences
        if model.some_sequences:
            chosen = [s for s in sequences if s.name in SOME_SEQUENCES]
        values = expected_values(model.path_name, loaded, chosen, model.rows)
        write_safetensors(folder / "expected.safetensors", *values)

    proteins = demo_sequences(demo_fasta)
    assert_tokenizer_agrees(proteins)
    folder = output / "demo"
    folder.mkdir(parents=True, exist_ok=True)
    loaded = load_hugging_face(demo_model)
    values = expected_values("golden/demo", loaded, proteins, DEMO_ROWS)
    write_safetensors(folder / "expected.safetensors", *values)

    demo_size = (folder / "expected.safetensors").stat().st_size
    total = sum(f.stat().st_size for f in output.rglob("*") if f.is_file())
    print(f"demo {demo_size:,} bytes, total {total:,} bytes")
    assert demo_size < MAX_DEMO_BYTES and total < MAX_TOTAL_BYTES


def compare(made: Path, kept: Path) -> list[str]:
    """What differs between golden files just made and those in the repository."""
    problems = []
    names = {
        f.relative_to(d) for d in (made, kept) for f in d.rglob("*") if f.is_file()
    }
    for name in sorted(names):
        a, b = made / name, kept / name
        if not (a.exists() and b.exists()):
            problems.append(
                f"{name}: only in {'the new' if a.exists() else 'the kept'} files"
            )
        elif name.name != "expected.safetensors":
            if a.read_bytes() != b.read_bytes():
                problems.append(f"{name}: differs")
        else:
            problems += [f"{name}: {p}" for p in compare_expected(a, b)]
    return problems


def compare_expected(made: Path, kept: Path) -> list[str]:
    with safe_open(made, "pt") as a, safe_open(kept, "pt") as b:
        versions = [f.metadata().get("golden_version") for f in (a, b)]
    if versions[0] != versions[1]:
        return [f"golden version {versions[1]}, the script's is {versions[0]}"]
    new, old = load_file(made), load_file(kept)
    if new.keys() != old.keys():
        return ["other tensors"]
    problems = []
    for name, tensor in new.items():
        tolerance = CHECK_TOLERANCE if tensor.dtype == torch.float32 else 0
        if tensor.shape != old[name].shape or tensor.dtype != old[name].dtype:
            problems.append(f"{name}: other shape or type")
        elif (tensor - old[name]).abs().max().item() > tolerance:
            problems.append(f"{name}: differs")
    return problems


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--output", type=Path, default=DEFAULT_OUTPUT)
    parser.add_argument("--demo-model", type=Path, default=DEFAULT_DEMO_MODEL)
    parser.add_argument("--demo-fasta", type=Path, default=DEFAULT_DEMO_FASTA)
    parser.add_argument(
        "--check",
        action="store_true",
        help="write nothing; make the files again and compare them with --output",
    )
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    transformers.utils.logging.set_verbosity_error()
    transformers.utils.logging.disable_progress_bar()
    if not arguments.check:
        make_all(arguments.output, arguments.demo_model, arguments.demo_fasta)
        return 0
    with tempfile.TemporaryDirectory() as folder:
        make_all(Path(folder), arguments.demo_model, arguments.demo_fasta)
        problems = compare(Path(folder), arguments.output)
    print("\n".join(problems) or "the golden files are as the script makes them")
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main())
