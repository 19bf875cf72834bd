"""The proteins that every engine runs: real ones, from the demo's input, chosen with a fixed seed."""

import gzip
import math
import random
from dataclasses import dataclass

SEED = 20260101
RESIDUES = frozenset("ACDEFGHIKLMNPQRSTVWY")

# Residues of one run, so that it takes seconds in every model.
RESIDUE_BUDGETS = {"8M": 16_000, "35M": 8_000, "150M": 4_000, "650M": 2_400, "3B": 600, "15B": 300}
# The Spark job has more to share out.
SPARK_FACTOR = 4
LONG = 1022
UNIFORM_PROTEINS, UNIFORM_LENGTH = 8, 256
MEMORY_LENGTH = 60

ENCODE_WORKLOADS = ("proteome", "antibody", "uniform", "long")


@dataclass(frozen=True)
class Workload:
    name: str
    proteins: tuple

    @property
    def lengths(self):
        """Tokens of each protein: its residues, <cls> and <eos>. No padding is counted, for any engine."""
        return [len(protein) + 2 for protein in self.proteins]

    @property
    def tokens(self):
        return sum(self.lengths)

    def flops(self, size):
        """Multiplications and additions of the linear layers and of attention."""
        linear = 2 * self.tokens * 12 * size.hidden**2 * size.layers
        attention = sum(4 * length**2 * size.hidden * size.layers for length in self.lengths)
        return linear + attention

    def write_fasta(self, path):
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("".join(f">{i}\n{protein}\n" for i, protein in enumerate(self.proteins)))
        return path


def read_proteins(fasta):
    """Proteins of the twenty residues alone, shuffled with the fixed seed."""
    proteins = []
    with gzip.open(fasta, "rt") as lines:
        for line in lines:
            if line.startswith(">"):
                proteins.append("")
            else:
                proteins[-1] += line.strip()
    proteins = [protein for protein in proteins if protein and RESIDUES.issuperset(protein)]
    random.Random(SEED).shuffle(proteins)
    return proteins


class ProteinStream:
    """Real proteins end to end and over again, to cut chains of wanted lengths from."""

    def __init__(self, proteins):
        self._proteins = proteins
        self._next = 0
        self._rest = ""

    def cut(self, length):
        while len(self._rest) < length:
            self._rest += self._proteins[self._next % len(self._proteins)]
            self._next += 1
        chain, self._rest = self._rest[:length], self._rest[length:]
        return chain


def build(name, proteins, model, cores):
    """A workload for a model: at least two proteins a core where their number is free, one where they are long."""
    budget = RESIDUE_BUDGETS[model]
    stream = ProteinStream(proteins)
    lengths = random.Random(SEED)
    if name == "proteome":
        chosen = _proteome(proteins, budget, 2 * cores)
    elif name == "spark":
        chosen = _proteome(proteins, SPARK_FACTOR * budget, 2 * cores)
    elif name == "antibody":
        count = max(2 * cores, budget // 115)
        chosen = [stream.cut(lengths.randint(100, 130)) for _ in range(count)]
    elif name == "uniform":
        chosen = [stream.cut(UNIFORM_LENGTH) for _ in range(UNIFORM_PROTEINS)]
    elif name == "long":
        count = cores * math.ceil(max(1, budget // LONG) / cores)
        chosen = [stream.cut(LONG) for _ in range(count)]
    elif name == "memory":
        chosen = [stream.cut(MEMORY_LENGTH)]
    else:
        raise ValueError(name)
    return Workload(name, tuple(chosen))


def _proteome(proteins, budget, least):
    chosen, residues = [], 0
    for protein in proteins:
        if 30 <= len(protein) <= 600:
            if len(chosen) >= least and residues + len(protein) > budget:
                break
            chosen.append(protein)
            residues += len(protein)
    return chosen
