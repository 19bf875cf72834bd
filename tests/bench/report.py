"""Measurements, and how they are written."""

import datetime
import json
import os
import pathlib
import re
import statistics
import subprocess
from dataclasses import dataclass, field

COLUMNS = (
    "engine",
    "precision",
    "model",
    "workload",
    "tokens",
    "seconds",
    "tokens_per_second",
    "gflops",
    "peak_memory",
)


@dataclass
class Measurement:
    """One engine on one workload: the seconds of each repeat, and the bytes of its largest resident set."""

    engine: str
    precision: str
    model: str
    workload: str
    tokens: int
    flops: float
    samples: list = field(default_factory=list)
    peak_memory: int = 0

    def row(self):
        seconds = statistics.median(self.samples)
        values = (
            self.engine,
            self.precision,
            self.model,
            self.workload,
            self.tokens,
            seconds,
            self.tokens / seconds,
            self.flops / seconds / 1e9,
            self.peak_memory,
        )
        return dict(zip(COLUMNS, values))

    @property
    def label(self):
        return f"{self.engine} {self.precision}"


class Report:
    """All that a run found."""

    def __init__(self, baseline):
        self._baseline = baseline
        self.measurements = []
        self.agreements = []
        self.decodes = []
        self.notes = []
        self.versions = {}

    def rows(self):
        return [measurement.row() for measurement in self.measurements]

    def write_json(self, path):
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps(self.rows(), indent=1) + "\n")

    def write_markdown(self, path, command):
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(self.markdown(command))

    def _group_baseline(self, measurement):
        """What a measurement is a multiple of: the baseline on the same workload, or else the first engine there."""
        group = [m for m in self.measurements if (m.model, m.workload) == (measurement.model, measurement.workload)]
        return next((m for m in group if m.label == self._baseline), group[0])

    def ratio(self, measurement):
        """The median of the repeats' ratios of speed."""
        baseline = self._group_baseline(measurement)
        work = measurement.tokens / baseline.tokens
        return statistics.median(b / a * work for a, b in zip(measurement.samples, baseline.samples))

    def markdown(self, command):
        lines = ["# Benchmark", "", f"Made by `{command}`.", ""]
        facts = {**machine(), **self.versions}
        lines += ["| | |", "|---|---|", *(f"| {name} | {value} |" for name, value in facts.items()), ""]
        lines += [
            "Seconds are the median of interleaved repeats; a multiple is the median of the repeats' ratios to the engine"
            " marked 1. Tokens are residues, `<cls>` and `<eos>`, without padding, the same for every engine. Memory is"
            " the peak of the resident set while the workload ran, model included.",
            "",
            "| model | workload | engine | precision | tokens | seconds | tokens/s | GFLOP/s | memory, MB | times |",
            "|---|---|---|---|---|---|---|---|---|---|",
        ]
        for measurement in self.measurements:
            row = measurement.row()
            baseline = self._group_baseline(measurement) is measurement
            times = "1" if baseline else f"{self.ratio(measurement):.2f}"
            lines.append(
                f"| {row['model']} | {row['workload']} | {row['engine']} | {row['precision']} | {row['tokens']:,}"
                f" | {row['seconds']:.3g} | {row['tokens_per_second']:,.0f} | {row['gflops']:.1f}"
                f" | {row['peak_memory'] / 1e6:,.0f} | {times} |"
            )
        if self.agreements:
            lines += [
                "",
                "Mean embeddings against the first float32 engine's, the worst cosine of all proteins:",
                "",
                "| model | workload | engine | worst cosine |",
                "|---|---|---|---|",
                *(f"| {m} | {w} | {label} | {cosine:.6f} |" for m, w, label, cosine in self.agreements),
            ]
        if self.decodes:
            lines += [
                "",
                "Decode, wall time a query of one head (in the rows above, tokens are the cached tokens attended to):",
                "",
                "| kvLen | cores | cache | ns a head and query | bytes a token and head |",
                "|---|---|---|---|---|",
            ]
            for d in self.decodes:
                lines.append(
                    f"| {d['kv_len']:,} | {d['cores']} | {d['cache']} | {d['nanoseconds']:,.0f}"
                    f" | {d['bytes_per_token']:.1f} |"
                )
        if self.notes:
            lines += ["", *(f"- {note}" for note in self.notes)]
        return "\n".join(lines) + "\n"


def memory_available():
    """Bytes that the system can still give."""
    found = re.search(r"MemAvailable:\s*(\d+)", pathlib.Path("/proc/meminfo").read_text())
    return int(found.group(1)) * 1024


def machine():
    """The machine and the commit."""
    cpu = re.search(r"model name\s*:\s*(.*)", pathlib.Path("/proc/cpuinfo").read_text())
    kilobytes = re.search(r"MemTotal:\s*(\d+)", pathlib.Path("/proc/meminfo").read_text())
    root = pathlib.Path(__file__).resolve().parents[2]

    def git(*arguments):
        done = subprocess.run(["git", "-C", root, *arguments], capture_output=True, text=True)
        return done.stdout.strip()

    commit = git("rev-parse", "--short", "HEAD") or "unknown"
    if git("status", "--porcelain", "--untracked-files=no"):
        commit += " with changes"
    return {
        "processor": cpu.group(1) if cpu else "unknown",
        "cores": os.cpu_count(),
        "memory": f"{int(kilobytes.group(1)) / 2**20:.0f} GiB" if kilobytes else "unknown",
        "date": datetime.date.today().isoformat(),
        "commit": commit,
    }
