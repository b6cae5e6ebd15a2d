"""The VAE in plain PyTorch on a GPU, a whole step in one captured graph."""

import torch

from benchmarks.speed.contenders.by_hand import Network, draw_bits, waiting
from benchmarks.speed.data import Task, order
from benchmarks.speed.turns import Turns

__all__ = ["run"]

WARM_UP = 3  # steps before the capture, as torch's documentation has it


def run(task: Task, turn: Turns, variant: str) -> None:
    """Trains one epoch a turn. Gather, bits, loss, gradients and Adam are one graph, captured once."""
    case = task.case
    images = torch.from_numpy(task.images()).to(task.device)
    turn(wait=waiting(task))
    torch.manual_seed(0)
    network = Network(case).take(task.weights()).to(task.device)
    optim = torch.optim.Adam(network.parameters(), lr=1e-3, fused=True, capturable=True)
    loss = torch.compile(network, fullgraph=True, dynamic=False)
    rows = torch.arange(case.batch, device=task.device)

    def step() -> None:
        x = images.index_select(0, rows)
        x = draw_bits(x) if case.binarization == "dynamic" else x
        optim.zero_grad(set_to_none=True)
        loss(x, network.noise(len(x))).backward()
        optim.step()

    stream = torch.cuda.Stream()
    stream.wait_stream(torch.cuda.current_stream())
    with torch.cuda.stream(stream):
        for _ in range(WARM_UP):
            step()
    torch.cuda.current_stream().wait_stream(stream)
    graph = torch.cuda.CUDAGraph()
    with torch.cuda.graph(graph):
        step()
    # Back to the beginning, in place: the graph knows these tensors by their addresses.
    network.take(task.weights())
    for state in optim.state.values():
        for tensor in state.values():
            tensor.zero_()
    for epoch in order(case):
        for index in torch.from_numpy(epoch).to(task.device):
            rows.copy_(index)
            graph.replay()
        turn(network.weights, wait=waiting(task))
