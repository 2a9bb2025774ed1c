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
case $bridge in '' | *[!a-zA-Z0-9-]* | ????????????????*) action= ;; esac
case $published in *[!0-9:]*) action= ;; esac

private4="0.0.0.0/8 10.0.0.0/8 100.64.0.0/10 127.0.0.0/8 169.254.0.0/16 172.16.0.0/12
192.0.0.0/24 192.168.0.0/16 198.18.0.0/15 224.0.0.0/4 240.0.0.0/4"
forward="LIUM-F-$bridge"
input="LIUM-I-$bridge"

has() { command -v "$1" >/dev/null 2>&1; }
rule() { tool=$1; shift; "$tool" -w 10 "$@"; }
quiet() { rule "$@" 2>/dev/null; }

# DOCKER-USER is the one place in front of the engine's own rules that the engine leaves alone.
entrance() { quiet "$1" -n -L DOCKER-USER >/dev/null && echo DOCKER-USER || echo FORWARD; }

chain() { quiet "$1" -N "$2" || rule "$1" -F "$2"; }
hook() { quiet "$1" -D "$2" -i "$bridge" -j "$3" || :; rule "$1" -I "$2" -i "$bridge" -j "$3"; }
unhook() { while quiet "$1" -D "$2" -i "$bridge" -j "$3"; do :; done; }

up4() {
  chain iptables "$forward"
  rule iptables -A "$forward" -m conntrack --ctstate RELATED,ESTABLISHED -j RETURN
  # A pod reaches another one by its published port, as anyone does, and in no other way.
  rule iptables -A "$forward" -o "$bridge" -m conntrack --ctstate DNAT -j ACCEPT
  rule iptables -A "$forward" -o "$bridge" -j DROP
  for network in $private4; do rule iptables -A "$forward" -d "$network" -j DROP; done

  chain iptables "$input"
  rule iptables -A "$input" -m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT
  if [ -n "$published" ]; then
    rule iptables -A "$input" -p tcp --dport "$published" -j ACCEPT
  fi
  rule iptables -A "$input" -j DROP

  hook iptables "$(entrance iptables)" "$forward"
  hook iptables INPUT "$input"
}

# The pods' network has no IPv6: nothing of it passes.
up6() {
  chain ip6tables "$forward"
  rule ip6tables -A "$forward" -j DROP
  hook ip6tables FORWARD "$forward"
  hook ip6tables INPUT "$forward"
}

down() {
  for parent in DOCKER-USER FORWARD INPUT; do
    for name in "$forward" "$input"; do unhook "$1" "$parent" "$name"; done
  done
  for name in "$forward" "$input"; do
    quiet "$1" -F "$name" || :
    quiet "$1" -X "$name" || :
  done
}

has_ipv6() { has ip6tables && quiet ip6tables -n -L INPUT >/dev/null; }

case $action in
up)
  up4
  if has_ipv6; then up6; fi
  ;;
check)
  quiet iptables -C "$(entrance iptables)" -i "$bridge" -j "$forward"
  quiet iptables -C INPUT -i "$bridge" -j "$input"
  quiet iptables -C "$input" -j DROP
  ;;
down)
  down iptables
  if has_ipv6; then down ip6tables; fi
  ;;
*)
  echo "usage: firewall.sh up BRIDGE [FIRST:LAST] | check BRIDGE | down BRIDGE" >&2
  exit 2
  ;;
esac
