# Listens on ports for some seconds and greets whoever comes with a word: $1 word, $2 seconds, then ports.
# Says "port N" for each that it listens on, then "ready".
for python in python3 /usr/bin/python3; do
  command -v "$python" >/dev/null 2>&1 || continue
  exec "$python" -u -c '
import select, socket, sys, time
word, seconds, ports = sys.argv[1], float(sys.argv[2]), sys.argv[3:]
sockets = []
for port in ports:
    sock = socket.socket()
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        sock.bind(("", int(port)))
    except OSError:
        continue
    sock.listen(8)
    sockets.append(sock)
    print("port", port)
print("ready")
end = time.monotonic() + seconds
while time.monotonic() < end:
    for sock in select.select(sockets, [], [], 1)[0]:
        client = sock.accept()[0]
        client.sendall(word.encode())
        client.close()
' "$@"
done
exec perl -MIO::Socket::INET -MIO::Select -e '
$| = 1;
my ($word, $seconds, @ports) = @ARGV;
my $all = IO::Select->new;
for my $port (@ports) {
  my $sock = IO::Socket::INET->new(LocalPort => $port, Listen => 8, ReuseAddr => 1) or next;
  $all->add($sock);
  print "port $port\n";
}
print "ready\n";
my $end = time + $seconds;
while (time < $end) {
  for my $sock ($all->can_read(1)) { my $client = $sock->accept or next; print $client $word; close $client }
}' "$@"
