"""What the benches of the proof measure in processes of their own."""
