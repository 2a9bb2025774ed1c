"""From a pod's row to the container that it stands for."""

from django.conf import settings

from core.crypto import decrypt, encrypt
from marketplace.models import Node
from rentals.engine import ContainerSpec, GpuAccess, NodeLayout
from rentals.models import Pod

# Left to the machine itself: its engine, its sshd, its kernel.
RESERVED_MEMORY_MIB = 512
SMALLEST_MEMORY_MIB = 256


def layout_of(node: Node) -> NodeLayout:
    """Locate our things on a node."""
    return NodeLayout(
        market_id=settings.MARKET_INSTANCE,
        directory=node.state_dir,
        runtime=node.prepared_digest,
    )


def spec_of(pod: Pod) -> ContainerSpec:
    """Describe the container of a pod; decrypts its host key."""
    node = pod.node
    return ContainerSpec(
        pod_id=pod.public_id,
        market_id=settings.MARKET_INSTANCE,
        image=pod.image,
        gpu_uuids=tuple(pod.gpu_uuids),
        gpu_access=GpuAccess(node.gpu_access),
        ports={port.internal: port.external for port in pod.ports.all()},
        authorized_keys=tuple(pod.authorized_keys.splitlines()),
        host_private_key=open_host_key(pod),
        bind_address=node.bind_address,
        cpus=pod.cpus,
        memory_mib=pod.memory_mib,
        shm_mib=max(64, pod.memory_mib // 2),
        env=pod.environment,
        startup_command=pod.startup_commands or None,
    )


def share_of(node: Node, gpu_count: int) -> tuple[float, int]:
    """Give the threads and the MiB of memory that go with so many GPUs of a node."""
    share = gpu_count / node.gpu_count
    threads = max(1.0, round((node.cpu_count or node.gpu_count) * share, 2))
    rentable = max((node.ram_mib or 0) - RESERVED_MEMORY_MIB, 0)
    return min(threads, float(node.cpu_count or threads)), max(
        int(rentable * share), SMALLEST_MEMORY_MIB
    )


def seal_host_key(pod: Pod, private_key: str) -> str:
    """Encrypt a pod's host key for its row."""
    return encrypt(private_key, binding=_binding(pod), keys=settings.FIELD_KEYS)


def open_host_key(pod: Pod) -> str:
    """Decrypt a pod's host key.

    :raises SecretUnreadable: the key ring does not open it.
    """
    return decrypt(pod.host_private_key_encrypted, binding=_binding(pod), keys=settings.FIELD_KEYS)


def _binding(pod: Pod) -> str:
    return f"pod:{pod.public_id}:host_key"
