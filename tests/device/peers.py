#!/usr/bin/env python3
"""Measures PyTorch on the work that tests/device/run.sh measures TurboESM on.

usage: peers.py ROWS LENGTHS [--tiny]

ROWS     a file that rows are appended to, one in JSON a line, as DeviceCheck writes them
LENGTHS  lengths of the proteins of the batch, with commas between
--tiny   small sizes on the processor, to check that it works

Weights, queries, keys and values are random. Times are of CUDA graphs where the work can be captured and of
streams that are kept full where it cannot, by events, medians, on inputs that exceed the second-level cache.
"""

import json
import statistics
import sys
import time
import traceback

import torch
import torch.nn.functional as F

LAYERS, HIDDEN, HEADS, HEAD_DIM = 33, 1280, 20, 64
DECODE_SHAPES = [(batch, kv_len) for batch in (64, 512) for kv_len in (1024, 2048, 4096)]
ROTATED_BYTES = 512 << 20
REPEATS = 15


def write(rows, part, subject, who, microseconds, rate, unit, note, failed=False):
    row = {"part": part, "subject": subject, "who": who, "microseconds": microseconds, "rate": rate,
           "rateUnit": unit, "note": note, "failed": failed}
    with open(rows, "a", encoding="utf-8") as file:
        file.write(json.dumps({key: value for key, value in row.items() if value is not None}) + "\n")


class Clock:
    """Microseconds of one of several calls that do the same on different memory."""

    def __init__(self, device):
        self.device = device

    def microseconds(self, calls, captured=True):
        for call in calls:
            call()
        if self.device == "cpu":
            start = time.perf_counter()
            for call in calls:
                call()
            return 1e6 * (time.perf_counter() - start) / len(calls)
        torch.cuda.synchronize()
        if captured:
            graph = torch.cuda.CUDAGraph()
            with torch.cuda.graph(graph):
                for call in calls:
                    call()
            run = graph.replay
        else:

            def run():
                for call in calls:
                    call()

        run()
        torch.cuda.synchronize()
        times = []
        for _ in range(REPEATS):
            start, end = (torch.cuda.Event(enable_timing=True) for _ in range(2))
            start.record()
            run()
            end.record()
            end.synchronize()
            times.append(1e3 * start.elapsed_time(end) / len(calls))
        return statistics.median(times)


def backends():
    """The backends of scaled_dot_product_attention, by name."""
    from torch.nn.attention import SDPBackend

    names = {"flash": "FLASH_ATTENTION", "efficient": "EFFICIENT_ATTENTION", "cudnn": "CUDNN_ATTENTION",
             "math": "MATH"}
    return {name: getattr(SDPBackend, value) for name, value in names.items() if hasattr(SDPBackend, value)}


def decode_attention(rows, clock, shapes):
    """One query of each sequence and head over keys and values in bfloat16, by the fastest backend."""
    from torch.nn.attention import sdpa_kernel

    for batch, kv_len in shapes:
        cache_bytes = 2 * batch * HEADS * kv_len * HEAD_DIM * 2
        caches = max(1, -(-ROTATED_BYTES // cache_bytes)) if clock.device != "cpu" else 1

        def random(tokens):
            return torch.randn(batch, HEADS, tokens, HEAD_DIM, device=clock.device, dtype=torch.bfloat16)

        query = random(1)
        kv = [(random(kv_len), random(kv_len)) for _ in range(caches)]
        times, refused = {}, []
        for name, backend in backends().items():
            try:
                with sdpa_kernel(backend), torch.no_grad():
                    times[name] = clock.microseconds(
                        [lambda k=k, v=v: F.scaled_dot_product_attention(query, k, v) for k, v in kv])
            except Exception as error:  # a backend that cannot, says so
                refused.append(f"{name}: {str(error).splitlines()[0][:60] if str(error) else type(error).__name__}")
                if clock.device != "cpu":
                    torch.cuda.synchronize()
        subject = f"{batch} x {HEADS} heads of {HEAD_DIM}, {kv_len} tokens"
        if not times:
            write(rows, "decode attention", subject, "torch SDPA bf16", None, None, None, "; ".join(refused), True)
            continue
        best = min(times, key=times.get)
        others = ", ".join(f"{name} {value:.0f} us" for name, value in times.items() if name != best)
        write(rows, "decode attention", subject, "torch SDPA bf16", times[best], cache_bytes / times[best] / 1e3, "GB/s",
              f"{best}; {others}")
        del kv


def varlen_attention():
    """A function of q, k, v [tokens, heads, head_dim], cu_seqlens and the longest length, and its name; or None."""
    try:
        from flash_attn import flash_attn_varlen_func

        return (lambda q, k, v, cu, longest: flash_attn_varlen_func(q, k, v, cu, cu, longest, longest)), "flash-attn"
    except ImportError:
        pass
    try:
        from torch.nn.attention.varlen import varlen_attn

        return (lambda q, k, v, cu, longest: varlen_attn(q, k, v, cu, cu, longest, longest)), "torch varlen_attn"
    except ImportError:
        return None


def attention_flops(lengths):
    return 4.0 * sum(length * length for length in lengths) * HIDDEN


def prefill_attention(rows, clock, lengths):
    found = varlen_attention()
    if found is None or clock.device == "cpu":
        write(rows, "prefill", "attention", "varlen attention", None, None, None,
              "not run: neither flash-attn nor torch.nn.attention.varlen is there")
        return
    attend, name = found
    q, k, v = (torch.randn(sum(lengths), HEADS, HEAD_DIM, device=clock.device, dtype=torch.bfloat16) for _ in range(3))
    cu = torch.tensor([0] + lengths, device=clock.device).cumsum(0).to(torch.int32)
    with torch.no_grad():
        taken = clock.microseconds([lambda: attend(q, k, v, cu, max(lengths))] * 2)
    write(rows, "prefill", "attention", f"{name}, bf16", taken, attention_flops(lengths) / taken / 1e6, "TFLOP/s",
          f"{sum(lengths):,} tokens of {len(lengths)} proteins")


def encode_flops(lengths, layers):
    products = 2.0 * sum(lengths) * 12 * HIDDEN * HIDDEN
    return layers * (products + attention_flops(lengths))


def report_encode(rows, who, taken, lengths, layers, note):
    write(rows, "encode", "pass on the device, bf16", who, taken, encode_flops(lengths, layers) / taken / 1e6, "TFLOP/s",
          f"{1e6 * sum(lengths) / taken:,.0f} tokens/s; {note}")


def encode_transformers(rows, clock, lengths, layers):
    """EsmModel on batches that are sorted by length and padded, of the size at which it is fastest."""
    from transformers import EsmConfig, EsmModel

    config = EsmConfig(
        vocab_size=33, mask_token_id=32, pad_token_id=1, hidden_size=HIDDEN, num_hidden_layers=layers,
        num_attention_heads=HEADS, intermediate_size=4 * HIDDEN, max_position_embeddings=1026,
        position_embedding_type="rotary", token_dropout=True, emb_layer_norm_before=False,
        hidden_dropout_prob=0.0, attention_probs_dropout_prob=0.0)
    config._attn_implementation = "sdpa"
    torch.manual_seed(20260101)
    model = EsmModel(config, add_pooling_layer=False).to(clock.device, torch.bfloat16).eval()
    implementation = getattr(model.config, "_attn_implementation", "unknown")
    taken = {}
    for most in (4096, 8192, 16384):
        batches, batch = [], []
        for length in sorted(lengths, reverse=True):
            if batch and batch[0] * (len(batch) + 1) > most:
                batches.append(batch)
                batch = []
            batch.append(length)
        batches.append(batch)
        inputs = []
        for batch in batches:
            ids = torch.randint(4, 24, (len(batch), batch[0]), device=clock.device)
            kept = torch.arange(batch[0], device=clock.device)[None] < torch.tensor(batch, device=clock.device)[:, None]
            inputs.append((ids.masked_fill(~kept, 1), kept.long()))

        def run():
            with torch.no_grad():
                for ids, mask in inputs:
                    model(input_ids=ids, attention_mask=mask)

        taken[most] = clock.microseconds([run], captured=False)
    best = min(taken, key=taken.get)
    report_encode(rows, f"transformers EsmModel bf16, {implementation}", taken[best], lengths, layers,
                  f"padded batches of up to {best} tokens, the fastest of {', '.join(map(str, taken))}")


class PackedLayer(torch.nn.Module):
    """A layer of ESM-2 on tokens back to back, as faesm computes it."""

    def __init__(self):
        super().__init__()
        self.attention_norm = torch.nn.LayerNorm(HIDDEN)
        self.projections = torch.nn.Linear(HIDDEN, 3 * HIDDEN)
        self.output = torch.nn.Linear(HIDDEN, HIDDEN)
        self.feed_forward_norm = torch.nn.LayerNorm(HIDDEN)
        self.wide = torch.nn.Linear(HIDDEN, 4 * HIDDEN)
        self.narrow = torch.nn.Linear(4 * HIDDEN, HIDDEN)

    def forward(self, x, attend, cos, sin, cu, longest):
        q, k, v = self.projections(self.attention_norm(x)).view(-1, 3, HEADS, HEAD_DIM).unbind(1)
        attended = attend(rotate(q, cos, sin), rotate(k, cos, sin), v.contiguous(), cu, longest)
        x = x + self.output(attended.reshape(-1, HIDDEN))
        return x + self.narrow(F.gelu(self.wide(self.feed_forward_norm(x))))


def rotate(x, cos, sin):
    first, second = x.chunk(2, -1)
    return x * cos + torch.cat((-second, first), -1) * sin


def encode_packed(rows, clock, lengths, layers):
    found = varlen_attention()
    if found is None or clock.device == "cpu":
        write(rows, "encode", "pass on the device, bf16", "packed PyTorch", None, None, None,
              "not run: neither flash-attn nor torch.nn.attention.varlen is there")
        return
    attend, name = found
    torch.manual_seed(20260101)
    model = torch.nn.ModuleList([PackedLayer() for _ in range(layers)]).to(clock.device, torch.bfloat16).eval()
    norm = torch.nn.LayerNorm(HIDDEN).to(clock.device, torch.bfloat16)
    x = torch.randn(sum(lengths), HIDDEN, device=clock.device, dtype=torch.bfloat16)
    cu = torch.tensor([0] + lengths, device=clock.device).cumsum(0).to(torch.int32)
    positions = torch.cat([torch.arange(length) for length in lengths]).float()
    angles = positions[:, None] / 10000 ** (torch.arange(0, HEAD_DIM, 2) / HEAD_DIM)
    angles = torch.cat((angles, angles), -1)[:, None]
    cos, sin = (f(angles).to(clock.device, torch.bfloat16) for f in (torch.cos, torch.sin))

    def run():
        with torch.no_grad():
            hidden = x
            for layer in model:
                hidden = layer(hidden, attend, cos, sin, cu, max(lengths))
            return norm(hidden)

    report_encode(rows, f"packed PyTorch bf16, {name}", clock.microseconds([run]), lengths, layers,
                  "no padding, a CUDA graph")


def main():
    arguments = [word for word in sys.argv[1:] if word != "--tiny"]
    if len(arguments) != 2:
        sys.exit(__doc__)
    rows, lengths = arguments[0], [int(length) for length in arguments[1].split(",")]
    tiny = "--tiny" in sys.argv
    clock = Clock("cpu" if tiny else "cuda")
    if tiny:
        lengths = lengths[:3]
    layers = 2 if tiny else LAYERS
    failed = False
    for part, measure in (
        ("decode attention", lambda: decode_attention(rows, clock, [(2, 64)] if tiny else DECODE_SHAPES)),
        ("prefill", lambda: prefill_attention(rows, clock, lengths)),
        ("encode", lambda: encode_transformers(rows, clock, lengths, layers)),
        ("encode", lambda: encode_packed(rows, clock, lengths, layers)),
    ):
        try:
            measure()
        except Exception as error:  # one peer that fails costs the others nothing
            traceback.print_exc()
            failed = True
            write(rows, part, "peer", "peers.py", None, None, None, f"{type(error).__name__}: {error}"[:200], True)
        if not tiny:
            torch.cuda.synchronize()
            torch.cuda.empty_cache()
    sys.exit(1 if failed else 0)


if __name__ == "__main__":
    main()
