"""`vdx bench faults`: every process of a deployment killed and frozen in every stage of a turn."""
