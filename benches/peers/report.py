"""The one table, and its picture."""

import platform
import re
import subprocess
from importlib.metadata import version
from pathlib import Path
from statistics import median

from cases import OURS, PEERS, cases


def best(ways, against=None):
    """The quickest way of a peer: its name, its seconds, and the ratios round by round."""
    way = min(ways, key=lambda way: median(ways[way]["seconds"]))
    seconds = ways[way]["seconds"]
    ratios = [theirs / ours for theirs, ours in zip(seconds, against)] if against else []
    return way, seconds, ratios


def figure(x):
    """Three digits."""
    return f"{x:.0f}" if x >= 100 else f"{x:.3g}"


def spread(values, scale=1.0):
    values = [value * scale for value in values]
    return f"{figure(median(values))} ({figure(min(values))}–{figure(max(values))})"


def table(results, quick):
    """All cases: our time, and every peer's as a multiple of it; medians with the smallest and the largest."""
    named = {peer.name: peer for peer in PEERS}
    columns = ["PyTorch", "JAX + Optax", "candle", "burn"]
    rows = [["work", "downhill", *columns, "others"], ["---", *["---:"] * (len(columns) + 1), "---"]]
    for case in cases(quick):
        entry = results.get(case.name)
        if entry is None or OURS.name not in entry:
            continue
        unit, scale = case.unit
        way, ours, _ = best(entry[OURS.name])

        def cell(name, prefix=""):
            if name not in entry:
                return ""
            way, _, ratios = best(entry[name], ours)
            return f"{prefix}{spread(ratios)}{f' {way}' if way else ''}"

        others = [cell(name, f"{name} ") for name in named if name not in columns and name in entry]
        rows.append([case.name, f"{spread(ours, scale)} {unit}{f', {way}' if way else ''}", *map(cell, columns), "; ".join(others)])
    lines = ["| " + " | ".join(row) + " |" for row in rows]
    return "\n".join([machine(), "", *lines])


def machine():
    """Where and with what it was measured."""
    info = Path("/proc/cpuinfo").read_text()
    field = lambda name: re.search(rf"^{name}\s*: (.*)$", info, re.M).group(1)
    flags = set(field("flags").split())
    simd = "AVX-512" if "avx512f" in flags else "AVX2" if "avx2" in flags else "SSE2"
    kilobytes = int(re.search(r"MemTotal:\s*(\d+)", Path("/proc/meminfo").read_text()).group(1))
    rust = subprocess.run(["rustc", "--version"], capture_output=True, text=True).stdout.split()[1]
    lock = (Path(__file__).parent / "rust" / "Cargo.lock").read_text()
    crate = lambda name: re.search(rf'name = "{name}"\nversion = "(.*)"', lock).group(1)
    python = {"PyTorch": "torch", "JAX": "jax", "Optax": "optax", "scikit-learn": "scikit-learn",
              "Vowpal Wabbit": "vowpalwabbit", "LIBLINEAR": "liblinear-official"}
    rust_peers = {"candle": "candle-core", "burn": "burn", "argmin": "argmin"}
    versions = [f"{name} {version(package)}" for name, package in python.items()]
    versions += [f"{name} {crate(package)}" for name, package in rust_peers.items()]
    return (
        f"{field('model name')} (family {field('cpu family')}, model {field('model')}), {simd}, "
        f"{info.count('processor')} processors, {kilobytes / 2**20:.0f} GiB; {platform.system()} {platform.release().split('-')[0]}; "
        f"rustc {rust}, Python {platform.python_version()}; {', '.join(versions)}."
    )


def picture(results, path):
    """Every ratio of the table as a point on a logarithmic axis."""
    import matplotlib

    matplotlib.use("svg")
    matplotlib.rcParams["svg.hashsalt"] = "peers"
    import matplotlib.pyplot as plt

    names = [case.name for case in cases() if OURS.name in results.get(case.name, {}) and len(results[case.name]) > 1]
    figure_, axes = plt.subplots(figsize=(9, 1 + 0.22 * len(names)))
    markers = dict(zip([peer.name for peer in PEERS], "osD^vPX*"))
    for row, name in enumerate(names):
        _, ours, _ = best(results[name][OURS.name])
        for peer, marker in markers.items():
            if peer in results[name]:
                _, _, ratios = best(results[name][peer], ours)
                color = f"C{list(markers).index(peer)}"
                axes.plot([min(ratios), max(ratios)], [row, row], color=color, linewidth=1, alpha=0.5)
                axes.plot(median(ratios), row, marker, color=color, markersize=5, label=peer)
    axes.axvline(1.0, color="black", linewidth=0.8)
    axes.set_xscale("log")
    axes.set_yticks(range(len(names)), names, fontsize=7)
    axes.set_ylim(len(names) - 0.5, -0.5)
    axes.grid(axis="x", which="both", linewidth=0.3)
    axes.set_xlabel("time of the peer ÷ time of downhill (right of the line: downhill is faster)")
    shown = dict(zip(*reversed(axes.get_legend_handles_labels())))
    figure_.legend(shown.values(), shown.keys(), ncols=4, loc="lower center", fontsize=8, frameon=False)
    figure_.tight_layout(rect=(0, 0.06, 1, 1))
    figure_.savefig(path, metadata={"Date": None})
