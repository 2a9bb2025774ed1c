"""The provider's console: machines, earnings, demand, notices, webhooks."""
