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
BLOCKS_PER_SPLIT = 32

# Instructions of a warp in the SASS of packed_decode.cu (NVRTC 12.9.86, sm_90, HEAD_DIM 64) along the path of the first warp of a
# split of full blocks, by unit: (all, ALU, IMAD, float, shared memory, shuffle). all has the instructions of other units too, and
# those whose predicate is false.
WARPS = 4
WARP_BLOCKS = BLOCKS_PER_SPLIT // WARPS
MAX_STAGED_BLOCKS = 4
WANTED_RESIDENT_BLOCKS = 4
THREADS = WARPS * WARP

# A block's keys and values: around them, then by the sets of 32 channels that have any codes. Codes of one set alone, of the first
# and the second of two, by the planes that may be set; then the look-ups of all.
KEY_BLOCK = (18, 11, 1, 0, 1, 0)
VALUE_BLOCK = (12, 5, 3, 0, 0, 0)
KEY_CODES = (
    ({2: (33, 21, 5, 0, 2, 0), 4: (41, 27, 5, 0, 4, 0), 8: (66, 40, 15, 0, 8, 0)},),
    (
        {2: (34, 25, 3, 0, 2, 0), 4: (50, 35, 6, 0, 4, 0), 8: (83, 57, 16, 0, 8, 0)},
        {2: (33, 23, 5, 0, 2, 0), 4: (43, 28, 7, 0, 4, 0), 8: (68, 43, 16, 0, 8, 0)},
    ),
)
VALUE_CODES = (
    ({2: (31, 22, 2, 0, 2, 0), 4: (41, 27, 5, 0, 4, 0), 8: (65, 41, 13, 0, 8, 0)},),
    (
        {2: (33, 26, 1, 0, 2, 0), 4: (50, 35, 6, 0, 4, 0), 8: (82, 57, 14, 0, 8, 0)},
        {2: (31, 21, 5, 0, 2, 0), 4: (42, 28, 6, 0, 4, 0), 8: (66, 42, 14, 0, 8, 0)},
    ),
)
KEY_LOOK_UPS = ((151, 43, 12, 32, 32, 31), (247, 76, 12, 64, 64, 31))
VALUE_LOOK_UPS = ((105, 32, 0, 32, 40, 0), (201, 65, 0, 64, 72, 0))
WEIGHT = (11, 3, 0, 2, 2, 0)
# Staging 128 words of the staged blocks, keys and values: the first turn and those after, and what stands around the latter.
STAGE = ((34, 11, 15, 0, 4, 0), (25, 11, 6, 0, 4, 0))
STAGE_AGAIN = ((19, 4, 7, 0, 4, 0), (21, 4, 9, 0, 4, 0))
AGAIN = ((31, 10, 9, 0, 0, 0), (34, 7, 12, 0, 0, 0))
# 16 rows of 32 keys' tables and of 32 values'.
KEY_ROWS = (13, 4, 2, 4, 1, 0)
VALUE_ROWS = (12, 4, 3, 0, 1, 0)
# The rest, once: indices, the query, the tables' places; the largest, the sums; merging.
ONCE = (354, 169, 71, 14, 1, 6)
ONCE_VALUES = (188, 61, 51, 12, 2, 15)
ONCE_MERGE = (87, 27, 15, 12, 9, 0)

# Instructions of rotate_pack_qkv in the SASS of qkv.cu (as above, bfloat16) for 32 tokens of a head: what rotate_qkv does as well,
# by four warps in two turns; 16 channels of keys, which are mapped, and of values, with their words' stores; five for each
# width among these; and a channel by its bits.
ROTATION = 4 * 2 * 334
PACKED_KEYS, PACKED_VALUES, PACKED_WIDTH = 270, 216, 5
PACKED_CHANNEL = {0: 0, 1: 24, 2: 33, 3: 42, 4: 50, 5: 59, 6: 68, 7: 77, 8: 86}

# Of a multiprocessor of an H100: shared memory, and what of it the driver keeps of each block of threads.
SHARED_BYTES = 228 * 1024
RESERVED_SHARED_BYTES = 1024
# Of a thread in packed_decode, and of a multiprocessor.
REGISTERS = 80
ALL_REGISTERS = 65536


def add(*terms):
    return tuple(sum(n * counts[i] for n, counts in terms) for i in range(6))


class Codec:
    """The widths of a head's key and value channels. Counts are of one block of tokens."""

    def __init__(self, name, key_bits, value_bits):
        self.name = name
        units = HEAD_DIM // 16 * (PACKED_KEYS + PACKED_VALUES)
        for first in range(0, HEAD_DIM, 16):
            for bits in (key_bits, value_bits):
                units += PACKED_WIDTH * len(set(bits[first : first + 16]) - {0})
        channels = sum(PACKED_CHANNEL[bits] for bits in key_bits + value_bits)
        self.packing_clocks = (ROTATION + units + channels) / ISSUED
        self.planes = [sum(key_bits), sum(value_bits)]
        self.bytes_of_block = 4 * sum(self.planes)
        self.set_bits = [sorted(bits, reverse=True)[::WARP] for bits in (key_bits, value_bits)]
        staged = range(MAX_STAGED_BLOCKS, 0, -1)
        self.staged_blocks = max(staged, key=lambda blocks: min(WANTED_RESIDENT_BLOCKS, self.by_shared(blocks)))
        turns = -(-WARP_BLOCKS // self.staged_blocks)
        block = 1 / WARP_BLOCKS  # of what is counted for all blocks of a warp
        copies = [-(-planes // (4 * WARP)) for planes in self.planes]
        key_rows, value_rows = (sum(-(-(1 << bits) // (THREADS // 8)) for bits in sets) for sets in self.set_bits)
        self.parts = {
            "keys": add((1, KEY_BLOCK), *self.of_block(self.set_bits[0], KEY_CODES, KEY_LOOK_UPS)),
            "values": add((1, VALUE_BLOCK), *self.of_block(self.set_bits[1], VALUE_CODES, VALUE_LOOK_UPS)),
            "weights": WEIGHT,
            "staging": add(
                *((block * n, counts) for n, counts in zip(copies, STAGE)),
                *((block * (turns - 1) * n, counts) for n, counts in zip(copies, STAGE_AGAIN)),
                *((block * (turns - 1), counts) for counts in AGAIN),
            ),
            "tables": add((block * key_rows, KEY_ROWS), (block * value_rows, VALUE_ROWS)),
            "once": add(*((block, counts) for counts in (ONCE, ONCE_VALUES, ONCE_MERGE))),
        }
        self.counts = add(*((1, counts) for counts in self.parts.values()))
        self.conflicts = sum(self.collisions(sorted(bits, reverse=True)) for bits in (key_bits, value_bits))
        # A copy of 16 bytes a lane takes four clocks, one of which is its instruction's; so do four floats of a row.
        self.copy_clocks = self.bytes_of_block / (4 * SHARED_LANES) * 3 / 4 + 3 * block * (key_rows + value_rows)

    @staticmethod
    def of_block(set_bits, codes, look_ups):
        """Codes and look-ups of the sets that have any codes."""
        coded = [bits for bits in set_bits if bits > 0]
        if not coded:
            return []
        classes = (2 if bits <= 2 else 4 if bits <= 4 else 8 for bits in coded)
        counted = codes[len(coded) - 1]
        return [(1, counted[i][planes]) for i, planes in enumerate(classes)] + [(1, look_ups[len(coded) - 1])]

    @staticmethod
    def collisions(widths_of_channels):
        """Further clocks of loading a block's words, a lane a channel: the most words of a bank, but one.

        Channels lie widest first, which those of a calibrated head do roughly: in another order there are more.
        """
        clocks = 0
        for first in range(0, len(widths_of_channels), WARP):
            of_set = widths_of_channels[first : first + WARP]
            planes = [sum(widths_of_channels[: first + lane]) for lane in range(len(of_set))]
            for p in range(of_set[0]):
                banks = [0] * WARP
                for word in {plane + p for plane in planes}:
                    banks[word % WARP] += 1
                clocks += max(banks) - 1
        return clocks

    def shared_bytes(self, staged_blocks):
        """Dynamic shared memory of a block of threads, as PackedDecodePlan.sharedBytes."""
        tables = max(2 * WARP << max(map(max, self.set_bits)), WARPS * (2 + HEAD_DIM))
        key_planes = self.planes[0]
        stage = max(-(-key_planes // 4) * 4, -(-sum(self.planes) // 4) * 4 - key_planes // 4 * 4)
        stages = WARPS * staged_blocks * stage
        return 4 * (tables + BLOCKS_PER_SPLIT * WARP + stages)

    def table_bytes(self):
        return sum(4 * WARP << bits for sets in self.set_bits for bits in sets)

    def by_shared(self, staged_blocks):
        return SHARED_BYTES // (self.shared_bytes(staged_blocks) + RESERVED_SHARED_BYTES)

    def resident(self):
        """Blocks of threads that a multiprocessor holds: by shared memory and by registers."""
        return self.by_shared(self.staged_blocks), ALL_REGISTERS // (REGISTERS * THREADS)

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


# What calibration by the default codec allotted to a head of the demo model: each width with its channels.
ALLOTTED_KEYS = {7: 32, 6: 6, 5: 5, 4: 4, 3: 4, 2: 3, 1: 1, 0: 9}
ALLOTTED_VALUES = {7: 4, 6: 1, 5: 1, 4: 2, 3: 3, 2: 4, 0: 49}


def widths(channels_of_width):
    return [width for width, channels in channels_of_width.items() for _ in range(channels)]


CODECS = [
    Codec("allotted", widths(ALLOTTED_KEYS), widths(ALLOTTED_VALUES)),
    Codec("K3 V3", [3] * HEAD_DIM, [3] * HEAD_DIM),
    Codec("K5 V1", [5] * HEAD_DIM, [1] * HEAD_DIM),
]


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
    for i, unit in enumerate(("instructions of a warp", "ALU", "IMAD", "float", "shared memory", "shuffles")):
        row(unit, *(f"{codec.counts[i]:.0f}" for codec in CODECS))
    row("collisions of words", *(codec.conflicts for codec in CODECS))
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
    row("blocks of tokens a warp, staged at once", *(codec.staged_blocks for codec in CODECS))
    row("bytes of shared memory of one", *(codec.shared_bytes(codec.staged_blocks) for codec in CODECS))
    row("bytes of tables that it reads from L2", *(codec.table_bytes() for codec in CODECS))
    row("bytes of words of its split", *(codec.bytes_of_block * BLOCKS_PER_SPLIT for codec in CODECS))
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
    print("Where keys and values are packed beside it, rotate_pack_qkv takes rotate_qkv's place, a token and layer:\n")
    head("", "bytes", "memory", "issue", "a layer takes longer by")
    for codec in CODECS:
        byte = 12 * d + HEADS * codec.bytes_of_block / BLOCK_TOKENS
        memory = byte / BANDWIDTH
        issue = codec.packing_clocks * HEADS / BLOCK_TOKENS / (SMS * CLOCK)
        longer = max(memory, issue) - 12 * d / BANDWIDTH
        row(codec.name, f"{byte:.0f}", f"{memory * 1e12:.0f} ps", f"{issue * 1e12:.0f} ps", f"{longer / total:.1%}")
    print()


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
