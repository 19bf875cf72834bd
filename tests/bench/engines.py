"""The engines side by side, each a process that stays up for a model."""

import json
import math
import subprocess
from array import array
from dataclasses import dataclass

from installation import BENCH, ROOT, WORK, fail, progress

OWN = "turboesm"
# What each peer can run; precisions beyond are left out.
PEERS = {"esm-cpp": ("f32", "int8"), "hf": ("f32", "bf16"), "fair-esm": ("f32",)}
PRECISIONS = ("f32", "bf16", "int8")
SCRIPTS = {"esm-cpp": "worker_esm_cpp.py", "hf": "worker_hf.py", "fair-esm": "worker_fair_esm.py"}
ESM_CPP_INT8 = "esm-cpp-int8.gguf"
# What engines in float32 must share, protein by protein: another sum's order changes the eighth digit of the cosine, a
# wrong mask, position or pooling the second or third.
F32_COSINE = 0.999
# A timed run computes what the checked one did, up to the order in which threads add.
CHECKSUM_TOLERANCE = 1e-3


@dataclass(frozen=True)
class Engine:
    name: str
    precision: str

    @property
    def label(self):
        return f"{self.name} {self.precision}"


def resident_bytes(engine, size):
    """A guess at what an engine holds: its weights, activations and the runtime around them."""
    parameter_bytes = {"f32": 4, "bf16": 2, "int8": 1}[engine.precision]
    return 12 * size.hidden**2 * size.layers * parameter_bytes + 1_000_000_000


def choose(peers, precisions):
    """Engines in the order of a repeat. A peer is a name, or name:precision for that one alone."""
    engines = [Engine(OWN, precision) for precision in precisions]
    for word in peers:
        name, _, only = word.partition(":")
        if name not in PEERS or (only and only not in PEERS[name]):
            known = ", ".join(f"{peer} ({', '.join(can)})" for peer, can in PEERS.items())
            fail(f'unknown peer "{word}"; known are {known}, each also as NAME:PRECISION, and none')
        engines += [Engine(name, p) for p in PEERS[name] if p in precisions and only in ("", p)]
    return engines


class Worker:
    """An engine's process, with a model loaded."""

    def __init__(self, engine, folder, java, peers, threads):
        self.engine = engine
        self._log = WORK / "logs" / f"{engine.name}-{engine.precision}.log"
        self._log.parent.mkdir(parents=True, exist_ok=True)
        arguments = [str(folder), engine.precision, str(threads)]
        if engine.name == OWN:
            command, variables = java.command("org.turboesm.bench.EncodeWorker", *arguments), java.environment()
        else:
            command = [str(peers.python), str(BENCH / SCRIPTS[engine.name]), *arguments]
            variables = peers.environment(threads)
        with open(self._log, "w") as log:
            self._process = subprocess.Popen(
                command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=log, env=variables, text=True, cwd=ROOT
            )
        self._checksums = {}
        self.version = self._answer()["version"]

    def load(self, workload, fasta, hidden):
        """Loads a workload, runs it once and gives the embeddings, a float array a protein."""
        embeddings = WORK / "embeddings" / f"{self.engine.name}-{self.engine.precision}.f32"
        embeddings.parent.mkdir(parents=True, exist_ok=True)
        self._ask(command="load", workload=workload.name, fasta=str(fasta), embeddings=str(embeddings))
        self._checksums[workload.name] = self._answer()["checksum"]
        values = array("f")
        values.frombytes(embeddings.read_bytes())
        if len(values) != len(workload.proteins) * hidden:
            fail(f"{self.engine.label} gave {len(values)} values for {len(workload.proteins)} proteins of {hidden}")
        return [values[i : i + hidden] for i in range(0, len(values), hidden)]

    def run(self, workload):
        """Seconds of one run."""
        self._ask(command="run", workload=workload.name)
        answer = self._answer()
        expected = self._checksums[workload.name]
        if not abs(answer["checksum"] - expected) <= CHECKSUM_TOLERANCE * abs(expected):
            fail(
                f"{self.engine.label}, {workload.name}: a timed run's checksum is {answer['checksum']}, that of the run"
                f" whose embeddings were checked {expected}"
            )
        return answer["seconds"]

    def reset_peak(self):
        with open(f"/proc/{self._process.pid}/clear_refs", "w") as file:
            file.write("5")

    def peak_memory(self):
        """Bytes of the largest resident set since reset_peak."""
        with open(f"/proc/{self._process.pid}/status") as status:
            return next(int(line.split()[1]) * 1024 for line in status if line.startswith("VmHWM:"))

    def close(self):
        if self._process.poll() is None:
            self._process.stdin.close()
            try:
                self._process.wait(30)
            except subprocess.TimeoutExpired:
                self._process.kill()
        self._process.wait()

    def _ask(self, **request):
        try:
            self._process.stdin.write(json.dumps(request) + "\n")
            self._process.stdin.flush()
        except BrokenPipeError:
            self._died()

    def _answer(self):
        line = self._process.stdout.readline()
        if not line:
            self._died()
        return json.loads(line)

    def _died(self):
        status = self._process.wait()
        tail = "\n  ".join(self._log.read_text(errors="replace").strip().splitlines()[-8:])
        fail(f"{self.engine.label} ended with status {status}; the end of {self._log.relative_to(ROOT)}:\n  {tail}")


def prepare(engine, folder, fasta, peers, threads):
    """What an engine needs before it starts."""
    if engine.name == "esm-cpp" and not (folder / "model.safetensors").is_file():
        fail(f"esm-cpp reads models of one file alone, and {folder.name} is in shards; leave it out of --peers")
    if engine == Engine("esm-cpp", "int8"):
        quantized = folder / ESM_CPP_INT8
        if not quantized.is_file() or quantized.stat().st_mtime < (folder / "written.json").stat().st_mtime:
            progress("quantizing the model with esm-cpp")
            command = [str(peers.python), str(BENCH / SCRIPTS["esm-cpp"]), "quantize", str(folder), str(fasta)]
            done = subprocess.run(command, env=peers.environment(threads), capture_output=True, text=True)
            if done.returncode:
                fail(f"esm-cpp could not quantize the model: {done.stderr.strip()[-600:]}")


def worst_cosine(embeddings, expected):
    """The smallest cosine of a protein's two embeddings."""
    return min(_cosine(a, b) for a, b in zip(embeddings, expected))


def _cosine(a, b):
    product = math.fsum(x * y for x, y in zip(a, b))
    return product / math.sqrt(math.fsum(x * x for x in a) * math.fsum(y * y for y in b))
