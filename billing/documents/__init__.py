"""Documents to keep: invoices, receipts and statements as PDF and CSV."""
