"""What a run needs beside itself: a JDK, the built Java classes, and the peers' virtual environment."""

import glob
import hashlib
import os
import pathlib
import re
import shutil
import subprocess
import sys

ROOT = pathlib.Path(__file__).resolve().parents[2]
BENCH = ROOT / "tests" / "bench"
WORK = ROOT / "target" / "bench"
JDKS = (25, 21, 17)
# The job's default driver memory.
JAVA_OPTIONS = [
    "-Xmx4g",
    "-XX:+IgnoreUnrecognizedVMOptions",
    "--add-modules=jdk.incubator.vector",
    "--sun-misc-unsafe-memory-access=allow",
    "--enable-native-access=ALL-UNNAMED",
]


def fail(message):
    raise SystemExit(f"bench: {message}")


def progress(text):
    print(f"bench: {text}", file=sys.stderr, flush=True)


def environment(**changes):
    """This process's environment without what is set to work around old BLAS builds."""
    values = {k: v for k, v in os.environ.items() if k not in ("OPENBLAS_CORETYPE", "OPENBLAS_L2_SIZE")}
    for name, value in changes.items():
        values.pop(name, None)
        if value is not None:
            values[name] = value
    return values


class Java:
    """A JDK and the benchmarks' classes."""

    def __init__(self, home):
        self.home = pathlib.Path(home)
        self.version = _java_version(self.home)
        if self.version is None:
            fail(f"--java {home}: no bin/java there that runs. Give the home of a JDK {_words(JDKS)}.")

    @classmethod
    def newest(cls):
        homes = [os.environ.get("JAVA_HOME"), *glob.glob("/usr/lib/jvm/*")]
        on_path = shutil.which("java")
        if on_path:
            homes.append(pathlib.Path(on_path).resolve().parents[1])
        found = {_java_version(pathlib.Path(home)): home for home in homes if home}
        for version in JDKS:
            if version in found:
                return cls(found[version])
        fail(f"no JDK {_words(JDKS)} found. Install one, or give its home with --java.")

    def build(self):
        """Builds the benchmarks' module where a source is newer than the last build."""
        stamp = WORK / "built"
        sources = [ROOT / "pom.xml"]
        for module in ("kernel-jcuda", "tests/benchmarks"):
            sources += [ROOT / module / "pom.xml", *(ROOT / module / "src" / "main").rglob("*")]
        if stamp.is_file() and max(source.stat().st_mtime for source in sources) < stamp.stat().st_mtime:
            if _classpath_file().is_file():
                return
        if shutil.which("mvn") is None:
            fail("building needs Maven: mvn is not on the PATH")
        progress("building the Java benchmarks")
        WORK.mkdir(parents=True, exist_ok=True)
        fresh = WORK / "built.part"
        fresh.touch()
        command = ["mvn", "-q", "-B", "-ntp", "-Dstyle.color=never", "-Dmaven.test.skip=true", "-Dsuite.unit.skip=true"]
        command += ["-pl", "tests/benchmarks", "-am", "package"]
        if subprocess.run(command, cwd=ROOT, stdout=sys.stderr).returncode:
            fail("the Maven build failed")
        fresh.rename(stamp)

    def command(self, main_class, *arguments):
        classes = ROOT / "tests" / "benchmarks" / "target" / "classes"
        classpath = f"{classes}:{_classpath_file().read_text()}"
        return [str(self.home / "bin" / "java"), *JAVA_OPTIONS, "-cp", classpath, main_class, *map(str, arguments)]

    def environment(self):
        return environment(
            OMP_NUM_THREADS="1",
            LOG4J_CONFIGURATION_FILE=str(ROOT / "conf" / "log4j2.properties"),
            JAVA_HOME=str(self.home),
        )


def _classpath_file():
    return ROOT / "tests" / "benchmarks" / "target" / "benchmarks.classpath"


def _java_version(home):
    try:
        said = subprocess.run([home / "bin" / "java", "-version"], capture_output=True, text=True, check=True).stderr
    except (OSError, subprocess.CalledProcessError):
        return None
    found = re.search(r'version "(\d+)', said)
    return int(found.group(1)) if found else None


def _words(versions):
    *first, last = map(str, sorted(versions))
    return ", ".join(first) + " or " + last


class Peers:
    """The virtual environment with the peers, as requirements.txt pins them."""

    def __init__(self):
        self._folder = WORK / "venv"
        self.python = self._folder / "bin" / "python"

    def install(self):
        requirements = BENCH / "requirements.txt"
        digest = hashlib.sha256(requirements.read_bytes()).hexdigest()
        stamp = self._folder / "installed.sha256"
        if stamp.is_file() and stamp.read_text() == digest:
            return
        interpreter = shutil.which("python3.11") or sys.executable
        progress(f"installing the peers into {self._folder.relative_to(ROOT)} (torch with its libraries: some 6 GB)")
        log = WORK / "install.log"
        log.parent.mkdir(parents=True, exist_ok=True)
        with open(log, "w") as output:
            for command in (
                [interpreter, "-m", "venv", "--clear", self._folder],
                [self.python, "-m", "pip", "install", "-r", requirements],
            ):
                if subprocess.run(command, stdout=output, stderr=subprocess.STDOUT).returncode:
                    fail(
                        "the peers could not be installed: "
                        + "; ".join(log.read_text().strip().splitlines()[-3:])
                        + f". All output: {log}. Without them: --peers none."
                    )
        stamp.write_text(digest)

    def environment(self, threads):
        return environment(
            OMP_NUM_THREADS=str(threads),
            ESM_NUM_THREADS=str(threads),
            CUDA_VISIBLE_DEVICES="",
            HF_HUB_OFFLINE="1",
            TOKENIZERS_PARALLELISM="false",
            PYTHONPATH=None,
        )
