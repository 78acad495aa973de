"""One verb, one module, one function: each reads rows, writes rows, and may be run again. No stage calls another."""
