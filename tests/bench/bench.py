"""The end-to-end benchmark: this engine beside its peers, in one run. bin/bench starts it."""

import argparse
import os
import pathlib
import shlex
import subprocess
import sys

import comparisons
import engines
import models
import workloads
from installation import BENCH, ROOT, WORK, Java, Peers, fail, progress
from report import Measurement, Report, memory_available

COMPARISONS = ("linear", "decode", "prefill", "spark")
ALL_WORKLOADS = (*workloads.ENCODE_WORKLOADS, "memory", *COMPARISONS)
DEFAULT_MODELS = "8M,35M"
DEFAULT_PRECISIONS = ",".join(engines.PRECISIONS)
DEFAULT_WORKLOADS = ",".join(workloads.ENCODE_WORKLOADS)
PROTEINS = ROOT / "spark-job/src/main/resources/org/turboesm/job/demo/proteins.fasta.gz"

DESCRIPTION = """\
Measures this engine beside esm-cpp, Hugging Face transformers and fair-esm in one run: the same random weights in the
true sizes of ESM-2, the same real proteins, all cores for each, repeats interleaved engine by engine. Before anything is
timed, the mean embeddings of all engines in float32 are checked against one another.
"""

EPILOGUE = """\
workloads:
  proteome   proteins of 30 to 600 residues
  antibody   chains of 100 to 130 residues
  uniform    8 chains of 256 residues
  long       chains of 1,022 residues
  memory     a fresh process loads the model and embeds one protein of 60 residues: its peak of resident memory
  linear     a transformer layer's linear layers as the engine runs them against bare oneDNN products, one core
  decode     one query over the packed cache and over the full-precision one, kvLen 256, 1,022 and 4,096
  prefill    a prefill that packs the cache, one that keeps it in full precision, and plain encode
  spark      the Spark job's model stage against the bare engine

The peers come from PyPI, as tests/bench/requirements.txt pins them, into target/bench/venv on first use (Python 3.11).
Models are written to target/bench/models: 0.03 GB (8M) to 2.6 GB (650M), 11 GB (3B), 30 GB (15B, in bfloat16).

Workloads are cut to the model, so that one engine takes seconds for one run; a workload is run --repeats times and once
or twice before, and fair-esm and esm-cpp in f32 take the longest: without them the defaults are done in a fraction.

bin/bench jmh [JMH ARGUMENTS] runs the JMH benchmarks of the kernels instead; bin/bench jmh -h lists JMH's own options.

examples:
  bin/bench --models 8M --repeats 2
  bin/bench --models 650M --peers esm-cpp:int8,hf --workloads proteome,long
  bin/bench --models 15B --workloads memory --precisions int8 --peers none
  bin/bench --peers none --workloads decode,prefill,spark --models 35M
  bin/bench jmh DecodeBenchmark -p kvLen=1022
"""


def parse(arguments):
    parser = argparse.ArgumentParser(
        prog="bin/bench",
        description=DESCRIPTION,
        epilog=EPILOGUE,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )

    def add(flag, default, meaning, **more):
        parser.add_argument(flag, default=default, help=f"{meaning}; default: %(default)s", **more)

    def add_file(flag, default, meaning):
        shown = default.relative_to(ROOT)
        parser.add_argument(flag, default=default, type=pathlib.Path, metavar="FILE", help=f"{meaning}; default: {shown}")

    add("--models", DEFAULT_MODELS, f"of {', '.join(models.SIZES)}", metavar="LIST")
    add("--workloads", DEFAULT_WORKLOADS, "of those below", metavar="LIST")
    add("--peers", ",".join(engines.PEERS), "peers beside this engine, NAME or NAME:PRECISION, or none", metavar="LIST")
    add("--precisions", DEFAULT_PRECISIONS, "a peer runs those that it knows", metavar="LIST")
    add("--repeats", 3, "timed runs of each engine on each workload", type=int, metavar="N")
    add("--baseline", "hf f32", "what the multiples refer to, where it runs; else the first engine", metavar="ENGINE")
    add_file("--json", WORK / "results.json", "the rows")
    add_file("--output", BENCH / "RESULTS.md", "the table")
    plot = BENCH / "results.png"
    parser.add_argument(
        "--plot",
        metavar="FILE",
        help=f"the picture, or none; default: {plot.relative_to(ROOT)}, and none where --peers is none",
    )
    parser.add_argument("--java", metavar="HOME", help="the JDK; default: the newest of 25, 21 and 17 that is here")
    options = parser.parse_args(arguments)

    def split(flag, known):
        words = [word for word in getattr(options, flag).split(",") if word]
        unknown = [word for word in words if word not in known]
        if unknown or not words:
            parser.error(f"--{flag}: {', '.join(unknown) or 'nothing'} is not of {', '.join(known)}")
        return list(dict.fromkeys(words))

    options.models = split("models", models.SIZES)
    options.workloads = split("workloads", ALL_WORKLOADS)
    options.precisions = split("precisions", engines.PRECISIONS)
    options.peers = [] if options.peers == "none" else [word for word in options.peers.split(",") if word]
    if options.repeats < 1:
        parser.error("--repeats: at least 1")
    if options.plot is None:
        options.plot = plot if options.peers else "none"
    return options


class Run:
    """One run of the benchmark."""

    def __init__(self, options):
        self._options = options
        self._threads = len(os.sched_getaffinity(0))
        self._engines = engines.choose(options.peers, options.precisions)
        self._java = Java(options.java) if options.java else Java.newest()
        self._peers = Peers()
        self._proteins = workloads.read_proteins(PROTEINS)
        self.report = Report(options.baseline)

    def __call__(self):
        self._java.build()
        needs_plot = self._options.plot != "none"
        if needs_plot or any(engine.name != engines.OWN for engine in self._engines):
            self._peers.install()
        self.report.versions["JDK"] = self._java.version
        if "decode" in self._options.workloads:
            comparisons.run_java("decode", self._java, self.report, [self._threads, self._options.repeats])
        for name in self._options.models:
            self._run_model(models.SIZES[name])

    def plot(self):
        command = [str(self._peers.python), str(BENCH / "plot.py"), str(self._options.json), str(self._options.plot)]
        done = subprocess.run(command, capture_output=True, text=True, env=self._peers.environment(self._threads))
        if done.returncode:
            fail(f"the plot could not be drawn: {done.stderr.strip()[-600:]}")

    def _run_model(self, size):
        folder = models.ensure(size, WORK / "models" / size.name, progress)
        chosen = self._options.workloads
        encode = [name for name in workloads.ENCODE_WORKLOADS if name in chosen]
        if encode or "memory" in chosen:
            fasta = self._workload("proteome", size)[1]
            for engine in self._engines:
                engines.prepare(engine, folder, fasta, self._peers, self._threads)
        if encode:
            self._encode(size, folder, encode)
        if "memory" in chosen:
            for engine in self._engines:
                self._memory(size, folder, engine)
        if "linear" in chosen:
            for precision in self._options.precisions:
                arguments = [size.hidden, precision, self._options.repeats, size.name]
                comparisons.run_java("linear", self._java, self.report, arguments, f"{size.name} {precision}")
        if "prefill" in chosen:
            for precision in self._options.precisions:
                arguments = [folder, precision, self._options.repeats, size.name]
                comparisons.run_java("prefill", self._java, self.report, arguments, f"{size.name} {precision}")
        if "spark" in chosen:
            comparisons.run_spark(
                size,
                folder,
                self._proteins,
                self._java,
                self._threads,
                self._options.repeats,
                self.report,
            )

    def _workload(self, name, size):
        workload = workloads.build(name, self._proteins, size.name, self._threads)
        return workload, workload.write_fasta(WORK / "workloads" / f"{size.name}-{name}.fasta")

    def _start(self, engine, folder):
        worker = engines.Worker(engine, folder, self._java, self._peers, self._threads)
        self.report.versions[engine.label] = worker.version
        return worker

    def _warn_of_memory(self, size):
        """All engines are up at once: a machine that swaps measures its disk."""
        needed = sum(engines.resident_bytes(engine, size) for engine in self._engines)
        available = memory_available()
        if needed > available:
            progress(
                f"warning: the engines of {size.name} need some {needed / 1e9:.0f} GB together, and"
                f" {available / 1e9:.0f} GB are available; choose fewer --peers or --precisions"
            )

    def _encode(self, size, folder, names):
        self._warn_of_memory(size)
        workers = []
        try:
            for engine in self._engines:
                progress(f"{size.name}: starting {engine.label}")
                workers.append(self._start(engine, folder))
            for name in names:
                self._encode_workload(size, name, workers)
        finally:
            for worker in workers:
                worker.close()

    def _encode_workload(self, size, name, workers):
        workload, fasta = self._workload(name, size)
        progress(f"{size.name}, {name}: {len(workload.proteins)} proteins, {workload.tokens:,} tokens")
        embeddings = []
        for worker in workers:
            embeddings.append(worker.load(workload, fasta, size.hidden))
            worker.reset_peak()
        self._compare(size, name, workers, embeddings)
        measured = []
        for worker in workers:
            engine = worker.engine
            measured.append(
                Measurement(engine.name, engine.precision, size.name, name, workload.tokens, workload.flops(size))
            )
        for repeat in range(self._options.repeats):
            for worker, measurement in zip(workers, measured):
                measurement.samples.append(worker.run(workload))
            speeds = (f"{m.label} {m.tokens / m.samples[-1]:,.0f}" for m in measured)
            progress(f"  repeat {repeat + 1} of {self._options.repeats}, tokens/s: {', '.join(speeds)}")
        for worker, measurement in zip(workers, measured):
            measurement.peak_memory = worker.peak_memory()
        self.report.measurements += measured

    def _compare(self, size, name, workers, embeddings):
        first = next((i for i, worker in enumerate(workers) if worker.engine.precision == "f32"), None)
        if first is None:
            progress("  no engine in float32: nothing to check the embeddings against")
            return
        for i, worker in enumerate(workers):
            if i == first:
                continue
            cosine = engines.worst_cosine(embeddings[i], embeddings[first])
            self.report.agreements.append((size.name, name, worker.engine.label, cosine))
            progress(f"  worst cosine, {worker.engine.label} to {workers[first].engine.label}: {cosine:.7f}")
            if worker.engine.precision == "f32" and not cosine >= engines.F32_COSINE:
                fail(
                    f"{size.name}, {name}: a mean embedding of {worker.engine.label} has cosine {cosine:.6f} to that of"
                    f" {workers[first].engine.label}, and {engines.F32_COSINE} is the least; they compute different things"
                )

    def _memory(self, size, folder, engine):
        progress(f"{size.name}, memory: {engine.label}")
        workload, fasta = self._workload("memory", size)
        measurement = Measurement(
            engine.name, engine.precision, size.name, "memory", workload.tokens, workload.flops(size)
        )
        worker = self._start(engine, folder)
        try:
            worker.load(workload, fasta, size.hidden)
            measurement.samples = [worker.run(workload) for _ in range(self._options.repeats)]
            measurement.peak_memory = worker.peak_memory()
        finally:
            worker.close()
        self.report.measurements.append(measurement)


def run_jmh(arguments):
    java = Java.newest()
    java.build()
    command = java.command("org.openjdk.jmh.Main", *arguments)
    return subprocess.run(command, env=java.environment(), cwd=ROOT).returncode


def main():
    arguments = sys.argv[1:]
    if arguments[:1] == ["jmh"]:
        return run_jmh(arguments[1:])
    options = parse(arguments)
    run = Run(options)
    run()
    run.report.write_json(options.json)
    run.report.write_markdown(options.output, shlex.join(["bin/bench", *arguments]))
    if options.plot != "none":
        run.plot()
    print(run.report.markdown(shlex.join(["bin/bench", *arguments])))
    progress(f"rows: {options.json}; table: {options.output}; picture: {options.plot}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
