"""What an outsider does: check a registry through nothing but its public URL, and trust neither server nor ledger."""
