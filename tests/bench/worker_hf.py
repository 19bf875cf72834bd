"""Hugging Face transformers: worker_hf.py MODEL PRECISION THREADS."""

import sys

import numpy
import torch
import transformers

import worker_protocol

# Small batches of similar length are the fastest on a CPU: 8M in bf16 lost two fifths of its speed from 1,024 to 8,192.
BATCH_TOKENS = 1024


class EncodeWorkload:
    """Batches sorted by length and padded, masked only where there is padding."""

    def __init__(self, model, tokenized):
        self._model = model
        self._proteins = len(tokenized)
        self._batches = []
        for indices in worker_protocol.padded_batches(tokenized, BATCH_TOKENS):
            width = len(tokenized[indices[0]])
            tokens = torch.full((len(indices), width), worker_protocol.PAD)
            for row, index in enumerate(indices):
                tokens[row, : len(tokenized[index])] = torch.tensor(tokenized[index])
            mask = tokens.ne(worker_protocol.PAD)
            residues = mask & tokens.ne(worker_protocol.CLS) & tokens.ne(worker_protocol.EOS)
            self._batches.append((indices, tokens, None if mask.all() else mask.long(), residues.unsqueeze(-1)))

    @torch.inference_mode()
    def run(self):
        embeddings = [None] * self._proteins
        for indices, tokens, mask, residues in self._batches:
            hidden = self._model(tokens, attention_mask=mask).last_hidden_state.float()
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
    folder, precision, threads = sys.argv[1:]
    torch.set_num_threads(int(threads))
    transformers.logging.set_verbosity_error()
    model = transformers.EsmModel.from_pretrained(
        folder,
        attn_implementation="sdpa",
        dtype={"f32": torch.float32, "bf16": torch.bfloat16}[precision],
        add_pooling_layer=False,
    ).eval()
    version = f"transformers {transformers.__version__}, torch {torch.__version__}"
    worker_protocol.serve(version, lambda tokenized: EncodeWorkload(model, tokenized))


if __name__ == "__main__":
    main()
