"""What `./market bench probe` measures with: SSH servers, our probe, a bare paramiko loop, the ssh program."""
