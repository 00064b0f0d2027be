"""Who may ask, and what must stay secret: keys, personal data, signatures. Bytes in, bytes out; rows are storage's."""
