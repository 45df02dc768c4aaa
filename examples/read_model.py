"""Goes on in Python with what `cargo run --release --example complete` wrote: the model in PyTorch, the run in NumPy.

    pip install numpy safetensors torch
    python examples/read_model.py [FOLDER]
"""

import sys
from pathlib import Path

import numpy
import torch
from safetensors.numpy import load_file as load_arrays
from safetensors.torch import load_file as load_tensors

here = Path(__file__).parent
folder = Path(sys.argv[1]) if len(sys.argv) > 1 else here.parent / "target/examples-out/complete"

# The model. PyTorch's layers keep their weights as outputs x inputs.
saved = load_tensors(folder / "digits.safetensors")
model = torch.nn.Sequential(torch.nn.Linear(64, 64), torch.nn.ReLU(), torch.nn.Linear(64, 10))
model.load_state_dict({
    "0.weight": saved["layer1/weight"].T,
    "0.bias": saved["layer1/bias"],
    "2.weight": saved["layer2/weight"].T,
    "2.bias": saved["layer2/bias"],
})

# The images, standardised as those that it was trained on.
rows = torch.from_numpy(numpy.loadtxt(here / "data/digits.csv", delimiter=","))
scales = load_tensors(folder / "standardizer.safetensors")
images = ((rows[:, :64] / 16 - scales["mean"]) / scales["deviation"]).float()
with torch.no_grad():
    right = model(images).argmax(1) == rows[:, 64]
print(f"PyTorch: {right.sum()} of {len(right)} images are recognised")

# The run: a checkpoint is a file of the same kind.
checkpoint = load_arrays(max((folder / "checkpoints").glob("step-*.safetensors")))
parameters = [name for name in checkpoint if not name.startswith(("run/", "state/"))]
print("NumPy: the checkpoint has the parameters", ", ".join(sorted(parameters)))
print("       beside them", ", ".join(sorted(name for name in checkpoint if name.startswith("state/optimizer/"))))
losses = checkpoint["run/history/validation_loss"]
print(f"       validation losses of {len(losses)} epochs, the lowest {losses.min():.4f} in epoch {losses.argmin() + 1}")
