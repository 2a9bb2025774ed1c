# Run by root on a provider's machine: lets the market in, then adds the machine by its registration token.
# Before it come `token`, `portal`, `address` and `let_in`, as marketplace/portal/registration.py writes them.
# One function, so that a download that breaks off runs nothing.

fail() {
  printf '%s\n' "$1" >&2
  exit 1
}

register() {
  set -eu
  [ "$(id -u)" = 0 ] || fail "Run this as root: end the line with '| sudo sh'."
  command -v nvidia-smi >/dev/null || fail "nvidia-smi is missing: install the GPU driver, then run this again."
  gpus=$(nvidia-smi --query-gpu=name --format=csv,noheader) || fail "nvidia-smi finds no GPU: $gpus"
  model=$(printf '%s\n' "$gpus" | sort | uniq -c | sort -rn | sed -n '1s/^ *[0-9]* //p')
  count=$(printf '%s\n' "$gpus" | grep -cxF "$model")
  port=$(sshd -T 2>/dev/null | sed -n 's/^port //p' | head -n 1)
  printf 'Adding %s x %s at %s, SSH port %s.\n' "$count" "$model" "$address" "${port:=22}"

  eval "$let_in"

  claim=$(printf '{"gpu_type": "%s", "gpu_count": %s, "ip_address": "%s", "port": %s, "price_per_gpu": 0}' \
    "$model" "$count" "$address" "$port")
  answer=$(curl -sS -w '%{http_code}' -H "Authorization: Bearer $token" \
    -H 'Content-Type: application/json' --data "$claim" "$portal/executors")
  said=${answer%???}
  printf '%s\n' "$said"
  [ "${answer#"$said"}" = 201 ] || fail "It was not added. The same command may be run again, within the hour."
  printf 'Compare this host key with the one on the page of the machine:\n'
  ssh-keygen -lf /etc/ssh/ssh_host_ed25519_key.pub
}

register
