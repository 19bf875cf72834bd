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

# Instructions of a warp in the SASS of packed_decode.cu (NVRTC 12.9.86, sm_90, HEAD_DIM 64) along the path that a warp takes
# with WARP_BLOCKS full blocks, by unit: (all, ALU, IMAD, float, shared memory, shuffle). all has the instructions of other units
# too, and those whose predicate is false.
WARPS = 4
WARP_BLOCKS = 4
THREADS = WARPS * WARP
# One turn of the loop over windows, over all blocks of the warp, by the bits of its tables.
FULL_WINDOW = {6: (215, 98, 27, 28, 28, 20), 5: (236, 106, 29, 32, 32, 20)}
# The last window has fewer tables and reads them in a loop of its own, whose turns are each table and block.
PARTIAL_WINDOW = {6: (166, 66, 41, 8, 8, 20), 5: (172, 66, 45, 8, 8, 20)}
PARTIAL_TABLE = (9, 4, 2, 1, 1, 0)
# The sums over subsets aside, softmax, tables of subsets and 2 x 32 channels, over all blocks of the warp.
VALUES = (550, 157, 105, 60, 68, 20)
SUBSET_SUM = (35, 16, 1, 10, 8, 0)  # one code of 32 channels over 32 tokens
# Staging one block's words, by the copies of 16 bytes that the first lane makes.
STAGE_KEYS = {1: (48, 21, 10, 0, 1, 0), 2: (61, 27, 12, 0, 2, 0), 3: (72, 32, 14, 0, 3, 0)}
STAGE_VALUES = {1: (44, 13, 12, 0, 1, 0), 2: (57, 18, 15, 0, 2, 0), 3: (68, 22, 18, 0, 3, 0)}
# Building the tables: one entry, by the channels that share its table, and a window around its entries.
TABLE_ENTRY = {1: (38, 17, 7, 1, 6, 0), 2: (59, 29, 9, 2, 9, 0)}
TABLE_WINDOW = (25, 9, 5, 0, 2, 0)
# The rest of the kernel, once, as the first warp runs it: indices, the query, the windows, what a lane knows of its value
# channels, merging; and finding the chunk of a window.
ONCE = (618, 221, 111, 37, 22, 18)
CHUNK_WINDOW = (8, 4, 1, 0, 1, 0)

# Words of the same bank that 32 random indices of a table want: entries of 64 floats lie two to a bank, and among 32
# indices some bank has both nearly always; up to 32 floats there is none.
CONFLICTS = {5: 1, 6: 2}
# A lane stores the sums of its four subsets one by one, 16 bytes from those of the next lane: four lanes to a bank.
SUBSET_STORES, SUBSET_STORE_CONFLICTS = 4, 4
TABLES_OF_WINDOW = {5: 6, 6: 5}
WINDOW_FLOATS = 36

# Of a multiprocessor of an H100: shared memory, and what of it the driver keeps of each block of threads.
SHARED_BYTES = 228 * 1024
RESERVED_SHARED_BYTES = 1024
# Of a thread in packed_decode, and of a multiprocessor.
REGISTERS = 80
ALL_REGISTERS = 65536


def add(*terms):
    return tuple(sum(n * counts[i] for n, counts in terms) for i in range(6))


class Codec:
    """One width of keys and one of values for all channels of a head. Counts are of one block of tokens."""

    def __init__(self, name, key_bits, value_bits):
        self.name = name
        self.key_bits, self.value_bits = key_bits, value_bits
        self.bytes_of_block = 4 * HEAD_DIM * (key_bits + value_bits)
        channels_of_table = 6 // key_bits if key_bits < 4 else 1
        table_bits = key_bits * channels_of_table
        tables = -(-HEAD_DIM // channels_of_table)
        full, rest = divmod(tables, TABLES_OF_WINDOW[table_bits])
        self.windows = full + (rest > 0)
        self.table_floats = tables << table_bits
        key_copies, value_copies = (-(-HEAD_DIM * bits // (4 * WARP)) for bits in (key_bits, value_bits))
        block = 1 / WARP_BLOCKS  # of what is counted for all blocks of a warp
        self.parts = {
            "windows of keys": add(
                (block * full, FULL_WINDOW[table_bits]),
                (block * (rest > 0), PARTIAL_WINDOW[table_bits]),
                (rest, PARTIAL_TABLE),
            ),
            "sums over subsets": add((HEAD_DIM // WARP * (2**value_bits - 1), SUBSET_SUM)),
            "the rest of softmax and values": add((block, VALUES)),
            "staging": add((1, STAGE_KEYS[key_copies]), (1, STAGE_VALUES[value_copies])),
            "building tables": add(
                (block * self.table_floats / THREADS, TABLE_ENTRY[channels_of_table]), (block * self.windows, TABLE_WINDOW)
            ),
            "once": add((block, ONCE), (block * self.windows, CHUNK_WINDOW)),
        }
        self.counts = add(*((1, counts) for counts in self.parts.values()))
        self.conflicts = tables * (CONFLICTS[table_bits] - 1) + SUBSET_STORES * (SUBSET_STORE_CONFLICTS - 1)
        # A copy of 16 bytes a lane takes four clocks, one of which is its instruction's.
        self.copy_clocks = self.bytes_of_block / (4 * SHARED_LANES) - key_copies - value_copies

    def shared_bytes(self):
        """Dynamic shared memory of a block of threads, as PackedDecodePlan.sharedBytes."""
        stage_words = HEAD_DIM * max(self.key_bits, self.value_bits)
        of_warp = WARP_BLOCKS * (stage_words + 4) + 8 * 16 + WARP
        return 1024 + 4 * (self.table_floats + HEAD_DIM + self.windows * WINDOW_FLOATS + WARPS * of_warp)

    def resident(self):
        """Blocks of threads that a multiprocessor holds: by shared memory and by registers."""
        by_shared = SHARED_BYTES // (self.shared_bytes() + RESERVED_SHARED_BYTES)
        return by_shared, ALL_REGISTERS // (REGISTERS * THREADS)

    def clocks(self):
        """By what may bound it, the clocks of a multiprocessor for one block of tokens of one head."""
        total, alu, imad, floats, shared, shuffles = self.counts
        return {
            "memory": self.bytes_of_block / (BANDWIDTH / SMS / CLOCK),
            "issue": total / ISSUED,
            "ALU": alu * WARP / ALU_LANES,
            "IMAD": imad * WARP / IMAD_LANES,
            "float": floats * WARP / FLOAT_LANES,
            "shared": shared + self.conflicts + self.copy_clocks + shuffles,
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
        row(unit, *(f"{codec.counts[i]:.0f}" for codec in CODECS))
    row("conflicts of banks", *(codec.conflicts for codec in CODECS))
    row("further clocks of copies", *(f"{codec.copy_clocks:.0f}" for codec in CODECS))
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
    row("at best as fast as full_decode, times", *(f"{full / max(codec.clocks().values()):.1f}" for codec in CODECS))
    print()
    print("### Where those instructions are: instructions of a warp, ALU, shared memory and shuffles\n")
    head("", *(codec.name for codec in CODECS))
    for part in CODECS[0].parts:
        counts = [codec.parts[part] for codec in CODECS]
        row(part, *(f"{total:.0f}, {alu:.0f}, {shared + shuffles:.0f}" for total, alu, _, _, shared, shuffles in counts))
    print()
    print("### Blocks of threads of packed_decode on a multiprocessor\n")
    head("", *(codec.name for codec in CODECS))
    row("bytes of shared memory of one", *(codec.shared_bytes() for codec in CODECS))
    row("resident by shared memory", *(codec.resident()[0] for codec in CODECS))
    row("resident by registers", *(codec.resident()[1] for codec in CODECS))
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
