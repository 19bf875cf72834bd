"""fair-esm, Meta's own code: worker_fair_esm.py MODEL PRECISION THREADS."""

import importlib.metadata
import json
import pathlib
import sys

import esm
import numpy
import safetensors.torch
import torch

import worker_protocol

BATCH_TOKENS = 1024


def state_dict(folder):
    """Its names for the tensors of a Hugging Face folder."""
    weights = {}
    for file in sorted(folder.glob("*.safetensors")):
        weights.update(safetensors.torch.load_file(file))
    renamed = {
        "embed_tokens.weight": weights["esm.embeddings.word_embeddings.weight"],
        "lm_head.weight": weights["esm.embeddings.word_embeddings.weight"],
    }
    parts = {
        "attention.self.query": "self_attn.q_proj",
        "attention.self.key": "self_attn.k_proj",
        "attention.self.value": "self_attn.v_proj",
        "attention.self.rotary_embeddings": "self_attn.rot_emb",
        "attention.output.dense": "self_attn.out_proj",
        "attention.LayerNorm": "self_attn_layer_norm",
        "intermediate.dense": "fc1",
        "output.dense": "fc2",
        "LayerNorm": "final_layer_norm",
    }
    for name, tensor in weights.items():
        if name.startswith("esm.encoder.layer."):
            layer, rest = name.removeprefix("esm.encoder.layer.").split(".", 1)
            part, kind = rest.rsplit(".", 1)
            renamed[f"layers.{layer}.{parts[part]}.{kind}"] = tensor
        elif name.startswith("esm.encoder."):
            renamed[name.removeprefix("esm.encoder.")] = tensor
        elif name.startswith("lm_head."):
            renamed[name] = tensor
    return renamed


class EncodeWorkload:
    """Batches sorted by length and padded."""

    def __init__(self, model, tokenized):
        self._model = model
        self._proteins = len(tokenized)
        self._batches = []
        for indices in worker_protocol.padded_batches(tokenized, BATCH_TOKENS):
            tokens = torch.full((len(indices), len(tokenized[indices[0]])), worker_protocol.PAD)
            for row, index in enumerate(indices):
                tokens[row, : len(tokenized[index])] = torch.tensor(tokenized[index])
            residues = tokens.gt(worker_protocol.EOS)
            self._batches.append((indices, tokens, residues.unsqueeze(-1)))

    @torch.inference_mode()
    def run(self):
        embeddings = [None] * self._proteins
        last = self._model.num_layers
        for indices, tokens, residues in self._batches:
            hidden = self._model(tokens, repr_layers=[last])["representations"][last]
            means = (hidden * residues).sum(1) / residues.sum(1)
            for row, index in enumerate(indices):
                embeddings[index] = means[row]
        return torch.stack(embeddings).numpy()

    @staticmethod
    def embeddings(result):
        return result

    @staticmethod
    def checksum(result):
        return float(numpy.abs(result).sum(dtype=numpy.float64))


def main():
    folder, precision, threads = pathlib.Path(sys.argv[1]), sys.argv[2], int(sys.argv[3])
    if precision != "f32":
        raise SystemExit(f"fair-esm is run in f32 alone, not in {precision}")
    torch.set_num_threads(threads)
    config = json.loads((folder / "config.json").read_text())
    model = esm.ESM2(config["num_hidden_layers"], config["hidden_size"], config["num_attention_heads"])
    loaded = model.load_state_dict(state_dict(folder), strict=False)
    # The contact head is not run, and the random models have none.
    missing = [name for name in loaded.missing_keys if not name.startswith("contact_head.")]
    if missing or loaded.unexpected_keys:
        raise SystemExit(f"fair-esm: tensors missing: {missing}, unexpected: {loaded.unexpected_keys}")
    model.eval()
    version = f"fair-esm {importlib.metadata.version('fair-esm')}, torch {torch.__version__}"
    worker_protocol.serve(version, lambda tokenized: EncodeWorkload(model, tokenized))


if __name__ == "__main__":
    main()
