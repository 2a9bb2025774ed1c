# What a machine is and has, one "key value" line each; what cannot be read is left out.
# $1: the directory that pods' files will be under.
say() { [ -z "$2" ] || printf '%s %s\n' "$1" "$2"; }

root=
say kernel "$(uname -r 2>/dev/null)"
say boot_id "$(cat /proc/sys/kernel/random/boot_id 2>/dev/null)"
say cpus "$(nproc 2>/dev/null)"
say ram_mib "$(awk '/^MemTotal/ {print int($2 / 1024)}' /proc/meminfo 2>/dev/null)"

engine() { timeout -k 5 15 docker info --format "$1" 2>/dev/null; }
version=$(engine '{{.ServerVersion}}')
say engine "$version"
if [ -n "$version" ]; then
    say cgroup "$(engine '{{.CgroupVersion}}')"
    say limits "$(engine '{{.MemoryLimit}} {{.CPUCfsQuota}} {{.PidsLimit}}')"
    say maps_users "$(engine '{{.SecurityOptions}}' | awk '/name=(userns|rootless)/ {print "yes"; exit} {print "no"}')"
    say nvidia_hook "$(command -v nvidia-container-runtime-hook || engine '{{json .Runtimes}}' | grep -o '"nvidia"' | head -n 1)"
    timeout 10 nvidia-ctk cdi list 2>/dev/null | sed -n 's/^.*nvidia\.com\/gpu=\(GPU-[0-9A-Za-z-]*\).*$/cdi \1/p'
    root=$(engine '{{.DockerRootDir}}')
    say engine_root "$root"
fi

# Pods' data is where the engine keeps its own; where it does not say, the folder of pods' files.
where=${root:-$1}
while [ ! -d "$where" ]; do where=$(dirname "$where"); done
df -P -B1G "$where" 2>/dev/null | awk 'NR == 2 {print "disk_gib " $4; print "disk_total_gib " $2}'

as_root() { if [ "$(id -u)" -eq 0 ]; then "$@"; else sudo -n "$@"; fi; }
if as_root true </dev/null 2>/dev/null; then
    say root yes
    if as_root iptables -w 5 -n -L FORWARD >/dev/null 2>&1 </dev/null; then say firewall yes; else say firewall no; fi
else
    say root no
fi

smi() { timeout -k 5 20 nvidia-smi "$@" 2>/dev/null; }
if smi -L >/dev/null; then
    smi --query-gpu=index,uuid,name,memory.total --format=csv,noheader,nounits | sed 's/^/gpu /'
    say driver "$(smi --query-gpu=driver_version --format=csv,noheader | head -n 1)"
    say power "$(smi --query-gpu=power.limit --format=csv,noheader,nounits | sort -n | head -n 1)"
    smi topo -m | sed -n 's/^\(GPU[0-9]\)/topo \1/p'
    say cuda "$(smi -q | sed -n 's/^CUDA Version *: *//p' | head -n 1)"
fi
exit 0
