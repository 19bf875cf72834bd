#!/usr/bin/env python3
"""The tables of ROOFLINE.md: roofline.py [--length N] [--tokens N] [--kv-len N]

Bytes and operations follow from the kernels' sources; times are what an H100 SXM needs at least. Nothing here was measured
on a GPU. Plain Python, no packages.
"""

import argparse

# NVIDIA H100 Tensor Core GPU data sheet, SXM5, dense rates.
BANDWIDTH = 3.35e12
BF16 = 989.4e12
FP32 = 66.9e12
SMS = 132
# The clock that the bf16 rate implies: 4096 operations a clock and multiprocessor.
CLOCK = BF16 / (SMS * 4096)

# Lanes a clock and multiprocessor, CUDA C++ Programming Guide, throughput of native arithmetic instructions, compute
# capability 9.0; shared memory has 32 banks of a word a clock; four schedulers issue a warp's instruction a clock each.
WARP = 32
ALU_LANES = 64  # integer additions, comparisons, shifts, logic
IMAD_LANES = 64
FLOAT_LANES = 128
EXPONENTIAL_LANES = 16
SHARED_LANES = 32  # loads, stores and shuffles of a warp share the way to shared memory
ISSUED = 4

# ESM-2 650M.
LAYERS, HIDDEN, HEADS, HEAD_DIM = 33, 1280, 20, 64
FFN = 4 * HIDDEN
BLOCK_TOKENS = 32
BLOCKS_PER_SPLIT = 16

# Instructions of a warp in the SASS of packed_decode.cu (NVRTC 12.9.86, sm_90, HEAD_DIM 64; the first of the four copies
# that the unrolled loop over a warp's blocks has), by unit: (all, ALU, IMAD, float, shared memory, shuffle).
KEY_WINDOW = {  # one turn of the loop over windows, by the bits of its tables
    6: (121, 71, 16, 6, 10, 5),
    5: (132, 76, 19, 7, 11, 5),
    4: (144, 82, 21, 9, 13, 5),
}
KEY_BLOCK = (36, 6, 5, 1, 0, 0)  # around that loop, a block
COPY = (12, 6, 4, 0, 1, 0)  # one copy of 16 bytes a lane
VALUE_BLOCK = (117, 25, 21, 19, 11, 5)  # softmax and the tables of subsets, a block
VALUE_SETUP = (25, 14, 3, 1, 3, 0)  # of 32 channels
SUBSET_SUM = (56, 29, 8, 10, 8, 0)  # one code of 32 channels over 32 tokens

# Words of the same bank that 32 random indices of a table want: entries of 64 floats lie two to a bank, and among 32
# indices some bank has both nearly always; up to 32 floats there is none.
CONFLICTS = {4: 1, 5: 1, 6: 2}
TABLES_OF_WINDOW = {4: 8, 5: 6, 6: 5}


def add(*terms):
    return tuple(sum(n * counts[i] for n, counts in terms) for i in range(6))


class Codec:
    """One width of keys and one of values for all channels of a head."""

    def __init__(self, name, key_bits, value_bits):
        self.name = name
        self.key_bits, self.value_bits = key_bits, value_bits
        self.bytes_of_block = 4 * HEAD_DIM * (key_bits + value_bits)
        channels_of_table = 6 // key_bits if key_bits < 4 else 1
        self.table_bits = key_bits * channels_of_table
        tables = -(-HEAD_DIM // channels_of_table)
        self.windows = -(-tables // TABLES_OF_WINDOW[self.table_bits])
        copies = sum(-(-HEAD_DIM * bits // (4 * WARP)) for bits in (key_bits, value_bits))
        self.counts = add(
            (self.windows, KEY_WINDOW[self.table_bits]),
            (1, KEY_BLOCK),
            (copies, COPY),
            (1, VALUE_BLOCK),
            (HEAD_DIM // WARP, VALUE_SETUP),
            (HEAD_DIM // WARP * (2**value_bits - 1), SUBSET_SUM),
        )
        self.conflicts = self.windows * TABLES_OF_WINDOW[self.table_bits] * (CONFLICTS[self.table_bits] - 1)

    def clocks(self):
        """By what may bound it, the clocks of a multiprocessor for one block of tokens of one head."""
        total, alu, imad, floats, shared, shuffles = self.counts
        return {
            "memory": self.bytes_of_block / (BANDWIDTH / SMS / CLOCK),
            "issue": total / ISSUED,
            "ALU": alu * WARP / ALU_LANES,
            "IMAD": imad * WARP / IMAD_LANES,
            "float": floats * WARP / FLOAT_LANES,
            "shared": shared + self.conflicts + shuffles,
        }


CODECS = [Codec("K3 V3", 3, 3), Codec("K5 V1", 5, 1)]


def row(*cells):
    print("| " + " | ".join(str(cell) for cell in cells) + " |")


def head(*cells):
    row(*cells)
    row(*("---" if i == 0 else "---:" for i in range(len(cells))))


def seconds(x):
    return f"{x * 1e9:.2f} ns" if x < 1e-6 else f"{x * 1e6:.1f} us" if x < 1e-3 else f"{x * 1e3:.2f} ms"


def decode_blocks():
    print("### A block of 32 tokens of one head in packed_decode\n")
    head("", *(codec.name for codec in CODECS))
    row("bytes", *(codec.bytes_of_block for codec in CODECS))
    row("windows of keys", *(codec.windows for codec in CODECS))
    for i, unit in enumerate(("instructions of a warp", "ALU", "IMAD", "float", "shared memory", "shuffles")):
        row(unit, *(codec.counts[i] for codec in CODECS))
    row("conflicts of banks", *(codec.conflicts for codec in CODECS))
    for limit in CODECS[0].clocks():
        row(f"clocks: {limit}", *(f"{codec.clocks()[limit]:.0f}" for codec in CODECS))
    bounds = [max(codec.clocks(), key=codec.clocks().get) for codec in CODECS]
    row("**bound**", *(f"**{bound}**" for bound in bounds))
    row(
        "share of the bandwidth at that bound",
        *(f"{codec.clocks()['memory'] / max(codec.clocks().values()):.0%}" for codec in CODECS),
    )
    full = 2 * HEAD_DIM * 2 * BLOCK_TOKENS / (BANDWIDTH / SMS / CLOCK)
    row("clocks of memory for full_decode in bfloat16", *([f"{full:.0f}"] * len(CODECS)))
    print()


def encode(length, tokens):
    d, n = HIDDEN, length
    # (kernel, times a layer; a token's bytes, operations of tensor cores, others and, last, exponentials)
    gemm = lambda k, m: (2 * k + 2 * m + 2 * k * m / tokens, 2 * k * m, 0)
    kernels = [
        ("residual_layer_norm", 2, 12 * d, 0, 9 * d),
        ("GEMM of q, k, v", 1, *gemm(d, 3 * d)),
        ("rotate_qkv", 1, 12 * d, 0, 7 * d),
        ("prefill_attention", 1, 8 * d, 4 * n * d, 6 * n * HEADS, n * HEADS),
        ("GEMM of the attention's output", 1, *gemm(d, d)),
        ("GEMM to the FFN", 1, *gemm(d, FFN)),
        ("bias_gelu", 1, 4 * FFN, 0, 25 * FFN),
        ("GEMM from the FFN", 1, *gemm(FFN, d)),
    ]
    print(f"### encode, 650M in bfloat16, sequences of {n} tokens, batches of {tokens} tokens: a token and layer\n")
    head("kernel", "bytes", "operations", "operations a byte", "bound by", "at least")
    total = 0
    for name, times, byte, tensor, other, *exponentials in kernels:
        limits = {"memory": byte / BANDWIDTH, "tensor cores": tensor / BF16, "float32": other / FP32}
        limits["exponentials"] = sum(exponentials) / (SMS * CLOCK * EXPONENTIAL_LANES)
        bound = max(limits, key=limits.get)
        total += times * limits[bound]
        prefix = f"{times} x " if times > 1 else ""
        operations = tensor + other
        row(f"{prefix}{name}", f"{byte:.0f}", f"{operations:.0f}", f"{operations / byte:.1f}", bound, f"{limits[bound] * 1e12:.0f} ps")
    print(f"\nA layer {seconds(total)} a token; {LAYERS} layers {seconds(LAYERS * total)}: ", end="")
    print(f"{1 / (LAYERS * total):,.0f} tokens/s at most.\n")


def decode(batch, kv_len):
    d = HIDDEN
    splits = -(-kv_len // (BLOCK_TOKENS * BLOCKS_PER_SPLIT)) + 1
    partial = HEADS * splits * (HEAD_DIM + 2) * 4
    weights = 2 * 12 * d * d
    print(f"### A decode step, 650M in bfloat16, batch {batch}, {kv_len} tokens cached: a layer\n")
    head("kernel", "bytes", "operations", "operations a byte", "bound by", "at least")

    def line(name, byte, operations, limits):
        bound = max(limits, key=limits.get)
        row(name, f"{byte / 1e6:.2f} MB", f"{operations / 1e6:.1f} M", f"{operations / byte:.1f}", bound, seconds(limits[bound]))
        return limits[bound]

    def plain(name, byte, operations, peak=FP32, unit="float32"):
        return line(name, byte, operations, {"memory": byte / BANDWIDTH, unit: operations / peak})

    rest = plain("all GEMMs", weights + batch * 2 * (4 * d + 3 * d + d + 2 * FFN), 24 * d * d * batch, BF16, "tensor cores")
    rest += plain("2 x residual_layer_norm", 2 * batch * 12 * d, 2 * batch * 9 * d)
    rest += plain("append_qkv", HEADS * 2 * HEAD_DIM * HEAD_DIM * 4 + batch * (6 + 4 + 4) * d, batch * 4 * d * HEAD_DIM)
    rest += plain("tail_decode, 16 tokens", batch * 16 * 4 * d, batch * 16 * 4 * d)
    rest += plain("merge_states", batch * (partial + 2 * d), batch * splits * 2 * d)
    rest += plain("bias_gelu", batch * 4 * FFN, batch * 25 * FFN)
    totals = {}
    for codec in CODECS:
        blocks = batch * HEADS * kv_len / BLOCK_TOKENS
        byte = blocks * codec.bytes_of_block + batch * partial
        limits = {name: clocks * blocks / (SMS * CLOCK) for name, clocks in codec.clocks().items()}
        limits["memory"] = byte / BANDWIDTH
        totals[f"packed {codec.name}"] = line(f"packed_decode {codec.name}", byte, blocks * codec.counts[0] * WARP, limits)
        totals[f"packed {codec.name}, if memory bound it"] = limits["memory"]
    full = batch * kv_len * 4 * d
    totals["full cache in bfloat16"] = plain("full_decode", full + batch * partial, batch * kv_len * 4 * d)
    print()
    for name, time in totals.items():
        step = LAYERS * (time + rest)
        print(f"- {name}: attention {seconds(LAYERS * time)} of {seconds(step)} a step, {batch / step:,.0f} tokens/s at most")
    print()


def main():
    parser = argparse.ArgumentParser(description="The tables of ROOFLINE.md.")
    parser.add_argument("--length", type=int, default=350, help="tokens of an encoded sequence")
    parser.add_argument("--tokens", type=int, default=16384, help="tokens of an encoded batch")
    parser.add_argument("--kv-len", type=int, default=1024, help="cached tokens in decode")
    options = parser.parse_args()
    encode(options.length, options.tokens)
    decode_blocks()
    for batch in (64, 512):
        decode(batch, options.kv_len)


if __name__ == "__main__":
    main()
