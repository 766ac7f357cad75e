"""The catalog and registry.yaml: text in, entries with positions out, every problem at once; nothing here does I/O."""
