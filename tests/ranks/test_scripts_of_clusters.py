"""The scripts for Slurm and Kubernetes that the documentation shows, as far as they can be read."""

import re
import subprocess
from pathlib import Path

import yaml
from torch.distributed.run import get_args_parser

PAGE = Path(__file__).parents[2] / "docs/how_to/many_machines.md"
BLOCK = re.compile(r"^```\w*\n(.*?)^```$", re.DOTALL | re.MULTILINE)


def block(part):
    return next(text for text in BLOCK.findall(PAGE.read_text()) if part in text)


def test_kubernetes():
    service, job = yaml.safe_load_all(block("kind: Job"))
    spec = job["spec"]["template"]["spec"]
    (container,) = spec["containers"]
    launcher, *words = container["command"]
    told = get_args_parser().parse_args(words)
    name, pods = job["metadata"]["name"], job["spec"]["completions"]
    assert launcher == "torchrun"
    assert int(told.nnodes) == pods == job["spec"]["parallelism"]
    assert int(told.nproc_per_node) == container["resources"]["limits"]["nvidia.com/gpu"]
    # The first pod of an indexed job, in the service's domain.
    assert told.rdzv_endpoint == f"{name}-0.{spec['subdomain']}:29500"
    assert service["metadata"]["name"] == spec["subdomain"]
    assert service["spec"]["selector"] == {"job-name": name}
    assert (told.module, told.training_script) == (True, "pyrovae")
    volumes = {volume["name"] for volume in spec["volumes"]}
    assert {mount["name"] for mount in container["volumeMounts"]} == volumes


def test_slurm():
    script = block("#SBATCH")
    subprocess.run(["bash", "-n"], input=script, text=True, check=True)
    command = " ".join(script[script.index("torchrun ") :].replace("\\\n", " ").split())
    told = get_args_parser().parse_args(command.replace('"', "").split()[1:])
    given = dict(re.findall(r"#SBATCH --([a-z-]+)=(\S+)", script))
    assert told.nproc_per_node == given["gpus-per-node"]
    assert given["ntasks-per-node"] == "1"  # one torchrun a machine
    assert (told.rdzv_endpoint, told.nnodes) == ("$head:29500", "$SLURM_NNODES")
    assert (told.module, told.training_script) == (True, "pyrovae")
