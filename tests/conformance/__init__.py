"""Commands that read worked examples of others and say where Tallystick differs."""
