#!/bin/sh
# Stands in for NVIDIA's hook where there is no GPU: the engine calls it for a container that is to have GPUs.
# It gives the container the stand-in for nvidia-smi, showing exactly the GPUs that the engine asked for.
home=${0%/*}
bundle=$(sed -n 's/.*"bundle":"\([^"]*\)".*/\1/p')
root=$(sed -n 's/.*"root":{"path":"\([^"]*\)".*/\1/p' "$bundle/config.json")
asked=$(sed -n 's/.*"NVIDIA_VISIBLE_DEVICES=\([^"]*\)".*/\1/p' "$bundle/config.json")
mkdir -p "$root/usr/bin" "$root/etc/lium-simulated"
cp "$home/nvidia-smi" "$root/usr/bin/nvidia-smi"
cp "$home/gpus.tsv" "$root/etc/lium-simulated/gpus.tsv"
printf '%s\n' "$asked" | tr ',' '\n' >"$root/etc/lium-simulated/assigned"
