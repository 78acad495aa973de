"""The commands, one module each: open the workspace, call one stage, show its result."""
