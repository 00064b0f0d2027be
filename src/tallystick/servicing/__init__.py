"""A credit line through time: commands are admitted or refused, events are folded into what is owed."""
