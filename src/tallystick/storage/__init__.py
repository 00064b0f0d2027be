"""PostgreSQL: the server, the schema, and every statement; what is read and written, never what is decided."""
