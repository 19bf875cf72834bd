"""What every worker speaks: a JSON object a line, requests on standard input and answers on standard output.

{"command": "load", "workload": NAME, "fasta": FILE, "embeddings": FILE}  reads and tokenizes the proteins, runs them once,
    writes their mean embeddings, [proteins, hidden] float32 in the order of the FASTA, and answers {"checksum": ...}
{"command": "run", "workload": NAME}  answers {"seconds": ..., "checksum": ...}
{"command": "quit"}

A started worker first says {"ready": true, "version": ...}. The checksum is the sum of the magnitudes of what a run
computed: a timed run must compute what the checked one did.
"""

import json
import os
import sys
import time

CLS, PAD, EOS = 0, 1, 2
TOKENS = {residue: token for token, residue in enumerate("LAGVSERTIDPKQNFYMHWCXBUZO", 4)}


def tokenize(protein):
    return [CLS, *(TOKENS[residue] for residue in protein), EOS]


def read_fasta(path):
    with open(path) as lines:
        return [line.strip() for line in lines if not line.startswith(">")]


def padded_batches(tokenized, budget):
    """Indices in batches of similar length, the longest first; a batch with its padding fits the budget."""
    batches = []
    for index in sorted(range(len(tokenized)), key=lambda i: -len(tokenized[i])):
        width = len(tokenized[batches[-1][0]]) if batches else 0
        if batches and (len(batches[-1]) + 1) * width <= budget:
            batches[-1].append(index)
        else:
            batches.append([index])
    return batches


def serve(version, prepare):
    """Answers requests until told to quit.

    prepare(proteins) gives an object with run(), which computes and returns its result, checksum(result), and
    embeddings(result), [proteins, hidden] as float32.
    """
    # Libraries print to standard output: theirs goes to standard error.
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)

    def answer(**values):
        answers.write(json.dumps(values) + "\n")
        answers.flush()

    workloads = {}
    answer(ready=True, version=version)
    for line in sys.stdin:
        request = json.loads(line)
        if request["command"] == "quit":
            return
        if request["command"] == "load":
            workload = prepare([tokenize(protein) for protein in read_fasta(request["fasta"])])
            workloads[request["workload"]] = workload
            result = workload.run()
            workload.embeddings(result).astype("<f4").tofile(request["embeddings"])
            answer(checksum=workload.checksum(result))
        else:
            workload = workloads[request["workload"]]
            start = time.perf_counter()
            result = workload.run()
            seconds = time.perf_counter() - start
            answer(seconds=seconds, checksum=workload.checksum(result))
