"""Subtensor behind the port: JSON-RPC over a websocket, read and signed with the SDK's core alone.

`bittensor_core` is the codec and the key pair of the bittensor SDK; it imports at once, where the SDK itself takes
a second and 60 MB that no web process should pay. Nothing here starts a connection before it is asked something.
"""
