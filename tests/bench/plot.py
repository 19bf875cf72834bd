"""Draws the encode rows: plot.py RESULTS.json FILE.png."""

import json
import sys

import matplotlib

matplotlib.use("Agg")
import matplotlib.pyplot as pyplot

COLOURS = {"turboesm": "#1b6ca8", "esm-cpp": "#c7522a", "hf": "#e5c185", "fair-esm": "#8a8d8f"}
HATCHES = {"f32": "", "bf16": "//", "int8": ".."}
ENCODE = ("proteome", "antibody", "uniform", "long")


def main():
    with open(sys.argv[1]) as file:
        rows = [row for row in json.load(file) if row["workload"] in ENCODE]
    if not rows:
        raise SystemExit("no encode workload to draw")
    models = list(dict.fromkeys(row["model"] for row in rows))
    workloads = [name for name in ENCODE if any(row["workload"] == name for row in rows)]
    engines = list(dict.fromkeys((row["engine"], row["precision"]) for row in rows))
    figure, axes = pyplot.subplots(1, len(models), figsize=(1.5 + 4.2 * len(models), 4.2), squeeze=False)
    width = 0.8 / len(engines)
    for axis, model in zip(axes[0], models):
        for position, (engine, precision) in enumerate(engines):
            speeds = {
                row["workload"]: row["tokens_per_second"]
                for row in rows
                if (row["model"], row["engine"], row["precision"]) == (model, engine, precision)
            }
            places = [i + (position - (len(engines) - 1) / 2) * width for i in range(len(workloads))]
            axis.bar(
                places,
                [speeds.get(name, 0) for name in workloads],
                width,
                label=f"{engine} {precision}",
                color=COLOURS[engine],
                hatch=HATCHES[precision],
                edgecolor="white",
                linewidth=0.4,
            )
        axis.set_xticks(range(len(workloads)), workloads)
        axis.set_title(f"ESM-2 {model}")
        axis.spines[["top", "right"]].set_visible(False)
    axes[0][0].set_ylabel("tokens a second")
    axes[0][-1].legend(frameon=False, fontsize="small", loc="upper left", bbox_to_anchor=(1, 1))
    figure.tight_layout()
    figure.savefig(sys.argv[2], dpi=130)


if __name__ == "__main__":
    main()
