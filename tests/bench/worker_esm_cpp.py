"""esm-cpp: worker_esm_cpp.py MODEL PRECISION THREADS, or quantize MODEL FASTA.

Its calls that run a batch return logits; hidden states come only from the call for one protein. Timed is the batch call,
its fastest, of which the language-model head is the only work that embeddings do not need (1.4% at 8M, 0.3% at 650M). The
embeddings are computed beside the timed runs, from the hidden states; the logits of that call must be those of the batch.
"""

import os
import pathlib
import sys

import numpy

import worker_protocol

QUANTIZED = "esm-cpp-int8.gguf"
# Its documented recipe: SmoothQuant with alpha 0.5 over the 99.9 percentile of activations.
ALPHA = 0.5
PERCENTILE = 99.9
CALIBRATION_TOKENS = 400


class EncodeWorkload:
    def __init__(self, model, tokenized):
        self._model = model
        self._tokenized = [numpy.array(tokens, dtype=numpy.int32) for tokens in tokenized]

    def run(self):
        return self._model.forward_scheduled(self._tokenized)

    def embeddings(self, result):
        means = []
        for tokens, batch_logits in zip(self._tokenized, result):
            logits, states = self._model.forward_with_hidden_states(tokens)
            difference = numpy.abs(logits - batch_logits).max() / numpy.abs(logits).max()
            # Float rounding gives 1e-6, int8 with a scale a batch a few percent; other work would differ by the whole.
            if not difference < 0.1:
                raise SystemExit(f"esm-cpp: logits of a batch and of one protein differ by {difference:.1%}")
            means.append(states[-1][1:-1].mean(0))
        return numpy.stack(means)

    @staticmethod
    def checksum(result):
        return float(sum(numpy.abs(logits).sum(dtype=numpy.float64) for logits in result))


def quantize(esm_cpp, folder, fasta):
    """Makes the int8 model beside the float one."""
    model = esm_cpp.Model.load_from_safetensors(str(folder / "model.safetensors"))
    observer = esm_cpp.ActivationObserver()
    seen = 0
    for protein in worker_protocol.read_fasta(fasta):
        tokens = numpy.array(worker_protocol.tokenize(protein), dtype=numpy.int32)
        model.forward_with_observer(tokens, numpy.ones_like(tokens), observer)
        seen += len(tokens)
        if seen >= CALIBRATION_TOKENS:
            break
    model.apply_smoothquant(observer.percentile(PERCENTILE), ALPHA)
    model.quantize_weights()
    model.save_to_gguf(str(folder / (QUANTIZED + ".part")))
    (folder / (QUANTIZED + ".part")).rename(folder / QUANTIZED)


def main():
    if sys.argv[1] == "quantize":
        import esm_cpp

        quantize(esm_cpp, pathlib.Path(sys.argv[2]), sys.argv[3])
        return
    folder, precision, threads = pathlib.Path(sys.argv[1]), sys.argv[2], sys.argv[3]
    os.environ["ESM_NUM_THREADS"] = threads
    import esm_cpp

    if precision == "int8":
        model = esm_cpp.Model.load_from_gguf(str(folder / QUANTIZED))
    else:
        model = esm_cpp.Model.load_from_safetensors(str(folder / "model.safetensors"))
    version = f"esm-cpp {esm_cpp.__version__} ({esm_cpp.current_isa()})"
    worker_protocol.serve(version, lambda tokenized: EncodeWorkload(model, tokenized))


if __name__ == "__main__":
    main()
