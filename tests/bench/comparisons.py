"""Benchmarks within this project: the packed cache, prefill, the Spark job."""

import json
import re
import shutil
import subprocess

import engines
import workloads
from installation import ROOT, WORK, fail, progress
from report import Measurement

JAVA_CLASSES = {"decode": "DecodeComparison", "prefill": "PrefillComparison", "linear": "LinearComparison"}
# The Spark job is run with each, beside the bare engine: auto is its default.
SPARK_PRECISIONS = ("f32", "auto")


def run_java(name, java, report, arguments, model=""):
    """Runs a comparison in a JVM of its own, in which the variants are interleaved, and adds its measurements."""
    progress(f"{name} {model}".strip())
    command = java.command("org.turboesm.bench." + JAVA_CLASSES[name], *arguments)
    done = subprocess.run(command, env=java.environment(), capture_output=True, text=True, cwd=ROOT)
    if done.returncode:
        fail(f"{name} failed: {done.stderr.strip()[-1500:]}")
    measurements, peak = {}, 0
    for line in done.stdout.splitlines():
        said = json.loads(line)
        if "peak_memory" in said:
            peak = said["peak_memory"]
        elif "decode" in said:
            report.decodes.append(said["decode"])
        else:
            key = (said["engine"], said["precision"], said["model"], said["workload"])
            if key not in measurements:
                measurements[key] = Measurement(*key, said["tokens"], said["flops"])
            measurements[key].samples.append(said["seconds"])
    for measurement in measurements.values():
        measurement.peak_memory = peak
        report.measurements.append(measurement)


def run_spark(size, folder, proteins, java, threads, repeats, report):
    """The Spark job's model stage against the bare engine on the same proteins, in turn."""
    workload = workloads.build("spark", proteins, size.name, threads)
    fasta = workload.write_fasta(WORK / "workloads" / f"{size.name}-spark.fasta")
    measured = []
    workers = []
    try:
        for precision in SPARK_PRECISIONS:
            case = (precision, size.name, f"spark {precision}", workload.tokens, workload.flops(size))
            bare, job = Measurement(engines.OWN, *case), Measurement("turboesm, Spark", *case)
            measured.append((bare, job))
            worker = engines.Worker(engines.Engine(engines.OWN, precision), folder, java, None, threads)
            workers.append(worker)
            worker.load(workload, fasta, size.hidden)
            worker.reset_peak()
        for repeat in range(repeats):
            for worker, (bare, job) in zip(workers, measured):
                progress(f"spark {size.name} {bare.precision}, repeat {repeat + 1} of {repeats}")
                bare.samples.append(worker.run(workload))
                bare.peak_memory = worker.peak_memory()
                _embed(job, folder, fasta, java, threads, report, last=repeat == repeats - 1)
    finally:
        for worker in workers:
            worker.close()
    for pair in measured:
        report.measurements += pair


def _embed(job, folder, fasta, java, threads, report, last):
    output = WORK / "spark-output"
    shutil.rmtree(output, ignore_errors=True)
    command = [ROOT / "bin" / "turboesm", "embed", "--master", f"local[{threads}]", "--model", folder]
    command += ["--precision", job.precision, "--input", fasta, "--output", output]
    log = WORK / "logs" / "spark.log"
    with open(log, "w") as file:
        process = subprocess.Popen(command, env=java.environment(), stdout=file, stderr=subprocess.STDOUT, cwd=ROOT)
        job.peak_memory = max(job.peak_memory, _peak_while_running(process))
    if process.returncode:
        fail(f"the Spark job failed: {log.read_text()[-1500:]}")
    manifest = json.loads((output / "manifest.json").read_text())
    tokens = manifest["throughput"]["encode"]["tokens"]
    if tokens != job.tokens:
        fail(f"the Spark job ran {tokens} tokens of {job.tokens}")
    seconds = next(phase["seconds"] for phase in manifest["timings"] if phase["name"] == "encode")
    job.samples.append(seconds)
    if last:
        per_task = manifest["throughput"]["encode"]["tokens_per_task_second"]
        report.notes.append(
            f"spark, {job.model}, {job.precision}: the seconds are those of the stage, loading the model and warming the"
            f" JVM included; within the tasks alone the model runs at {per_task:,.0f} tokens a task second,"
            f" {per_task * threads:,.0f} tokens/s on {threads} cores."
        )


def _peak_while_running(process):
    """The largest resident set of a process, read until it ends: bin/turboesm becomes the JVM."""
    peak = 0
    while True:
        try:
            with open(f"/proc/{process.pid}/status") as status:
                found = re.search(r"VmHWM:\s*(\d+)", status.read())
            peak = max(peak, int(found.group(1)) * 1024) if found else peak
            process.wait(0.5)
            return peak
        except subprocess.TimeoutExpired:
            continue
