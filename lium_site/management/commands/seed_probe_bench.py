"""Put the SSH servers of `./market bench probe` on an empty market, as machines of one provider."""

from decimal import Decimal
from pathlib import Path

from django.core.management.base import BaseCommand, CommandParser

from lium_site.stack.probe_bench.machines import Server, saved
from marketplace.models import GpuAccess, GpuModel, Node, NodeStatus, Provider
from marketplace.services.machines import seal_key


class Command(BaseCommand):
    """`manage.py seed_probe_bench FOLDER`, on a database that is thrown away."""

    help = __doc__

    def add_arguments(self, parser: CommandParser) -> None:
        """Take the folder with the servers and the key."""
        parser.add_argument("folder", type=Path)

    def handle(self, *, folder: Path, **_: object) -> None:
        """Make one node of each server."""
        gpu = GpuModel.objects.create(name="Bench GPU", short_name="Bench", memory_mib=1)
        provider = Provider(name="Bench", ssh_public_key="-")
        seal_key(provider, (folder / "client_key").read_text())
        provider.save()
        Node.objects.bulk_create(_node(provider, gpu, server) for server in saved(folder))


def _node(provider: Provider, gpu: GpuModel, server: Server) -> Node:
    return Node(
        provider=provider,
        status=NodeStatus.AVAILABLE,
        gpu_model=gpu,
        gpu_count=1,
        free_gpu_count=1,
        gpu_access=GpuAccess.GPUS,
        price_per_gpu_usd=Decimal(1),
        host=server.host,
        public_host=server.host,
        ssh_port=server.port,
        ssh_user=server.user,
        host_key=server.host_key,
    )
