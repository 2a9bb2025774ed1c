"""What runs on a miner's machine. Nothing that it says about time is believed."""
