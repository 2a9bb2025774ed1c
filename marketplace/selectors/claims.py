"""What a provider says of a machine, as it was last said: the measure of what is found there."""

from dataclasses import dataclass

from marketplace.models import GpuModel, Node

MODEL = "gpu_model"
COUNT = "gpu_count"


@dataclass(frozen=True, slots=True)
class ClaimedGpus:
    """So many GPUs of one model."""

    model: GpuModel
    count: int

    def __str__(self) -> str:
        return f"{self.count} x {self.model}"


def claimed_gpus(node: Node) -> ClaimedGpus:
    """Give the GPUs that a node's provider claims; where nobody ever claimed any, what is on the books."""
    facts = node.facts.filter(name__in=[MODEL, COUNT], claimed__isnull=False)
    said = dict(facts.values_list("name", "claimed"))
    model = GpuModel.objects.filter(name=said.get(MODEL)).first()
    return ClaimedGpus(model or node.gpu_model, int(said.get(COUNT) or node.gpu_count))
