"""Past one machine: the same features by Spark, from files to files."""
