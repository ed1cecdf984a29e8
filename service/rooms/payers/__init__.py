"""Who pays: consent to small payments, protection, and what each payer is known by."""
