"""`tallystick ...`: commands translate words in, call one operation, and show what came out."""
