#!/usr/bin/env python3
"""The same work from the same bytes in other libraries, against this crate.

    python3 benches/peers/run.py             sets everything up, measures, checks, prints the table (about 20 minutes)
    python3 benches/peers/run.py --quick     the same with little data: shows that everything runs and agrees
    … setup                                  only what must be there before one can measure
    … measure --only REGEX                   only the cases with such names; results add up in target/peers
    … table                                  only the table and the picture, into docs/benchmarks.md and docs/peers.svg

Peers are programs that wait for cases, each with as many threads and processors as the case says; in every round each of
them runs once, so that all see the machine in the same hour. Needs Python 3.11 with venv, cargo, and a network once.
"""

import argparse
import json
import os
import re
import subprocess
import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent
ROOT = HERE.parent.parent
TARGET = ROOT / "target" / "peers"


def setup(venv):
    """Everything that is installed and compiled, and the data."""
    python = venv / "bin" / "python"
    if not python.exists():
        subprocess.run([sys.executable, "-m", "venv", venv], check=True)
    subprocess.run([python, "-m", "pip", "install", "--quiet", "-r", HERE / "requirements.txt"], check=True)
    environment = os.environ | {"CARGO_TARGET_DIR": str(TARGET)}
    subprocess.run(["cargo", "build", "--release", "--bins"], cwd=HERE / "rust", env=environment, check=True)
    for folder, flags in [("data", []), ("data-quick", ["--quick"])]:
        if not (TARGET / folder / "sparse_labels.npy").exists():
            subprocess.run([TARGET / "release" / "write-data", TARGET / folder, *flags], check=True)


class Server:
    """A peer at work, with so many threads on so many processors."""

    def __init__(self, peer, venv, threads):
        kind, _, name = peer.program.partition("/")
        command = [venv / "bin" / "python", HERE / peer.program] if kind == "python" else [TARGET / "release" / name]
        # Nothing else of the environment: some of its variables choose slower kernels.
        environment = {key: os.environ[key] for key in ("PATH", "HOME") if key in os.environ}
        for variable in ("OMP", "MKL", "OPENBLAS", "RAYON"):
            environment[f"{variable}_NUM_THREADS"] = str(threads)
        processors = sorted(os.sched_getaffinity(0))[:threads]
        self.process = subprocess.Popen(
            command, env=environment, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
            preexec_fn=lambda: os.sched_setaffinity(0, processors),
        )

    def ask(self, case):
        """Seconds and parameters at the end, or None."""
        import numpy as np

        print(json.dumps(case), file=self.process.stdin, flush=True)
        line = self.process.stdout.readline()
        if not line:
            raise SystemExit(f"{self.process.args} ended with {self.process.wait()}")
        reply = json.loads(line)
        return None if "unsupported" in reply else (reply["seconds"], np.load(case["out"]))

    def close(self):
        self.process.stdin.close()
        self.process.wait()


def measure(arguments):
    from cases import OURS, PEERS, cases, deviation, final_loss

    folder = TARGET / ("data-quick" if arguments.quick else "data")
    path = TARGET / ("results-quick.json" if arguments.quick else "results.json")
    results = json.loads(path.read_text()) if path.exists() else {}
    servers, wrong = {}, []
    for case in cases(arguments.quick):
        if not re.search(arguments.only, case.name):
            continue
        asked = [peer for peer in [OURS, *PEERS] if case.asks(peer) and re.search(arguments.peers, peer.name)]
        times, ends, goal = {}, {}, {}
        if case.goal:
            asked.reverse()
        # The first round warms up.
        for number in range(arguments.rounds + 1):
            for peer in asked:
                key = (peer.name, case.threads)
                if key not in servers:
                    servers[key] = Server(peer, arguments.venv, case.threads)
                for way in peer.ways(case.settings["work"]):
                    if number > 0 and (peer.name, way) not in ends:
                        continue
                    request = case.settings | goal | {"variant": way, "data": str(folder), "out": str(TARGET / "out.npy")}
                    if (answer := servers[key].ask(request)) is None:
                        continue
                    seconds, ends[peer.name, way] = answer
                    if peer.name == case.goal:
                        losses = [final_loss(case, str(folder), end) for (name, _), end in ends.items() if name == case.goal]
                        goal = {"until": float(max(losses))}
                    if number > 0:
                        times.setdefault((peer.name, way), []).append(seconds)
        entry = {}
        own = next((end for (name, _), end in ends.items() if name == OURS.name), None)
        for (name, way), end in ends.items():
            entry.setdefault(name, {})[way] = {
                "seconds": times[name, way],
                "loss": final_loss(case, str(folder), end),
                "deviation": None if own is None else deviation(case, str(folder), own, end),
            }
            off = entry[name][way]["deviation"]
            if off is not None and not off <= case.tolerance:
                wrong.append(f"{case.name}: {name} {way} is off by {off:.2g}, more than {case.tolerance:.0e}")
        results[case.name] = entry
        path.write_text(json.dumps(results, indent=1))
        unit, scale = case.unit
        for name, ways in entry.items():
            for way, found in ways.items():
                median = sorted(found["seconds"])[len(found["seconds"]) // 2] * scale
                print(f"{case.name:45} {name:14} {way:10} {median:12.4g} {unit}  off {found['deviation']}", flush=True)
    for server in servers.values():
        server.close()
    if wrong:
        raise SystemExit("results do not agree:\n" + "\n".join(wrong))


def report(quick):
    from report import picture, table

    results = json.loads((TARGET / ("results-quick.json" if quick else "results.json")).read_text())
    text = table(results, quick)
    print(text)
    if not quick:
        page = ROOT / "docs" / "benchmarks.md"
        before, _, rest = page.read_text().partition("<!-- peers: begin -->")
        _, _, after = rest.partition("<!-- peers: end -->")
        page.write_text(f"{before}<!-- peers: begin -->\n{text}\n<!-- peers: end -->{after}")
        picture(results, ROOT / "docs" / "peers.svg")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("action", nargs="?", choices=["all", "setup", "measure", "table"], default="all")
    parser.add_argument("--quick", action="store_true", help="little data")
    parser.add_argument("--only", default="", metavar="REGEX", help="only cases with such names")
    parser.add_argument("--peers", default="", metavar="REGEX", help="only peers with such names")
    parser.add_argument("--rounds", type=int, default=5, help="measurements of each (default 5)")
    parser.add_argument("--venv", type=Path, default=TARGET / "venv", help="the virtual environment to make or use")
    arguments = parser.parse_args()
    arguments.venv = arguments.venv.absolute()
    if arguments.action in ("all", "setup"):
        setup(arguments.venv)
    steps = {"all": ["measure", "table"], "setup": []}.get(arguments.action, [arguments.action])
    if Path(sys.prefix) != arguments.venv:
        # What follows needs NumPy and its like, which the environment has.
        flags = [argument for argument in sys.argv[1:] if argument != arguments.action]
        for step in steps:
            subprocess.run([arguments.venv / "bin" / "python", __file__, step, *flags], check=True)
        return
    for step in steps:
        if step == "measure":
            measure(arguments)
        else:
            report(arguments.quick)


main()
