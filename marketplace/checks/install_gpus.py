"""The lines that install NVIDIA's driver and container toolkit on Debian and Ubuntu, from NVIDIA's own packages.

The distributions' own are named by version, or too old for pods' images; NVIDIA's newest serves every requirement.
"""

from typing import Final

# Before Turing a GPU runs with the closed kernel modules only; from Blackwell on with the open ones only.
CLOSED_MODULES: Final = ("V100", "TITAN V", "P100", "P40", "P4 ", "GTX 10")
REPOSITORIES: Final = "https://developer.download.nvidia.com/compute/cuda/repos"
# NVIDIA calls arm64 servers so.
ARCHITECTURE: Final = "$(uname -m | sed s/aarch64/sbsa/)"
TOOLKIT: Final = "https://nvidia.github.io/libnvidia-container"
KEYRING: Final = "/etc/apt/trusted.gpg.d/nvidia-container-toolkit.asc"
LIST: Final = "/etc/apt/sources.list.d/nvidia-container-toolkit.list"

INSTALL_TOOLKIT: Final = (
    f"sudo sh -ec 'curl -fsSL {TOOLKIT}/gpgkey -o {KEYRING}; "
    f"curl -fsSL {TOOLKIT}/stable/deb/nvidia-container-toolkit.list -o {LIST}; "
    "apt-get update; apt-get install -y nvidia-container-toolkit; "
    "nvidia-ctk runtime configure --runtime=docker; systemctl restart docker'"
)
DESCRIBE_GPUS: Final = (
    "sudo nvidia-ctk cdi generate --output=/etc/cdi/nvidia.yaml && nvidia-ctk cdi list"
)


def driver_command(gpu_model: str) -> str:
    """Give the line that installs the newest driver for a GPU model, and reboots."""
    closed = any(name in f"{gpu_model} " for name in CLOSED_MODULES)
    package = "cuda-drivers" if closed else "nvidia-open"
    return (
        "sudo sh -ec '. /etc/os-release; cd /tmp; "
        f"curl -fsSLO {REPOSITORIES}/$ID$(echo $VERSION_ID | tr -d .)/{ARCHITECTURE}/cuda-keyring_1.1-1_all.deb; "
        "dpkg -i cuda-keyring_1.1-1_all.deb; "
        "[ $ID = ubuntu ] || echo deb http://deb.debian.org/debian $VERSION_CODENAME contrib "
        ">/etc/apt/sources.list.d/contrib.list; apt-get update; "
        f"apt-get install -y linux-headers-$(uname -r) {package}; reboot'"
    )
