"""The `transducer` family: recognisers that keep their state from chunk to chunk."""
