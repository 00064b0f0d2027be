"""Models: `fit(table, settings, seed) -> model`; a model scores columns, explains itself and is plain files."""
