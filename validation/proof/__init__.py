"""The arithmetic of the proof of GPU: pure functions over bytes and arrays, the same on host and device.

docs/proof-of-gpu.md is the protocol for a reader; each module here is one step of it. All integers are little endian.
"""
