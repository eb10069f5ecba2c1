"""The commands, one module each: `register` adds options, `run(options)` gives the exit code."""
