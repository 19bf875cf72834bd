"""Plots what the packed cache costs, from the output folders of runs.

    python plot_fidelity.py LABEL=OUTPUT_FOLDER [LABEL=OUTPUT_FOLDER ...] --png fidelity.png

Needs duckdb and matplotlib. Left: the error of the attention output after W_o, by layer, on the
true inputs of each layer. Right: each protein's mean embedding over the packed cache against the
one in full precision. Both are of mode turbo, on proteins that calibration did not see.
"""

import argparse

import duckdb
import matplotlib

matplotlib.use("Agg")
import matplotlib.pyplot as plt  # noqa: E402


def read(folder):
    rows = duckdb.sql(
        f"SELECT attention_nmse, embedding_cosine FROM read_parquet('{folder}/fidelity/*.parquet') "
        "WHERE mode = 'turbo' ORDER BY id"
    ).fetchall()
    layers = [sum(layer) / len(layer) for layer in zip(*(row[0] for row in rows))]
    return layers, sorted(row[1] for row in rows)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("runs", nargs="+", metavar="LABEL=OUTPUT_FOLDER")
    parser.add_argument("--png", default="fidelity.png")
    arguments = parser.parse_args()

    figure, (left, right) = plt.subplots(1, 2, figsize=(10, 3.6), constrained_layout=True)
    for run in arguments.runs:
        label, folder = run.split("=", 1)
        layers, cosines = read(folder)
        left.plot(range(len(layers)), layers, marker="o", label=label)
        shares = [(i + 1) / len(cosines) for i in range(len(cosines))]
        right.step([1 - cosine for cosine in cosines][::-1], shares, where="post", label=label)
    left.set(xlabel="layer", ylabel="NMSE of the attention output", yscale="log")
    left.set_xticks(range(len(layers)))
    left.legend(loc="center right")
    left.grid(True, which="both", alpha=0.3)
    right.set(xlabel="1 - cosine of the mean embedding", ylabel="share of proteins", xscale="log")
    right.grid(True, which="both", alpha=0.3)
    figure.savefig(arguments.png, dpi=120)


if __name__ == "__main__":
    main()
