"""The chain port: one interface, a side for each kind of chain, chosen by MARKET_CHAIN."""
