"""The `smart_turn` family: Smart Turn, which hears whether a person is done."""
