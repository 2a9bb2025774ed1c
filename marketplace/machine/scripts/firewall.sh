#!/bin/sh
# Keeps the pods behind one bridge from everything but the internet, and only them.
#
#   firewall.sh up BRIDGE [FIRST:LAST]   raise, or renew; pods may reach published ports FIRST:LAST
#   firewall.sh check BRIDGE             exit 0 when it stands
#   firewall.sh down BRIDGE              leave no rule behind
#
# Every rule begins at `-i BRIDGE`: traffic of other containers is never touched. What comes in to
# a published port is answered, because the answer belongs to an established connection.
set -eu

action=${1:-}
bridge=${2:-}
published=${3:-}
case $bridge in '' | -* | *[!a-zA-Z0-9-]* | ????????????????*) action= ;; esac
case $published in *[!0-9:]*) action= ;; esac

private="0.0.0.0/8 10.0.0.0/8 100.64.0.0/10 127.0.0.0/8 169.254.0.0/16 172.16.0.0/12
192.0.0.0/24 192.168.0.0/16 198.18.0.0/15 224.0.0.0/4 240.0.0.0/4"
forward="LIUM-F-$bridge"
input="LIUM-I-$bridge"

rule() { tool=$1; shift; "$tool" -w 10 "$@"; }
quiet() { rule "$@" 2>/dev/null; }
has_ipv6() { command -v ip6tables >/dev/null 2>&1 && quiet ip6tables -n -L INPUT >/dev/null; }

# DOCKER-USER is the one place in front of the engine's own rules that the engine leaves alone.
entrance() { if quiet iptables -n -L DOCKER-USER >/dev/null; then echo DOCKER-USER; else echo FORWARD; fi; }

# A restore replaces a chain in one step: there is no moment without rules while pods run.
chains4() {
  echo '*filter'
  echo ":$forward - [0:0]"
  echo ":$input - [0:0]"
  echo "-A $forward -m conntrack --ctstate RELATED,ESTABLISHED -j RETURN"
  # A pod reaches another one by its published port, as anyone does, and in no other way.
  echo "-A $forward -o $bridge -m conntrack --ctstate DNAT -j ACCEPT"
  echo "-A $forward -o $bridge -j DROP"
  for network in $private; do echo "-A $forward -d $network -j DROP"; done
  echo "-A $input -m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT"
  [ -z "$published" ] || echo "-A $input -p tcp --dport $published -j ACCEPT"
  echo "-A $input -j DROP"
  echo COMMIT
}

# The pods' network has no IPv6: nothing of it passes.
chains6() {
  echo '*filter'
  echo ":$forward - [0:0]"
  echo "-A $forward -j DROP"
  echo COMMIT
}

# First in its parent, but for the jumps of other markets: what anyone else put in front of it could
# let a packet pass. Each jump takes packets of one bridge only, so their order among each other is free;
# asking for the very first place would make two markets overtake each other for ever.
hook() {
  rules=$(rule "$1" -S "$2")
  jump="-i $bridge -j $3"
  if printf '%s\n' "$rules" | is_in_front "-A $2 $jump"; then return; fi
  # One restore again: the old jumps go in the same step in which the new one comes.
  {
    echo '*filter'
    printf '%s\n' "$rules" | grep -Fx -e "-A $2 $jump" | sed 's/^-A/-D/'
    echo "-I $2 $jump"
    echo COMMIT
  } | rule "$1-restore" --noflush
}

# Reads a parent's rules: the wanted one has to be there once, with nothing before it but markets' jumps.
is_in_front() {
  awk -v wanted="$1" '
    !/^-A / { next }
    $0 == wanted { found++; if (foreign) late = 1; next }
    $3 == "-i" && $5 == "-j" && NF == 6 && $6 ~ "^LIUM-[FI]-" && substr($6, 8) == $4 { next }
    { foreign = 1 }
    END { exit !(found == 1 && !late) }
  '
}

up() {
  chains4 | iptables-restore -w 10 --noflush
  hook iptables "$(entrance)" "$forward"
  hook iptables INPUT "$input"
  has_ipv6 || return 0
  chains6 | ip6tables-restore -w 10 --noflush
  hook ip6tables FORWARD "$forward"
  hook ip6tables INPUT "$forward"
}

check() {
  quiet iptables -C "$(entrance)" -i "$bridge" -j "$forward"
  quiet iptables -C "$forward" -d 169.254.0.0/16 -j DROP
  quiet iptables -C INPUT -i "$bridge" -j "$input"
  quiet iptables -C "$input" -j DROP
}

down() {
  for parent in DOCKER-USER FORWARD INPUT; do
    for chain in "$forward" "$input"; do
      while quiet "$1" -D "$parent" -i "$bridge" -j "$chain"; do :; done
    done
  done
  for chain in "$forward" "$input"; do
    quiet "$1" -F "$chain" && quiet "$1" -X "$chain" || :
  done
}

case $action in
up) up ;;
check) check ;;
down)
  down iptables
  if has_ipv6; then down ip6tables; fi
  ;;
*)
  echo "usage: firewall.sh up BRIDGE [FIRST:LAST] | check BRIDGE | down BRIDGE" >&2
  exit 2
  ;;
esac
